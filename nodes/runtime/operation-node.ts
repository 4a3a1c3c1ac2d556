/**
 * The one funnel of all operation nodes: a message in, requests to one device or many, a message out for each; every failure on the
 * message it is about; `done` exactly once. A node says by a table what it takes from a message and what request that makes.
 */
import type { Registration } from '../../src/device/manager';
import type { OperationName, OperationRequest, OperationResult } from '../../src/device/operation';
import { Path } from '../../src/device/path';
import { isPathList, pathListText } from '../../src/device/path-list';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import type { GuardReport } from '../../src/fleet/guard-terms';
import { restored } from '../../src/fleet/guarded-write';
import type { Kept, Order, Outcome } from '../../src/fleet/outcomes';
import { Selector } from '../../src/fleet/selector';
import { type FlowError, flowError, withError } from './failure';
import type { Done, FlowHost, Message, Send } from './flow-host';
import { evaluateInputs, type InputRow, sourceOf } from './inputs';
import { OperationCounts } from './operation-counts';
import { type OperationSettings, priorityOf } from './operation-settings';
import type { RunningServer } from './running-server';

export type Values = Readonly<Record<string, unknown>>;

/** What makes one operation node different from the others. */
export interface OperationKind {
  /** Inputs besides device and path. */
  readonly inputs?: readonly InputRow[];
  /** A preset's. */
  readonly fixedPath?: string;
  /** @throws DeviceManagementError when the values make no request */
  request(path: string, values: Values): OperationRequest;
  /** The same for several paths at once, or for everything ("/"); absent where one path is all that can be asked for. */
  requestMany?(list: string, values: Values): OperationRequest;
  /**
   * A preset's: what is asked of a certain device instead, since its path need not be everybody's. Takes out of the message what nobody
   * behind this node shall see.
   */
  task?(values: Values, message: Message): TaskFor;
  /** `msg.payload` of the result; `undefined` leaves that of the message. */
  payload(result: OperationResult, request: OperationRequest, target: Path, server: RunningServer): unknown;
}

export type Task = Pick<Order, 'request' | 'further' | 'guard'>;
/** @throws DeviceManagementError where this device cannot be asked so */
export type TaskFor = (registration: Registration | undefined) => Task;

/** One message on its way, until `done`. */
interface Journey {
  readonly message: Message;
  task?: TaskFor;
  readonly send: Send;
  finish(error?: FlowError): void;
  readonly isFinished: boolean;
}

export class OperationNode {
  private readonly counts: OperationCounts;
  private readonly journeys = new Set<Journey>();
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
    this.counts = new OperationCounts(host, server);
    server?.fleet.requests.outcomes.succeed(host.id, (order, outcome) => this.resume(order, outcome));
  }

  /** Handles a message; settles when all that is to be sent for it while this node lives has been sent. */
  async input(message: Message, send: Send, done: Done): Promise<void> {
    const journey = this.begin(message, send, done);
    try {
      const { selector, single, request, task } = await this.prepare(message);
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
    for (const journey of this.journeys) journey.finish();
  }

  private begin(message: Message, send: Send, done: Done): Journey {
    const { journeys } = this;
    let isFinished = false;
    const journey: Journey = {
      message,
      send,
      get isFinished() {
        return isFinished;
      },
      finish(error) {
        if (isFinished) return;
        isFinished = true;
        journeys.delete(journey);
        if (error === undefined) done();
        else done(error);
      },
    };
    journeys.add(journey);
    return journey;
  }

  /** What is to be asked of whom. */
  private async prepare(message: Message): Promise<Question> {
    const { device, path } = this.settings;
    const fixed = this.kind.fixedPath;
    const rows = [device, ...(fixed === undefined ? [path] : []), ...(this.kind.inputs ?? [])];
    const values = await evaluateInputs(rows, message, this.host);
    // Before anything else can fail: what it takes out of the message is for no Catch node.
    const task = this.kind.task?.(values, message);
    const { server } = this;
    if (server === undefined) throw noServer();
    const selector = selectorOf(values.device, device);
    priorityOf(this.settings, message);
    const request = this.requestFor(fixed ?? values.path, values);
    if (server.obstacle !== undefined) throw server.obstacle;
    // An array of one is still a list: whoever sends lists wants `parts`.
    const single = this.settings.collect || Array.isArray(values.device) ? undefined : selector.single;
    return { selector, single, request, ...(task !== undefined && { task }) };
  }

  private requestFor(value: unknown, values: Values): OperationRequest {
    const { kind } = this;
    const row = this.settings.path;
    if (Array.isArray(value)) {
      if (kind.requestMany === undefined) throw onePathOnly(row);
      return kind.requestMany(pathListOf(value, row), values);
    }
    const text = pathTextOf(value, row);
    if (kind.requestMany === undefined) return kind.request(Path.parse(text).toString(), values);
    if (isPathList(text)) return kind.requestMany(pathListOf(text.split(','), row), values);
    const path = Path.parse(text);
    return path.level === 'root' ? kind.requestMany('/', values) : kind.request(path.toString(), values);
  }

  private async askOne(journey: Journey, device: string, request: OperationRequest): Promise<void> {
    const told: Told = {
      queued: () => journey.finish(),
      succeeded: (result, report) => {
        journey.send(this.withResult(journey.message, result, request, report));
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
    const { server } = this;
    if (server === undefined) return;
    const devices = selector.choose(server.fleet.devices.endpoints());
    if (devices.length === 0) {
      throw new DeviceManagementError(
        'not-registered',
        `no registered device matches "${selector.text}"; ${server.manager.size} are registered`,
      );
    }
    const each = this.settings.collect ? this.collector(journey, devices, request) : this.splitter(journey, devices, request);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < devices.length; index = next++) {
        const asked = each(devices[index] as string, index);
        // A deploy in the middle: the rest is asked at once, and answered to the successor.
        await (this.life === 'here' ? Promise.race([asked, this.closing]) : undefined);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.settings.concurrency, devices.length) }, worker));
    journey.finish();
  }

  private splitter(journey: Journey, devices: readonly string[], request: OperationRequest) {
    const id = this.host.newId();
    const count = devices.length;
    return (device: string, index: number): Promise<void> => {
      const message = this.host.clone(journey.message);
      // As Split does: what the message was part of is kept for a second Join.
      const outer = message.parts === undefined ? {} : { parts: message.parts };
      delete (message as { _msgid?: string })._msgid;
      Object.assign(message, { device, path: shownPath(request) });
      message.parts = { ...outer, id, type: 'object', key: device, index, count };
      const told: Told = {
        queued: () => {},
        succeeded: (result, report) => journey.send(this.withResult(message, result, request, report)),
        failed: (error) => {
          if (this.settings.failures === 'output') journey.send([null, withError(message, error, this.host)]);
          else this.host.raise(error, message);
        },
      };
      return this.ask(device, request, message, told, journey.task);
    };
  }

  private collector(journey: Journey, devices: readonly string[], request: OperationRequest) {
    const { server } = this;
    const collected: Record<string, { value: unknown } | { error: { code: string; message: string } }> = {};
    let left = devices.length;
    const complete = (): void => {
      if (--left > 0) return;
      const payload = Object.fromEntries(devices.map((device) => [device, collected[device]]));
      const dm = { server: server?.id, operation: request.operation, at: server?.clock.wall() };
      journey.send(Object.assign(journey.message, { device: devices, path: shownPath(request), payload, dm }));
    };
    return (device: string): Promise<void> => {
      const told: Told = {
        queued: () => {},
        succeeded: (result, report) => {
          collected[device] = { value: report ?? this.payloadOf(result, request) ?? null };
          complete();
        },
        failed: ({ code, message }) => {
          collected[device] = { error: { code, message } };
          complete();
        },
      };
      return this.ask(device, request, journey.message, told, journey.task);
    };
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
      kept: keptOf(message),
    };
  }

  /** An answer to what an earlier life of this node had asked. */
  private resume(order: Order, outcome: Outcome): void {
    const { device, request, kept } = order;
    const message: Message = { ...kept, device, path: shownPath(request) };
    this.counts.settled(outcome);
    const failed = (error: FlowError): void => {
      if (this.settings.failures === 'output') this.host.send([null, withError(message, error, this.host)]);
      else this.host.raise(error, message);
    };
    const succeeded = (answer: OperationResult, report?: GuardReport): void => {
      const result = this.withResult(message, answer, request, report);
      result.dm = { ...(result.dm as object), resumed: true };
      this.host.send(result);
    };
    if ('error' in outcome) failed(flowError(outcome.error));
    else this.guarded({ queued: () => {}, succeeded, failed }, outcome.result, outcome.guard ?? restored(order));
  }

  private withResult(message: Message, result: OperationResult, request: OperationRequest, report?: GuardReport): Message {
    const { device, operation, code, contentFormat, rtt, at, created, absent, refused, fallback } = result;
    const payload = report ?? this.payloadOf(result, request);
    if (payload !== undefined) message.payload = payload;
    return Object.assign(message, {
      device,
      path: shownPath(result),
      dm: {
        server: this.server?.id,
        operation,
        code,
        ...(contentFormat !== undefined && { contentFormat }),
        ...(created !== undefined && { created }),
        ...(absent !== undefined && { absent }),
        ...(refused !== undefined && { refused }),
        ...(fallback !== undefined && { fallback }),
        rtt,
        at,
      },
    });
  }

  private payloadOf(result: OperationResult, request: OperationRequest): unknown {
    return this.server === undefined ? undefined : this.kind.payload(result, request, targetOf(request), this.server);
  }

  private about(message: Message, device: string, request: OperationRequest): Message {
    return Object.assign(message, { device, path: shownPath(request) });
  }

  private fail(journey: Journey, message: Message, error: FlowError): void {
    this.counts.failed(error.code);
    if (this.settings.failures === 'output') journey.send([null, withError(message, error, this.host)]);
    else if (journey.isFinished) this.host.raise(error, message);
    else journey.finish(error);
  }
}

/** What a message asks, of whom. */
interface Question {
  readonly selector: Selector;
  /** The one device, where it is not one of many. */
  readonly single: string | undefined;
  readonly request: OperationRequest;
  readonly task?: TaskFor;
}

interface Told {
  queued(): void;
  succeeded(result: OperationResult, report?: GuardReport): void;
  failed(error: FlowError): void;
}

export function noServer(): DeviceManagementError {
  return new DeviceManagementError(
    'invalid-request',
    'this node has no LwM2M server: open it, choose or add one, and deploy (a disabled server does not count)',
  );
}

function selectorOf(value: unknown, row: InputRow): Selector {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) {
    throw new DeviceManagementError(
      'invalid-request',
      `which device? ${sourceOf(row)} is empty: choose a device in the node, or send its endpoint name in msg.device`,
    );
  }
  return Selector.of(value);
}

function pathTextOf(value: unknown, row: InputRow): string {
  if (value === undefined || value === null || value === '') {
    throw new DeviceManagementError(
      'invalid-path',
      `which path? ${sourceOf(row)} is empty: set a path such as /3/0/9 in the node, or send it in msg.path`,
    );
  }
  if (typeof value === 'string') return value;
  throw new DeviceManagementError('invalid-path', `${sourceOf(row)} must be a text such as /3/0/9, but it is a ${typeof value}`);
}

function pathListOf(paths: readonly unknown[], row: InputRow): string {
  if (paths.length === 0) {
    throw new DeviceManagementError('invalid-path', `which paths? ${sourceOf(row)} is an empty list: send ["/3/0/9", …]`);
  }
  return pathListText(paths.map((path) => pathTextOf(path, row)));
}

function onePathOnly(row: InputRow): DeviceManagementError {
  return new DeviceManagementError('invalid-path', `${sourceOf(row)} is a list, and this operation takes one path`);
}

interface About {
  readonly operation: OperationName;
  readonly path: string;
}

function isComposite({ operation }: About): boolean {
  return operation === 'read-composite' || operation === 'write-composite';
}

/** As a message has it: a list of paths is an array. */
function shownPath(about: About): string | readonly string[] {
  return isComposite(about) && about.path !== '/' ? about.path.split(',') : about.path;
}

/** What payloads are relative to. */
function targetOf(about: About): Path {
  return isComposite(about) ? Path.root : Path.parse(about.path);
}

/** What may outlive the message: everything else of it may be large, or not plain data. */
export function keptOf({ topic, _msgid, job }: Message): Kept {
  return {
    ...(typeof topic === 'string' && { topic }),
    ...(typeof _msgid === 'string' && { _msgid }),
    ...(job !== undefined && { job }),
  };
}
