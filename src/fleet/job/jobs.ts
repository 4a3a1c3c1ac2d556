/** The jobs of a fleet: started, kept, taken up after a restart, and asked about. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock';
import type { DeviceManager, LifecycleEventName } from '../../device/manager';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { Events, type Unsubscribe } from '../../events';
import type { DamagedRecord } from '../../store/records';
import type { Store } from '../../store/store';
import type { Audit } from '../audit';
import type { Durable, Trouble } from '../durable';
import type { Guards } from '../guard';
import type { Locks } from '../lock';
import type { Execution } from './execution';
import { Job, type JobContext, type JobStep, type StepOutcome } from './job';
import { JobStore } from './kept-jobs';
import { type JobPlan, waveSizes } from './plan';

export interface JobEvents {
  /** Somebody is to carry this out. */
  step: { readonly job: Job; readonly step: JobStep };
  /** Of one device, or of the job as a whole. */
  changed: { readonly job: Job; readonly execution?: Execution };
  ended: Job;
}

export interface JobsOptions {
  readonly manager: DeviceManager;
  readonly clock: Clock;
  readonly locks: Locks;
  readonly guards: Guards;
  readonly audit: Audit;
  readonly random?: () => number;
}

/** Kept for whoever asks; the oldest that has ended goes first. */
const MOST_JOBS = 200;
/** What a return of a step looks through. */
const MOST_DEVICES = 10_000;
const TOKEN_BYTES = 9;
const COMING: ReadonlySet<LifecycleEventName> = new Set(['registered', 'updated', 'awake']);

export class Jobs implements Durable {
  readonly events = new Events<JobEvents>();
  private readonly jobs = new Map<string, Job>();
  private readonly context: JobContext;
  private readonly unsubscribe: Unsubscribe;
  private store: JobStore | undefined;
  private trouble: Trouble = () => undefined;
  private isTroubled = false;
  private flowsRun = false;

  constructor(private readonly options: JobsOptions) {
    const { manager, clock, locks, guards, audit, random = Math.random } = options;
    this.context = {
      clock,
      locks,
      guards,
      audit,
      random,
      presence: (device) => manager.presence(device),
      token: () => randomBytes(TOKEN_BYTES).toString('base64url'),
      keep: (job, execution) => this.keep(job, execution),
      step: (job, step) => this.events.emit('step', { job, step }),
      changed: (job, execution) => this.events.emit('changed', { job, ...(execution !== undefined && { execution }) }),
      ended: (job) => this.events.emit('ended', job),
    };
    this.unsubscribe = manager.events.on('lifecycle', ({ event, device }) => {
      if (COMING.has(event)) for (const job of this.jobs.values()) job.heard(device);
    });
  }

  all(): readonly Job[] {
    return [...this.jobs.values()];
  }

  get(id: string): Job | undefined {
    return this.jobs.get(id);
  }

  /**
   * Starts a job, unless it has been started already: then nothing changes.
   * @param owner id of the node that carries out its steps
   * @param devices in the order in which they are to come
   * @throws DeviceManagementError `invalid-request` when there is nothing to do, `too-large`
   */
  async start(plan: JobPlan, owner: string, devices: readonly string[]): Promise<{ readonly job: Job; readonly isNew: boolean }> {
    const known = this.jobs.get(plan.id);
    if (known !== undefined) return { job: known, isNew: false };
    if (devices.length === 0) throw new DeviceManagementError('invalid-request', `job ${plan.id} has no devices: nobody matches`);
    if (devices.length > MOST_DEVICES) throw new DeviceManagementError('too-large', `a job has at most ${MOST_DEVICES} devices`);
    this.makeRoom();
    const sizes = waveSizes(plan.waves, devices.length);
    const waveOf = sizes.flatMap((size, wave) => Array.from({ length: size }, () => wave));
    const executions = devices.map(
      (device, order): Execution => ({ device, order, wave: waveOf[order] as number, state: 'pending', attempt: 0 }),
    );
    const job = new Job(
      { plan, owner, state: 'running', wave: 0, waves: sizes.length, startedAt: this.options.clock.wall() },
      executions,
      this.context,
    );
    this.jobs.set(plan.id, job);
    await this.write((store) => Promise.all([store.keepFrame(job.kept), store.keep(job.id, executions)]));
    this.events.emit('changed', { job });
    if (this.flowsRun) job.release();
    return { job, isNew: true };
  }

  /** A message has come back. @returns whether its token was that of a step under way */
  returned(id: string, token: string, outcome: StepOutcome): boolean {
    return this.jobs.get(id)?.returned(token, outcome) ?? false;
  }

  /** One that has ended is forgotten. */
  async remove(id: string): Promise<boolean> {
    const job = this.jobs.get(id);
    if (job?.hasEnded !== true) return false;
    this.jobs.delete(id);
    await this.write((store) => store.forget(id, devicesOf(job)));
    return true;
  }

  /** Flows are being built: nobody could carry out a step. */
  hold(): void {
    this.flowsRun = false;
    for (const job of this.jobs.values()) job.hold();
  }

  release(): void {
    this.flowsRun = true;
    for (const job of this.jobs.values()) job.release();
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    this.store = new JobStore(store, this.options.clock);
    this.trouble = trouble;
    const damaged = ({ key, reason }: DamagedRecord): void => trouble(`a job (${key}) cannot be read: ${reason}`);
    for await (const { frame, executions } of this.store.all(damaged)) {
      const job = new Job(frame, executions, this.context);
      this.jobs.set(job.id, job);
      job.takeUp();
      for (const { device } of executions) if (this.options.manager.presence(device) === 'reachable') job.heard(device);
    }
  }

  async flush(): Promise<void> {
    await this.store?.flush();
  }

  async keepAll(): Promise<void> {
    for (const job of this.jobs.values())
      await this.write((store) => Promise.all([store.keepFrame(job.kept), store.keep(job.id, [...job.executions()])]));
  }

  close(): void {
    this.unsubscribe();
    for (const job of this.jobs.values()) job.close();
  }

  private keep(job: Job, execution: Execution | undefined): Promise<void> {
    return this.write((store) => (execution === undefined ? store.keepFrame(job.kept) : store.keep(job.id, [execution])));
  }

  /** Never rejects: a job that cannot be kept goes on, and says so once. */
  private async write(change: (store: JobStore) => Promise<unknown>): Promise<void> {
    if (this.store === undefined) return;
    try {
      await change(this.store);
      this.isTroubled = false;
    } catch (caught) {
      if (!this.isTroubled) this.trouble(`jobs are kept in memory only: ${asDeviceManagementError(caught).message}`);
      this.isTroubled = true;
    }
  }

  private makeRoom(): void {
    if (this.jobs.size < MOST_JOBS) return;
    const oldest = [...this.jobs.values()].find(({ hasEnded }) => hasEnded);
    if (oldest === undefined)
      throw new DeviceManagementError('too-large', `${MOST_JOBS} jobs are under way, which is all that can be`);
    void this.remove(oldest.id);
  }
}

function* devicesOf(job: Job): IterableIterator<string> {
  for (const { device } of job.executions()) yield device;
}
