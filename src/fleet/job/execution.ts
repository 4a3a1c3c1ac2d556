/** The run of a job on one device: its states, and which may follow which (pending → waiting ⇄ running → an end). Plain data, kept as it is. */

/** Why a device has to wait; each is told with its time, where there is one. */
export type WaitReason = 'guard' | 'locked' | 'offline' | 'retry' | 'restart';
export type EndState = 'succeeded' | 'failed' | 'timed-out' | 'cancelled' | 'skipped';
export type ExecutionState = 'pending' | 'waiting' | 'running' | EndState;

export interface Execution {
  readonly device: string;
  /** Its place among the devices of the job. */
  readonly order: number;
  /** Its wave, from 0. */
  readonly wave: number;
  readonly state: ExecutionState;
  /** Steps begun so far. */
  readonly attempt: number;
  /** Proves that a message is the return of the step under way. */
  readonly token?: string;
  readonly waitingFor?: WaitReason;
  /** Waiting: when to try again; running: when it has taken too long. Unix milliseconds. */
  readonly until?: number;
  /** Of a wait or an end, for a person. */
  readonly reason?: string;
  /** Unix milliseconds, of the first step and of the end. */
  readonly startedAt?: number;
  readonly endedAt?: number;
}

const ENDS: ReadonlySet<ExecutionState> = new Set(['succeeded', 'failed', 'timed-out', 'cancelled', 'skipped']);
/** Ends that speak against the job. */
const FAILURES: ReadonlySet<ExecutionState> = new Set(['failed', 'timed-out']);

export function hasEnded({ state }: Pick<Execution, 'state'>): boolean {
  return ENDS.has(state);
}

export function hasFailed({ state }: Pick<Execution, 'state'>): boolean {
  return FAILURES.has(state);
}

/** Skipped and cancelled devices say nothing about the job. */
export function hasCounted({ state }: Pick<Execution, 'state'>): boolean {
  return state === 'succeeded' || FAILURES.has(state);
}

export interface Counts {
  readonly total: number;
  readonly pending: number;
  readonly waiting: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly 'timed-out': number;
  readonly cancelled: number;
  readonly skipped: number;
}

export function countsOf(executions: Iterable<Execution>): Counts {
  const counts = {
    total: 0,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    'timed-out': 0,
    cancelled: 0,
    skipped: 0,
  };
  for (const { state } of executions) {
    counts.total++;
    counts[state]++;
  }
  return counts;
}
