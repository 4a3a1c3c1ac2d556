/** How formats say what is wrong: which format, where, what was expected there and what stood there instead. */
import type { Path } from '../../device/path';
import type { ResourceType } from '../../device/value';
import { DeviceManagementError } from '../../errors';

/** The payload breaks the rules of its format. `where` is "offset 12" or "record 3". */
export function malformed(format: string, where: string, expected: string, got: string): DeviceManagementError {
  return new DeviceManagementError('decode-error', `${format}, ${where}: expected ${expected}, got ${got}`);
}

/** The payload asks us to hold more than a cap allows. */
export function beyondCap(format: string, what: string, most: number): DeviceManagementError {
  return new DeviceManagementError('too-large', `${format}: more than ${most} ${what} in one payload`);
}

/** A value that its resource, by its type, cannot hold. */
export function unfit(path: string, type: ResourceType | undefined, value: unknown): DeviceManagementError {
  const wanted = type === undefined ? 'a string, number, boolean, Buffer or Date' : `a value of type ${type}`;
  return new DeviceManagementError('invalid-value', `${path}: expected ${wanted}, got ${shown(value)}`, { path });
}

/** A set of values that a format has no form for. */
export function notExpressible(format: string, why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', `${format} ${why}; choose another content format`);
}

/** Formats of one value met a request for more. */
export function carriesOne(format: string, base: Path): DeviceManagementError {
  return new DeviceManagementError(
    'decode-error',
    `${format}, offset 0: it carries one resource, yet the request was for ${base}`,
    {
      path: base.toString(),
    },
  );
}

const LONGEST_QUOTE = 40;

/** A value as an error text may show it: short, with its type. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > LONGEST_QUOTE ? `"${value.slice(0, LONGEST_QUOTE)}…" (${value.length} characters)` : `"${value}"`;
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return 'a map';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`;
  if (value !== null && typeof value === 'object') return 'an object';
  return `${typeof value === 'object' ? '' : `${typeof value} `}${String(value)}`;
}
