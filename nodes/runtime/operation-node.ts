/**
 * The one funnel of all operation nodes: a message in, requests to one device or many, a message out for each; every failure on the
 * message it is about; `done` exactly once. A node says by a table what it takes from a message and what request that makes.
 */
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import { readGuardRules } from '../../src/fleet/guard-rules';
import type { GuardReport } from '../../src/fleet/guard-terms';
import { restored } from '../../src/fleet/guarded-write';
import type { Kept, Order, Outcome } from '../../src/fleet/outcomes';
import type { Provided } from '../../src/fleet/provided';
import type { Selector } from '../../src/fleet/selector';
import { Answers, shownPath } from './answer';
import { type FlowError, flowError, tellFailure } from './failure';
import { collector, splitter, type Told } from './fan-out';
import type { Done, FlowHost, Message, Send } from './flow-host';
import { type Journey, Journeys } from './journey';
import { OperationCounts } from './operation-counts';
import type { OperationKind, Task, TaskFor } from './operation-kind';
import { type OperationSettings, priorityOf } from './operation-settings';
import { questionOf } from './question';
import type { RunningServer } from './running-server';

export class OperationNode {
  private readonly counts: OperationCounts;
  private readonly answers: Answers;
  private readonly journeys = new Journeys();
  /** Ends every wait of this node's own when it closes; what it has asked is for its successor. */
  private readonly closing: Promise<void>;
  private endWaits: () => void = () => {};
  private life: 'here' | 'handed over' | 'removed' = 'here';

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer | undefined,
    private readonly settings: OperationSettings,
    private readonly kind: OperationKind,
  ) {
    this.closing = new Promise((resolve) => {
      this.endWaits = resolve;
    });
    this.answers = new Answers(server, kind);
    this.counts = new OperationCounts(host, server);
    server?.fleet.requests.outcomes.succeed(host.id, (order, outcome) => this.resume(order, outcome));
  }

  /** Handles a message; settles when all that is to be sent for it while this node lives has been sent. */
  async input(message: Message, send: Send, done: Done): Promise<void> {
    const journey = this.journeys.begin(message, send, done);
    try {
      const { selector, single, request, task } = await questionOf(message, this.host, this.server, this.settings, this.kind);
      if (task !== undefined) journey.task = task;
      if (single === undefined) await this.askMany(journey, selector, request);
      else await this.askOne(journey, single, request);
    } catch (caught) {
      this.fail(journey, message, flowError(caught));
      journey.finish();
    }
  }

  close(removed: boolean): void {
    this.life = removed ? 'removed' : 'handed over';
    this.counts.close();
    const { id } = this.host;
    if (removed) this.server?.fleet.requests.cancel(id);
    else this.server?.fleet.requests.outcomes.handOver(id);
    this.endWaits();
    this.journeys.finishAll();
  }

  private async askOne(journey: Journey, device: string, request: OperationRequest): Promise<void> {
    const told: Told = {
      queued: () => journey.finish(),
      succeeded: (result, report) => {
        journey.send(this.answers.onto(journey.message, result, request, report));
        journey.finish();
      },
      failed: (error) => {
        this.fail(journey, this.about(journey.message, device, request), error);
        journey.finish();
      },
    };
    await this.ask(device, request, journey.message, told, journey.task);
  }

  /** A message for each device, `concurrency` at a time, `done` when each has been answered, has failed, or waits. */
  private async askMany(journey: Journey, selector: Selector, request: OperationRequest): Promise<void> {
    const { server, host, answers } = this;
    const { collect, concurrency, failures } = this.settings;
    if (server === undefined) return;
    const devices = server.fleet.choose(selector);
    if (devices.length === 0) {
      throw new DeviceManagementError(
        'not-registered',
        `no registered device matches "${selector.text}"; ${server.manager.size} are registered`,
      );
    }
    const each = collect
      ? collector(journey, devices, request, server, answers)
      : splitter(journey, devices, request, host, answers, failures);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < devices.length; index = next++) {
        const device = devices[index] as string;
        const { message, told } = each(device, index);
        const asked = this.ask(device, request, message, told, journey.task);
        // A deploy in the middle: the rest is asked at once, and answered to the successor.
        await (this.life === 'here' ? Promise.race([asked, this.closing]) : undefined);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, devices.length) }, worker));
    journey.finish();
  }

  /** Settles when the device has answered, has failed, or the request waits for it. */
  private async ask(device: string, request: OperationRequest, message: Message, told: Told, task?: TaskFor): Promise<void> {
    const { server } = this;
    if (server === undefined || this.life === 'removed') return;
    let order: Order;
    try {
      order = this.order(device, task?.(server.manager.registration(device)) ?? { request }, message);
    } catch (caught) {
      return told.failed(flowError(caught));
    }
    if (this.life === 'handed over') return server.fleet.submit(order);
    await new Promise<void>((resolve) => {
      const { counts } = this;
      counts.began();
      let isInFlight = true;
      const landed = (): void => {
        if (isInFlight) counts.landed();
        isInFlight = false;
      };
      server.fleet.submit(order, {
        queued: () => {
          landed();
          told.queued();
          resolve();
        },
        settled: (outcome) => {
          landed();
          counts.settled(outcome);
          if ('error' in outcome) told.failed(flowError(outcome.error));
          else this.guarded(told, outcome.result, outcome.guard);
          resolve();
        },
      });
    });
  }

  /** Making a payload of an answer may fail like any other step, and is as much the message's failure. */
  private guarded(told: Told, result: OperationResult, report?: GuardReport): void {
    try {
      told.succeeded(result, report);
    } catch (caught) {
      told.failed(flowError(asDeviceManagementError(caught, 'decode-error')));
    }
  }

  private order(device: string, task: Task, message: Message): Order {
    const { timeoutMs, ttlMs, whenAsleep } = this.settings;
    return {
      owner: this.host.id,
      device,
      ...task,
      // Somebody waits at the other end of an HTTP request: no answer now is worth more than one tomorrow.
      whenAsleep: message.res === undefined ? whenAsleep : 'fail',
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(ttlMs !== undefined && { ttlMs }),
      priority: priorityOf(this.settings, message),
      ...this.provided(message),
      kept: keptOf(message),
    };
  }

  private provided({ force }: Message): { readonly provided?: Provided } {
    const { guard } = this.settings;
    if (guard === undefined) return {};
    return { provided: { rules: readGuardRules(guard), ...(force === true && { force }) } };
  }

  /** An answer to what an earlier life of this node had asked. */
  private resume(order: Order, outcome: Outcome): void {
    const { device, request, kept } = order;
    const message: Message = { ...kept, device, path: shownPath(request) };
    this.counts.settled(outcome);
    const failed = (error: FlowError): void => this.tell(error, message, this.host.send);
    const succeeded = (answer: OperationResult, report?: GuardReport): void => {
      const result = this.answers.onto(message, answer, request, report);
      result.dm = { ...(result.dm as object), resumed: true };
      this.host.send(result);
    };
    if ('error' in outcome) failed(flowError(outcome.error));
    else this.guarded({ queued: () => {}, succeeded, failed }, outcome.result, outcome.guard ?? restored(order));
  }

  private about(message: Message, device: string, request: OperationRequest): Message {
    return Object.assign(message, { device, path: shownPath(request) });
  }

  private fail(journey: Journey, message: Message, error: FlowError): void {
    this.counts.failed(error.code);
    if (this.settings.failures === 'catch' && !journey.isFinished) journey.finish(error);
    else this.tell(error, message, journey.send);
  }

  private tell(error: FlowError, message: Message, send: Send): void {
    tellFailure(error, message, this.host, this.settings.failures, send);
  }
}

/** What may outlive the message: everything else of it may be large, or not plain data. */
function keptOf({ topic, _msgid, job }: Message): Kept {
  return {
    ...(typeof topic === 'string' && { topic }),
    ...(typeof _msgid === 'string' && { _msgid }),
    ...(job !== undefined && { job }),
  };
}
