/**
 * Requests to devices that may not be there now. A reachable device is asked at once; one that sleeps, or that was here and is not
 * registered at present, is asked when it comes: one request at a time, in the order of asking. What waits is plain data
 * (`Order`), so that it can outlive the process in a store; who hears the outcome is found by `owner`.
 */
import type { Clock } from '../clock';
import { Deadlines } from '../deadlines';
import type { DeviceManager, LifecycleEvent } from '../device/manager';
import type { OperationName } from '../device/operation';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import type { Devices } from './devices';
import { type Listener, type Order, type Outcome, Outcomes } from './outcomes';
import { Pacer } from './pacer';
import { WaitingLines, type WaitingRequest } from './waiting-lines';

export interface RequestQueueOptions {
  readonly manager: DeviceManager;
  readonly devices: Devices;
  readonly clock: Clock;
  /** Waiting requests; an application that asks faster than a device wakes must learn of it. */
  readonly mostPerDevice?: number;
  readonly mostInTotal?: number;
  /** Devices whose lines move at the same time. */
  readonly linesAtOnce?: number;
}

const DEFAULT_TTL_MS = 86_400_000;
const EXPIRY_TICK_MS = 500;
const RETRY_MS = 1000;
const DEFAULTS = { mostPerDevice: 100, mostInTotal: 10_000, linesAtOnce: 64 };

/** Events after which a device listens. */
const COMING: ReadonlySet<LifecycleEvent['event']> = new Set(['registered', 'updated', 'objects-changed', 'awake']);

/** Asking twice changes nothing, so a request that met a sleeper may be asked again; an Execute may not: it could reboot twice. */
const REPEATABLE: ReadonlySet<OperationName> = new Set(['read', 'discover', 'observe', 'cancel-observation', 'write-attributes']);

/** Before anything was sent: the device had gone or fallen asleep between our look and our request. */
const NOT_SENT: ReadonlySet<string> = new Set(['asleep', 'not-registered']);

export class RequestQueue {
  readonly outcomes: Outcomes;
  private readonly lines: WaitingLines;
  private readonly deadlines: Deadlines<WaitingRequest>;
  private readonly pacer: Pacer;
  private readonly unsubscribe: () => void;

  constructor(private readonly options: RequestQueueOptions) {
    this.outcomes = new Outcomes(options.clock);
    this.lines = new WaitingLines(options.mostPerDevice ?? DEFAULTS.mostPerDevice, options.mostInTotal ?? DEFAULTS.mostInTotal);
    this.deadlines = new Deadlines(options.clock, EXPIRY_TICK_MS, (request) => this.expire(request));
    this.pacer = new Pacer(options.linesAtOnce ?? DEFAULTS.linesAtOnce);
    this.unsubscribe = options.manager.events.on('lifecycle', ({ event, device }) => {
      if (COMING.has(event)) this.move(device);
    });
  }

  /** Requests that wait, of one owner or of all. */
  waiting(owner?: string): number {
    return this.lines.count(owner);
  }

  waitingFor(device: string): number {
    return this.lines.of(device)?.length ?? 0;
  }

  /** Asks now or when the device comes; `listener` is told which, and the outcome; without one, the successor of the owner is. */
  submit(order: Order, listener?: Listener): void {
    if (listener !== undefined) this.outcomes.expect(order, listener);
    const reason = this.reasonToWait(order);
    if (reason === undefined) void this.ask(order);
    else if (this.mayWait(order, reason)) this.wait(order);
    else this.outcomes.settle(order, { error: reason });
  }

  /** Forgets what an owner has waiting; what is on its way is completed, and heard by nobody. */
  cancel(owner: string): void {
    for (const request of this.lines.ofOwner(owner)) {
      this.lines.remove(request);
      this.deadlines.clear(request);
    }
    this.outcomes.forget(owner);
  }

  close(): void {
    this.unsubscribe();
    this.pacer.clear();
    this.deadlines.stop();
    for (const { order } of this.lines.clear()) {
      const text = 'the server has stopped while the request waited for the device; send it again when the server runs';
      this.outcomes.settle(order, { error: new DeviceManagementError('cancelled', text, contextOf(order)) });
    }
    this.outcomes.close();
  }

  /** `undefined`: ask now. */
  private reasonToWait(order: Order): DeviceManagementError | undefined {
    const presence = this.options.manager.presence(order.device);
    if (presence === 'gone') return this.options.devices.absence(order.device, contextOf(order));
    if (presence === 'asleep') return asleep(order);
    // Behind those that came before, else an older write would undo a newer one.
    return order.whenAsleep === 'queue' && this.lines.of(order.device) !== undefined ? asleep(order) : undefined;
  }

  private mayWait(order: Order, reason: DeviceManagementError): boolean {
    if (order.whenAsleep !== 'queue') return false;
    return reason.code === 'asleep' || this.options.devices.isKnown(order.device);
  }

  private wait(order: Order, expiresAt = this.options.clock.monotonic() + (order.ttlMs ?? DEFAULT_TTL_MS)): void {
    const full = this.lines.fullFor(order.device);
    if (full !== undefined) {
      this.outcomes.settle(order, { error: new DeviceManagementError('queue-full', full, contextOf(order)) });
      return;
    }
    const request = this.lines.append(order, expiresAt);
    this.deadlines.set(request, Math.max(0, expiresAt - this.options.clock.monotonic()));
    this.outcomes.queued(order);
    if (this.options.manager.presence(order.device) === 'reachable') this.move(order.device);
  }

  /** Straight through. */
  private async ask(order: Order): Promise<void> {
    const asked = this.options.clock.monotonic();
    const outcome = await this.perform(order);
    if ('error' in outcome && this.shouldWaitAfter(order, outcome.error))
      this.wait(order, asked + (order.ttlMs ?? DEFAULT_TTL_MS));
    else this.outcomes.settle(order, outcome);
  }

  private shouldWaitAfter(order: Order, error: DeviceManagementError): boolean {
    if (order.whenAsleep !== 'queue' || !this.outcomes.isWanted(order)) return false;
    if (NOT_SENT.has(error.code)) return this.options.devices.isKnown(order.device);
    const metSleeper = error.code === 'timeout' && this.options.manager.presence(order.device) === 'asleep';
    return metSleeper && REPEATABLE.has(order.request.operation);
  }

  private async perform(order: Order): Promise<Outcome> {
    try {
      const options = order.timeoutMs === undefined ? {} : { timeoutMs: order.timeoutMs };
      return { result: await this.options.manager.perform(order.device, order.request, options) };
    } catch (caught) {
      return { error: asDeviceManagementError(caught).of(contextOf(order)) };
    }
  }

  /** The device is there: its line moves until it is empty or the device is away again. */
  private move(device: string): void {
    const line = this.lines.of(device);
    if (line === undefined || line.moving) return;
    line.moving = true;
    this.pacer.run(async () => {
      for (let next = line.first; next !== undefined && this.isReachable(device); next = line.first) {
        if (!(await this.askFirst(next))) break;
      }
      line.moving = false;
      this.lines.release(line);
      // It may have come back in the very moment its last refusal arrived; that event found the line moving.
      if (line.length > 0 && this.isReachable(device)) this.options.clock.after(RETRY_MS, () => this.move(device));
    });
  }

  private isReachable(device: string): boolean {
    return this.options.manager.presence(device) === 'reachable';
  }

  /** @returns whether the line may go on; if not, the request stays where it is, until the device comes again or it expires */
  private async askFirst(request: WaitingRequest): Promise<boolean> {
    request.inFlight = true;
    const outcome = await this.perform(request.order);
    request.inFlight = false;
    // Expired or cancelled while under way: its outcome is known already.
    if (request.gone) return true;
    if ('error' in outcome && this.shouldWaitAfter(request.order, outcome.error)) return false;
    this.lines.remove(request);
    this.deadlines.clear(request);
    this.outcomes.settle(request.order, outcome);
    return true;
  }

  private expire(request: WaitingRequest): void {
    // Once asked, `timeout` bounds it, not the wait.
    if (request.inFlight) {
      this.deadlines.set(request, EXPIRY_TICK_MS);
      return;
    }
    this.lines.remove(request);
    const { order } = request;
    const seconds = Math.round((order.ttlMs ?? DEFAULT_TTL_MS) / 1000);
    const text = `device '${order.device}' did not come within ${seconds} s, so the request was given up; allow a longer wait, or see why the device is silent`;
    this.outcomes.settle(order, { error: new DeviceManagementError('queue-expired', text, contextOf(order)) });
  }
}

function asleep(order: Order): DeviceManagementError {
  const text = `device '${order.device}' is asleep (queue mode); let the request wait for it (queue), or send it when the device is awake`;
  return new DeviceManagementError('asleep', text, contextOf(order));
}

function contextOf({ device, request }: Order): { device: string; path: string } {
  return { device, path: request.path };
}
