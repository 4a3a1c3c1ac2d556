/** What is in an answer or a notification: values by the format it says it is in, never by the one asked for; or links. */
import type { CoapResponse } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import type { Registration } from '../../device/manager';
import type { PathLink } from '../../device/operation';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { decode, oldestFirst } from '../formats/formats';
import { parseLinks } from '../formats/link-format';
import type { Shape } from './format-choice';
import { encodingOf, type PlanContext, uriPath } from './plan';

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
  context: PlanContext,
  now: number,
): readonly ResourceValue[] {
  const { registration } = context;
  const format = response.contentFormat ?? unnamedFormat(shape, registration.version);
  try {
    return oldestFirst(decode(format, response.payload, { ...encodingOf(context, target), now }));
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

/** Values of a gateway and of devices behind it, apart: these keep their order and lose their prefix. `undefined` is the gateway. */
export function byPrefix(values: readonly ResourceValue[]): ReadonlyMap<string | undefined, readonly ResourceValue[]> {
  if (values.every(({ prefix }) => prefix === undefined)) return new Map([[undefined, values]]);
  const shares = new Map<string | undefined, ResourceValue[]>();
  for (const { prefix, ...value } of values) {
    const share = shares.get(prefix);
    if (share === undefined) shares.set(prefix, [value]);
    else share.push(value);
  }
  return shares;
}

/**
 * Links of a Discover, as paths of the object model; what is no such path is passed over. Behind a gateway they come without the prefix
 * (LwM2M Gateway 1.1), yet a gateway that leaves it there is understood.
 */
export function decodeLinks(response: CoapResponse, registration: Registration): readonly PathLink[] {
  const links: PathLink[] = [];
  const prefixes = [
    registration.rootPath,
    `/${uriPath(registration, Path.root).join('/')}`,
    `/${registration.gateway?.prefix ?? ''}`,
  ]
    .filter((prefix) => prefix.length > 1)
    .sort((a, b) => b.length - a.length);
  for (const link of parseLinks(response.payload, LINK_LIMITS)) {
    const prefix = prefixes.find((one) => link.path.startsWith(`${one}/`)) ?? '';
    const below = link.path.slice(prefix.length);
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
