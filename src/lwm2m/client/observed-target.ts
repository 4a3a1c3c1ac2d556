/**
 * One observation as the observed device keeps it: what was reported last and when, and from attributes, values and time what is
 * to be done next. It does not send and has no timers: it says what it wants.
 */
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { ResponseSpec } from '../../coap/layer';
import type { NotificationAttributes } from '../../device/attributes';
import type { Path } from '../../device/path';
import type { ResourceValue, Value } from '../../device/value';
import { hasThresholds, meetsEdge, meetsThresholds, type Periods } from './conditions';
import { isSameContent } from './content';

/** RFC 7641 §4.4: 24 bits. */
const SEQUENCE_NUMBERS = 2 ** 24;
/** At least one confirmable notification a day, to learn whether anybody still wants them (RFC 7641 §4.5). */
const CONFIRMABLE_AFTER_MS = 24 * 60 * 60 * 1000;

/** The present state of what is observed. */
export interface Snapshot {
  readonly values: readonly ResourceValue[];
  readonly contentFormat: number;
  readonly payload: Buffer;
}

/** What is observed: a path, or each of a list of them (Observe-Composite). */
export interface Part {
  readonly path: Path;
  /** That hold for it. */
  readonly attributes: NotificationAttributes;
}

/** Where the values of an observation come from. */
export interface Subject {
  /** "/3/0/9", or a list. */
  readonly name: string;
  readonly paths: readonly Path[];
  /** @throws Refusal */
  snapshot(): Snapshot;
}

export class ObservedTarget {
  parts: readonly Part[] = [];
  periods: Periods = { pmin: 0, pmax: undefined, epmin: 0, epmax: undefined };
  /** A condition was met while pmin held it back. */
  due = false;
  /** Something changed since conditions were looked at. */
  changed = false;
  /** A confirmable notification is on its way; what comes meanwhile waits, and only the newest follows (RFC 7641 §4.5.2). */
  inFlight = false;
  /** Values that could not be told while a notification was under way, oldest first, with their times (hqmax). */
  private history: ResourceValue[][] = [];
  private sequence = 0;
  private reported: Snapshot;
  /** The last that conditions were looked at with. */
  private seen: Snapshot;
  private reportedAt: number;
  private evaluatedAt: number;
  private confirmedAt: number;

  constructor(
    readonly endpoint: Endpoint,
    readonly token: Buffer,
    readonly subject: Subject,
    /** Attributes that came with the Observe (1.2): they stand in for all attached ones. */
    readonly ownAttributes: NotificationAttributes | undefined,
    /** What large notifications are fetched with. */
    readonly servingKey: string,
    first: Snapshot,
    now: number,
  ) {
    this.reported = first;
    this.seen = first;
    this.reportedAt = now;
    this.evaluatedAt = now;
    this.confirmedAt = now;
  }

  /** Milliseconds of the clock when something is to be done, Infinity for never. */
  get nextAt(): number {
    const { pmin, pmax, epmin, epmax } = this.periods;
    const times = [
      this.due ? this.reportedAt + pmin * 1000 : Number.POSITIVE_INFINITY,
      pmax === undefined ? Number.POSITIVE_INFINITY : this.reportedAt + pmax * 1000,
      this.changed ? this.evaluatedAt + epmin * 1000 : Number.POSITIVE_INFINITY,
      epmax === undefined ? Number.POSITIVE_INFINITY : this.evaluatedAt + epmax * 1000,
    ];
    return Math.min(...times);
  }

  /** Whether conditions are to be looked at now. */
  shouldEvaluate(now: number): boolean {
    const { epmin, epmax } = this.periods;
    const since = now - this.evaluatedAt;
    return (this.changed && since >= epmin * 1000) || (epmax !== undefined && since >= epmax * 1000);
  }

  evaluate(present: Snapshot, now: number): void {
    this.evaluatedAt = now;
    this.changed = false;
    if (this.meetsConditions(present)) this.due = true;
    this.seen = present;
  }

  /** Keeps what would be reported now if it could be; of more than `most` the oldest goes. */
  store(present: Snapshot, most: number, wall: number, now: number): void {
    const wasDue = this.due;
    this.due = false;
    this.evaluate(present, now);
    if (this.due) this.history.push(present.values.map((value) => ({ ...value, at: value.at ?? wall })));
    if (this.history.length > most) this.history.splice(0, this.history.length - most);
    this.due ||= wasDue;
  }

  /** What was stored; it is told now. */
  takeHistory(): readonly ResourceValue[] {
    const stored = this.history.flat();
    this.history = [];
    return stored;
  }

  /** Whether a notification is to be sent now: a condition is met and pmin over, or pmax is. */
  shouldReport(now: number): boolean {
    const { pmin, pmax } = this.periods;
    const since = now - this.reportedAt;
    return (this.due && since >= pmin * 1000) || (pmax !== undefined && since >= pmax * 1000);
  }

  /** The notification of the present state, which counts as reported from here on. */
  report(present: Snapshot, now: number): ResponseSpec {
    this.due = false;
    this.changed = false;
    this.reported = present;
    this.seen = present;
    this.reportedAt = now;
    this.evaluatedAt = now;
    const { contentFormat, payload } = present;
    return { code: Code.Content, contentFormat, payload, observe: this.takeSequence() };
  }

  get lastReported(): readonly ResourceValue[] {
    return this.reported.values;
  }

  /** Zero-length for the first, then ever higher. */
  takeSequence(): number {
    const sequence = this.sequence;
    this.sequence = (this.sequence + 1) % SEQUENCE_NUMBERS;
    return sequence;
  }

  needsConfirmation(now: number): boolean {
    return now - this.confirmedAt >= CONFIRMABLE_AFTER_MS;
  }

  confirmed(now: number): void {
    this.confirmedAt = now;
  }

  private meetsConditions(present: Snapshot): boolean {
    return this.parts.some((part) => this.isMet(part, present));
  }

  private isMet({ path, attributes }: Part, present: Snapshot): boolean {
    const now = valuesAt(present, path);
    const { edge } = attributes;
    if (typeof edge === 'number') {
      const before = only(valuesAt(this.seen, path), path);
      const turned = only(now, path);
      if (typeof before === 'boolean' && typeof turned === 'boolean') return meetsEdge(edge, before, turned);
    }
    const reported = valuesAt(this.reported, path);
    if (hasThresholds(attributes)) {
      const before = numberOf(only(reported, path));
      const number = numberOf(only(now, path));
      if (before !== undefined && number !== undefined) return meetsThresholds(attributes, before, number);
    }
    return !areSame(reported, now);
  }
}

function valuesAt({ values }: Snapshot, path: Path): readonly ResourceValue[] {
  if (path.level === 'root') return values;
  const text = path.toString();
  return values.filter((value) => value.path === text || value.path.startsWith(`${text}/`));
}

/** Thresholds and edges are for a single value: a resource, or one resource instance. */
function only(values: readonly ResourceValue[], path: Path): Value | undefined {
  const [first] = values;
  return values.length === 1 && first?.path === path.toString() ? first.value : undefined;
}

/** An integer beyond 2^53 is a decimal string. */
function numberOf(value: Value | undefined): number | undefined {
  const number = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function areSame(a: readonly ResourceValue[], b: readonly ResourceValue[]): boolean {
  return (
    a.length === b.length && a.every((one, index) => one.path === b[index]?.path && isSameContent(one.value, b[index]?.value))
  );
}
