/** A span of time for a person: "850 ms", "12 s", "5 min", "3 h", "2 days". */

const UNITS: readonly (readonly [ms: number, unit: string])[] = [
  [172_800_000, 'days'],
  [7_200_000, 'h'],
  [120_000, 'min'],
  [1000, 's'],
];
const UNIT_MS: Readonly<Record<string, number>> = { days: 86_400_000, h: 3_600_000, min: 60_000, s: 1000 };

/** The largest unit of which there are two or more, rounded; less than nothing is nothing. */
export function duration(ms: number): string {
  const unit = UNITS.find(([least]) => ms >= least)?.[1];
  return unit === undefined ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / (UNIT_MS[unit] as number))} ${unit}`;
}
