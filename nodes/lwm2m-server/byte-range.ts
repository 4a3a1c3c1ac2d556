/** Which bytes an HTTP request asks for (RFC 9110 §14). */

export interface ByteRange {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

/**
 * @returns the one range that is asked for; undefined where the whole is to be sent: nothing is asked for, what is there is no range, or several
 *   are asked for, which a server may pass over (§14.2); `unsatisfiable` beyond the end
 */
export function byteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? '').trim());
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const last = size - 1;
  if (match[1] === '') {
    const count = Number(match[2]);
    return count === 0 ? 'unsatisfiable' : { start: Math.max(size - count, 0), end: last };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? last : Math.min(Number(match[2]), last);
  if (start > last) return 'unsatisfiable';
  return match[2] !== '' && Number(match[2]) < start ? undefined : { start, end };
}
