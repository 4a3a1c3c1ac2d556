/** What is known of a device before it comes: who may be it, what it is called by people, how it is served. */
import { DeviceManagementError } from '../errors';
import { type AccessRules, readAccess } from './access';
import { type DeviceSecurity, readSecurity } from './credentials';

/** Under load the low ones are sent away first. */
export type ServiceLevel = 'low' | 'normal' | 'high';

export interface ProvisionedDevice {
  readonly endpoint: string;
  /** "kitchen", "floor=2". */
  readonly tags: readonly string[];
  readonly security: DeviceSecurity;
  readonly level: ServiceLevel;
  /** Unix milliseconds; it is refused until then. Infinity = until it is changed. */
  readonly blockedUntil?: number;
  readonly access?: AccessRules;
  /** By an administrator, or by itself while that was permitted. */
  readonly origin: 'provisioned' | 'paired';
  /** Unix milliseconds. */
  readonly since: number;
}

/** What an administrator says of a device; what is left out stays as it is. `null` takes away. */
export interface DeviceChange {
  readonly endpoint: string;
  readonly tags?: readonly string[];
  readonly security?: DeviceSecurity;
  readonly level?: ServiceLevel;
  readonly blockedUntil?: number | null;
  readonly access?: AccessRules | null;
}

const LEVELS: readonly ServiceLevel[] = ['low', 'normal', 'high'];
/** As of a name in a Register. */
const LONGEST_ENDPOINT = 255;
const LONGEST_TAG = 100;
export const MOST_TAGS = 50;
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}\ufffd]/u;
const PROPERTIES: readonly string[] = ['endpoint', 'tags', 'security', 'level', 'blockedUntil', 'access'];

/**
 * Reads `{endpoint, tags, security, level, blockedUntil, access}`.
 * @throws DeviceManagementError `invalid-value`, naming the property and never a secret
 */
export function readDeviceChange(given: unknown): DeviceChange {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('a device is an object such as {"endpoint": "esp-kitchen", "security": {"mode": "psk", …}}');
  }
  const fields = given as Readonly<Record<string, unknown>>;
  const stranger = Object.keys(fields).find((name) => !PROPERTIES.includes(name));
  if (stranger !== undefined) {
    throw invalid(`there is no property ${JSON.stringify(stranger.slice(0, 40))}: a device has ${PROPERTIES.join(', ')}`);
  }
  const { endpoint, tags, security, level, blockedUntil, access } = fields;
  return {
    endpoint: readEndpoint(endpoint),
    ...(tags !== undefined && { tags: readTags(tags) }),
    ...(security !== undefined && { security: readSecurity(security) }),
    ...(level !== undefined && { level: readLevel(level) }),
    ...(blockedUntil !== undefined && { blockedUntil: readBlockedUntil(blockedUntil) }),
    ...(access !== undefined && { access: access === null ? null : readAccess(access) }),
  };
}

/** A device as it is after the change. */
export function changedDevice(before: ProvisionedDevice | undefined, change: DeviceChange, now: number): ProvisionedDevice {
  const { endpoint } = change;
  const blockedUntil = change.blockedUntil === undefined ? before?.blockedUntil : (change.blockedUntil ?? undefined);
  const access = change.access === undefined ? before?.access : (change.access ?? undefined);
  return {
    endpoint,
    tags: change.tags ?? before?.tags ?? [],
    security: change.security ?? before?.security ?? { mode: 'none' },
    level: change.level ?? before?.level ?? 'normal',
    ...(blockedUntil !== undefined && { blockedUntil }),
    ...(access !== undefined && { access }),
    origin: 'provisioned',
    since: before?.since ?? now,
  };
}

/** @throws DeviceManagementError `invalid-value` */
export function readEndpoint(given: unknown): string {
  const isName = typeof given === 'string' && given !== '' && given.length <= LONGEST_ENDPOINT && !UNPRINTABLE.test(given);
  if (isName) return given;
  throw invalid(`endpoint must be the endpoint name of the device, 1 to ${LONGEST_ENDPOINT} printable characters`);
}

/** A list of texts, or an object of them: {"floor": 2} is "floor=2". */
export function readTags(given: unknown): readonly string[] {
  const listed =
    typeof given === 'object' && given !== null && !Array.isArray(given)
      ? Object.entries(given).map(([key, value]) => `${key}=${String(value)}`)
      : given;
  const isRight = (tag: unknown): tag is string =>
    typeof tag === 'string' && tag.trim() !== '' && tag.length <= LONGEST_TAG && !UNPRINTABLE.test(tag);
  if (!Array.isArray(listed) || listed.length > MOST_TAGS || !listed.every(isRight)) {
    throw invalid(`tags must be a list of at most ${MOST_TAGS} texts of at most ${LONGEST_TAG} characters`);
  }
  return [...new Set(listed.map((tag) => tag.trim()))].sort();
}

function readLevel(given: unknown): ServiceLevel {
  if (LEVELS.includes(given as ServiceLevel)) return given as ServiceLevel;
  throw invalid(`level must be one of ${LEVELS.join(', ')}`);
}

/** Milliseconds since 1970, or a time as ISO 8601; `true` = until it is changed. */
function readBlockedUntil(given: unknown): number | null {
  if (given === null || given === false) return null;
  if (given === true) return Number.POSITIVE_INFINITY;
  const time = typeof given === 'string' ? Date.parse(given) : given;
  if (typeof time === 'number' && time >= 0) return time;
  throw invalid('blockedUntil must be a time (milliseconds since 1970, or "2026-05-01T08:00:00Z"), true, or null');
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}
