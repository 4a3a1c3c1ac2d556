/**
 * Behaviour of dm-job: a loop through the flow. Output 1 has a message for each step; what comes back with its token, through whatever nodes, is
 * its outcome. Output 2 tells progress, output 3 the end.
 */
import { DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import type { Execution } from '../../src/fleet/job/execution';
import type { Job, JobStep, StepOutcome } from '../../src/fleet/job/job';
import { csvOf } from '../../src/fleet/job/report';
import { Selector } from '../../src/fleet/selector';
import { actionOf } from '../runtime/actions';
import { flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import { evaluateInputs, type InputRow } from '../runtime/inputs';
import type { RunningServer } from '../runtime/running-server';
import { StatusLine, serverStatus, status } from '../runtime/status';
import { type JobProperties, planOf } from './plan-of';

export interface JobSettings {
  readonly device: InputRow;
  readonly jobId: InputRow;
  readonly properties: JobProperties;
}

const MOST_STRAYS = 1_000;

type Act = (node: JobNode, message: Message, send: Send) => void | Promise<void>;

const ACTIONS: Readonly<Record<string, Act>> = {
  start: (node, message) => node.start(message),
  pause: (node, message) => node.act(message, (job) => job.pause()),
  resume: (node, message) => node.act(message, (job) => job.resume()),
  cancel: (node, message) => node.act(message, (job) => job.cancel('it was cancelled')),
  approve: (node, message) => node.act(message, (job) => node.approve(job)),
  report: (node, message, send) => node.report(message, send),
  list: (node, message, send) => node.list(message, send),
};

export class JobNode {
  private readonly subscriptions: readonly Unsubscribe[];
  private readonly line: StatusLine;
  /** Tokens that were warned of, once each. */
  private readonly strays = new Set<string>();

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    private readonly settings: JobSettings,
  ) {
    this.line = new StatusLine(server.clock, (shown) => host.show(shown));
    const { events } = server.fleet.jobs;
    const own = (job: Job): boolean => job.kept.owner === host.id;
    this.subscriptions = [
      events.on('step', ({ job, step }) => own(job) && this.step(step)),
      events.on('changed', ({ job, execution }) => own(job) && this.progress(job, execution)),
      events.on('ended', (job) => own(job) && this.ended(job)),
      server.onState(() => this.refresh()),
    ];
    this.refresh();
  }

  async input(message: Message, send: Send, done: Done): Promise<void> {
    try {
      const token = tokenOf(message);
      const isReturn = token !== undefined && this.server.fleet.jobs.returned(token.job, token.token, outcomeOf(message));
      // What nodes on the way have said by msg.action is not said to this one.
      if (!isReturn && token !== undefined) this.stray(token);
      else if (!isReturn) await actionOf(ACTIONS, message)(this, message, send);
      this.refresh();
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  close(removed: boolean): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.line.close();
    if (removed) for (const job of this.own()) job.cancel('its node was deleted');
  }

  // Actions, called by the table above.

  async start(message: Message): Promise<void> {
    const { fleet } = this.server;
    if (this.server.obstacle !== undefined) throw this.server.obstacle;
    const { device, jobId } = await evaluateInputs([this.settings.device, this.settings.jobId], message, this.host);
    const plan = planOf(this.settings.properties, jobId ?? this.newId(), device, message.plan);
    const devices = fleet.choose(Selector.of(plan.devices));
    await fleet.jobs.start(plan, this.host.id, devices);
  }

  act(message: Message, act: (job: Job) => void): void {
    act(this.jobOf(message));
  }

  approve(job: Job): void {
    if (job.approve()) return;
    throw new DeviceManagementError('invalid-request', `job ${job.id} does not wait for approval: it is ${job.summary.state}`);
  }

  report(message: Message, send: Send): void {
    send([null, null, this.reportOf(this.jobOf(message), message)]);
  }

  list(message: Message, send: Send): void {
    message.payload = this.own().map(({ summary }) => summary);
    message.dm = { server: this.server.id, operation: 'list', at: this.server.clock.wall() };
    send([null, null, message]);
  }

  /** A warning and no error: a Catch node may well be wired back to this node. */
  private stray({ job, token }: JobToken): void {
    if (this.strays.has(token)) return;
    this.strays.add(token);
    if (this.strays.size > MOST_STRAYS) this.strays.delete(this.strays.values().next().value as string);
    this.host.warn(`a message of job ${job} has come back twice, or too late: a step counts once, and this is ignored`);
  }

  private step(step: JobStep): void {
    this.host.send([{ topic: step.device, device: step.device, payload: step.device, job: { ...step } }, null, null]);
  }

  private progress(job: Job, execution: Execution | undefined): void {
    this.refresh();
    if (job.hasEnded) return;
    const { state, device, reason, until } = execution ?? {};
    const payload = {
      ...job.summary,
      ...(device !== undefined && {
        device: { device, state, ...(reason !== undefined && { reason }), ...(until !== undefined && { until }) },
      }),
    };
    this.host.send([null, { topic: job.id, payload, dm: this.dm('progress') }, null]);
  }

  private ended(job: Job): void {
    this.refresh();
    this.host.send([null, null, this.reportOf(job, {})]);
  }

  private reportOf(job: Job, message: Message): Message {
    const { report } = job;
    return Object.assign(message, { topic: job.id, payload: report, csv: csvOf(report.devices), dm: this.dm('report') });
  }

  private dm(operation: string): object {
    return { server: this.server.id, operation, at: this.server.clock.wall() };
  }

  private own(): readonly Job[] {
    return this.server.fleet.jobs.all().filter(({ kept }) => kept.owner === this.host.id);
  }

  /** The one that is named, or the only one under way. */
  private jobOf({ jobId }: Message): Job {
    const jobs = this.own();
    const named = jobId === undefined ? jobs.filter(({ hasEnded }) => !hasEnded) : jobs.filter(({ id }) => id === jobId);
    const [job, another] = named;
    if (job !== undefined && another === undefined) return job;
    const known = jobs.map(({ id }) => id).join(', ') || 'none';
    const text = jobId === undefined ? 'which job? say it in msg.jobId' : `there is no job ${JSON.stringify(jobId)}`;
    throw new DeviceManagementError('invalid-request', `${text}; this node has: ${known}`);
  }

  private newId(): string {
    const at = new Date(this.server.clock.wall()).toISOString().replaceAll(/[-:]/g, '').slice(0, 15);
    return `job-${at}-${this.host.newId().slice(-4)}`;
  }

  private refresh(): void {
    this.line.tell(() => {
      const { texts } = this.host;
      const trouble = serverStatus(texts, this.server);
      if (trouble !== undefined) return trouble;
      const job = this.own().at(-1);
      if (job === undefined) return status(texts, 'idle');
      const { wave, waves, counts, state } = job.summary;
      const failed = counts.failed + counts['timed-out'];
      const done = counts.total - counts.pending - counts.waiting - counts.running;
      const key = job.hasEnded ? (state === 'finished' && failed === 0 ? 'job-done' : 'job-ended') : 'job-running';
      return status(texts, key, { wave, waves, done, total: counts.total, failed, state: texts(`job-state.${state}`) });
    });
  }
}

interface JobToken {
  readonly job: string;
  readonly token: string;
}

function tokenOf({ job }: Message): JobToken | undefined {
  const { job: id, token } = (typeof job === 'object' && job !== null ? job : {}) as Partial<JobToken>;
  return typeof id === 'string' && typeof token === 'string' ? { job: id, token } : undefined;
}

/** `msg.error`, as Catch nodes and second outputs have it, or `msg.job.outcome = "failed"`; anything else has succeeded. */
function outcomeOf({ error, job }: Message): StepOutcome {
  const { outcome, reason } = job as { outcome?: unknown; reason?: unknown };
  const { message, code, retryAt } = (error ?? {}) as { message?: unknown; code?: unknown; retryAt?: unknown };
  const failed = (error !== undefined && error !== null) || outcome === 'failed';
  const why = message ?? reason;
  return {
    failed,
    ...(why !== undefined && { reason: String(why) }),
    ...(code === 'deferred' && Number.isFinite(retryAt) && { retryAt: Number(retryAt) }),
  };
}
