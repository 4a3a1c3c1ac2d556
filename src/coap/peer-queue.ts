/**
 * Requests waiting for their turn with one peer (NSTART, RFC 7252 §4.7), first come first served and the urgent before the others,
 * bounded in count and bytes. Their age is bounded by a deadline that the exchanges themselves carry.
 */
import type { Exchange } from './exchange';

export class PeerQueue {
  private readonly urgent: Exchange[] = [];
  private readonly others: Exchange[] = [];
  private bytes = 0;
  /** Requests under way now. */
  outstanding = 0;

  constructor(
    private readonly mostRequests: number,
    private readonly mostBytes: number,
  ) {}

  get length(): number {
    return this.urgent.length + this.others.length;
  }

  get idle(): boolean {
    return this.outstanding === 0 && this.length === 0;
  }

  /** Whose turn it is. */
  get first(): Exchange | undefined {
    return this.urgent[0] ?? this.others[0];
  }

  /** @returns false when full: the request is refused rather than memory lost */
  add(exchange: Exchange, urgent: boolean): boolean {
    const size = sizeOf(exchange);
    if (this.length >= this.mostRequests || this.bytes + size > this.mostBytes) return false;
    this.bytes += size;
    (urgent ? this.urgent : this.others).push(exchange);
    return true;
  }

  remove(exchange: Exchange): void {
    if (takeOut(this.urgent, exchange) || takeOut(this.others, exchange)) this.bytes -= sizeOf(exchange);
  }

  all(): readonly Exchange[] {
    return [...this.urgent, ...this.others];
  }
}

function takeOut(list: Exchange[], exchange: Exchange): boolean {
  const at = list.indexOf(exchange);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function sizeOf(exchange: Exchange): number {
  return exchange.spec.payload?.length ?? 0;
}
