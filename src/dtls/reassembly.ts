/**
 * Handshake messages from their fragments, in order (RFC 6347 §4.2.2, §4.2.3). A few messages that came too early are kept; what is
 * kept of one peer and of all together is bounded.
 */
import type { Reader } from './codec';

/** Messages kept ahead of the one that is missing: the longest flight has five. */
const MOST_AHEAD = 4;
/** A longer certificate chain is nobody's on a constrained link. */
const LARGEST_MESSAGE = 8_192;
const MOST_BYTES = 16_384;
/** Separate pieces of one message; fragments in order make one. */
const MOST_PIECES = 32;

/** What all reassemblies of an endpoint hold together. */
export class ReassemblyBudget {
  held = 0;
  constructor(readonly most: number) {}
}

export interface Fragment {
  readonly type: number;
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface CompleteMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/**
 * `repeated`: of a message already taken, so the peer may lack our answer. `dropped`: no room, or too early. `conflict`: it
 * contradicts what came before.
 */
export type Reception = 'kept' | 'repeated' | 'dropped' | 'conflict';

/** One fragment with its header; undefined when malformed. A record may hold several. */
export function readFragment(reader: Reader): Fragment | undefined {
  const type = reader.uint(1);
  const length = reader.uint(3);
  const sequence = reader.uint(2);
  const offset = reader.uint(3);
  const fragmentLength = reader.uint(3);
  const bytes = reader.take(fragmentLength);
  if (reader.failed || offset + fragmentLength > length) return undefined;
  // An empty fragment says nothing, unless the message is empty.
  if (fragmentLength === 0 && length > 0) return undefined;
  return { type, length, sequence, offset, bytes };
}

class Partial {
  /** Received ranges as flat pairs, ascending, apart from each other. */
  private readonly ranges: number[] = [];
  readonly body: Buffer;
  isComplete: boolean;

  constructor(
    readonly type: number,
    length: number,
  ) {
    this.body = Buffer.allocUnsafe(length);
    this.isComplete = length === 0;
  }

  /** @returns whether it agrees with what is there */
  add(fragment: Fragment): boolean {
    const { offset, bytes } = fragment;
    const end = offset + bytes.length;
    for (let at = 0; at < this.ranges.length; at += 2) {
      const from = Math.max(this.ranges[at] as number, offset);
      const to = Math.min(this.ranges[at + 1] as number, end);
      if (from < to && this.body.compare(bytes, from - offset, to - offset, from, to) !== 0) return false;
    }
    bytes.copy(this.body, offset);
    this.cover(offset, end);
    this.isComplete = this.ranges[0] === 0 && this.ranges[1] === this.body.length;
    return this.ranges.length <= 2 * MOST_PIECES;
  }

  private cover(from: number, to: number): void {
    const { ranges } = this;
    let at = 0;
    while (at < ranges.length && (ranges[at + 1] as number) < from) at += 2;
    let last = at;
    let low = from;
    let high = to;
    for (; last < ranges.length && (ranges[last] as number) <= to; last += 2) {
      low = Math.min(low, ranges[last] as number);
      high = Math.max(high, ranges[last + 1] as number);
    }
    ranges.splice(at, last - at, low, high);
  }
}

export class Reassembly {
  private readonly partials = new Map<number, Partial>();
  private held = 0;

  /** @param next number of the message expected first */
  constructor(
    private readonly budget: ReassemblyBudget,
    private next: number,
  ) {}

  accept(fragment: Fragment): Reception {
    const { sequence, length, type } = fragment;
    if (sequence < this.next) return 'repeated';
    if (sequence >= this.next + MOST_AHEAD) return 'dropped';
    let partial = this.partials.get(sequence);
    if (partial === undefined) {
      if (length > LARGEST_MESSAGE) return 'conflict';
      if (this.held + length > MOST_BYTES || this.budget.held + length > this.budget.most) return 'dropped';
      this.hold(length);
      // A copy, also of what came whole: a small message would keep its large datagram.
      partial = new Partial(type, length);
      this.partials.set(sequence, partial);
    }
    if (partial.type !== type || partial.body.length !== length) return 'conflict';
    return length === 0 || partial.add(fragment) ? 'kept' : 'conflict';
  }

  /** The next message; undefined while it is not complete. */
  take(): CompleteMessage | undefined {
    const partial = this.partials.get(this.next);
    if (partial === undefined || !partial.isComplete) return undefined;
    this.partials.delete(this.next);
    this.hold(-partial.body.length);
    return { type: partial.type, sequence: this.next++, body: partial.body };
  }

  /** Gives back what it holds. */
  clear(): void {
    this.partials.clear();
    this.hold(-this.held);
  }

  private hold(bytes: number): void {
    this.held += bytes;
    this.budget.held += bytes;
  }
}
