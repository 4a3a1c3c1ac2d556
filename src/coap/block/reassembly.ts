/**
 * We receive a body in blocks: Block1 as a server (RFC 7959 §2.5). The key of a transfer is the peer and the request, never the token: many
 * clients use a new one for every block. Nothing is allocated from a number a peer sends, only from bytes that arrived.
 */
import { Code } from '../codes';
import type { LayerLimits } from '../parameters';
import { type Block, blockSize } from './option';

export type Reassembled =
  | { readonly kind: 'continue' }
  | { readonly kind: 'complete'; readonly body: Buffer }
  | { readonly kind: 'refused'; readonly code: number; readonly size1?: number };

interface Transfer {
  readonly peer: number;
  readonly contentFormat: number | undefined;
  chunks: Buffer[];
  length: number;
  lastNumber: number;
  lastSzx: number;
  lastBlock: Buffer;
  touchedAt: number;
}

const CONTINUE: Reassembled = { kind: 'continue' };
const refused = (code: number): Reassembled => ({ kind: 'refused', code });

export class Reassembly {
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

  /**
   * @param key method, path, query and Request-Tag of the request, and the peer's id
   * @param size1 what the peer says the whole will be
   */
  receive(
    key: string,
    peer: number,
    block: Block,
    payload: Buffer,
    contentFormat: number | undefined,
    size1: number | undefined,
    now: number,
  ): Reassembled {
    if (block.more && payload.length !== blockSize(block.szx)) return refused(Code.BadRequest);
    if (payload.length > blockSize(block.szx)) return refused(Code.BadRequest);
    if (block.number === 0) {
      this.drop(key);
      if (size1 !== undefined && size1 > this.limits.requestBodyBytes) return this.tooLarge();
      if (!block.more) return { kind: 'complete', body: payload };
      return this.begin(key, peer, block, payload, contentFormat, now);
    }
    const transfer = this.transfers.get(key);
    if (transfer === undefined) return refused(Code.RequestEntityIncomplete);
    transfer.touchedAt = now;
    if (isRepeated(transfer, block, payload)) return CONTINUE;
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

  private begin(
    key: string,
    peer: number,
    block: Block,
    payload: Buffer,
    contentFormat: number | undefined,
    now: number,
  ): Reassembled {
    const mine = this.perPeer.get(peer) ?? 0;
    if (this.transfers.size >= this.limits.blockTransfers || mine >= this.limits.blockTransfersPerEndpoint) {
      return refused(Code.ServiceUnavailable);
    }
    if (this.bytes + payload.length > this.limits.blockBytes) return refused(Code.ServiceUnavailable);
    // Copied: a view would keep the whole datagram alive for each block.
    const chunk = Buffer.from(payload);
    const last = { lastNumber: 0, lastSzx: block.szx, lastBlock: chunk };
    this.transfers.set(key, { peer, contentFormat, chunks: [chunk], length: chunk.length, ...last, touchedAt: now });
    this.perPeer.set(peer, mine + 1);
    this.bytes += chunk.length;
    return CONTINUE;
  }

  private append(key: string, transfer: Transfer, block: Block, payload: Buffer): Reassembled {
    const length = transfer.length + payload.length;
    if (length > this.limits.requestBodyBytes) {
      this.drop(key);
      return this.tooLarge();
    }
    if (this.bytes + payload.length > this.limits.blockBytes) {
      this.drop(key);
      return refused(Code.ServiceUnavailable);
    }
    if (!block.more) {
      const body = Buffer.concat([...transfer.chunks, payload], length);
      this.drop(key);
      return { kind: 'complete', body };
    }
    const chunk = Buffer.from(payload);
    transfer.chunks.push(chunk);
    transfer.length = length;
    transfer.lastNumber = block.number;
    transfer.lastSzx = block.szx;
    transfer.lastBlock = chunk;
    this.bytes += chunk.length;
    return CONTINUE;
  }

  private tooLarge(): Reassembled {
    return { kind: 'refused', code: Code.RequestEntityTooLarge, size1: this.limits.requestBodyBytes };
  }

  private drop(key: string): void {
    const transfer = this.transfers.get(key);
    if (transfer === undefined) return;
    this.transfers.delete(key);
    this.bytes -= transfer.length;
    const left = (this.perPeer.get(transfer.peer) ?? 1) - 1;
    if (left > 0) this.perPeer.set(transfer.peer, left);
    else this.perPeer.delete(transfer.peer);
  }
}

/** The block before, sent again under a new message ID. */
function isRepeated(transfer: Transfer, block: Block, payload: Buffer): boolean {
  return block.number === transfer.lastNumber && block.szx === transfer.lastSzx && payload.equals(transfer.lastBlock);
}
