/**
 * Requests waiting for their turn with one peer (NSTART, RFC 7252 §4.7), first come first served, bounded in count and bytes.
 * Their age is bounded by a deadline that the exchanges themselves carry.
 */
import type { Exchange } from './exchange';

export class PeerQueue {
  private readonly waiting: Exchange[] = [];
  private bytes = 0;
  /** Requests under way now. */
  outstanding = 0;

  constructor(
    private readonly mostRequests: number,
    private readonly mostBytes: number,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  get idle(): boolean {
    return this.outstanding === 0 && this.waiting.length === 0;
  }

  /** @returns false when full: the request is refused rather than memory lost */
  add(exchange: Exchange, urgent: boolean): boolean {
    const size = sizeOf(exchange);
    if (this.waiting.length >= this.mostRequests || this.bytes + size > this.mostBytes) return false;
    this.bytes += size;
    if (urgent) this.waiting.unshift(exchange);
    else this.waiting.push(exchange);
    return true;
  }

  next(): Exchange | undefined {
    const exchange = this.waiting.shift();
    if (exchange !== undefined) this.bytes -= sizeOf(exchange);
    return exchange;
  }

  putBack(exchange: Exchange): void {
    this.bytes += sizeOf(exchange);
    this.waiting.unshift(exchange);
  }

  remove(exchange: Exchange): void {
    const at = this.waiting.indexOf(exchange);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    this.bytes -= sizeOf(exchange);
  }

  all(): readonly Exchange[] {
    return [...this.waiting];
  }
}

function sizeOf(exchange: Exchange): number {
  return exchange.spec.payload?.length ?? 0;
}
