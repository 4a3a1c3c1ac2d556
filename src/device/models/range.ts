/**
 * What the "RangeEnumeration" of a definition lets through, where a machine can read it. The field is free text: "0..100", "0-7", "1...15",
 * "0; 3.8..20.5", "0..247, 255", "0..255 bytes", but also "8-Bits", "2 Instances" or prose. What is not surely understood permits everything.
 */

/** Bounds included; kept as text, because "0..18446744073709551615" does not fit a number. */
interface Interval {
  readonly low: string;
  readonly high: string;
}

export interface Range {
  readonly intervals: readonly Interval[];
  /** The range counts bytes, and was written so. */
  readonly bytes: boolean;
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?`;
/** Two or three dots; a hyphen only between unsigned numbers, where it cannot be a sign. */
const INTERVAL = new RegExp(String.raw`^(${NUMBER})\s*\.{2,3}\s*(${NUMBER})$`);
const HYPHEN_INTERVAL = /^(\d+)\s*-\s*(\d+)$/;
const SINGLE = new RegExp(`^${NUMBER}$`);

/** `undefined` when the text is not surely understood. */
export function parseRange(text: string): Range | undefined {
  const inBytes = /^(.*?)\s*bytes?$/i.exec(text.trim());
  const body = inBytes?.[1] ?? text.trim();
  const intervals: Interval[] = [];
  for (const part of body.split(/\s*[,;]\s*|\s+or\s+/)) {
    const interval = parseInterval(part);
    if (interval === undefined) return undefined;
    intervals.push(interval);
  }
  const only = intervals[0];
  // A lone number may be the only value, the largest, or a width in bits; "32 bytes" is a length.
  if (intervals.length === 1 && only?.low === only?.high && inBytes === null) return undefined;
  return { intervals, bytes: inBytes !== null };
}

/** Whether a number, or an integer as decimal string, lies in the range. */
export function isInRange(value: number | string, range: Range): boolean {
  return range.intervals.some(({ low, high }) => compare(value, low) >= 0 && compare(value, high) <= 0);
}

function parseInterval(part: string): Interval | undefined {
  if (SINGLE.test(part)) return { low: part, high: part };
  const match = INTERVAL.exec(part) ?? HYPHEN_INTERVAL.exec(part);
  if (match === null) return undefined;
  const [, first, second] = match as unknown as [string, string, string];
  // Some authors write "-30..-120".
  return Number(first) <= Number(second) ? { low: first, high: second } : { low: second, high: first };
}

function compare(value: number | string, bound: string): number {
  if (typeof value === 'string' && !bound.includes('.')) {
    const difference = BigInt(value) - BigInt(bound);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return Number(value) - Number(bound);
}
