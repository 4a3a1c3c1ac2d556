/** Simple statistics over values in time: how they lie, where they lead, and who is unlike the others. Pure functions of plain numbers. */

export interface Point {
  /** Unix milliseconds. */
  readonly at: number;
  readonly value: number;
}

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** 95 of 100 values are at most this (nearest rank). */
  readonly p95: number;
  /** The newest. */
  readonly last: number;
}

/** The straight line that lies closest (least squares). */
export interface Trend {
  /** Change of the value in a day. */
  readonly perDay: number;
  /** What the line says for the newest moment. */
  readonly now: number;
  /** Unix milliseconds of the newest value. */
  readonly at: number;
  /** How much of the variation the line explains (r²), from 0 to 1; 1 where there is none to explain. */
  readonly fit: number;
}

export interface Outlier {
  readonly device: string;
  readonly value: number;
  /** Of the whole group. */
  readonly median: number;
  /** Robust z-score: how many standard deviations of a normal distribution it is off, with its sign. */
  readonly score: number;
}

const DAY_MS = 86_400_000;
/** Of a normal distribution, the median of absolute deviations is this part of the standard deviation. */
const MAD_OF_DEVIATION = 0.6745;
/** Where more than half of the group agree exactly, the mean of absolute deviations takes its place (Iglewicz and Hoaglin, 1993). */
const MEAN_OF_DEVIATION = 0.7979;
/** Beyond this a value is unlike the others (Iglewicz and Hoaglin, 1993). */
const UNLIKE = 3.5;
/** A group of fewer has no "others". */
const SMALLEST_GROUP = 4;
/** A forecast beyond this says only that nothing leads there. */
const FARTHEST_DAYS = 3650;

/** @returns `undefined` where there is nothing */
export function summaryOf(points: readonly Point[]): Summary | undefined {
  const newest = newestOf(points);
  if (newest === undefined) return undefined;
  const sorted = points.map(({ value }) => value).sort((a, b) => a - b);
  return {
    count: sorted.length,
    min: sorted[0] as number,
    max: sorted[sorted.length - 1] as number,
    mean: meanOf(sorted),
    p95: sorted[Math.ceil(0.95 * sorted.length) - 1] as number,
    last: newest.value,
  };
}

/** @returns `undefined` where the values are of fewer than two moments */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const newest = newestOf(points);
  if (newest === undefined) return undefined;
  // Days before the newest: Unix milliseconds, squared, are beyond what a double holds exactly.
  const days = points.map(({ at }) => (at - newest.at) / DAY_MS);
  const values = points.map(({ value }) => value);
  const [meanDay, meanValue] = [meanOf(days), meanOf(values)];
  const spread = sumOf(days.map((day) => (day - meanDay) ** 2));
  if (spread === 0) return undefined;
  const perDay = sumOf(days.map((day, index) => (day - meanDay) * ((values[index] as number) - meanValue))) / spread;
  const now = meanValue - perDay * meanDay;
  const variation = sumOf(values.map((value) => (value - meanValue) ** 2));
  const unexplained = sumOf(values.map((value, index) => (value - now - perDay * (days[index] as number)) ** 2));
  return { perDay, now, at: newest.at, fit: variation === 0 ? 1 : Math.max(0, 1 - unexplained / variation) };
}

/**
 * When the line reaches a value; "days of battery left" is that of 0.
 * @returns Unix milliseconds, not before the newest value; `null` where the line does not lead there within ten years
 */
export function forecastOf({ perDay, now, at }: Trend, value: number): number | null {
  const days = now === value ? 0 : (value - now) / perDay;
  return Number.isFinite(days) && days >= 0 && days <= FARTHEST_DAYS ? at + days * DAY_MS : null;
}

/**
 * Who is unlike the others, by the distance from the median of the group: the strangest first. One that is far off does not hide another, as it
 * would with mean and standard deviation.
 */
export function outliersOf(values: Readonly<Record<string, number>>): readonly Outlier[] {
  const group = Object.entries(values);
  if (group.length < SMALLEST_GROUP) return [];
  const median = medianOf(group.map(([, value]) => value));
  const distances = group.map(([, value]) => Math.abs(value - median));
  const typical = medianOf(distances);
  const deviation = typical > 0 ? typical / MAD_OF_DEVIATION : meanOf(distances) / MEAN_OF_DEVIATION;
  if (deviation === 0) return [];
  return group
    .map(([device, value]) => ({ device, value, median, score: (value - median) / deviation }))
    .filter(({ score }) => Math.abs(score) > UNLIKE)
    .sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
}

function newestOf(points: readonly Point[]): Point | undefined {
  return points.reduce<Point | undefined>(
    (newest, point) => (newest === undefined || point.at >= newest.at ? point : newest),
    undefined,
  );
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
