/** What the history of devices tells about one resource: of each device how its values lie and where they lead, and who is unlike the others. */
import { DeviceManagementError } from '../errors';
import { forecastOf, type Outlier, outliersOf, type Point, type Summary, summaryOf, type Trend, trendOf } from './analysis';
import { type History, type HistoryQuery, MOST_HISTORY_ANSWERED } from './history';

export interface AnalysisQuery extends Omit<HistoryQuery, 'limit'> {
  /** Of a resource or resource instance. */
  readonly path: string;
  /** When does the line reach this? */
  readonly reaches?: number;
}

export interface SeriesAnalysis extends Summary {
  /** Absent where the values are of one moment. */
  readonly trend?: Trend;
  /** Where `reaches` was asked for. Unix milliseconds; `null`: the line does not lead there. */
  readonly reachesAt?: number | null;
  /** The same, from now on; 0 when it should be there already. */
  readonly daysLeft?: number | null;
}

export interface Analysis {
  readonly path: string;
  /** Of those that have numbers there. */
  readonly devices: Readonly<Record<string, SeriesAnalysis>>;
  /** By the mean of each, the strangest first. */
  readonly outliers: readonly Outlier[];
}

/** What one question may read: as many series as this. */
export const MOST_ANALYSED = 1_000;
const DAY_MS = 86_400_000;

/** @param now Unix milliseconds @throws DeviceManagementError `too-large`, `store-failed` */
export async function analyse(history: Pick<History, 'query'>, query: AnalysisQuery, now: number): Promise<Analysis> {
  const { devices, path, reaches, ...range } = query;
  if (devices.length > MOST_ANALYSED) {
    const text = `${devices.length} devices are too many to analyse at once: choose ${MOST_ANALYSED} at most`;
    throw new DeviceManagementError('too-large', text);
  }
  const found: Record<string, SeriesAnalysis> = {};
  for (const device of devices) {
    const values = await history.query({ ...range, devices: [device], path, limit: MOST_HISTORY_ANSWERED });
    const analysis = analysisOf(
      values.flatMap(({ at, value, path: of }): Point[] => (typeof value === 'number' && of === path ? [{ at, value }] : [])),
      reaches,
      now,
    );
    if (analysis !== undefined) found[device] = analysis;
  }
  const means = Object.fromEntries(Object.entries(found).map(([device, { mean }]) => [device, mean]));
  return { path, devices: found, outliers: outliersOf(means) };
}

function analysisOf(points: readonly Point[], reaches: number | undefined, now: number): SeriesAnalysis | undefined {
  const summary = summaryOf(points);
  const trend = trendOf(points);
  if (summary === undefined) return undefined;
  if (trend === undefined) return summary;
  if (reaches === undefined) return { ...summary, trend };
  const reachesAt = forecastOf(trend, reaches);
  return { ...summary, trend, reachesAt, daysLeft: reachesAt === null ? null : Math.max(0, (reachesAt - now) / DAY_MS) };
}
