/** The steps of a job: which device is asked now, which waits and for what, whose return counts. Of waves and gates it knows nothing. */
import { Deadlines, NO_DEADLINE } from '../../deadlines';
import { type EndState, type Execution, hasEnded, type WaitReason } from './execution';
import type { JobContext, StepOutcome } from './job';
import type { JobPlan } from './plan';
import { Rate } from './rate';

interface Run {
  execution: Execution;
  deadline: number;
}

/** What the steps tell the job they are of. */
export interface StepsWatcher {
  /** Nothing stands in the way of a step: no pause, no deploy, no end. */
  readonly mayBegin: boolean;
  /** Something may be due. */
  attend(): void;
  kept(execution: Execution): Promise<void>;
  emit(execution: Execution): void;
  changed(execution: Execution): void;
  /** In this many milliseconds there is room for the next. */
  later(ms: number): void;
}

const TICK_MS = 500;
/** Somebody else's lock may end without a word. */
const LOOK_AGAIN_MS = 60_000;
const LONGEST_BACKOFF_MS = 86_400_000;
/** Of a backoff: that a thousand devices do not come back at once. */
const JITTER = 0.1;

export class Steps {
  private readonly runs = new Map<string, Run>();
  private readonly byToken = new Map<string, Run>();
  private readonly deadlines: Deadlines<Run>;
  private readonly rate: Rate;
  private readonly holder: string;
  private running = 0;
  private closed = false;

  constructor(
    private readonly plan: JobPlan,
    private readonly owner: string,
    executions: Iterable<Execution>,
    private readonly context: JobContext,
    private readonly watcher: StepsWatcher,
  ) {
    this.holder = `job ${plan.id}`;
    this.deadlines = new Deadlines(context.clock, TICK_MS, (run) => this.due(run));
    this.rate = new Rate(context.clock, plan.perMinute);
    for (const execution of executions) this.runs.set(execution.device, { execution, deadline: NO_DEADLINE });
  }

  *executions(): IterableIterator<Execution> {
    for (const { execution } of this.runs.values()) yield execution;
  }

  isDone(wave: number): boolean {
    for (const execution of this.executions()) if (execution.wave === wave && !hasEnded(execution)) return false;
    return true;
  }

  /** After a restart: what had been under way is asked again or has failed, as the plan says; waits go on. */
  takeUp(): void {
    const now = this.context.clock.wall();
    for (const run of this.runs.values()) {
      const { state, token, until, attempt } = run.execution;
      if (state === 'waiting' && until !== undefined) this.deadlines.set(run, Math.max(0, until - now));
      if (state !== 'running') continue;
      // Its guard was being asked: nothing had been done.
      if (token === undefined) this.update(run, { ...bare(run.execution), state: 'pending' });
      else if (this.plan.onRestart === 'fail') this.end(run, 'failed', 'the process ended in the middle of its step');
      else this.waits(run, 'restart', 'the process ended in the middle of its step', now, attempt - 1);
    }
  }

  /** As many of a wave as there is room for. */
  begin(wave: number): void {
    for (const run of this.runs.values()) {
      const { state, wave: its, device } = run.execution;
      if (state !== 'pending' || its !== wave) continue;
      if (this.running >= this.plan.concurrency) return;
      if (this.context.presence(device) === 'gone') {
        this.waits(run, 'offline', 'the device is not registered');
        continue;
      }
      const { waitMs } = this.rate;
      if (waitMs > 0) return this.watcher.later(waitMs);
      this.rate.took();
      this.running++;
      this.update(run, { ...bare(run.execution), state: 'running' });
      this.start(run).catch((caught: unknown) => {
        this.leave(run);
        this.failed(run, 'failed', caught instanceof Error ? caught.message : String(caught));
        this.watcher.attend();
      });
    }
  }

  /** @returns whether the token was that of a step under way */
  returned(token: string, { failed, reason, retryAt }: StepOutcome): boolean {
    const run = this.byToken.get(token);
    if (run === undefined) return false;
    this.leave(run);
    if (!failed) this.end(run, 'succeeded', reason);
    // It was not done, which costs no attempt.
    else if (retryAt !== undefined) this.waits(run, 'guard', reason ?? 'it was deferred', retryAt, run.execution.attempt - 1);
    else this.failed(run, 'failed', reason ?? 'its step failed');
    this.watcher.attend();
    return true;
  }

  /** A device has come, or woken. */
  heard(device: string): void {
    const run = this.runs.get(device);
    if (run?.execution.state !== 'waiting' || run.execution.waitingFor !== 'offline') return;
    this.deadlines.clear(run);
    this.update(run, { ...bare(run.execution), state: 'pending' });
    this.watcher.attend();
  }

  get isIdle(): boolean {
    return this.running === 0;
  }

  /** Whatever has not ended ends so. @param spareRunning steps under way may still come back */
  endAll(state: EndState, reason: string, spareRunning = false): void {
    for (const run of this.runs.values()) {
      const isRunning = run.execution.state === 'running';
      if (hasEnded(run.execution) || (isRunning && spareRunning)) continue;
      if (isRunning) this.leave(run);
      this.end(run, state, reason);
    }
  }

  close(): void {
    this.closed = true;
    this.deadlines.stop();
  }

  /** Its place is taken already; whatever keeps it from beginning gives it back. */
  private async start(run: Run): Promise<void> {
    const { guards, locks, clock, token } = this.context;
    const { device } = run.execution;
    const verdict = await guards.check(device, this.plan.guard, { holder: this.holder });
    if (this.closed || run.execution.state !== 'running') return;
    if (!this.watcher.mayBegin) return this.comeAgain(run);
    if (!verdict.go) {
      const isAway = verdict.reason === 'offline' || verdict.reason === 'asleep';
      return this.putOff(
        run,
        isAway ? 'offline' : verdict.reason === 'locked' ? 'locked' : 'guard',
        verdict.text,
        verdict.retryAt,
      );
    }
    if (this.plan.dryRun) {
      this.running--;
      this.end(run, 'skipped', 'dry run: its step would begin now');
      return this.watcher.attend();
    }
    if (!locks.take(device, { holder: this.holder, why: this.plan.id }))
      return this.putOff(run, 'locked', `${locks.holderOf(device)?.holder} works on the device`, clock.wall() + LOOK_AGAIN_MS);
    const [now, own, { timeoutMs }] = [clock.wall(), token(), this.plan];
    const { startedAt = now, attempt } = run.execution;
    run.execution = { ...bare(run.execution), attempt: attempt + 1, token: own, until: now + timeoutMs, startedAt };
    this.byToken.set(own, run);
    this.deadlines.set(run, timeoutMs);
    await this.watcher.kept(run.execution);
    // Cancelled meanwhile.
    if (this.closed || run.execution.token !== own) return;
    if (!this.watcher.mayBegin) {
      this.leave(run);
      return this.update(run, { ...bare(run.execution), state: 'pending', attempt });
    }
    this.watcher.changed(run.execution);
    this.watcher.emit(run.execution);
  }

  /** Paused, or flows are being built: its turn comes again. */
  private comeAgain(run: Run): void {
    this.running--;
    this.update(run, { ...bare(run.execution), state: 'pending' });
  }

  private putOff(run: Run, waitingFor: WaitReason, reason: string, until?: number): void {
    this.running--;
    this.waits(run, waitingFor, reason, until);
    this.watcher.attend();
  }

  private failed(run: Run, state: 'failed' | 'timed-out', reason: string): void {
    const { retries, backoffMs } = this.plan;
    const { attempt } = run.execution;
    if (attempt > retries) return this.end(run, state, reason);
    const backoff = Math.min(LONGEST_BACKOFF_MS, backoffMs * 2 ** (attempt - 1)) * (1 + JITTER * this.context.random());
    this.waits(run, 'retry', `${reason}; tried ${attempt} of ${retries + 1} times`, this.context.clock.wall() + backoff);
  }

  /** @param until without: until the device is heard */
  private waits(run: Run, waitingFor: WaitReason, reason: string, until?: number, attempt = run.execution.attempt): void {
    const wait = until === undefined ? {} : { until };
    this.update(run, { ...bare(run.execution), state: 'waiting', waitingFor, reason, attempt, ...wait });
    if (until !== undefined) this.deadlines.set(run, Math.max(0, until - this.context.clock.wall()));
  }

  /** A wait is over, or a step has taken too long. */
  private due(run: Run): void {
    if (run.execution.state === 'waiting') this.update(run, { ...bare(run.execution), state: 'pending' });
    else if (run.execution.state === 'running') {
      this.leave(run);
      this.failed(run, 'timed-out', `its step did not come back within ${Math.round(this.plan.timeoutMs / 1000)} s`);
    }
    this.watcher.attend();
  }

  /** It is under way no longer. */
  private leave(run: Run): void {
    const { token, device } = run.execution;
    if (token !== undefined) this.byToken.delete(token);
    this.running--;
    this.deadlines.clear(run);
    this.context.locks.release(device, this.holder);
  }

  private end(run: Run, state: EndState, reason?: string): void {
    const { device, attempt } = run.execution;
    this.deadlines.clear(run);
    this.update(run, {
      ...bare(run.execution),
      state,
      endedAt: this.context.clock.wall(),
      ...(reason !== undefined && { reason }),
    });
    this.context.audit({
      actor: `node ${this.owner}`,
      action: this.holder,
      device,
      outcome: AUDITED[state],
      thread: this.plan.id,
      detail: [state, `attempts: ${attempt}`, ...(reason === undefined ? [] : [reason])].join(', '),
    });
  }

  private update(run: Run, execution: Execution): void {
    run.execution = execution;
    void this.watcher.kept(execution);
    this.watcher.changed(execution);
  }
}

const AUDITED = { succeeded: 'done', failed: 'failed', 'timed-out': 'failed', cancelled: 'refused', skipped: 'refused' } as const;

/** What stays of an execution from one state to the next. */
function bare({ device, order, wave, attempt, startedAt, state }: Execution): Execution {
  return { device, order, wave, attempt, state, ...(startedAt !== undefined && { startedAt }) };
}
