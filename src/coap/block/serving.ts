/**
 * We serve a body in blocks: Block2 as a server (RFC 7959 §2.4). A body is kept while it is being fetched, so that its handler runs
 * once and every block comes from the same representation; any block can be asked for at any time.
 */
import { createHash } from 'node:crypto';
import type { LayerLimits } from '../parameters';
import { BERT_SZX, type Block, blockSize, encodeBlock, szxOrBert } from './option';

/** Options that say where a part is in its body. */
export interface Place {
  readonly block2: number;
  /** In block 0, and where the request asks for it. */
  readonly size2?: number;
}

export interface Slice extends Place {
  readonly payload: Uint8Array;
}

export interface ServedBody {
  readonly peer: number;
  readonly code: number;
  readonly contentFormat: number | undefined;
  readonly body: Uint8Array;
  readonly etag: Uint8Array;
  touchedAt: number;
}

/** Which bytes of a body are asked for. */
export interface Part {
  readonly offset: number;
  /** At most; a multiple of 1024 for BERT. */
  readonly length: number;
  readonly szx: number;
}

/**
 * @param wanted Block2 of the request; absent: the first block
 * @param largestBlock bytes; a multiple of 1024 for BERT
 */
export function partWanted(wanted: Block | undefined, largestBlock: number): Part {
  const offset = wanted === undefined ? 0 : wanted.number * blockSize(wanted.szx);
  // Ours being smaller moves the number, never the offset.
  const largestSzx = szxOrBert(largestBlock);
  const szx = Math.min(wanted?.szx ?? largestSzx, largestSzx);
  return { offset, length: szx === BERT_SZX ? largestBlock : blockSize(szx), szx };
}

/** @param total bytes of the whole body @returns what the options of a part say of it */
export function describePart({ offset, length, szx }: Part, total: number, asksForSize: boolean): Place {
  const block2 = encodeBlock(offset / blockSize(szx), offset + length < total, szx);
  return offset === 0 || asksForSize ? { block2, size2: total } : { block2 };
}

/**
 * The part of `body` that a request asks for; `undefined` beyond its end.
 * @param asksForSize the request carries Size2
 */
export function sliceOf(
  body: Uint8Array,
  wanted: Block | undefined,
  largestBlock: number,
  asksForSize: boolean,
): Slice | undefined {
  const part = partWanted(wanted, largestBlock);
  if (part.offset > 0 && part.offset >= body.length) return undefined;
  const payload = body.subarray(part.offset, part.offset + part.length);
  return { payload, ...describePart(part, body.length, asksForSize) };
}

/** Strong, and computed once per body. */
export function etagOf(body: Uint8Array): Buffer {
  return createHash('sha1').update(body).digest().subarray(0, 8);
}

/** The key of what is asked for by a payload too. Without its variant, a key stands for the body that was kept last. */
export function variantKey(key: string, variant: string): string {
  return `${key} ${variant}`;
}

/** The key without a variant; undefined when it has none. */
function commonKey(key: string): string | undefined {
  const end = key.indexOf(' ');
  return end < 0 ? undefined : key.slice(0, end);
}

export class Serving {
  private readonly bodies = new Map<string, ServedBody>();
  /** By key without variant, the one kept last: who fetches the rest of an answer may leave its payload out (RFC 7959 §3.3), as Californium does. */
  private readonly latest = new Map<string, string>();
  private bytes = 0;

  constructor(private readonly limits: LayerLimits) {}

  get size(): number {
    return this.bodies.size;
  }

  get heldBytes(): number {
    return this.bytes;
  }

  find(asked: string, now: number): ServedBody | undefined {
    const key = this.latest.get(asked) ?? asked;
    const served = this.bodies.get(key);
    if (served === undefined) return undefined;
    served.touchedAt = now;
    // Moved to the end of the order in which bodies make room.
    this.bodies.delete(key);
    this.bodies.set(key, served);
    return served;
  }

  /** Keeps a body; the longest unused ones make room. */
  keep(key: string, served: ServedBody): void {
    this.drop(key);
    if (served.body.length > this.limits.blockBytes) return;
    while (this.bytes + served.body.length > this.limits.blockBytes || this.bodies.size >= this.limits.blockTransfers) {
      const [oldest] = this.bodies.keys();
      if (oldest === undefined) break;
      this.drop(oldest);
    }
    const common = commonKey(key);
    this.latest.delete(common ?? key);
    if (common !== undefined) this.latest.set(common, key);
    this.bodies.set(key, served);
    this.bytes += served.body.length;
  }

  expire(touchedBefore: number): void {
    for (const [key, served] of this.bodies) if (served.touchedAt < touchedBefore) this.drop(key);
  }

  clear(): void {
    this.bodies.clear();
    this.latest.clear();
    this.bytes = 0;
  }

  private drop(key: string): void {
    const served = this.bodies.get(key);
    if (served === undefined) return;
    this.bodies.delete(key);
    const common = commonKey(key);
    if (common !== undefined && this.latest.get(common) === key) this.latest.delete(common);
    this.bytes -= served.body.length;
  }
}
