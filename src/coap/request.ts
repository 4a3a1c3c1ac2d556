/**
 * One request as its caller sees it: the body goes up in blocks when it is large, the answer comes down in blocks when that is, and the
 * callback is called once. Each block is an exchange with a token of its own.
 */
import type { Clock, Timer } from '../clock';
import { DeviceManagementError } from '../errors';
import { Download } from './block/download';
import { blockSize, encodeBlock, LARGEST_BLOCK, SMALLEST_BLOCK, szxFor, szxHolding } from './block/option';
import { Upload } from './block/upload';
import { Code } from './codes';
import type { Endpoint } from './endpoint';
import { type BlockRequestSpec, Exchange, type ExchangeOwner, type Exchanges, type RequestSpec } from './exchange';
import type { Message } from './message';
import { Option } from './options';
import { type CoapResponse, responseOf } from './response';
import type { TokenOwner, Tokens } from './tokens';

/** Any response code is a response; an error means that none came. */
export type ResponseCallback = (error: DeviceManagementError | undefined, response: CoapResponse | undefined) => void;

export interface RequestOptions {
  /** For each message of the transfer, from its first transmission to its answer: an idle limit, never one for the whole (ms, default MAX_TRANSMIT_WAIT). */
  readonly timeoutMs?: number;
  readonly maxBodyBytes?: number;
  /** Largest block in either direction (16..1024, default what the peer takes: 1024, on a connection maybe more). */
  readonly blockSize?: number;
  /** Before other waiting requests to the same peer. */
  readonly priority?: boolean;
  /** Of a large answer this block alone is wanted: which is in its `part`. */
  readonly block2?: number;
  /** The peer has acknowledged a message of it, and its response is still to come (RFC 7252 §5.2.2). */
  readonly acknowledged?: () => void;
}

export interface RequestContext {
  readonly clock: Clock;
  readonly exchanges: Exchanges;
  readonly tokens: Tokens<TokenOwner>;
  readonly defaultTimeoutMs: number;
  readonly maxBodyBytes: number;
  /** Requests that wait for nothing but time (5.03 in the middle of an upload). */
  readonly pausing: Set<Request>;
  /** A callback has thrown. */
  readonly onHandlerError: (error: unknown) => void;
}

/** How the first message differs from those that follow it: an observation's. */
export interface FirstMessage {
  readonly token: Buffer;
  /** The first answer, before the rest of its body is fetched. */
  answered?(message: Message): void;
}

export class Request implements ExchangeOwner {
  private exchange: Exchange | undefined;
  private upload: Upload | undefined;
  private download: Download | undefined;
  private pause: Timer | undefined;
  private observe: number | undefined;
  private ended = false;

  constructor(
    private readonly context: RequestContext,
    readonly endpoint: Endpoint,
    private readonly spec: RequestSpec,
    private readonly options: RequestOptions,
    private readonly callback: ResponseCallback,
    private readonly first?: FirstMessage,
  ) {}

  start(): void {
    const { payload } = this.spec;
    const { block2 } = this.options;
    if (block2 !== undefined) return this.send({ ...this.spec, block2 });
    const { whole, block } = this.endpoint.sizes;
    if (payload !== undefined && payload.length > Math.min(this.options.blockSize ?? whole, whole)) {
      if (block === 0) return this.tooLarge(whole);
      this.upload = new Upload(payload, this.blockSize);
      this.sendBlock();
    } else if (this.options.blockSize !== undefined && this.options.blockSize < LARGEST_BLOCK) {
      // Early negotiation: the peer learns our size with the first message (RFC 7959 §2.4).
      this.send({ ...this.spec, block2: encodeBlock(0, false, szxFor(this.options.blockSize)) }, this.first?.token);
    } else this.send(this.spec, this.first?.token);
  }

  /** Goes on with an answer whose first block is already here: a notification's. */
  startWith(message: Message): void {
    this.download = new Download(this.mostBytes, this.endpoint.reliable);
    this.continueDownload(message);
  }

  cancel(): void {
    if (this.ended) return;
    this.pause?.cancel();
    this.context.pausing.delete(this);
    if (this.exchange === undefined) this.finish(new DeviceManagementError('cancelled', 'the request was cancelled'));
    else this.context.exchanges.cancel(this.exchange);
  }

  /** A newer answer makes the one that is being fetched worthless. */
  supersede(message: Message): void {
    const { exchange } = this;
    this.exchange = undefined;
    this.download = undefined;
    if (exchange !== undefined) this.context.exchanges.cancel(exchange);
    this.take(message);
  }

  acknowledged(): void {
    this.options.acknowledged?.();
  }

  answered(message: Message): void {
    this.exchange = undefined;
    if (this.download !== undefined) this.continueDownload(message);
    else if (this.upload !== undefined) this.continueUpload(this.upload, message);
    else if (this.isRefusedAsTooLarge(message)) this.retryInBlocks(message);
    else this.take(message);
  }

  failed(error: DeviceManagementError): void {
    // Given up for a newer answer.
    if (this.exchange === undefined) return;
    this.exchange = undefined;
    this.finish(error);
  }

  /** The final answer, or its first block. */
  private take(message: Message): void {
    this.first?.answered?.(message);
    if (this.options.block2 !== undefined || !Download.isPart(message)) {
      this.finish(undefined, responseOf(message));
      return;
    }
    this.observe = message.uint(Option.Observe);
    this.download = new Download(this.mostBytes, this.endpoint.reliable);
    this.continueDownload(message);
  }

  private continueUpload(upload: Upload, message: Message): void {
    const step = upload.answered(message);
    if (step.kind === 'next') this.sendBlock();
    else if (step.kind === 'wait') {
      this.context.pausing.add(this);
      this.pause = this.context.clock.after(step.seconds * 1000, () => this.sendBlock());
    } else if (step.kind === 'failed') this.refuse(`the transfer to the device failed: ${step.reason}`);
    else this.take(message);
  }

  private continueDownload(message: Message): void {
    const download = this.download as Download;
    const step = download.add(message);
    if (step.kind === 'next') {
      // The rest is asked for without Observe and without the blocks of the request (RFC 7959 §2.6, §2.7).
      const { observe: _observe, ...rest } = this.upload === undefined ? this.spec : withoutBody(this.spec);
      this.send({ ...rest, block2: download.block2 });
    } else if (step.kind === 'done') this.finish(undefined, responseOf(message, download.body(), this.observe));
    else if (step.kind === 'error') this.finish(undefined, responseOf(message));
    else if (step.kind === 'too-large') this.finish(new DeviceManagementError('too-large', step.reason));
    else this.refuse(`the answer of the device could not be fetched: ${step.reason}`);
  }

  private isRefusedAsTooLarge(message: Message): boolean {
    return message.code === Code.RequestEntityTooLarge && (this.spec.payload?.length ?? 0) > SMALLEST_BLOCK;
  }

  private retryInBlocks(message: Message): void {
    const payload = this.spec.payload as Uint8Array;
    // It went out whole, which was a try with the smallest block that holds it.
    this.upload = new Upload(payload, Math.min(this.blockSize, blockSize(szxHolding(payload.length))));
    this.continueUpload(this.upload, message);
  }

  private sendBlock(): void {
    this.pause = undefined;
    this.context.pausing.delete(this);
    const upload = this.upload as Upload;
    this.send({ ...this.spec, ...upload.block() });
  }

  private send(spec: BlockRequestSpec, token = this.context.tokens.make()): void {
    const timeoutMs = this.options.timeoutMs ?? this.context.defaultTimeoutMs;
    this.exchange = new Exchange(this.endpoint, token, spec, timeoutMs, this, this.context.exchanges);
    this.context.exchanges.start(this.exchange, this.options.priority === true);
  }

  private tooLarge(most: number): void {
    const message = `the peer takes at most ${most} bytes at once, and knows no block-wise transfer: send less`;
    this.finish(new DeviceManagementError('too-large', message));
  }

  private refuse(message: string): void {
    this.finish(new DeviceManagementError('protocol-error', message));
  }

  private finish(error: DeviceManagementError | undefined, response?: CoapResponse): void {
    if (this.ended) return;
    this.ended = true;
    try {
      this.callback(error, response);
    } catch (bug) {
      this.context.onHandlerError(bug);
    }
  }

  private get blockSize(): number {
    const { block } = this.endpoint.sizes;
    return Math.min(this.options.blockSize ?? block, block);
  }

  private get mostBytes(): number {
    return this.options.maxBodyBytes ?? this.context.maxBodyBytes;
  }
}

/** The body has been uploaded, and is not sent again to fetch the rest of the answer (RFC 7959 §2.7). */
function withoutBody(spec: RequestSpec): RequestSpec {
  const { payload: _payload, contentFormat: _contentFormat, ...rest } = spec;
  return rest;
}
