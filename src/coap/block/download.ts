/**
 * We fetch a body in blocks: Block2 as a client (RFC 7959 §2.4). Pure state: blocks are added, and it says which one to ask for next.
 */
import { isSuccess } from '../codes';
import type { Message } from '../message';
import { Option } from '../options';
import { blockSize, decodeBlock, encodeBlock, isWellSized } from './option';

export type DownloadStep =
  | { readonly kind: 'next' }
  | { readonly kind: 'done' }
  /** The answer is an error of the peer, to be delivered as it is. */
  | { readonly kind: 'error' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'too-large'; readonly reason: string };

const NEXT: DownloadStep = { kind: 'next' };
const DONE: DownloadStep = { kind: 'done' };
/** Of 16-byte blocks: enough for 8 MiB in the usual ones, an end to a transfer that never comes closer. */
const MOST_BLOCKS = 65_536;

export class Download {
  private chunks: Buffer[] = [];
  private length = 0;
  private szx = 0;
  private etag: Buffer | undefined;
  private contentFormat: number | undefined;
  private restarted = false;

  /** @param mayBeBert whether it comes on a connection */
  constructor(
    private readonly mostBytes: number,
    private readonly mayBeBert = false,
  ) {}

  /** Whether an answer is less than its body: more follows, or something came before. */
  static isPart(message: Message): boolean {
    const raw = message.uint(Option.Block2);
    return raw !== undefined && raw >>> 3 !== 0;
  }

  /** The Block2 option that asks for what comes next. */
  get block2(): number {
    return encodeBlock(this.length / blockSize(this.szx), false, this.szx);
  }

  body(): Buffer {
    return Buffer.concat(this.chunks, this.length);
  }

  add(message: Message): DownloadStep {
    if (!isSuccess(message.code)) return { kind: 'error' };
    const raw = message.uint(Option.Block2);
    const block = raw === undefined ? undefined : decodeBlock(raw, this.mayBeBert);
    if (block === undefined) {
      return failed(raw === undefined ? 'a block came without a Block2 option' : 'it used the reserved block size');
    }
    if (this.length > 0 && this.isOther(message)) return this.restart();
    const size = blockSize(block.szx);
    const expected = this.length;
    if (block.number * size !== expected)
      return failed(`block ${block.number} of ${size} bytes came where byte ${expected} was asked for`);
    const payload = message.payload;
    if (!isWellSized(block, payload.length)) {
      return failed(`block ${block.number} has ${payload.length} bytes where its size is ${size}`);
    }
    if (this.length + payload.length > this.mostBytes || this.chunks.length >= MOST_BLOCKS) {
      return { kind: 'too-large', reason: `its answer is larger than ${this.mostBytes} bytes` };
    }
    if (this.length === 0) this.remember(message);
    this.chunks.push(payload);
    this.length += payload.length;
    this.szx = block.szx;
    if (!block.more) return DONE;
    return NEXT;
  }

  private remember(message: Message): void {
    this.etag = message.opaque(Option.ETag);
    this.contentFormat = message.uint(Option.ContentFormat);
  }

  /** The representation changed between two blocks (RFC 7959 §2.4). */
  private isOther(message: Message): boolean {
    const etag = message.opaque(Option.ETag);
    if (etag !== undefined && this.etag !== undefined && !etag.equals(this.etag)) return true;
    return message.uint(Option.ContentFormat) !== this.contentFormat;
  }

  private restart(): DownloadStep {
    if (this.restarted) return failed('its answer changed again while it was being fetched');
    this.restarted = true;
    this.chunks = [];
    this.length = 0;
    return NEXT;
  }
}

function failed(reason: string): DownloadStep {
  return { kind: 'failed', reason };
}
