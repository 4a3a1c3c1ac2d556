/**
 * One outgoing request message and its response (RFC 7252 §4.2, §5.3). It owns message ID, token, retransmission and both
 * timers; it knows nothing of blocks, and an answer's code is none of its business.
 *
 *   queued ──slot──▶ waiting-ack ──empty ACK──▶ waiting-response ──response──▶ done
 *                        └──────────response──────────────────────────────────▶ done
 *   any ──timer, RST, cancel──▶ failed
 */
import type { Clock } from '../clock';
import { Deadlines, NO_DEADLINE } from '../deadlines';
import { DeviceManagementError } from '../errors';
import type { Endpoint } from './endpoint';
import { type Message, MessageType, MessageWriter } from './message';
import { Option } from './options';
import type { DerivedTimes, LayerLimits, TransmissionParameters } from './parameters';
import { PeerQueue } from './peer-queue';
import type { TokenOwner, Tokens } from './tokens';
import { type Send, Transmission, type Transmitter } from './transmission';

/** A request as it goes out, one message. */
export interface RequestSpec {
  /** `Code.Get` … `Code.IPatch` */
  readonly code: number;
  readonly path: readonly string[];
  readonly query?: readonly string[];
  readonly contentFormat?: number;
  readonly accept?: number;
  readonly observe?: number;
  readonly payload?: Uint8Array;
  /** Default true. */
  readonly confirmable?: boolean;
}

/** The same with the options of block-wise transfer. */
export interface BlockRequestSpec extends RequestSpec {
  readonly block1?: number;
  readonly block2?: number;
  readonly size1?: number;
}

/** Who learns how an exchange ended. */
export interface ExchangeOwner {
  /** The peer has it; the response is still to come. */
  acknowledged?(): void;
  answered(message: Message): void;
  failed(error: DeviceManagementError): void;
}

type FailureCode = 'timeout' | 'reset' | 'cancelled' | 'queue-full' | 'protocol-error' | 'disconnected';

type State = 'queued' | 'waiting-ack' | 'waiting-response' | 'ended';

const TICK_MS = 50;
/** How soon a request is tried again while every message ID towards its peer is in use. */
const MESSAGE_ID_RETRY_MS = 1_000;

export class Exchange extends Transmission implements TokenOwner {
  state: State = 'queued';
  nextOwner: TokenOwner | undefined = undefined;
  sentAt = 0;

  constructor(
    endpoint: Endpoint,
    readonly token: Buffer,
    readonly spec: BlockRequestSpec,
    readonly timeoutMs: number,
    readonly owner: ExchangeOwner,
    private readonly exchanges: Exchanges,
  ) {
    super(endpoint);
  }

  get confirmable(): boolean {
    return this.spec.confirmable !== false && !this.endpoint.reliable;
  }

  override expired(): void {
    this.exchanges.fail(
      this,
      'timeout',
      `no answer from ${this.endpoint.address}:${this.endpoint.port}: it is offline, asleep, or its address has changed`,
    );
  }

  override acknowledged(): void {
    this.exchanges.waitForResponse(this);
    this.owner.acknowledged?.();
  }

  override wasReset(): void {
    this.exchanges.fail(this, 'reset', 'the device answered with Reset: it does not know this server any more');
  }
}

export class Exchanges {
  private readonly timers: Deadlines<Exchange>;
  private readonly writer = new MessageWriter();
  timeouts = 0;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly parameters: TransmissionParameters,
    private readonly times: DerivedTimes,
    private readonly limits: LayerLimits,
    private readonly transmitter: Transmitter,
    private readonly tokens: Tokens<TokenOwner>,
    private readonly send: Send,
  ) {
    this.timers = new Deadlines<Exchange>(clock, TICK_MS, (exchange) => this.timerDue(exchange));
  }

  /** Sends now or when the peer has a free slot. A full queue fails the exchange. */
  start(exchange: Exchange, urgent: boolean): void {
    const { endpoint } = exchange;
    if (this.closed || endpoint.gone) {
      exchange.state = 'ended';
      const error = this.closed
        ? new DeviceManagementError('cancelled', 'the server is closed')
        : new DeviceManagementError('disconnected', 'the connection has ended');
      exchange.owner.failed(error);
      return;
    }
    endpoint.queue ??= new PeerQueue(this.limits.queuedRequests, this.limits.queuedBytes);
    if (!endpoint.queue.add(exchange, urgent)) {
      const message = `more than ${this.limits.queuedRequests} requests wait for this device: send fewer at once, or wait for their results`;
      this.fail(exchange, 'queue-full', message);
      return;
    }
    // What waits in vain for its turn fails as if it had been sent in vain; a message ID is free again within its lifetime.
    const { maxTransmitWaitMs, exchangeLifetimeMs } = this.times;
    const longestMs = Math.max(2 * maxTransmitWaitMs, exchangeLifetimeMs + 2 * MESSAGE_ID_RETRY_MS);
    exchange.giveUpAt = this.clock.monotonic() + longestMs;
    this.timers.set(exchange, longestMs);
    this.pump(endpoint);
  }

  cancel(exchange: Exchange): void {
    this.fail(exchange, 'cancelled', 'the request was cancelled');
  }

  /** Ends everything towards a peer that is not what it was: it registered anew, or has left. */
  cancelAll(endpoint: Endpoint): void {
    this.failAll(endpoint, 'cancelled', 'the request was cancelled');
  }

  /** Ends everything towards a peer whose connection has ended. */
  disconnected(endpoint: Endpoint, reason: string): void {
    this.failAll(endpoint, 'disconnected', `the connection to ${endpoint.address}:${endpoint.port} ended: ${reason}`);
  }

  /** A response with this exchange's token has come from its peer. */
  answered(exchange: Exchange, message: Message): void {
    // A request that arrived more than once may be answered more than once.
    const mayBeRepeated = exchange.tries > 1 || exchange.state === 'waiting-response';
    this.end(exchange);
    this.release(exchange, mayBeRepeated);
    exchange.owner.answered(message);
    this.pump(exchange.endpoint);
  }

  /** Its response has an option that must be understood and is not. */
  misunderstood(exchange: Exchange): void {
    this.fail(exchange, 'protocol-error', 'the answer of the device has a critical option that is unknown or malformed');
  }

  waitForResponse(exchange: Exchange): void {
    exchange.state = 'waiting-response';
    const waited = this.clock.monotonic() - exchange.sentAt;
    this.timers.set(exchange, Math.max(exchange.timeoutMs - waited, TICK_MS));
  }

  fail(exchange: Exchange, code: FailureCode, message: string): void {
    if (exchange.state === 'ended') return;
    const wasSent = exchange.state !== 'queued';
    this.end(exchange);
    this.release(exchange, wasSent);
    if (code === 'timeout') this.timeouts++;
    exchange.owner.failed(new DeviceManagementError(code, message));
    this.pump(exchange.endpoint);
  }

  /** The non-confirmable request with this ID that still waits for its response. */
  findUnacknowledged(endpoint: Endpoint, messageId: number): Exchange | undefined {
    for (let owner = endpoint.owners; owner !== undefined; owner = owner.nextOwner) {
      if (owner instanceof Exchange && owner.messageId === messageId && !owner.confirmable) return owner;
    }
    return undefined;
  }

  /** Something has come from a peer that was silent: what was held back may go. */
  wake(endpoint: Endpoint): void {
    this.pump(endpoint);
  }

  /** Cancels what is under way and what waits for its turn; what is asked for afterwards is refused. */
  close(endpoints: Iterable<Endpoint>): void {
    this.closed = true;
    for (const endpoint of endpoints) this.cancelAll(endpoint);
    for (const owner of this.tokens.all()) if (owner instanceof Exchange) this.cancel(owner);
    this.timers.stop();
  }

  private failAll(endpoint: Endpoint, code: FailureCode, message: string): void {
    for (const exchange of endpoint.queue?.all() ?? []) this.fail(exchange, code, message);
    for (const owner of this.tokens.of(endpoint)) if (owner instanceof Exchange) this.fail(owner, code, message);
  }

  /** A late answer must meet an ACK, so that its repetition ends; a late notification a Reset, so that its observation does. */
  private release(exchange: Exchange, mayBeAnsweredLate: boolean): void {
    if (mayBeAnsweredLate && exchange.spec.observe === undefined && !exchange.endpoint.reliable) this.tokens.bury(exchange);
    else this.tokens.free(exchange);
  }

  private end(exchange: Exchange): void {
    const { queue } = exchange.endpoint;
    // The one deadline an exchange has is the transmitter's while it waits for an ACK, and ours otherwise.
    if (exchange.state === 'waiting-ack') this.transmitter.stop(exchange);
    else this.timers.clear(exchange);
    if (exchange.state === 'queued') queue?.remove(exchange);
    else if (queue !== undefined) queue.outstanding--;
    exchange.state = 'ended';
  }

  /** Lets waiting requests go while the peer has room for them. */
  private pump(endpoint: Endpoint): void {
    const { queue } = endpoint;
    if (queue === undefined) return;
    while (!this.closed && queue.outstanding < this.parameters.nstart) {
      const exchange = queue.first;
      if (exchange === undefined || !this.trySend(exchange, queue)) break;
    }
    if (queue.idle) endpoint.queue = undefined;
  }

  private trySend(exchange: Exchange, queue: PeerQueue): boolean {
    const { endpoint } = exchange;
    const now = this.clock.monotonic();
    const messageId = endpoint.takeMessageId(now, this.times.exchangeLifetimeMs);
    if (messageId < 0) {
      this.timers.set(exchange, MESSAGE_ID_RETRY_MS);
      return false;
    }
    const bytes = this.encode(exchange, messageId);
    const probeInMs = endpoint.silent ? (bytes.length / this.parameters.probingRate) * 1000 - (now - endpoint.lastProbe) : 0;
    if (probeInMs > 0) {
      this.timers.set(exchange, probeInMs);
      return false;
    }
    endpoint.lastProbe = now;
    this.timers.clear(exchange);
    queue.remove(exchange);
    queue.outstanding++;
    exchange.messageId = messageId;
    exchange.sentAt = now;
    this.tokens.take(exchange);
    if (exchange.confirmable) {
      exchange.state = 'waiting-ack';
      exchange.bytes = bytes;
      exchange.giveUpAt = now + exchange.timeoutMs;
      this.transmitter.start(exchange);
    } else {
      exchange.state = 'waiting-response';
      this.timers.set(exchange, exchange.timeoutMs);
      this.send(bytes, endpoint);
    }
    return true;
  }

  private timerDue(exchange: Exchange): void {
    if (exchange.state === 'waiting-response') {
      this.fail(exchange, 'timeout', silenceAfter(exchange));
      return;
    }
    const leftMs = exchange.giveUpAt - this.clock.monotonic();
    if (leftMs <= 0) return this.fail(exchange, 'timeout', 'the device did not answer the requests before this one');
    // It was first in line and only held back; should a more urgent one have passed it since, it waits on.
    this.pump(exchange.endpoint);
    if (exchange.state === 'queued' && exchange.deadline === NO_DEADLINE) this.timers.set(exchange, leftMs);
  }

  private encode(exchange: Exchange, messageId: number): Buffer {
    const { spec } = exchange;
    const type = exchange.confirmable ? MessageType.Confirmable : MessageType.NonConfirmable;
    const writer = this.writer.begin(type, spec.code, messageId, exchange.token);
    if (spec.observe !== undefined) writer.uint(Option.Observe, spec.observe);
    writer.strings(Option.UriPath, spec.path);
    if (spec.contentFormat !== undefined) writer.uint(Option.ContentFormat, spec.contentFormat);
    if (spec.query !== undefined) writer.strings(Option.UriQuery, spec.query);
    if (spec.accept !== undefined) writer.uint(Option.Accept, spec.accept);
    if (spec.block2 !== undefined) writer.uint(Option.Block2, spec.block2);
    if (spec.block1 !== undefined) writer.uint(Option.Block1, spec.block1);
    if (spec.size1 !== undefined) writer.uint(Option.Size1, spec.size1);
    if (spec.payload !== undefined) writer.payload(spec.payload);
    return writer.finish();
  }
}

/** How a peer left a request that has reached it, or may have. */
function silenceAfter(exchange: Exchange): string {
  if (exchange.endpoint.reliable) return 'the connection is open, and the device sent no response';
  if (exchange.confirmable) return 'the device acknowledged the request and then sent no response';
  return 'no response to a non-confirmable request';
}
