/**
 * The information reporting interface (LwM2M Core 1.1.1 §6.4): keeps observations, and notifies when attributes and values say so.
 * Changes of one turn are reported together and after the answer that caused them.
 */
import type { Clock, Timer } from '../../clock';
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { CoapLayer, ResponseSpec } from '../../coap/layer';
import type { NotificationOutcome } from '../../coap/notifier';
import { ContentFormat } from '../../coap/options';
import { mergeAttributes, type NotificationAttributes } from '../../device/attributes';
import { Path } from '../../device/path';
import type { Events } from '../../events';
import { formatOf } from '../formats/formats';
import { type AttachedAttributes, checkAttached, readAttributes } from './attached-attributes';
import type { ClientEvents } from './client-events';
import { listedPayload, readListed } from './composite';
import { type DefaultPeriods, periodsOf } from './conditions';
import { isSameContent } from './content';
import type { ObjectTree } from './objects';
import { ObservedTarget, type Snapshot, type Subject } from './observed-target';
import type { ObservationKeeper } from './operations';
import { encodingOf, payloadOf, readValues } from './reading';
import { badRequest, Refusal } from './refusal';

export interface ReportingOptions {
  readonly clock: Clock;
  readonly layer: CoapLayer;
  readonly tree: ObjectTree;
  readonly attached: AttachedAttributes;
  readonly defaults: () => DefaultPeriods;
  /** Whether every notification is to be acknowledged, or one a day. */
  readonly confirmable: () => boolean;
  /** Whether values are kept while notifications cannot be sent (1/x/6). */
  readonly storing: () => boolean;
  readonly events: Events<ClientEvents>;
  /** An exception that is no refusal. */
  readonly onBug: (error: unknown) => void;
}

/** A server that observes everything one by one is still below it; more would be a loop. */
const MOST_OBSERVATIONS = 200;
/** Snapshots kept of one observation, whatever hqmax says: a server must not take the device's memory. */
const LONGEST_HISTORY = 100;
const CARRIES_TIMES: ReadonlySet<number> = new Set([ContentFormat.SenmlJson, ContentFormat.SenmlCbor]);

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

  /** Paths under observation; a list for an Observe-Composite. */
  get paths(): readonly string[] {
    return [...this.targets.values()].map(({ subject }) => subject.name);
  }

  observe(request: IncomingRequest, path: Path): ResponseSpec {
    const { tree } = this.options;
    const { accept } = request;
    const snapshot = (): Snapshot => {
      const values = readValues(tree, path);
      return { values, ...payloadOf(tree, path, values, accept) };
    };
    return this.begin(request, { name: path.toString(), paths: [path], snapshot });
  }

  observeListed(request: IncomingRequest, paths: readonly Path[]): ResponseSpec {
    const { tree } = this.options;
    const { accept, contentFormat } = request;
    const snapshot = (): Snapshot => {
      const values = readListed(tree, paths);
      return { values, ...listedPayload(tree, values, accept, contentFormat) };
    };
    return this.begin(request, { name: paths.join(','), paths, snapshot });
  }

  private begin(request: IncomingRequest, subject: Subject): ResponseSpec {
    const { clock, layer } = this.options;
    const own = this.ownAttributes(request, subject);
    const first = subject.snapshot();
    const key = keyOf(request);
    const response = { code: Code.Content, contentFormat: first.contentFormat, payload: first.payload };
    // Full: the value is given and nothing is promised (RFC 7641 §3.1).
    if (this.targets.size >= MOST_OBSERVATIONS && !this.targets.has(key)) return response;
    const token = Buffer.from(request.token);
    const { endpoint } = request;
    const target = new ObservedTarget(endpoint, token, subject, own, layer.servingKey(request), first, clock.monotonic());
    this.drop(this.targets.get(key));
    this.targets.set(key, target);
    this.refresh(target);
    this.options.events.emit('observed', { path: subject.name });
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

  private ownAttributes(request: IncomingRequest, { paths }: Subject): ObservedTarget['ownAttributes'] {
    if (request.query.length === 0) return undefined;
    const { version, model } = this.options.tree;
    if (version < '1.2') throw badRequest(`LwM2M ${version} has no attributes in Observe: use Write-Attributes`);
    const attributes = readAttributes(request.query);
    if (request.code === Code.Fetch) refuseConditions(attributes);
    for (const path of paths) if (path.level !== 'root') checkAttached(attributes, path, version, model);
    return attributes;
  }

  private changed(paths: readonly Path[]): void {
    let any = false;
    for (const target of this.targets.values()) {
      if (!target.subject.paths.some((own) => paths.some((path) => path.contains(own) || own.contains(path)))) continue;
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
    if (this.targets.get(keyOf(target)) !== target) return;
    const now = this.options.clock.monotonic();
    try {
      if (target.inFlight) return this.store(target, now);
      let present: Snapshot | undefined;
      if (target.shouldEvaluate(now)) {
        present = target.subject.snapshot();
        target.evaluate(present, now);
      }
      if (target.shouldReport(now)) {
        present ??= target.subject.snapshot();
        this.notify(target, this.withHistory(target, target.report(present, now)));
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
    this.end(target, isRefusal ? error.message : `${target.subject.name} could not be read`);
  }

  private notify(target: ObservedTarget, response: ResponseSpec): void {
    const { clock, layer } = this.options;
    const isWanted = target.parts.some(({ attributes }) => attributes.con === 1);
    const confirmable = isWanted || this.options.confirmable() || target.needsConfirmation(clock.monotonic());
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

  /** A notification is under way: with hqmax, what happens meanwhile is not lost (LwM2M Core 1.2 §7.3). */
  private store(target: ObservedTarget, now: number): void {
    const most = Math.max(0, ...target.parts.map(({ attributes }) => attributes.hqmax ?? 0));
    if (most === 0 || !target.changed || !this.options.storing()) return;
    target.store(target.subject.snapshot(), Math.min(most, LONGEST_HISTORY), this.options.clock.wall(), now);
  }

  /** Stored values go first, each with its time; formats without times tell the present alone. */
  private withHistory(target: ObservedTarget, response: ResponseSpec): ResponseSpec {
    const stored = target.takeHistory();
    const { contentFormat } = response;
    if (stored.length === 0 || contentFormat === undefined || !CARRIES_TIMES.has(contentFormat)) return response;
    const { tree, clock } = this.options;
    const at = clock.wall();
    // What is as it was stored last has been said.
    const newest = new Map(stored.map((old) => [old.path, old.value]));
    const present = target.lastReported.filter(({ path, value }) => !isSameContent(newest.get(path), value));
    const values = [...stored, ...present.map((value) => ({ at, ...value }))];
    const [path] = target.subject.paths;
    const base = target.subject.paths.length === 1 && path !== undefined ? path : Path.root;
    return {
      ...response,
      payload: formatOf(contentFormat)?.encode(values, encodingOf(tree, base)) ?? Buffer.alloc(0),
    };
  }

  private refresh(target: ObservedTarget): void {
    const { attached, defaults } = this.options;
    target.parts = target.subject.paths.map((path) => ({ path, attributes: target.ownAttributes ?? attached.effective(path) }));
    target.periods = periodsOf(mergeAttributes(target.parts.map(({ attributes }) => attributes)), defaults());
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
    this.options.events.emit('observation-ended', { path: target.subject.name, reason });
  }

  private drop(target: ObservedTarget | undefined): void {
    if (target === undefined) return;
    this.timers.get(target)?.cancel();
    this.timers.delete(target);
    this.targets.delete(keyOf(target));
  }
}

/** Conditions on values make no sense for several at once (LwM2M Core 1.2 §6.4.4). */
function refuseConditions(attributes: NotificationAttributes): void {
  const { gt, lt, st, edge, hqmax } = attributes;
  if ([gt, lt, st, edge, hqmax].some((value) => value !== undefined)) {
    throw badRequest('Observe-Composite takes pmin, pmax, epmin, epmax and con only');
  }
}

/** A token is the server's own; another server may use the same. */
function keyOf({ endpoint, token }: { readonly endpoint: { readonly id: number }; readonly token: Buffer }): string {
  return `${endpoint.id}:${token.toString('hex')}`;
}
