/** What is in an answer or a notification: values by the format it says it is in, never by the one asked for; or links. */
import type { CoapResponse } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import type { PathLink } from '../../device/operation';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { decode, oldestFirst } from '../formats/formats';
import { parseLinks } from '../formats/link-format';
import type { Shape } from './format-choice';
import type { PlanContext } from './plan';

/** A Discover lists resources too: more than a Register, and still not without end. */
const LINK_LIMITS = { links: 20_000, bytes: 1024 * 1024 };

/**
 * @param now Unix milliseconds, for relative times
 * @throws DeviceManagementError `decode-error` with what came
 */
export function decodeValues(
  response: CoapResponse,
  target: Path,
  shape: Shape,
  { registration, model }: PlanContext,
  now: number,
): readonly ResourceValue[] {
  const format = response.contentFormat ?? unnamedFormat(shape, registration.version);
  try {
    return oldestFirst(decode(format, response.payload, { base: target, typeOf: model.typeOf, now }));
  } catch (caught) {
    const error = asDeviceManagementError(caught, 'decode-error');
    throw new DeviceManagementError(
      error.code,
      `device ${registration.endpoint} sent for ${target} what cannot be understood: ${error.message} ` +
        `(content format ${response.contentFormat ?? 'not given'}, ${shownBytes(response.payload)}).`,
      { device: registration.endpoint, path: target.toString(), cause: error },
    );
  }
}

/** Links of a Discover, as paths of the object model; what is no such path is passed over. */
export function decodeLinks(response: CoapResponse, rootPath: string): readonly PathLink[] {
  const links: PathLink[] = [];
  for (const link of parseLinks(response.payload, LINK_LIMITS)) {
    const below = rootPath !== '' && link.path.startsWith(`${rootPath}/`) ? link.path.slice(rootPath.length) : link.path;
    if (!/^\/?\d{1,5}(\/\d{1,5}){0,3}\/?$/.test(below)) continue;
    links.push({ path: Path.parse(below).toString(), attributes: attributesOf(link.attributes) });
  }
  return links;
}

/** Without Content-Format: text for one value; TLV is all that LwM2M 1.0 has otherwise. */
function unnamedFormat(shape: Shape, version: string): number | undefined {
  if (shape === 'single') return ContentFormat.Text;
  return version === '1.0' ? ContentFormat.Tlv : undefined;
}

/** Numbers as numbers, but a version is a text: "1.10" is not 1.1. */
function attributesOf(raw: Readonly<Record<string, string | number | true>>): Record<string, string | number | true> {
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      const isNumber = name !== 'ver' && typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value);
      return [name, isNumber ? Number(value) : value];
    }),
  );
}

const BYTES_SHOWN = 32;

function shownBytes(payload: Buffer): string {
  if (payload.length === 0) return 'no payload';
  const start = payload.toString('hex', 0, BYTES_SHOWN);
  return `${payload.length} bytes: ${start}${payload.length > BYTES_SHOWN ? '…' : ''}`;
}
