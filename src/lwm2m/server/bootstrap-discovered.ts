/** What a Bootstrap-Discover tells of a device (LwM2M Core 1.1.1 §6.1.7.3): its version, and which instances are there already. */
import type { CoapResponse } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { isId } from '../../device/path';
import { parseLinks } from '../formats/link-format';

export interface Discovered {
  /** LwM2M version, undefined where it was not told. */
  readonly version: string | undefined;
  /** Object versions that are not the default: {"10": "1.1"}. */
  readonly versions: Readonly<Record<string, string>>;
  /** Instance ids by object; undefined: nothing is known of the device. */
  readonly instances: ReadonlyMap<number, ReadonlySet<number>> | undefined;
  /** Instances of Security without a short server id: the bootstrap account, never to be overwritten. */
  readonly bootstrapAccounts: ReadonlySet<number>;
}

/** A device that was not asked, or does not know Discover. */
export const UNDISCOVERED: Discovered = {
  version: undefined,
  versions: {},
  instances: undefined,
  bootstrapAccounts: new Set(),
};

const LIMITS = { links: 5_000, bytes: 256 * 1024 };
const VERSIONS = /^1\.[012]$/;
const SECURITY = 0;

/** @throws DeviceManagementError `decode-error`, `too-large` */
export function readDiscovered({ payload, contentFormat }: CoapResponse): Discovered {
  if (contentFormat !== undefined && contentFormat !== ContentFormat.LinkFormat) return UNDISCOVERED;
  const versions: Record<string, string> = {};
  const instances = new Map<number, Set<number>>();
  const bootstrapAccounts = new Set<number>();
  let version = versionInFront(payload);
  for (const { path, attributes } of parseLinks(payload, LIMITS)) {
    if (path === '/' || path === '') version = textOf(attributes.lwm2m) ?? version;
    const [object, instance] = idsOf(path);
    if (object === undefined) continue;
    const known = instances.get(object) ?? new Set<number>();
    instances.set(object, known);
    const objectVersion = textOf(attributes.ver);
    if (objectVersion !== undefined) versions[object] = objectVersion;
    if (instance === undefined) continue;
    known.add(instance);
    if (object === SECURITY && attributes.ssid === undefined) bootstrapAccounts.add(instance);
  }
  return {
    version: version !== undefined && VERSIONS.test(version) ? version : undefined,
    versions,
    instances,
    bootstrapAccounts,
  };
}

/** 1.0 puts `lwm2m="1.0"` before the first link, without a link of its own; it is also met unquoted and with 1.1. */
function versionInFront(payload: Buffer): string | undefined {
  return /^\s*lwm2m="?(\d\.\d)/.exec(payload.toString('latin1', 0, 32))?.[1];
}

function textOf(attribute: string | true | undefined): string | undefined {
  return typeof attribute === 'string' ? attribute : undefined;
}

/** Object and instance of "/0/1"; nothing of what is neither. */
function idsOf(path: string): readonly [number?, number?] {
  const match = /^\/?(\d{1,5})(?:\/(\d{1,5}))?\/?$/.exec(path);
  if (match === null) return [];
  const ids = match.slice(1).flatMap((text) => (text === undefined ? [] : [Number(text)]));
  return ids.every(isId) ? (ids as [number, number?]) : [];
}
