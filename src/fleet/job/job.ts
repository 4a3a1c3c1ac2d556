/**
 * One job: takes its devices through their steps (`steps`), wave by wave, and stops where a gate says so. What a step is, it does not know:
 * whoever carries it out brings its token back. Each step is kept before anybody is asked to carry it out.
 */
import type { Clock, Timer } from '../../clock';
import type { Presence } from '../../device/manager';
import type { Audit } from '../audit';
import type { Guards } from '../guard';
import type { Locks } from '../lock';
import type { Execution } from './execution';
import { errorObjection, waveObjection } from './gate';
import type { JobPlan } from './plan';
import { deviceReport, type JobReport, type JobState, type JobSummary, summaryOf } from './report';
import { Steps } from './steps';

/** What is to be done with a device now, by whoever carries it out. */
export interface JobStep {
  readonly job: string;
  readonly device: string;
  /** Its wave, from 1. */
  readonly step: number;
  /** From 1. */
  readonly attempt: number;
  /** Proves a return. */
  readonly token: string;
}

export interface StepOutcome {
  readonly failed: boolean;
  /** For a person. */
  readonly reason?: string;
  /** It was not done, and is worth trying again then: Unix milliseconds. Costs no attempt. */
  readonly retryAt?: number;
}

/** The job as a whole, as it is kept. */
export interface JobFrame {
  readonly plan: JobPlan;
  /** Id of the node that carries out its steps. */
  readonly owner: string;
  readonly state: JobState;
  readonly reason?: string;
  /** From 0. */
  readonly wave: number;
  readonly waves: number;
  /** Stopping: how it ends when the last step under way has come back. */
  readonly ending?: 'aborted' | 'cancelled';
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Soaking: until when. */
  readonly soakUntil?: number;
}

export interface JobContext {
  readonly clock: Clock;
  readonly locks: Locks;
  readonly guards: Guards;
  readonly audit: Audit;
  readonly presence: (device: string) => Presence;
  readonly token: () => string;
  /** 0 to 1. */
  readonly random: () => number;
  /** Resolves when it is kept, or cannot be. @param execution without: the frame */
  readonly keep: (job: Job, execution?: Execution) => Promise<void>;
  readonly step: (job: Job, step: JobStep) => void;
  readonly changed: (job: Job, execution?: Execution) => void;
  readonly ended: (job: Job) => void;
}

const ENDED: ReadonlySet<JobState> = new Set(['finished', 'aborted', 'cancelled']);

export class Job {
  private readonly steps: Steps;
  private timer: Timer | undefined;
  private isAttending = false;
  private isHeld = true;

  constructor(
    private frame: JobFrame,
    executions: Iterable<Execution>,
    private readonly context: JobContext,
  ) {
    const mayBegin = (): boolean => this.mayBegin;
    this.steps = new Steps(frame.plan, frame.owner, executions, context, {
      get mayBegin() {
        return mayBegin();
      },
      attend: () => this.attend(),
      kept: (execution) => context.keep(this, execution),
      emit: (execution) => context.step(this, stepOf(this.id, execution)),
      changed: (execution) => context.changed(this, execution),
      later: (ms) => this.later(ms),
    });
  }

  get id(): string {
    return this.frame.plan.id;
  }

  get kept(): JobFrame {
    return this.frame;
  }

  get hasEnded(): boolean {
    return ENDED.has(this.frame.state);
  }

  get summary(): JobSummary {
    const { plan, state, reason, wave, waves, startedAt, endedAt } = this.frame;
    return summaryOf(
      { id: plan.id, state, reason, dryRun: plan.dryRun, wave, waves, startedAt, endedAt },
      this.steps.executions(),
    );
  }

  get report(): JobReport {
    return { ...this.summary, devices: [...this.steps.executions()].map(deviceReport) };
  }

  executions(): Iterable<Execution> {
    return this.steps.executions();
  }

  /** What an earlier life has left under way. */
  takeUp(): void {
    if (!this.hasEnded) this.steps.takeUp();
  }

  /** Nobody could carry out a step now: flows are being built. */
  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    this.attend();
  }

  /** A message has come back. @returns whether its token was that of a step under way */
  returned(token: string, outcome: StepOutcome): boolean {
    return this.steps.returned(token, outcome);
  }

  heard(device: string): void {
    if (!this.hasEnded) this.steps.heard(device);
  }

  pause(): void {
    if (!this.hasEnded && this.frame.state !== 'stopping') this.become({ state: 'paused' });
  }

  resume(): void {
    if (this.frame.state !== 'paused') return;
    const { soakUntil } = this.frame;
    this.become(soakUntil === undefined ? { state: 'running' } : { state: 'soaking', soakUntil });
    this.attend();
  }

  /** The next wave may begin. @returns whether it waited for that */
  approve(): boolean {
    if (this.frame.state !== 'waiting-approval') return false;
    this.nextWave();
    return true;
  }

  /** Nothing new begins; what is under way is waited for, and its devices stay locked as long. */
  cancel(reason: string, ending: 'cancelled' | 'aborted' = 'cancelled'): void {
    if (this.hasEnded || this.frame.state === 'stopping') return;
    this.become({ state: 'stopping', ending, reason });
    this.steps.endAll('cancelled', reason, true);
    this.attend();
  }

  close(): void {
    this.isHeld = true;
    this.timer?.cancel();
    this.steps.close();
  }

  /** Does what is due, in another turn: whoever calls may be in the middle of something. */
  private attend(): void {
    if (this.isAttending) return;
    this.isAttending = true;
    setImmediate(() => {
      this.isAttending = false;
      this.go();
    });
  }

  private go(): void {
    const { plan, state, startedAt, soakUntil, wave } = this.frame;
    if (this.isHeld || this.hasEnded) return;
    if (state === 'stopping') return this.stopped();
    const now = this.context.clock.wall();
    const deadline = plan.deadlineMs === undefined ? Number.POSITIVE_INFINITY : startedAt + plan.deadlineMs;
    if (now >= deadline) return this.overdue();
    if (deadline !== Number.POSITIVE_INFINITY) this.later(deadline - now);
    if (state === 'paused' || state === 'waiting-approval') return;
    if (soakUntil !== undefined && now < soakUntil) return this.later(Math.min(soakUntil, deadline) - now);
    if (soakUntil !== undefined) return this.afterSoaking();
    const objection = errorObjection(this.steps.executions(), plan.gate);
    if (objection !== undefined) return this.cancel(objection, 'aborted');
    this.steps.begin(wave);
    if (this.steps.isDone(wave)) this.waveDone();
  }

  /** The last step under way may have come back. */
  private stopped(): void {
    const { ending = 'cancelled', reason } = this.frame;
    // One that came back as failed would have been tried again.
    this.steps.endAll('cancelled', reason ?? ending, true);
    if (this.steps.isIdle) this.finish(ending, reason);
  }

  /** A step that is about to begin may. */
  private get mayBegin(): boolean {
    const { plan, state, startedAt } = this.frame;
    const isInTime = plan.deadlineMs === undefined || this.context.clock.wall() < startedAt + plan.deadlineMs;
    return !this.isHeld && state === 'running' && isInTime;
  }

  private waveDone(): void {
    const { wave, waves, plan } = this.frame;
    const executions = [...this.steps.executions()].filter((one) => one.wave === wave);
    const objection = waveObjection(executions, plan.gate);
    if (objection !== undefined) return this.cancel(objection, 'aborted');
    if (wave + 1 >= waves) return this.finish('finished');
    if (plan.soakMs === 0) return this.afterSoaking();
    this.become({ state: 'soaking', soakUntil: this.context.clock.wall() + plan.soakMs });
    this.attend();
  }

  private afterSoaking(): void {
    if (this.frame.plan.approval) this.become({ state: 'waiting-approval' });
    else this.nextWave();
  }

  private nextWave(): void {
    this.become({ state: 'running', wave: this.frame.wave + 1 });
    this.attend();
  }

  /** Too late for what has not begun; what has may still come back. */
  private overdue(): void {
    this.steps.endAll('timed-out', 'the deadline of the job had passed', true);
    const { waves } = this.frame;
    if (Array.from({ length: waves }, (_, wave) => wave).every((wave) => this.steps.isDone(wave)))
      this.finish('finished', 'its deadline had passed');
  }

  private finish(state: 'finished' | 'aborted' | 'cancelled', reason?: string): void {
    this.become({ state, endedAt: this.context.clock.wall(), ...(reason !== undefined && { reason }) });
    this.timer?.cancel();
    this.context.locks.releaseAll(`job ${this.id}`);
    this.context.ended(this);
  }

  private become(change: Partial<JobFrame>): void {
    const { soakUntil, ...rest } = this.frame;
    // A pause keeps the end of the soak time, whatever else follows is past it.
    const kept = change.state === 'paused' && soakUntil !== undefined ? { soakUntil } : {};
    this.frame = { ...rest, ...kept, ...change };
    void this.context.keep(this);
    this.context.changed(this);
  }

  private later(ms: number): void {
    this.timer?.cancel();
    this.timer = this.context.clock.after(ms, () => this.attend());
  }
}

function stepOf(job: string, { device, wave, attempt, token = '' }: Execution): JobStep {
  return { job, device, step: wave + 1, attempt, token };
}
