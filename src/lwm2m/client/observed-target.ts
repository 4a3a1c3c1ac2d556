/**
 * One observation as the observed device keeps it: what was reported last and when, and from attributes, values and time what is
 * to be done next. It does not send and has no timers: it says what it wants.
 */
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { ResponseSpec } from '../../coap/layer';
import type { NotificationAttributes } from '../../device/attributes';
import type { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { hasThresholds, meetsThresholds, type Periods } from './conditions';

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

export class ObservedTarget {
  attributes: NotificationAttributes = {};
  periods: Periods = { pmin: 0, pmax: undefined, epmin: 0, epmax: undefined };
  /** A condition was met while pmin held it back. */
  due = false;
  /** Something changed since conditions were looked at. */
  changed = false;
  /** A confirmable notification is on its way; what comes meanwhile waits, and only the newest follows (RFC 7641 §4.5.2). */
  inFlight = false;
  private sequence = 0;
  private reported: Snapshot;
  private reportedAt: number;
  private evaluatedAt: number;
  private confirmedAt: number;

  constructor(
    readonly endpoint: Endpoint,
    readonly token: Buffer,
    readonly path: Path,
    readonly accept: number | undefined,
    /** Attributes that came with the Observe (1.2): they stand in for all attached ones. */
    readonly ownAttributes: NotificationAttributes | undefined,
    /** What large notifications are fetched with. */
    readonly servingKey: string,
    first: Snapshot,
    now: number,
  ) {
    this.reported = first;
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
    this.reportedAt = now;
    this.evaluatedAt = now;
    const { contentFormat, payload } = present;
    return { code: Code.Content, contentFormat, payload, observe: this.takeSequence() };
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
    const before = this.singleNumber(this.reported);
    const now = this.singleNumber(present);
    if (hasThresholds(this.attributes) && before !== undefined && now !== undefined) {
      return meetsThresholds(this.attributes, before, now);
    }
    return present.contentFormat !== this.reported.contentFormat || !present.payload.equals(this.reported.payload);
  }

  /** Thresholds are for a single numeric value: a resource, or one resource instance. */
  private singleNumber({ values }: Snapshot): number | undefined {
    const [only] = values;
    if (values.length !== 1 || only?.path !== this.path.toString()) return undefined;
    // An integer beyond 2^53 is a decimal string.
    const number = typeof only.value === 'string' ? Number.parseFloat(only.value) : only.value;
    return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
  }
}
