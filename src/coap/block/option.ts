/**
 * The value of a Block option: NUM << 4 | M << 3 | SZX, block size 2^(SZX+4) (RFC 7959 §2.2). SZX 7 is reserved on datagrams; on connections
 * it is a run of blocks of 1024 bytes in one message (BERT, RFC 8323 §6).
 */

export interface Block {
  readonly number: number;
  readonly more: boolean;
  /** 0..6, or BERT_SZX on a connection. */
  readonly szx: number;
}

export const LARGEST_SZX = 6;
export const BERT_SZX = 7;
export const SMALLEST_BLOCK = 16;
export const LARGEST_BLOCK = 1024;
const HIGHEST_NUMBER = 2 ** 20 - 1;

/**
 * @param mayBeBert whether it came on a connection
 * @returns `undefined` for the reserved size
 */
export function decodeBlock(value: number, mayBeBert = false): Block | undefined {
  const szx = value & 7;
  return szx === BERT_SZX && !mayBeBert ? undefined : { number: value >>> 4, more: (value & 8) !== 0, szx };
}

export function encodeBlock(number: number, more: boolean, szx: number): number {
  return number * 16 + (more ? 8 : 0) + szx;
}

/** What numbers count: with BERT 1024 bytes, however many are in a message. */
export function blockSize(szx: number): number {
  return 2 ** (Math.min(szx, LARGEST_SZX) + 4);
}

/** Whether a payload of this length can be that block: only the last may be short. */
export function isWellSized({ more, szx }: Block, length: number): boolean {
  const size = blockSize(szx);
  if (szx === BERT_SZX) return !more || (length > 0 && length % size === 0);
  return more ? length === size : length <= size;
}

/** The largest SZX whose blocks are at most `bytes` long. */
export function szxFor(bytes: number): number {
  let szx = LARGEST_SZX;
  while (szx > 0 && blockSize(szx) > bytes) szx--;
  return szx;
}

/** The same, where more than 1024 bytes mean runs of blocks. */
export function szxOrBert(bytes: number): number {
  return bytes >= 2 * LARGEST_BLOCK ? BERT_SZX : szxFor(bytes);
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
