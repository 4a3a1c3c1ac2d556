/**
 * Record numbers that no two processes give out under one key. A process is one life of an endpoint, and of the 48 bits of a number the
 * upper half says how many lives after that of its handshake an association is. So one small write reserves the numbers of all associations
 * before the first is used, whatever becomes of the store afterwards.
 */

/** In one life, by one association; more, and a new handshake is due: at a record a second after half a year. */
export const NUMBERS_PER_LIFE = 2 ** 24;
/** More do not fit into a number (RFC 6347 §4.1): with the minutes below, after 31 years. */
const MOST_LIVES = 2 ** 24;
const MINUTE_MS = 60_000;

/**
 * The number of a life. The minute of its beginning, so that a store that was put back to what it was yesterday is told by the clock; and
 * always more than the life before, so that a clock that was put back is told by the store.
 * @param last of the life before; @param wall Unix milliseconds
 */
export function lifeAfter(last: number | undefined, wall: number): number {
  return Math.max((last ?? -1) + 1, Math.floor(wall / MINUTE_MS));
}

/** @returns the first record number of an association in a life; undefined when there are none left for it */
export function firstNumberIn(life: number, born: number): number | undefined {
  const age = life - born;
  return age > 0 && age < MOST_LIVES ? age * NUMBERS_PER_LIFE : undefined;
}
