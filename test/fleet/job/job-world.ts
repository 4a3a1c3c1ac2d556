/** A fleet with a job, on virtual time; the test carries out its steps. */
import { VirtualClock } from '../../../src/clock';
import { Fleet } from '../../../src/fleet/fleet';
import type { Job, JobStep, StepOutcome } from '../../../src/fleet/job/job';
import { readPlan } from '../../../src/fleet/job/plan';
import { FakeManager } from '../fake-manager';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** Of the wheel that waits and time-outs hang on. */
export const TICK = 500;

export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `dev-${String(index + 1).padStart(3, '0')}`);

export class JobWorld {
  readonly manager = new FakeManager();
  readonly fleet: Fleet;
  readonly steps: JobStep[] = [];
  readonly ended: Job[] = [];
  mostAtOnce = 0;
  private readonly open = new Map<string, JobStep>();

  constructor(
    count: number,
    readonly clock = new VirtualClock(),
  ) {
    this.fleet = new Fleet(this.manager, clock);
    for (const name of names(count)) this.manager.register(name, { objects: ['/3/0', '/5/0'] });
    this.fleet.jobs.events.on('step', ({ step }) => {
      this.steps.push(step);
      this.open.set(step.token, step);
      this.mostAtOnce = Math.max(this.mostAtOnce, this.open.size);
    });
    this.fleet.jobs.events.on('ended', (job) => this.ended.push(job));
    this.fleet.jobs.release();
  }

  async start(plan: object): Promise<Job> {
    const read = readPlan({ id: 'job', devices: '*', ...plan });
    const { job } = await this.fleet.jobs.start(read, 'node-1', [...this.fleet.devices.endpoints()]);
    await this.later(0);
    return job;
  }

  async later(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.clock.advanceAsync(0);
  }

  /** Brings back what is open, each as it says. */
  async bringBack(outcome: (step: JobStep) => StepOutcome = () => ({ failed: false })): Promise<void> {
    while (this.open.size > 0) {
      for (const [token, step] of [...this.open]) {
        this.open.delete(token);
        this.fleet.jobs.returned(step.job, token, outcome(step));
      }
      await this.later(0);
    }
  }

  get asked(): string[] {
    return this.steps.map(({ device }) => device);
  }

  states(job: Job): Record<string, string> {
    return Object.fromEntries([...job.executions()].map(({ device, state }) => [device, state]));
  }
}
