/**
 * Who hears what became of a request. The asker itself, as long as it lives; after a deploy its successor, known by the same owner
 * id, who gets what was kept with the order. Outcomes of an owner between two lives are held for a while, then told to the audit.
 */
import type { Clock } from '../clock';
import type { OperationRequest, OperationResult } from '../device/operation';
import type { DeviceManagementError } from '../errors';
import type { GuardReport, GuardTerms } from './guard-terms';
import type { Provided } from './provided';

/** What a request that must wait takes with it; nothing else of its message is kept. */
export interface Kept {
  readonly topic?: string;
  readonly _msgid?: string;
  readonly job?: unknown;
}

/** Among the requests that wait for one device. */
export type Priority = 'high' | 'normal' | 'low';

export interface Order {
  /** Id of the node that asks. */
  readonly owner: string;
  readonly device: string;
  readonly request: OperationRequest;
  readonly whenAsleep: 'queue' | 'fail';
  /** Bounds the exchange once sent. */
  readonly timeoutMs?: number;
  /** Bounds the whole wait. */
  readonly ttlMs?: number;
  readonly priority?: Priority;
  readonly kept?: Kept;
  /** Whoever asks tells the audit log itself, under another name than the owner's. */
  readonly audited?: true;
  /** What is asked next, one after the other, each when the one before was answered well. The outcome is that of the last one asked. */
  readonly further?: readonly OperationRequest[];
  /** Although the device seems to be there: not before it is heard again, and as often as it takes. */
  readonly whenHeard?: true;
  /** Sent only when the device may be disturbed; else the outcome is `deferred`. */
  readonly provided?: Provided;
  /** A setting that is to be taken back when the device falls silent; for `GuardedWrites` alone. */
  readonly guard?: GuardTerms;
  /** This writes back an old setting: what is to be told when that is done. */
  readonly restores?: Omit<GuardReport, 'outcome'>;
  /** This is the first step of a guarded write, which goes on with its answer, in whichever life. */
  readonly guards?: Order;
}

export type Outcome =
  | { readonly result: OperationResult; readonly guard?: GuardReport }
  | {
      readonly error: DeviceManagementError;
      /** From the question to the failure, where it was asked; milliseconds. */
      readonly elapsedMs?: number;
    };

/** The one who asked. */
export interface Listener {
  /** The request has to wait. Told at most once. */
  queued(): void;
  settled(outcome: Outcome): void;
}

/** A later life of the owner. */
export type Successor = (order: Order, outcome: Outcome) => void;

/** Outcomes held for owners that are between two lives: as many as may wait, for a deploy can come in the middle of a large fan-out. */
const HELD = 10_000;

export class Outcomes {
  private readonly listeners = new Map<Order, Listener>();
  private readonly successors = new Map<string, Successor>();
  private readonly cancelled = new WeakSet<Order>();
  private held: { order: Order; outcome: Outcome }[] = [];
  private paused = false;
  /** Outcomes nobody came for, oldest first; whoever keeps an audit takes them. */
  onAbandoned: (order: Order, outcome: Outcome) => void = () => {};
  /** Every outcome, and that of each step of a sequence. */
  onSettled: (order: Order, outcome: Outcome) => void = () => {};

  constructor(readonly clock: Clock) {}

  expect(order: Order, listener: Listener): void {
    this.listeners.set(order, listener);
  }

  isWanted(order: Order): boolean {
    return !this.cancelled.has(order);
  }

  /** A sequence goes on: whoever waited for one request waits for the next. */
  pass(order: Order, outcome: Outcome, next: Order): void {
    this.onSettled(order, outcome);
    const listener = this.listeners.get(order);
    this.listeners.delete(order);
    if (listener !== undefined) this.listeners.set(next, listener);
  }

  queued(order: Order): void {
    this.listeners.get(order)?.queued();
  }

  settle(order: Order, outcome: Outcome): void {
    const listener = this.listeners.get(order);
    this.listeners.delete(order);
    this.onSettled(order, outcome);
    if (this.cancelled.has(order)) return;
    const successor = this.successors.get(order.owner);
    if (listener !== undefined) listener.settled(outcome);
    else if (successor !== undefined && !this.paused) successor(order, outcome);
    else this.hold(order, outcome);
  }

  /** The asker ends (deploy): from now on its outcomes are for whoever follows it. */
  handOver(owner: string): void {
    this.successors.delete(owner);
    for (const order of this.listeners.keys()) if (order.owner === owner) this.listeners.delete(order);
  }

  /** An owner begins to live: it is told what has come in for it, at once unless paused. */
  succeed(owner: string, successor: Successor): void {
    this.successors.set(owner, successor);
    if (!this.paused) this.deliverHeld();
  }

  /** Flows are being built: who heard an outcome now could not pass it on, for those behind it may not exist yet. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.deliverHeld();
  }

  /** An owner is gone for good. */
  forget(owner: string): void {
    for (const order of this.listeners.keys()) {
      if (order.owner !== owner) continue;
      this.cancelled.add(order);
      this.listeners.delete(order);
    }
    this.successors.delete(owner);
    this.held = this.held.filter(({ order }) => order.owner !== owner);
  }

  /** Owners that did not come back will not: whoever asked, the outcome is worth a line. */
  abandonHeld(): void {
    for (const { order, outcome } of this.takeHeld(({ owner }) => !this.successors.has(owner))) this.onAbandoned(order, outcome);
  }

  close(): void {
    this.listeners.clear();
    this.successors.clear();
    this.abandonHeld();
  }

  private deliverHeld(): void {
    if (this.held.length === 0) return;
    for (const { order, outcome } of this.takeHeld(({ owner }) => this.successors.has(owner))) {
      this.successors.get(order.owner)?.(order, outcome);
    }
  }

  private takeHeld(isMeant: (order: Order) => boolean): { order: Order; outcome: Outcome }[] {
    const taken = this.held.filter(({ order }) => isMeant(order));
    if (taken.length > 0) this.held = this.held.filter(({ order }) => !isMeant(order));
    return taken;
  }

  private hold(order: Order, outcome: Outcome): void {
    this.held.push({ order, outcome });
    if (this.held.length <= HELD) return;
    const [oldest] = this.held.splice(0, 1);
    if (oldest !== undefined) this.onAbandoned(oldest.order, oldest.outcome);
  }
}
