/**
 * Requests to devices that may not be there now. A reachable device is asked at once; one that sleeps, or that was here and is not
 * registered at present, is asked when it comes: one request at a time, by priority and in the order of asking. A device in queue
 * mode is asked one at a time even while it is awake: when it falls asleep in the middle, what it has not heard waits. What waits
 * is plain data (`Order`), so that it can outlive the process in a store; who hears the outcome is found by `owner`.
 */
import type { Clock } from '../clock';
import { Deadlines } from '../deadlines';
import type { DeviceManager, LifecycleEvent } from '../device/manager';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import { isRepeatable, supersedes } from './coalescing';
import type { Devices } from './devices';
import type { Guards } from './guard';
import { type Listener, type Order, type Outcome, Outcomes } from './outcomes';
import { Pacer } from './pacer';
import { objection } from './provided';
import type { KeptRequest, RequestJournal } from './request-journal';
import { following } from './sequence';
import { contextOf, DEFAULT_TTL_MS, expired, interrupted, stopped, superseded, withdrawn } from './waiting-errors';
import { type WaitingLine, WaitingLines, type WaitingRequest } from './waiting-lines';
import { isAnswer, WaitingRules, wasSent } from './waiting-rules';
import { viewOf, type WaitingView } from './waiting-view';

export interface RequestQueueOptions {
  readonly manager: DeviceManager;
  readonly devices: Devices;
  readonly clock: Clock;
  readonly guards: Guards;
  /** Why a device cannot be asked anything, ever: then it is not waited for. */
  readonly refusal?: (device: string) => DeviceManagementError | undefined;
  /** Waiting requests; an application that asks faster than a device wakes must learn of it. */
  readonly mostPerDevice?: number;
  readonly mostInTotal?: number;
  /** Devices whose lines move at the same time. */
  readonly linesAtOnce?: number;
}

const EXPIRY_TICK_MS = 500;
const RETRY_MS = 1000;
const DEFAULTS = { mostPerDevice: 100, mostInTotal: 10_000, linesAtOnce: 64 };

/** Events after which a device listens. */
const COMING: ReadonlySet<LifecycleEvent['event']> = new Set(['registered', 'updated', 'objects-changed', 'awake']);

export class RequestQueue {
  readonly outcomes: Outcomes;
  private readonly rules: WaitingRules;
  private readonly lines: WaitingLines;
  private readonly deadlines: Deadlines<WaitingRequest>;
  private readonly pacer: Pacer;
  private readonly unsubscribe: () => void;
  private journal: RequestJournal | undefined;

  constructor(private readonly options: RequestQueueOptions) {
    this.outcomes = new Outcomes(options.clock);
    this.rules = new WaitingRules(options.manager, options.devices);
    this.lines = new WaitingLines(options.mostPerDevice ?? DEFAULTS.mostPerDevice, options.mostInTotal ?? DEFAULTS.mostInTotal);
    this.deadlines = new Deadlines(options.clock, EXPIRY_TICK_MS, (request) => this.expire(request));
    this.pacer = new Pacer(options.linesAtOnce ?? DEFAULTS.linesAtOnce);
    this.unsubscribe = options.manager.events.on('lifecycle', ({ event, device }) => {
      if (COMING.has(event)) this.move(device);
    });
  }

  /** Requests that wait for their device, of one owner or of all. */
  waiting(owner?: string): number {
    return this.lines.count(owner);
  }

  /** The line of a device, in the order of asking it. */
  line(device: string): readonly WaitingView[] {
    const { clock } = this.options;
    const toWall = clock.wall() - clock.monotonic();
    return (this.lines.of(device)?.requests ?? []).map((request) => viewOf(request, toWall));
  }

  /** Asks now or when the device comes; `listener` is told which, and the outcome; without one, the successor of the owner is. */
  submit(order: Order, listener?: Listener): void {
    if (listener !== undefined) this.outcomes.expect(order, listener);
    const refusal = this.options.refusal?.(order.device);
    if (refusal !== undefined) return this.outcomes.settle(order, { error: refusal });
    const reason = this.rules.reasonToWait(order);
    if (order.whenHeard === true) this.wait(order);
    else if (reason !== undefined && !this.rules.mayWait(order, reason)) this.outcomes.settle(order, { error: reason });
    else if (reason !== undefined || this.rules.standsInLine(order, this.lines.of(order.device))) this.wait(order);
    else void this.ask(order);
  }

  /**
   * Takes a request out of the line of its device; who asked is told `cancelled`.
   * @returns false when it is not there any more, or is being asked at this moment
   */
  withdraw(device: string, id: number): boolean {
    const request = this.lines.of(device)?.requests.find((candidate) => candidate.id === id);
    if (request === undefined || request.inFlight) return false;
    this.settle(request, { error: withdrawn(request.order) });
    return true;
  }

  /** Forgets what an owner has waiting; what is on its way is completed, and heard by nobody. */
  cancel(owner: string): void {
    for (const request of this.lines.ofOwner(owner)) this.leave(request);
    this.outcomes.forget(owner);
  }

  /**
   * From now on what waits is kept in the journal; what an earlier life has left there waits again, and is answered to the successors of
   * its owners.
   */
  async restore(journal: RequestJournal): Promise<void> {
    this.journal = journal;
    for await (const { id, kept } of journal.load()) this.standAgain(id, kept, journal);
  }

  /** Writes all that waits once more, where the store may not have it. */
  async keepAll(): Promise<void> {
    const { journal } = this;
    if (journal === undefined) return;
    const waiting = this.lines.all().filter(({ waits }) => waits);
    for (const request of waiting) void this.keep(request, journal, request.inFlight && !isRepeatable(request.order.request));
    const ids = new Set(waiting.map(({ id }) => id));
    for await (const { id } of journal.load()) if (!ids.has(id)) journal.forget(id);
  }

  /** Devices can be asked from now on: those that are there are, so many at a time. */
  resume(): void {
    for (const device of this.lines.devices()) {
      // One that was there before the restart has not been heard since.
      const mayTry = this.isReachable(device) && this.lines.of(device)?.first?.order.whenHeard !== true;
      if (mayTry) this.move(device);
    }
  }

  /** @param goesOn what is in the store is asked in another life */
  close(goesOn = true): void {
    this.unsubscribe();
    this.pacer.clear();
    this.deadlines.stop();
    for (const { order, waits } of this.lines.clear()) {
      // What is in the store goes on in the next life.
      if (!waits || this.journal === undefined || !goesOn) this.outcomes.settle(order, { error: stopped(order) });
    }
    this.outcomes.close();
  }

  private wait(order: Order): void {
    for (const older of this.lines.of(order.device)?.supersededBy(order) ?? [])
      this.settle(older, { error: superseded(older.order) });
    this.stand(order, this.options.clock.monotonic());
  }

  /** It was asked at once and has not been heard: it comes before whatever was asked since, unless that has made it needless. */
  private waitAgain(order: Order, askedAt: number): void {
    const line = this.lines.of(order.device);
    if (line?.requests.some((later) => supersedes(later.order.request, order.request)) === true)
      this.outcomes.settle(order, { error: superseded(order) });
    else this.stand(order, askedAt, line?.first?.inFlight === true ? 1 : 0);
  }

  private stand(order: Order, askedAt: number, place?: number): void {
    const { clock, manager } = this.options;
    const full = this.lines.fullFor(order.device);
    if (full !== undefined) {
      this.outcomes.settle(order, { error: new DeviceManagementError('queue-full', full, contextOf(order)) });
      return;
    }
    const expiresAt = askedAt + (order.ttlMs ?? DEFAULT_TTL_MS);
    const request = this.lines.add(order, expiresAt, clock.wall(), place === undefined ? {} : { place });
    this.deadlines.set(request, Math.max(0, expiresAt - clock.monotonic()));
    // Whoever asks has a limit of his own; a thousand devices that come at once have none.
    const isThere = order.whenHeard !== true && manager.presence(order.device) === 'reachable';
    if (isThere) this.move(order.device, (task) => void task());
    else this.tellWaiting(request);
  }

  /** The device is not there: its request has to wait for it, and whoever asked may go on with something else. */
  private tellWaiting(request: WaitingRequest): void {
    if (!this.lines.markWaiting(request)) return;
    if (this.journal === undefined) this.outcomes.queued(request.order);
    else void this.keep(request, this.journal).then(() => this.outcomes.queued(request.order));
  }

  private keep({ id, order, since, expiresAt }: WaitingRequest, journal: RequestJournal, sent = false): Promise<void> {
    const { clock } = this.options;
    return journal.keep(id, { order, since, expiresAt: Math.round(clock.wall() - clock.monotonic() + expiresAt), sent });
  }

  private standAgain(id: number, { order, since, expiresAt, sent }: KeptRequest, journal: RequestJournal): void {
    const { clock } = this.options;
    // A clock set back must not make a wait longer than was asked for.
    const left = Math.min(expiresAt - clock.wall(), order.ttlMs ?? DEFAULT_TTL_MS);
    if (sent || left <= 0) {
      journal.forget(id);
      this.outcomes.settle(order, { error: sent ? interrupted(order) : expired(order) });
      return;
    }
    const request = this.lines.add(order, clock.monotonic() + left, since, { id });
    this.lines.markWaiting(request);
    this.deadlines.set(request, left);
  }

  /** Straight through. */
  private async ask(order: Order): Promise<void> {
    const asked = this.options.clock.monotonic();
    const outcome = await this.perform(order);
    if ('error' in outcome && this.shouldWaitAfter(order, outcome.error, 1)) return this.waitAgain(order, asked);
    const next = this.nextOf(order, outcome);
    if (next === undefined) this.outcomes.settle(order, outcome);
    else this.submit(next);
  }

  /** Whoever asked hears of the last of a sequence; one whose asker is gone ends where it is. */
  private nextOf(order: Order, outcome: Outcome): Order | undefined {
    const next = this.outcomes.isWanted(order) ? following(order, outcome) : undefined;
    if (next !== undefined) this.outcomes.pass(order, outcome, next);
    return next;
  }

  private shouldWaitAfter(order: Order, error: DeviceManagementError, attempts: number): boolean {
    return this.outcomes.isWanted(order) && this.rules.waitsAfter(order, error, attempts);
  }

  private async perform(order: Order): Promise<Outcome> {
    const { clock } = this.options;
    const began = clock.monotonic();
    try {
      const error = order.provided === undefined ? undefined : await objection(order, this.options.guards);
      if (error !== undefined) return { error };
      const options = order.timeoutMs === undefined ? {} : { timeoutMs: order.timeoutMs };
      return { result: await this.options.manager.perform(order.device, order.request, options) };
    } catch (caught) {
      return { error: asDeviceManagementError(caught).of(contextOf(order)), elapsedMs: clock.monotonic() - began };
    }
  }

  /** The device is there: its line moves until it is empty or the device is away again. */
  private move(device: string, run = (task: () => Promise<void>): void => this.pacer.run(task)): void {
    const line = this.lines.of(device);
    if (line === undefined || line.moving) return;
    line.moving = true;
    run(async () => {
      for (let next = line.first; next !== undefined && this.isReachable(device); next = line.first) {
        if (!(await this.askFirst(line, next))) break;
      }
      line.moving = false;
      this.lines.release(line);
      if (line.length === 0) return;
      // It may have come back in the very moment its last refusal arrived; that event found the line moving.
      const mayTry = this.isReachable(device) && line.first?.order.whenHeard !== true;
      if (mayTry) this.options.clock.after(RETRY_MS, () => this.move(device));
      else for (const request of line.requests) this.tellWaiting(request);
    });
  }

  private isReachable(device: string): boolean {
    return this.options.manager.presence(device) === 'reachable';
  }

  /**
   * Those who stand there now and ask the same share the answer; whoever comes later wants to know what is true later.
   * @returns whether the line may go on; if not, the request stays where it is, until the device comes again or it expires
   */
  private async askFirst(line: WaitingLine, request: WaitingRequest): Promise<boolean> {
    const sharing = line.sharingWithFirst();
    request.inFlight = true;
    const mayRepeat = request.order.whenHeard === true || isRepeatable(request.order.request);
    const marked = request.waits && !mayRepeat ? this.journal : undefined;
    if (marked !== undefined) await this.keep(request, marked, true);
    // Its owner may have gone meanwhile.
    if (request.gone) return true;
    const outcome = await this.perform(request.order);
    request.inFlight = false;
    if ('error' in outcome && !isAnswer(outcome.error)) {
      if (wasSent(outcome.error)) request.attempts++;
      if (!request.gone && this.shouldWaitAfter(request.order, outcome.error, request.attempts)) {
        if (marked !== undefined) void this.keep(request, marked);
        return false;
      }
      this.settle(request, outcome);
    } else for (const answered of sharing) this.settle(answered, outcome);
    return true;
  }

  /** Out of the line with it; told once. */
  private settle(request: WaitingRequest, outcome: Outcome): void {
    // Expired or cancelled while it was under way: its outcome is known already.
    if (request.gone) return;
    const next = this.nextOf(request.order, outcome);
    if (next !== undefined) this.succeedInLine(request, next);
    this.leave(request);
    if (next === undefined) this.outcomes.settle(request.order, outcome);
  }

  /** The next of a sequence stands where the one before stood, within the same time, and is kept where that was. */
  private succeedInLine(request: WaitingRequest, next: Order): void {
    const { clock } = this.options;
    const place = this.lines.of(next.device)?.requests.indexOf(request) ?? 0;
    const successor = this.lines.add(next, request.expiresAt, request.since, { place: place + 1 });
    this.deadlines.set(successor, Math.max(0, request.expiresAt - clock.monotonic()));
    if (request.waits) this.tellWaiting(successor);
  }

  private leave(request: WaitingRequest): void {
    this.lines.remove(request);
    this.deadlines.clear(request);
    if (request.waits) this.journal?.forget(request.id);
  }

  private expire(request: WaitingRequest): void {
    // Once asked, `timeout` bounds it, not the wait.
    if (request.inFlight) {
      this.deadlines.set(request, EXPIRY_TICK_MS);
      return;
    }
    this.settle(request, { error: expired(request.order) });
  }
}
