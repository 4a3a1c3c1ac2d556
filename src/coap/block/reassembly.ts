/**
 * We receive a body in blocks: Block1 as a server (RFC 7959 §2.5). The key of a transfer is the peer and the request, never the token: many
 * clients use a new one for every block. Nothing is allocated from a number a peer sends, only from bytes that arrived.
 */
import { Code } from '../codes';
import type { LayerLimits } from '../parameters';
import { type Block, blockSize, isWellSized } from './option';

export type Reassembled =
  | { readonly kind: 'continue' }
  | { readonly kind: 'complete'; readonly body: Buffer }
  | { readonly kind: 'refused'; readonly code: number; readonly size1?: number };

/** One block as it came. */
export interface ReceivedBlock {
  /** Method, path, query and Request-Tag of the request, and the peer's id. */
  readonly key: string;
  readonly peer: number;
  readonly block: Block;
  readonly payload: Buffer;
  readonly contentFormat: number | undefined;
  /** What the peer says the whole will be. */
  readonly size1: number | undefined;
}

interface Transfer {
  readonly peer: number;
  readonly contentFormat: number | undefined;
  /** Grows by doubling: a list of blocks would cost many times its bytes where blocks are small. */
  body: Buffer;
  length: number;
  lastNumber: number;
  lastSzx: number;
  lastLength: number;
  touchedAt: number;
}

const CONTINUE: Reassembled = { kind: 'continue' };
const refused = (code: number): Reassembled => ({ kind: 'refused', code });

export class Reassembly {
  /** Longest idle first. */
  private readonly transfers = new Map<string, Transfer>();
  private readonly perPeer = new Map<number, number>();
  private bytes = 0;

  constructor(private readonly limits: LayerLimits) {}

  get size(): number {
    return this.transfers.size;
  }

  get heldBytes(): number {
    return this.bytes;
  }

  /** @param now milliseconds */
  receive(received: ReceivedBlock, now: number): Reassembled {
    const { key, block, payload, contentFormat } = received;
    if (!isWellSized(block, payload.length)) return refused(Code.BadRequest);
    if (block.number === 0) return this.begin(received, now);
    const transfer = this.transfers.get(key);
    if (transfer === undefined) return refused(Code.RequestEntityIncomplete);
    this.touch(key, transfer, now);
    if (isRepeated(transfer, block, payload)) return CONTINUE;
    // Another format belongs to another body (RFC 7959 §2.9.2).
    if (block.number * blockSize(block.szx) !== transfer.length || contentFormat !== transfer.contentFormat) {
      this.drop(key);
      return refused(Code.RequestEntityIncomplete);
    }
    return this.append(key, transfer, block, payload);
  }

  /** Forgets transfers that have been idle since before `touchedBefore`. */
  expire(touchedBefore: number): void {
    for (const [key, transfer] of this.transfers) if (transfer.touchedAt < touchedBefore) this.drop(key);
  }

  clear(): void {
    this.transfers.clear();
    this.perPeer.clear();
    this.bytes = 0;
  }

  private begin({ key, peer, block, payload, contentFormat, size1 }: ReceivedBlock, now: number): Reassembled {
    this.drop(key);
    if (Math.max(size1 ?? 0, payload.length) > this.limits.requestBodyBytes) return this.tooLarge();
    if (!block.more) return { kind: 'complete', body: payload };
    if ((this.perPeer.get(peer) ?? 0) >= this.limits.blockTransfersPerEndpoint) return refused(Code.ServiceUnavailable);
    // The longest idle makes room: whoever begins transfers from many addresses must not keep all others from theirs.
    while (this.transfers.size >= this.limits.blockTransfers) this.dropLongestIdle();
    const transfer: Transfer = {
      peer,
      contentFormat,
      body: Buffer.alloc(0),
      length: 0,
      lastNumber: 0,
      lastSzx: 0,
      lastLength: 0,
      touchedAt: now,
    };
    this.transfers.set(key, transfer);
    this.perPeer.set(peer, (this.perPeer.get(peer) ?? 0) + 1);
    return this.append(key, transfer, block, payload);
  }

  private append(key: string, transfer: Transfer, block: Block, payload: Buffer): Reassembled {
    const length = transfer.length + payload.length;
    if (length > this.limits.requestBodyBytes) {
      this.drop(key);
      return this.tooLarge();
    }
    if (!this.reserve(transfer, length)) {
      this.drop(key);
      return refused(Code.ServiceUnavailable);
    }
    payload.copy(transfer.body, transfer.length);
    transfer.length = length;
    if (!block.more) {
      this.drop(key);
      return { kind: 'complete', body: transfer.body.subarray(0, length) };
    }
    transfer.lastNumber = block.number;
    transfer.lastSzx = block.szx;
    transfer.lastLength = payload.length;
    return CONTINUE;
  }

  /** Room for `length` bytes; the longest idle transfers give up theirs. */
  private reserve(transfer: Transfer, length: number): boolean {
    const had = transfer.body.length;
    if (length <= had) return true;
    const wanted = Math.min(Math.max(2 * had, length), this.limits.requestBodyBytes);
    while (this.bytes + wanted - had > this.limits.blockBytes) {
      const [longestIdle] = this.transfers.values();
      if (longestIdle === undefined || longestIdle === transfer) return false;
      this.dropLongestIdle();
    }
    const larger = Buffer.allocUnsafeSlow(wanted);
    transfer.body.copy(larger, 0, 0, transfer.length);
    transfer.body = larger;
    this.bytes += wanted - had;
    return true;
  }

  private touch(key: string, transfer: Transfer, now: number): void {
    transfer.touchedAt = now;
    this.transfers.delete(key);
    this.transfers.set(key, transfer);
  }

  private tooLarge(): Reassembled {
    return { kind: 'refused', code: Code.RequestEntityTooLarge, size1: this.limits.requestBodyBytes };
  }

  private dropLongestIdle(): void {
    const [key] = this.transfers.keys();
    if (key !== undefined) this.drop(key);
  }

  private drop(key: string): void {
    const transfer = this.transfers.get(key);
    if (transfer === undefined) return;
    this.transfers.delete(key);
    this.bytes -= transfer.body.length;
    const left = (this.perPeer.get(transfer.peer) ?? 1) - 1;
    if (left > 0) this.perPeer.set(transfer.peer, left);
    else this.perPeer.delete(transfer.peer);
  }
}

/** The block before, sent again under a new message ID. */
function isRepeated({ body, length, lastNumber, lastSzx, lastLength }: Transfer, block: Block, payload: Buffer): boolean {
  return block.number === lastNumber && block.szx === lastSzx && payload.equals(body.subarray(length - lastLength, length));
}
