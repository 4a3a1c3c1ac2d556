/**
 * A device fetches a package by itself (LwM2M Core 1.1.1 Appendix E.6, Package URI): block by block, each a request of its own, going on at the byte where
 * it stood after a silence. Pure of sockets and URIs: whoever makes it says how to ask.
 */
import type { Clock, Timer } from '../../clock';
import { type Block, blockSize, encodeBlock, LARGEST_BLOCK, szxFor } from '../../coap/block/option';
import { Code, codeClass } from '../../coap/codes';
import type { CoapResponse, ResponseCallback } from '../../coap/layer';

export type FetchFailure = 'invalid-uri' | 'unsupported-protocol' | 'connection-lost' | 'changed';

export interface FetchListener {
  /** @param total of the whole, where the server says so @returns false: that is enough */
  part(bytes: Buffer, offset: number, total: number | undefined): boolean;
  done(): void;
  failed(why: FetchFailure): void;
}

export interface FetchOptions {
  /** Bytes asked for at once: 16 to 1024. */
  readonly blockSize?: number;
  /** Before the part at this byte: a slow link, a device that sleeps. */
  readonly pauseMs?: (offset: number) => number;
}

/** Asks for one block. */
export type AskForBlock = (block2: number, callback: ResponseCallback) => { cancel(): void };

/** How often in a row nothing comes until the connection counts as lost. */
const MOST_SILENCES = 5;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;

export class PackageFetch {
  private offset = 0;
  private szx: number;
  private etag: Buffer | undefined;
  private silences = 0;
  private request: { cancel(): void } | undefined;
  private timer: Timer | undefined;
  private ended = false;

  constructor(
    private readonly clock: Clock,
    private readonly ask: AskForBlock,
    private readonly listener: FetchListener,
    private readonly options: FetchOptions = {},
  ) {
    this.szx = szxFor(options.blockSize ?? LARGEST_BLOCK);
  }

  start(): void {
    this.next();
  }

  cancel(): void {
    this.ended = true;
    this.timer?.cancel();
    this.request?.cancel();
  }

  private next(): void {
    if (this.ended) return;
    this.request = this.ask(encodeBlock(this.offset / blockSize(this.szx), false, this.szx), (error, response) => {
      if (this.ended) return;
      if (response === undefined || error !== undefined) return this.silent();
      this.answered(response);
    });
  }

  private answered(response: CoapResponse): void {
    // Passing reasons: the server restarts, or has too much to do (5.xx, 4.29).
    if (codeClass(response.code) === 5 || response.code === Code.TooManyRequests) return this.silent();
    if (response.code !== Code.Content) return this.fail('invalid-uri');
    const { etag, payload, size } = response;
    const block: Block = response.block ?? { number: 0, more: false, szx: this.szx };
    if (this.etag !== undefined && etag !== undefined && !etag.equals(this.etag)) return this.fail('changed');
    if (block.number * blockSize(block.szx) !== this.offset) return this.fail('connection-lost');
    this.silences = 0;
    this.etag ??= etag === undefined ? undefined : Buffer.from(etag);
    this.szx = Math.min(block.szx, this.szx);
    const { offset } = this;
    this.offset += payload.length;
    const isWanted = this.listener.part(Buffer.from(payload), offset, size);
    if (this.ended) return;
    if (!isWanted || !block.more) {
      this.ended = true;
      if (isWanted) this.listener.done();
      return;
    }
    const pause = this.options.pauseMs?.(this.offset) ?? 0;
    if (pause === 0) this.next();
    else this.timer = this.clock.after(pause, () => this.next());
  }

  private silent(): void {
    if (++this.silences >= MOST_SILENCES) return this.fail('connection-lost');
    const delay = Math.min(FIRST_RETRY_MS * 2 ** (this.silences - 1), LONGEST_RETRY_MS);
    this.timer = this.clock.after(delay, () => this.next());
  }

  private fail(why: FetchFailure): void {
    this.ended = true;
    this.listener.failed(why);
  }
}
