/**
 * Names of records in SenML and LwM2M JSON: the full path of a resource or resource instance. Scanned without building anything,
 * because every record of every notification has one; a canonical name is then its own `ResourceValue.path`.
 */
import type { Path } from '../../device/path';

/** "/65535/65535/65535/65535" */
const LONGEST_NAME = 24;

const SLASH = 0x2f;

/** Ids of the name scanned last, `ids[0]` to `ids[count - 1]`: a scratch of this module, read before the next scan. */
export const scannedIds = new Int32Array(4);

/** Whether `name` is the canonical path of a resource or resource instance at or below `base`; its ids are in `scannedIds` then. */
export function scanResourceName(name: string, base: Path): boolean {
  const { length } = name;
  if (length > LONGEST_NAME || name.charCodeAt(0) !== SLASH) return false;
  let count = 0;
  for (let at = 1; at <= length; at++) {
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
