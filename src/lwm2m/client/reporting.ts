/**
 * The information reporting interface (LwM2M Core 1.1.1 §6.4): keeps observations, and notifies when attributes and values say so.
 * Changes of one turn are reported together and after the answer that caused them.
 */
import type { Clock, Timer } from '../../clock';
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { CoapLayer, ResponseSpec } from '../../coap/layer';
import type { NotificationOutcome } from '../../coap/notifier';
import type { Path } from '../../device/path';
import type { Events } from '../../events';
import { type AttachedAttributes, checkAttached, readAttributes } from './attached-attributes';
import type { ClientEvents } from './client-events';
import { type DefaultPeriods, periodsOf } from './conditions';
import type { ObjectTree } from './objects';
import { ObservedTarget, type Snapshot } from './observed-target';
import type { ObservationKeeper } from './operations';
import { payloadOf, readValues } from './reading';
import { badRequest, Refusal } from './refusal';

export interface ReportingOptions {
  readonly clock: Clock;
  readonly layer: CoapLayer;
  readonly tree: ObjectTree;
  readonly attached: AttachedAttributes;
  readonly defaults: () => DefaultPeriods;
  /** Whether every notification is to be acknowledged, or one a day. */
  readonly confirmable: () => boolean;
  readonly events: Events<ClientEvents>;
  /** An exception that is no refusal. */
  readonly onBug: (error: unknown) => void;
}

/** A server that observes everything one by one is still below it; more would be a loop. */
const MOST_OBSERVATIONS = 200;

export class Reporting implements ObservationKeeper {
  private readonly targets = new Map<string, ObservedTarget>();
  private readonly timers = new Map<ObservedTarget, Timer>();
  private flush: Timer | undefined;

  constructor(private readonly options: ReportingOptions) {
    options.tree.events.on('changed', (paths) => this.changed(paths));
    options.tree.events.on('instances', ({ path }) => this.changed([path]));
  }

  get size(): number {
    return this.targets.size;
  }

  /** Paths under observation. */
  get paths(): readonly string[] {
    return [...this.targets.values()].map(({ path }) => path.toString());
  }

  observe(request: IncomingRequest, path: Path): ResponseSpec {
    const { clock, layer } = this.options;
    const own = this.ownAttributes(request, path);
    const first = this.snapshot(path, request.accept);
    const key = keyOf(request);
    const { endpoint, accept } = request;
    const response = { code: Code.Content, contentFormat: first.contentFormat, payload: first.payload };
    // Full: the value is given and nothing is promised (RFC 7641 §3.1).
    if (this.targets.size >= MOST_OBSERVATIONS && !this.targets.has(key)) return response;
    const token = Buffer.from(request.token);
    const target = new ObservedTarget(endpoint, token, path, accept, own, layer.servingKey(request), first, clock.monotonic());
    this.drop(this.targets.get(key));
    this.targets.set(key, target);
    this.refresh(target);
    this.options.events.emit('observed', { path: path.toString() });
    return { ...response, observe: target.takeSequence() };
  }

  cancel(request: IncomingRequest): void {
    const target = this.targets.get(keyOf(request));
    if (target !== undefined) this.end(target, 'cancelled by the server');
  }

  /** Attributes of paths changed: periods run on from the last notification. */
  attributesChanged(): void {
    for (const target of this.targets.values()) this.refresh(target);
  }

  /** The registration is gone, and with it every observation. */
  endAll(reason: string): void {
    for (const target of [...this.targets.values()]) this.end(target, reason);
    this.flush?.cancel();
    this.flush = undefined;
  }

  private ownAttributes(request: IncomingRequest, path: Path): ObservedTarget['ownAttributes'] {
    if (request.query.length === 0) return undefined;
    const { version, model } = this.options.tree;
    if (version < '1.2') throw badRequest(`LwM2M ${version} has no attributes in Observe: use Write-Attributes`);
    const attributes = readAttributes(request.query);
    checkAttached(attributes, path, version, model);
    return attributes;
  }

  private changed(paths: readonly Path[]): void {
    let any = false;
    for (const target of this.targets.values()) {
      if (!paths.some((path) => path.contains(target.path) || target.path.contains(path))) continue;
      target.changed = true;
      any = true;
    }
    if (any) this.flush ??= this.options.clock.after(0, this.look);
  }

  private readonly look = (): void => {
    this.flush = undefined;
    for (const target of [...this.targets.values()]) this.consider(target);
  };

  /** Does what is due now, and sees to it that the rest is done when it is. */
  private consider(target: ObservedTarget): void {
    if (target.inFlight || this.targets.get(keyOf(target)) !== target) return;
    const now = this.options.clock.monotonic();
    try {
      let present: Snapshot | undefined;
      if (target.shouldEvaluate(now)) {
        present = this.snapshot(target.path, target.accept);
        target.evaluate(present, now);
      }
      if (target.shouldReport(now)) {
        present ??= this.snapshot(target.path, target.accept);
        this.notify(target, target.report(present, now));
      }
    } catch (error) {
      return this.fail(target, error);
    }
    this.schedule(target);
  }

  /**
   * What was observed is no more, or no longer readable: an error notification ends it (RFC 7641 §4.2). An exception of a read
   * behaviour is the application's bug; thrown on from a timer it would take the process along.
   */
  private fail(target: ObservedTarget, error: unknown): void {
    const { endpoint, token } = target;
    const isRefusal = error instanceof Refusal;
    if (!isRefusal) this.options.onBug(error);
    this.options.layer.notify(
      endpoint,
      token,
      { code: isRefusal ? error.code : Code.InternalServerError },
      { confirmable: true },
    );
    this.end(target, isRefusal ? error.message : `${target.path} could not be read`);
  }

  private notify(target: ObservedTarget, response: ResponseSpec): void {
    const { clock, layer } = this.options;
    const confirmable = this.options.confirmable() || target.needsConfirmation(clock.monotonic());
    const { endpoint, token, servingKey } = target;
    target.inFlight = confirmable;
    layer.notify(endpoint, token, response, { confirmable, servingKey }, (outcome) => this.outcome(target, outcome));
  }

  private outcome(target: ObservedTarget, outcome: NotificationOutcome): void {
    target.inFlight = false;
    if (outcome === 'acknowledged') {
      target.confirmed(this.options.clock.monotonic());
      this.consider(target);
    } else if (outcome === 'reset') this.end(target, 'the server does not know it any more');
    // RFC 7641 §4.5: nobody there.
    else if (outcome === 'timeout') this.end(target, 'the server did not acknowledge a notification');
  }

  private snapshot(path: Path, accept: number | undefined): Snapshot {
    const { tree } = this.options;
    const values = readValues(tree, path);
    return { values, ...payloadOf(tree, path, values, accept) };
  }

  private refresh(target: ObservedTarget): void {
    target.attributes = target.ownAttributes ?? this.options.attached.effective(target.path);
    target.periods = periodsOf(target.attributes, this.options.defaults());
    this.schedule(target);
  }

  private schedule(target: ObservedTarget): void {
    this.timers.get(target)?.cancel();
    this.timers.delete(target);
    const { nextAt } = target;
    if (target.inFlight || nextAt === Number.POSITIVE_INFINITY) return;
    const delay = Math.max(nextAt - this.options.clock.monotonic(), 0);
    this.timers.set(
      target,
      this.options.clock.after(delay, () => this.consider(target)),
    );
  }

  private end(target: ObservedTarget, reason: string): void {
    if (this.targets.get(keyOf(target)) !== target) return;
    this.drop(target);
    this.options.events.emit('observation-ended', { path: target.path.toString(), reason });
  }

  private drop(target: ObservedTarget | undefined): void {
    if (target === undefined) return;
    this.timers.get(target)?.cancel();
    this.timers.delete(target);
    this.targets.delete(keyOf(target));
  }
}

/** A token is the server's own; another server may use the same. */
function keyOf({ endpoint, token }: { readonly endpoint: { readonly id: number }; readonly token: Buffer }): string {
  return `${endpoint.id}:${token.toString('hex')}`;
}
