/**
 * Requests of peers: option errors, bodies in blocks, the handler, and its answer piggybacked, separate or in blocks. It is reached once per
 * request: repeats are recognised below it.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock';
import { Deadlines } from '../deadlines';
import { BERT_SZX, type Block, blockSize, decodeBlock, encodeBlock, LARGEST_BLOCK } from './block/option';
import { Reassembly } from './block/reassembly';
import { etagOf, type ServedBody, Serving, sliceOf, variantKey } from './block/serving';
import { Code, codeClass, isKnownMethod } from './codes';
import type { Deduplication } from './deduplication';
import type { Endpoint } from './endpoint';
import { IncomingRequest, type Responder } from './incoming';
import { emptyMessage, type Message, MessageType, MessageWriter } from './message';
import { Option } from './options';
import type { DerivedTimes, LayerLimits, TransmissionParameters } from './parameters';
import type { ResponseSpec } from './response';
import { type Send, Transmission, type Transmitter } from './transmission';

/** An answer with where it stands in its body. */
interface BlockResponse extends ResponseSpec {
  readonly block1?: number | undefined;
  readonly block2?: number | undefined;
  readonly size1?: number | undefined;
  readonly size2?: number | undefined;
}

const TICK_MS = 100;
/** What makes two requests parts of one transfer; others (Echo, No-Response) may come with one block and not with the next. */
const KEY_OPTIONS: ReadonlySet<number> = new Set([Option.UriPath, Option.UriQuery, Option.Accept, Option.RequestTag]);

const SAFE_METHODS: ReadonlySet<number> = new Set([Code.Get, Code.Fetch]);

/** A confirmable response of its own; whether it was acknowledged concerns nobody above. */
class SeparateResponse extends Transmission {
  override expired(): void {}
  override acknowledged(): void {}
  override wasReset(): void {}
}

export interface AnsweringContext {
  readonly clock: Clock;
  readonly parameters: TransmissionParameters;
  readonly times: DerivedTimes;
  readonly limits: LayerLimits;
  readonly transmitter: Transmitter;
  readonly deduplication: Deduplication;
  readonly send: Send;
  readonly onRequest: (request: IncomingRequest) => void;
  readonly isSecret: (path: readonly string[]) => boolean;
  readonly onHandlerError: (error: unknown) => void;
}

export class Answering implements Responder {
  private readonly reassembly: Reassembly;
  private readonly serving: Serving;
  private readonly pending: Deadlines<IncomingRequest>;
  private readonly writer = new MessageWriter();

  constructor(private readonly context: AnsweringContext) {
    this.reassembly = new Reassembly(context.limits);
    this.serving = new Serving(context.limits);
    this.pending = new Deadlines<IncomingRequest>(context.clock, TICK_MS, (request) => this.acknowledge(request));
  }

  handle(message: Message, endpoint: Endpoint): void {
    if (message.dropUnknownOptions()) return this.reject(message, endpoint, Code.BadOption);
    if (message.has(Option.ProxyUri) || message.has(Option.ProxyScheme))
      return this.reject(message, endpoint, Code.ProxyingNotSupported);
    // Nothing here has an ETag that a precondition could match (RFC 7252 §5.10.8.1).
    if (message.has(Option.IfMatch)) return this.reject(message, endpoint, Code.PreconditionFailed);
    if (!isKnownMethod(message.code)) return this.reject(message, endpoint, Code.MethodNotAllowed);
    const block1 = message.uint(Option.Block1);
    const block2 = message.uint(Option.Block2);
    if (block1 === undefined && block2 === undefined) return this.dispatch(message, endpoint, message.payload);
    if (block2 !== undefined && this.serveKept(message, endpoint, block2)) return;
    if (block1 === undefined) return this.dispatch(message, endpoint, message.payload);
    this.receiveBlock(message, endpoint, block1);
  }

  respond(request: IncomingRequest, response: ResponseSpec): void {
    this.pending.clear(request);
    const { message, endpoint } = request;
    const block1 = message.uint(Option.Block1);
    this.answer(message, endpoint, this.cut(request, response, block1), request.separate);
  }

  /** Names what is being fetched in blocks: by whom, and with which request. */
  keyOf(message: Message, endpoint: Endpoint): string {
    const { options, bytes } = message;
    const hash = createHash('sha1');
    for (let at = 0; at < options.length; at += 3) {
      const number = options[at] as number;
      if (!KEY_OPTIONS.has(number)) continue;
      const offset = options[at + 1] as number;
      hash.update(`${number}:${options[at + 2]}:`).update(bytes.subarray(offset, offset + (options[at + 2] as number)));
    }
    const sender = this.context.isSecret(message.strings(Option.UriPath)) ? '' : endpoint.id;
    const key = `${sender}:${message.code}:${hash.digest('base64')}`;
    if (message.code !== Code.Fetch || message.has(Option.Block1) || message.payloadLength === 0) return key;
    return variantKey(key, createHash('sha1').update(message.payload).digest('base64'));
  }

  held(): { blockTransfers: number; blockBytes: number } {
    const { reassembly, serving } = this;
    return { blockTransfers: reassembly.size + serving.size, blockBytes: reassembly.heldBytes + serving.heldBytes };
  }

  expire(): void {
    const before = this.context.clock.monotonic() - this.context.times.exchangeLifetimeMs;
    this.reassembly.expire(before);
    this.serving.expire(before);
  }

  close(): void {
    this.pending.stop();
    this.reassembly.clear();
    this.serving.clear();
  }

  private dispatch(message: Message, endpoint: Endpoint, body: Buffer): void {
    const request = new IncomingRequest(this, endpoint, message, body);
    try {
      this.context.onRequest(request);
    } catch (error) {
      // A bug above must not take the socket with it, nor leave the peer without an answer.
      this.context.onHandlerError(error);
      request.respond({ code: Code.InternalServerError });
    }
    if (!request.answered && request.confirmable) this.pending.set(request, this.context.parameters.separateAfterMs);
  }

  /** The answer is not ready: an empty ACK stops the retransmission (RFC 7252 §5.2.2). */
  private acknowledge(request: IncomingRequest): void {
    request.separate = true;
    this.sendAcknowledgement(request.message, request.endpoint);
  }

  private sendAcknowledgement(message: Message, endpoint: Endpoint): void {
    const bytes = emptyMessage(MessageType.Acknowledgement, message.messageId);
    this.context.deduplication.answered(endpoint.index, message.messageId, bytes);
    this.context.send(bytes, endpoint);
  }

  private receiveBlock(message: Message, endpoint: Endpoint, block1: number): void {
    const block = decodeBlock(block1, endpoint.reliable);
    if (block === undefined) return this.reject(message, endpoint, Code.BadRequest);
    const received = {
      key: this.keyOf(message, endpoint),
      peer: endpoint.id,
      block,
      payload: message.payload,
      contentFormat: message.uint(Option.ContentFormat),
      size1: message.uint(Option.Size1),
    };
    const result = this.reassembly.receive(received, this.context.clock.monotonic());
    if (result.kind === 'complete') return this.dispatch(message, endpoint, result.body);
    const code = result.kind === 'continue' ? Code.Continue : result.code;
    const size1 = result.kind === 'refused' ? result.size1 : undefined;
    this.answer(message, endpoint, { code, block1, size1 }, false);
  }

  /** A later block of a body that is being served: the handler is not asked again. */
  private serveKept(message: Message, endpoint: Endpoint, block2: number): boolean {
    const wanted = decodeBlock(block2, endpoint.reliable);
    if (wanted === undefined) {
      this.reject(message, endpoint, Code.BadRequest);
      return true;
    }
    if (wanted.number === 0 || (this.serving.size === 0 && SAFE_METHODS.has(message.code))) return false;
    const served = this.serving.find(this.keyOf(message, endpoint), this.context.clock.monotonic());
    if (served === undefined) {
      // To ask the handler again is safe for a read only; what was done once must not be done again for the rest of its answer.
      if (SAFE_METHODS.has(message.code)) return false;
      this.reject(message, endpoint, Code.RequestEntityIncomplete);
      return true;
    }
    this.answer(message, endpoint, this.blockOf(endpoint, served, wanted, undefined, message.has(Option.Size2)), false);
    return true;
  }

  /** The block of the response that this request asks for; the whole where it fits. */
  private cut(request: IncomingRequest, response: ResponseSpec, block1: number | undefined): BlockResponse {
    const { message, endpoint } = request;
    if (response.partOf !== undefined) return { ...response, ...request.placeIn(response.partOf) };
    const raw = message.uint(Option.Block2);
    const wanted = raw === undefined ? undefined : decodeBlock(raw, endpoint.reliable);
    const body = response.payload;
    const largest = wanted === undefined || wanted.szx === BERT_SZX ? endpoint.sizes.whole : blockSize(wanted.szx);
    if (body === undefined || (body.length <= largest && (wanted === undefined || wanted.number === 0))) {
      return block1 === undefined ? response : { ...response, block1: finalBlock1(block1) };
    }
    const served = this.keep(this.keyOf(message, endpoint), endpoint, response, body);
    const finalBlock = block1 === undefined ? undefined : finalBlock1(block1);
    const block = this.blockOf(endpoint, served, wanted, finalBlock, message.has(Option.Size2));
    if (block.payload === undefined) return block;
    const { payload: _payload, ...rest } = response;
    return { ...rest, ...block };
  }

  /** Keeps a body for the requests that will come for the rest of it. */
  keep(key: string, endpoint: Endpoint, response: ResponseSpec, body: Uint8Array): ServedBody {
    const served: ServedBody = {
      peer: endpoint.id,
      code: response.code,
      contentFormat: response.contentFormat,
      body,
      etag: response.etag ?? etagOf(body),
      touchedAt: this.context.clock.monotonic(),
    };
    this.serving.keep(key, served);
    return served;
  }

  blockOf(
    endpoint: Endpoint,
    served: ServedBody,
    wanted: Block | undefined,
    block1?: number,
    asksForSize = false,
  ): BlockResponse {
    // To a peer that knows no blocks the first is as much as can be said.
    const slice = sliceOf(served.body, wanted, endpoint.sizes.block || LARGEST_BLOCK, asksForSize);
    // Beyond the end: RFC 7959 names no code.
    if (slice === undefined) return { code: Code.BadRequest };
    return {
      code: served.code,
      etag: served.etag,
      payload: slice.payload,
      block2: slice.block2,
      size2: slice.size2,
      block1,
      ...(served.contentFormat !== undefined && { contentFormat: served.contentFormat }),
    };
  }

  private reject(message: Message, endpoint: Endpoint, code: number): void {
    // An unknown critical option in a non-confirmable request is dropped (RFC 7252 §5.4.1); on a connection there is no such thing.
    if (message.type === MessageType.NonConfirmable && code === Code.BadOption && !endpoint.reliable) return;
    this.answer(message, endpoint, { code }, false);
  }

  private answer(message: Message, endpoint: Endpoint, response: BlockResponse, separate: boolean): void {
    const confirmable = message.type === MessageType.Confirmable;
    if (isUnwanted(message, response.code)) {
      if (confirmable && !separate) this.sendAcknowledgement(message, endpoint);
      return;
    }
    if (confirmable && !separate) {
      const bytes = this.encode(MessageType.Acknowledgement, message.messageId, message.token, response);
      const { deduplication } = this.context;
      if (response.partOf === undefined) deduplication.answered(endpoint.index, message.messageId, bytes);
      else deduplication.answeredAnew(endpoint.index, message.messageId);
      this.context.send(bytes, endpoint);
      return;
    }
    this.sendSeparately(endpoint, message.token, response, confirmable);
  }

  private sendSeparately(endpoint: Endpoint, token: Buffer, response: BlockResponse, confirmable: boolean): void {
    const messageId = endpoint.takeMessageId(this.context.clock.monotonic(), this.context.times.exchangeLifetimeMs);
    if (messageId < 0) return;
    const type = confirmable ? MessageType.Confirmable : MessageType.NonConfirmable;
    const bytes = this.encode(type, messageId, token, response);
    if (!confirmable) return this.context.send(bytes, endpoint);
    const transmission = new SeparateResponse(endpoint);
    transmission.messageId = messageId;
    transmission.bytes = bytes;
    this.context.transmitter.start(transmission);
  }

  /** Options in ascending order. */
  encode(type: number, messageId: number, token: Uint8Array, response: BlockResponse): Buffer {
    const writer = this.writer.begin(type, response.code, messageId, token);
    if (response.etag !== undefined) writer.opaque(Option.ETag, response.etag);
    if (response.observe !== undefined) writer.uint(Option.Observe, response.observe);
    if (response.locationPath !== undefined) writer.strings(Option.LocationPath, response.locationPath);
    if (response.contentFormat !== undefined) writer.uint(Option.ContentFormat, response.contentFormat);
    if (response.maxAge !== undefined) writer.uint(Option.MaxAge, response.maxAge);
    if (response.block2 !== undefined) writer.uint(Option.Block2, response.block2);
    if (response.block1 !== undefined) writer.uint(Option.Block1, response.block1);
    if (response.size2 !== undefined) writer.uint(Option.Size2, response.size2);
    if (response.size1 !== undefined) writer.uint(Option.Size1, response.size1);
    if (response.payload !== undefined) writer.payload(response.payload);
    return writer.finish();
  }
}

/** The last answer of an upload repeats its Block1 option with M=0 (RFC 7959 §2.5). */
function finalBlock1(block1: number): number {
  const block = decodeBlock(block1, true);
  return block === undefined ? block1 : encodeBlock(block.number, false, block.szx);
}

/** RFC 7967: classes the peer does not want to hear of. */
function isUnwanted(message: Message, code: number): boolean {
  const noResponse = message.uint(Option.NoResponse);
  return noResponse !== undefined && (noResponse & (1 << (codeClass(code) - 1))) !== 0;
}
