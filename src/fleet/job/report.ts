/** What became of a job, device by device: for a message, and as a table for a spreadsheet (CSV, RFC 4180). */
import { type Counts, countsOf, type Execution } from './execution';

export type JobState = 'running' | 'soaking' | 'waiting-approval' | 'paused' | 'stopping' | 'finished' | 'aborted' | 'cancelled';

export interface JobReport {
  readonly job: string;
  readonly state: JobState;
  /** Why it was aborted, or what it waits for. */
  readonly reason?: string;
  readonly dryRun: boolean;
  /** From 1; how many there are. */
  readonly wave: number;
  readonly waves: number;
  readonly counts: Counts;
  /** Percent of the devices that are done. */
  readonly percent: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly devices: readonly DeviceReport[];
}

export interface DeviceReport extends Pick<Execution, 'device' | 'state' | 'reason' | 'startedAt' | 'endedAt'> {
  readonly wave: number;
  readonly attempts: number;
}

export type JobSummary = Omit<JobReport, 'devices'>;

interface JobFacts {
  readonly id: string;
  readonly state: JobState;
  readonly reason: string | undefined;
  readonly dryRun: boolean;
  readonly wave: number;
  readonly waves: number;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

export function summaryOf({ id, reason, wave, endedAt, ...facts }: JobFacts, executions: Iterable<Execution>): JobSummary {
  const counts = countsOf(executions);
  const open = counts.pending + counts.waiting + counts.running;
  return {
    job: id,
    ...facts,
    wave: wave + 1,
    counts,
    percent: counts.total === 0 ? 100 : Math.floor((100 * (counts.total - open)) / counts.total),
    ...(reason !== undefined && { reason }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

export function deviceReport({ device, state, wave, attempt, reason, startedAt, endedAt }: Execution): DeviceReport {
  return {
    device,
    state,
    wave: wave + 1,
    attempts: attempt,
    ...(reason !== undefined && { reason }),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

const COLUMNS = ['device', 'state', 'wave', 'attempts', 'reason', 'startedAt', 'endedAt'] as const;

/** Times as ISO 8601. */
export function csvOf(devices: Iterable<DeviceReport>): string {
  const lines = [COLUMNS.join(',')];
  for (const device of devices) {
    lines.push(
      COLUMNS.map((column) => {
        const value = device[column];
        return cell(column.endsWith('At') && typeof value === 'number' ? new Date(value).toISOString() : String(value ?? ''));
      }).join(','),
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** A spreadsheet takes what begins so for a formula; names and reasons come from devices. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
