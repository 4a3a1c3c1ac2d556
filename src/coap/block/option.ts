/** The value of a Block option: NUM << 4 | M << 3 | SZX, block size 2^(SZX+4) (RFC 7959 §2.2). */

export interface Block {
  readonly number: number;
  readonly more: boolean;
  /** 0..6; 7 is reserved on UDP. */
  readonly szx: number;
}

export const LARGEST_SZX = 6;
export const SMALLEST_BLOCK = 16;
export const LARGEST_BLOCK = 1024;
const HIGHEST_NUMBER = 2 ** 20 - 1;

/** @returns `undefined` for the reserved size */
export function decodeBlock(value: number): Block | undefined {
  const szx = value & 7;
  return szx > LARGEST_SZX ? undefined : { number: value >>> 4, more: (value & 8) !== 0, szx };
}

export function encodeBlock(number: number, more: boolean, szx: number): number {
  return number * 16 + (more ? 8 : 0) + szx;
}

export function blockSize(szx: number): number {
  return 2 ** (szx + 4);
}

/** The largest SZX whose blocks are at most `bytes` long. */
export function szxFor(bytes: number): number {
  let szx = LARGEST_SZX;
  while (szx > 0 && blockSize(szx) > bytes) szx--;
  return szx;
}

/** The smallest SZX whose blocks hold `bytes`; the largest where none does. */
export function szxHolding(bytes: number): number {
  let szx = 0;
  while (szx < LARGEST_SZX && blockSize(szx) < bytes) szx++;
  return szx;
}

/** Whether a body of this length can be numbered at this size. */
export function fits(bytes: number, szx: number): boolean {
  return bytes <= (HIGHEST_NUMBER + 1) * blockSize(szx);
}
