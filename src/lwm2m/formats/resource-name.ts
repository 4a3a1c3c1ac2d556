/**
 * Names of records in SenML and LwM2M JSON: the full path of a resource or resource instance, behind a gateway with the prefix of a device
 * in front. Scanned without building anything, because every record of every notification has one; a canonical name is then its own
 * `ResourceValue.path`.
 */
import { isGatewayPrefix, type Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import type { EncodeContext } from './format';

/** "/65535/65535/65535/65535" */
const LONGEST_NAME = 24;

const SLASH = 0x2f;

/** Ids of the name scanned last, `ids[0]` to `ids[count - 1]`: a scratch of this module, read before the next scan. */
export const scannedIds = new Int32Array(4);

/**
 * Scans for the canonical path of a resource or resource instance at or below the base; its ids are in `scannedIds` then.
 * @returns where the path begins in `name`, behind a prefix where there is one; -1 when it is no such name
 */
export function scanResourceName(name: string, context: EncodeContext): number {
  const from = pathStart(name, context);
  return from >= 0 && isResourceAt(name, from, context.base) ? from : -1;
}

/** Prefix and path of a name that `scanResourceName` found to begin at `from`. */
export function placeOf(name: string, from: number, context: EncodeContext): Pick<ResourceValue, 'path' | 'prefix'> {
  if (from === 0) return { path: name };
  const path = name.slice(from);
  return context.prefix === undefined ? { prefix: name.slice(1, from), path } : { path };
}

/** The name that a record of this value has: its path, behind the prefix of its device. */
export function nameOf({ path, prefix }: Pick<ResourceValue, 'path' | 'prefix'>, context: EncodeContext): string {
  const before = context.prefix ?? prefix;
  return before === undefined ? path : `/${before}${path}`;
}

function pathStart(name: string, { base, prefix }: EncodeContext): number {
  if (prefix !== undefined) return name.startsWith(`/${prefix}/`) ? prefix.length + 1 : -1;
  if (base.ids.length > 0 || name.charCodeAt(0) !== SLASH) return 0;
  const first = name.charCodeAt(1) - 48;
  const end = name.indexOf('/', 1);
  // Most names begin with a number; "/12ab/3/0/9" has a prefix all the same.
  if (end < 0 || (first >= 0 && first <= 9 && isDigits(name, end))) return 0;
  return isGatewayPrefix(name.slice(1, end)) ? end : -1;
}

function isDigits(name: string, end: number): boolean {
  for (let at = 1; at < end; at++) {
    const digit = name.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

function isResourceAt(name: string, from: number, base: Path): boolean {
  const { length } = name;
  if (length - from > LONGEST_NAME || name.charCodeAt(from) !== SLASH) return false;
  let count = 0;
  for (let at = from + 1; at <= length; at++) {
    const start = at;
    let id = 0;
    for (; at < length; at++) {
      const digit = name.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      id = id * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || (digits > 1 && name.charCodeAt(start) === 48) || id > 65_535 || count === 4) return false;
    if (at < length && name.charCodeAt(at) !== SLASH) return false;
    scannedIds[count++] = id;
  }
  const { ids } = base;
  if (count < 3 || ids.length > count) return false;
  for (let index = 0; index < ids.length; index++) if (ids[index] !== scannedIds[index]) return false;
  return true;
}
