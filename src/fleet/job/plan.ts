/** What a job is to do and at what pace, as plain data: from a dialog, a message or a store. Every mistake is told by its field. */
import { type GuardRules, readGuardRules } from '../guard-rules';
import { invalidSetting, quoted } from '../invalid-setting';

/** Devices of a wave: so many, or such a part of all, "10%". */
export type WaveSize = number | `${number}%`;

export interface JobGate {
  /** Percent of a wave that must have succeeded, or the job is aborted; 100 - `error` where only that is given. */
  readonly success?: number;
  /** Percent of all that are done; with more failures the job is aborted at once. */
  readonly error?: number;
  /** Devices that must be done before `error` counts. */
  readonly minimum?: number;
}

export interface JobPlan {
  /** Known to people: "nightly-reboot". Starting it again changes nothing. */
  readonly id: string;
  /** The devices, as a selector or several. */
  readonly devices: unknown;
  /** Devices with a step under way. */
  readonly concurrency: number;
  /** Steps begun in a minute; as many as there is room for without. */
  readonly perMinute?: number;
  /** One after the other; the last takes the rest. One wave without. */
  readonly waves: readonly WaveSize[];
  /** Between two waves, milliseconds: what fails late is still seen. */
  readonly soakMs: number;
  /** Each wave after the first waits for somebody's word. */
  readonly approval: boolean;
  readonly gate: JobGate;
  /** Of a step that has failed. */
  readonly retries: number;
  /** Before the first; it doubles. */
  readonly backoffMs: number;
  /** Of one step. */
  readonly timeoutMs: number;
  /** Of the whole job, from its start. */
  readonly deadlineMs?: number;
  readonly guard: GuardRules;
  /** A step under way when the process ended: asked again, or failed. */
  readonly onRestart: 'repeat' | 'fail';
  /** Nothing is done: the report says what would be. */
  readonly dryRun: boolean;
}

const LONGEST_ID = 64;
const MOST_WAVES = 50;
const DAY_MS = 86_400_000;
/** Longer than any device is out of reach for a reason. */
const LONGEST_MS = 400 * DAY_MS;
export const DEFAULT_PLAN = {
  concurrency: 10,
  waves: [] as readonly WaveSize[],
  soakMs: 0,
  approval: false,
  gate: {} as JobGate,
  retries: 0,
  backoffMs: 60_000,
  timeoutMs: 600_000,
  guard: {} as GuardRules,
  onRestart: 'repeat',
  dryRun: false,
} as const;

type Given = Readonly<Record<string, unknown>>;

/**
 * @param value as `JobPlan`, with what is missing as usual
 * @throws DeviceManagementError `invalid-value`, naming the field
 */
export function readPlan(value: unknown): JobPlan {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidSetting('a job must be an object such as {"id": "nightly", "devices": "*"}');
  const given = value as Given;
  const { id, devices, onRestart = DEFAULT_PLAN.onRestart } = given;
  if (typeof id !== 'string' || !/^[\w.:-]+$/.test(id) || id.length > LONGEST_ID)
    throw invalidSetting(`job.id must be 1 to ${LONGEST_ID} letters, digits or any of _ . : -, but is ${quoted(id)}`);
  if (devices === undefined || devices === null || devices === '') throw invalidSetting('job.devices is missing: which devices?');
  if (onRestart !== 'repeat' && onRestart !== 'fail')
    throw invalidSetting(`job.onRestart must be repeat or fail, but is ${quoted(onRestart)}`);
  const number = (name: keyof JobPlan, least: number, most: number): number | undefined => numberIn(given, name, least, most);
  const perMinute = number('perMinute', 0.01, 1_000_000);
  const deadlineMs = number('deadlineMs', 1000, LONGEST_MS);
  const plan: JobPlan = {
    id,
    devices,
    concurrency: number('concurrency', 1, 10_000) ?? DEFAULT_PLAN.concurrency,
    ...(perMinute !== undefined && { perMinute }),
    waves: wavesIn(given.waves ?? DEFAULT_PLAN.waves),
    soakMs: number('soakMs', 0, LONGEST_MS) ?? DEFAULT_PLAN.soakMs,
    approval: booleanIn(given, 'approval'),
    gate: gateIn(given.gate ?? DEFAULT_PLAN.gate),
    retries: number('retries', 0, 100) ?? DEFAULT_PLAN.retries,
    backoffMs: number('backoffMs', 0, DAY_MS) ?? DEFAULT_PLAN.backoffMs,
    timeoutMs: number('timeoutMs', 1000, LONGEST_MS) ?? DEFAULT_PLAN.timeoutMs,
    ...(deadlineMs !== undefined && { deadlineMs }),
    guard: readGuardRules(given.guard, 'job.guard'),
    onRestart,
    dryRun: booleanIn(given, 'dryRun'),
  };
  if (deadlineMs !== undefined && plan.soakMs * Math.max(0, plan.waves.length - 1) >= deadlineMs)
    throw invalidSetting('job.soakMs between the waves is longer than job.deadlineMs: no wave but the first would begin');
  return plan;
}

/** How many devices each wave has, of so many; none is empty, the last takes the rest. */
export function waveSizes(waves: readonly WaveSize[], devices: number): readonly number[] {
  const sizes: number[] = [];
  let left = devices;
  for (const wave of waves) {
    if (left === 0) break;
    const wanted = typeof wave === 'number' ? wave : Math.max(1, Math.round((devices * Number.parseFloat(wave)) / 100));
    const size = Math.min(left, wanted);
    sizes.push(size);
    left -= size;
  }
  if (left > 0) sizes.push(left);
  return sizes;
}

function wavesIn(value: unknown): readonly WaveSize[] {
  if (!Array.isArray(value) || value.length > MOST_WAVES)
    throw invalidSetting(`job.waves must be an array of at most ${MOST_WAVES} sizes such as [1, "10%"]`);
  let percent = 0;
  return value.map((size: unknown) => {
    if (typeof size === 'number' && Number.isInteger(size) && size > 0) return size;
    const part = typeof size === 'string' && /^\d+(\.\d+)?%$/.test(size) ? Number.parseFloat(size) : 0;
    percent += part;
    if (part <= 0 || part > 100)
      throw invalidSetting(`job.waves may have numbers and percentages such as 5 or "10%", but has ${quoted(size)}`);
    if (percent > 100) throw invalidSetting('job.waves are more than 100% together');
    return size as WaveSize;
  });
}

function gateIn(value: unknown): JobGate {
  if (typeof value !== 'object' || value === null)
    throw invalidSetting('job.gate must be like {"success": 90, "error": 10, "minimum": 5}');
  const given = value as Given;
  const success = numberIn(given, 'success', 0, 100, 'job.gate');
  const error = numberIn(given, 'error', 0, 100, 'job.gate');
  const minimum = numberIn(given, 'minimum', 1, 1_000_000, 'job.gate');
  return {
    ...(success !== undefined && { success }),
    ...(error !== undefined && { error }),
    ...(minimum !== undefined && { minimum }),
  };
}

function numberIn(given: Given, name: string, least: number, most: number, of = 'job'): number | undefined {
  const value = given[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw invalidSetting(`${of}.${name} must be a number from ${least} to ${most}, but is ${quoted(value)}`);
}

function booleanIn(given: Given, name: string): boolean {
  const value = given[name] ?? false;
  if (typeof value !== 'boolean') throw invalidSetting(`job.${name} must be true or false, but is ${quoted(value)}`);
  return value;
}
