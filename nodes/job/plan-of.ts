/** The plan of a job, from the fields of a dialog and what a message says instead. */
import { DeviceManagementError } from '../../src/errors';
import { type JobPlan, readPlan } from '../../src/fleet/job/plan';

/** As saved in a flow: numbers come as text from a dialog. */
export interface JobProperties {
  readonly concurrency?: string | number;
  readonly perMinute?: string | number;
  /** "1, 10%". */
  readonly waves?: string;
  /** Minutes. */
  readonly soak?: string | number;
  readonly approval?: boolean;
  readonly success?: string | number;
  readonly error?: string | number;
  readonly minimum?: string | number;
  readonly retries?: string | number;
  /** Seconds. */
  readonly backoff?: string | number;
  /** Seconds. */
  readonly stepTimeout?: string | number;
  /** Minutes. */
  readonly deadline?: string | number;
  readonly onRestart?: 'repeat' | 'fail';
  readonly dryRun?: boolean;
  readonly guard?: unknown;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

/**
 * @param overrides `msg.plan`, named as in `JobPlan`
 * @throws DeviceManagementError `invalid-value`, naming the field
 */
export function planOf(properties: JobProperties, id: unknown, devices: unknown, overrides: unknown): JobPlan {
  if (overrides !== undefined && (typeof overrides !== 'object' || overrides === null || Array.isArray(overrides)))
    throw new DeviceManagementError('invalid-value', 'msg.plan must be an object such as {"concurrency": 5}');
  const { success, error, minimum, waves, approval, dryRun, onRestart, guard } = properties;
  return readPlan({
    ...given({
      concurrency: number(properties.concurrency),
      perMinute: number(properties.perMinute),
      soakMs: number(properties.soak, MINUTE_MS),
      retries: number(properties.retries),
      backoffMs: number(properties.backoff, SECOND_MS),
      timeoutMs: number(properties.stepTimeout, SECOND_MS),
      deadlineMs: number(properties.deadline, MINUTE_MS),
    }),
    waves: wavesIn(waves ?? ''),
    gate: given({ success: number(success), error: number(error), minimum: number(minimum) }),
    approval: approval === true,
    dryRun: dryRun === true,
    ...(onRestart !== undefined && { onRestart }),
    ...(guard !== undefined && { guard }),
    ...(overrides as object | undefined),
    id,
    devices,
  });
}

/** A text that is no number stays what it is, for `readPlan` to name it. */
function number(value: string | number | undefined, unitMs = 1): unknown {
  if (value === undefined || String(value).trim() === '') return undefined;
  const parsed = Number(value);
  return Number.isNaN(parsed) ? value : parsed * unitMs;
}

function wavesIn(text: string): (number | string)[] {
  return text
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map((size) => (/^\d+$/.test(size) ? Number(size) : size));
}

function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
