/**
 * What a datagram is to the layer: it is parsed, finds its peer, is recognised when repeated (RFC 7252 §4.5), and goes to the exchange, the
 * observation or the request handler it belongs to (§5.3.2). What belongs to nobody is reset, or passed over.
 */
import type { Clock } from '../clock';
import type { Answering } from './answering';
import { codeClass, isRequest } from './codes';
import { type Deduplication, Seen } from './deduplication';
import type { Endpoint, EndpointTable } from './endpoint';
import { Exchange, type Exchanges } from './exchange';
import { DROP, emptyMessage, type Message, MessageType, parseMessage } from './message';
import type { Notifier } from './notifier';
import { Observation } from './observation';
import { Option } from './options';
import type { DerivedTimes } from './parameters';
import type { LayerStatistics } from './statistics';
import type { TokenOwner, Tokens } from './tokens';
import type { Send, Transmitter } from './transmission';
import type { Transport } from './transport';

/** A peer that sends unknown tokens gets one RST a second for its non-confirmable messages. */
const RESET_INTERVAL_MS = 1_000;

export interface ReceivingParts {
  readonly clock: Clock;
  readonly times: DerivedTimes;
  readonly statistics: LayerStatistics;
  readonly deduplication: Deduplication;
  readonly tokens: Tokens<TokenOwner>;
  readonly transmitter: Transmitter;
  readonly exchanges: Exchanges;
  readonly answering: Answering;
  readonly notifier: Notifier;
  readonly send: Send;
  readonly onStrayed: ((from: Endpoint, to: Endpoint) => boolean) | undefined;
}

export class Receiving {
  private readonly clock: Clock;
  private readonly times: DerivedTimes;
  private readonly statistics: LayerStatistics;
  private readonly deduplication: Deduplication;
  private readonly tokens: Tokens<TokenOwner>;
  private readonly transmitter: Transmitter;
  private readonly exchanges: Exchanges;
  private readonly answering: Answering;
  private readonly notifier: Notifier;
  private readonly send: Send;
  private readonly onStrayed: ReceivingParts['onStrayed'];

  constructor(parts: ReceivingParts) {
    this.clock = parts.clock;
    this.times = parts.times;
    this.statistics = parts.statistics;
    this.deduplication = parts.deduplication;
    this.tokens = parts.tokens;
    this.transmitter = parts.transmitter;
    this.exchanges = parts.exchanges;
    this.answering = parts.answering;
    this.notifier = parts.notifier;
    this.send = parts.send;
    this.onStrayed = parts.onStrayed;
  }

  /** A datagram, or a message of a connection, and the table of the peers met on its transport. */
  received(datagram: Buffer, address: string, port: number, transport: Transport, endpoints: EndpointTable): void {
    const message = parseMessage(datagram);
    if (typeof message === 'number') {
      this.statistics.malformed++;
      if (message !== DROP) this.reset(message, endpoints.findOrMake(address, port));
      // What follows may be understood no better, and nobody can be told which message it was.
      else if (transport.reliable === true) transport.disconnect?.(address, port, 'a malformed message');
      return;
    }
    const endpoint = endpoints.findOrMake(address, port);
    endpoint.lastSeen = this.clock.monotonic();
    const wasSilent = endpoint.silent;
    endpoint.silent = false;
    endpoint.received++;
    endpoint.bytesReceived += datagram.length;
    this.statistics.countIn(message.code, datagram.length);
    if (endpoint.reliable) this.inOrder(message, endpoint);
    else if (message.code === 0) this.empty(message, endpoint);
    else if (isRequest(message.code)) this.incoming(message, endpoint);
    else this.response(message, endpoint);
    // After the answer to what came: nothing of ours goes out before it.
    if (wasSilent) this.exchanges.wake(endpoint);
  }

  /** What comes on a connection is no repeat, and waits for no acknowledgement; answers are known by their token (RFC 8323 §3.3). */
  private inOrder(message: Message, endpoint: Endpoint): void {
    if (isRequest(message.code)) return this.answering.handle(message, endpoint);
    const owner = this.tokens.find(message.token, endpoint);
    if (message.dropUnknownOptions()) this.reject(message, endpoint, owner);
    else if (owner !== undefined) this.deliver(message, owner);
  }

  /** Empty messages: ACK, RST, and the ping that is answered by RST. */
  private empty(message: Message, endpoint: Endpoint): void {
    if (message.type === MessageType.Confirmable) return this.reset(message.messageId, endpoint);
    if (message.type === MessageType.NonConfirmable) return;
    const isReset = message.type === MessageType.Reset;
    if (isReset) this.statistics.resetsReceived++;
    const transmission = this.transmitter.find(endpoint, message.messageId);
    if (transmission === undefined) {
      if (isReset) this.resetUnacknowledged(message.messageId, endpoint);
      return;
    }
    this.transmitter.stop(transmission);
    if (isReset) transmission.wasReset();
    else transmission.acknowledged();
  }

  /** RST for a message that waits for no ACK: a non-confirmable request or notification. */
  private resetUnacknowledged(messageId: number, endpoint: Endpoint): void {
    const exchange = this.exchanges.findUnacknowledged(endpoint, messageId);
    if (exchange !== undefined) exchange.wasReset();
    else this.notifier.wasReset(endpoint, messageId);
  }

  private incoming(message: Message, endpoint: Endpoint): void {
    if (message.type !== MessageType.Confirmable && message.type !== MessageType.NonConfirmable) return;
    if (this.isRepeated(message, endpoint)) return;
    this.answering.handle(message, endpoint);
  }

  private response(message: Message, endpoint: Endpoint): void {
    if (message.type === MessageType.Reset) return;
    if (message.type === MessageType.Acknowledgement) return this.piggybacked(message, endpoint);
    if (this.isRepeated(message, endpoint)) return;
    const owner = this.tokens.find(message.token, endpoint) ?? this.strayed(this.tokens.findAnywhere(message.token), endpoint);
    if (owner === undefined && !this.tokens.isBuried(message.token, endpoint)) return this.refuse(message, endpoint);
    if (message.dropUnknownOptions()) return this.reject(message, endpoint, owner);
    if (message.type === MessageType.Confirmable) this.acknowledge(message, endpoint);
    if (owner !== undefined) this.deliver(message, owner);
  }

  /** Message ID and token must both match (RFC 7252 §5.3.2); anything else is a stray, like wakatiwai's second ACK. */
  private piggybacked(message: Message, endpoint: Endpoint): void {
    const owner = this.tokens.findAnywhere(message.token);
    if (!(owner instanceof Exchange) || owner.messageId !== message.messageId) return;
    if (owner.endpoint !== endpoint && this.strayed(owner, endpoint) === undefined) return;
    if (message.dropUnknownOptions()) return this.reject(message, endpoint, owner);
    this.exchanges.answered(owner, message);
  }

  /**
   * A NAT may give a device another address between a request and its answer, or between two notifications. Reset would end an observation
   * that the device has no reason to begin again.
   */
  private strayed(owner: TokenOwner | undefined, endpoint: Endpoint): TokenOwner | undefined {
    if (owner === undefined || owner.endpoint.transport !== endpoint.transport) return undefined;
    return this.onStrayed?.(owner.endpoint, endpoint) === true ? owner : undefined;
  }

  /**
   * A response with a critical option that is not understood (RFC 7252 §5.4.1). Whoever waits for it is told at once: the same would
   * come again. One that is not confirmable is rejected in silence; RST would end an observation over a single notification.
   */
  private reject(message: Message, endpoint: Endpoint, owner: TokenOwner | undefined): void {
    const isConfirmable = message.type === MessageType.Confirmable;
    if (isConfirmable) this.refuse(message, endpoint);
    if (owner instanceof Exchange) this.exchanges.misunderstood(owner);
    else if (owner instanceof Observation && isConfirmable) owner.misunderstood();
  }

  private deliver(message: Message, owner: TokenOwner): void {
    if (owner instanceof Observation) owner.notified(message);
    else if (owner instanceof Exchange) {
      // A notification that crossed our cancellation is not the answer to it.
      const isStale = owner.spec.observe === 1 && message.has(Option.Observe) && codeClass(message.code) === 2;
      if (!isStale) this.exchanges.answered(owner, message);
    }
  }

  /** Repeats the answer to a message seen before (RFC 7252 §4.5). */
  private isRepeated(message: Message, endpoint: Endpoint): boolean {
    const { exchangeLifetimeMs, nonLifetimeMs } = this.times;
    const lifetimeMs = message.type === MessageType.Confirmable ? exchangeLifetimeMs : nonLifetimeMs;
    const seen = this.deduplication.see(
      endpoint.index,
      message.messageId,
      Math.floor(this.clock.monotonic() / 1000),
      lifetimeMs / 1000,
    );
    if (seen === Seen.New) return false;
    this.statistics.duplicates++;
    if (seen === Seen.Answered && message.type === MessageType.Confirmable) this.send(this.deduplication.replay(), endpoint);
    return true;
  }

  private acknowledge(message: Message, endpoint: Endpoint): void {
    const bytes = emptyMessage(MessageType.Acknowledgement, message.messageId);
    this.deduplication.answered(endpoint.index, message.messageId, bytes);
    this.send(bytes, endpoint);
  }

  /** A response nobody waits for: RST ends the observation behind it (RFC 7641 §3.6). */
  private refuse(message: Message, endpoint: Endpoint): void {
    if (message.type === MessageType.NonConfirmable) {
      const now = this.clock.monotonic();
      if (now < endpoint.resetAllowedAt) return;
      endpoint.resetAllowedAt = now + RESET_INTERVAL_MS;
      return this.reset(message.messageId, endpoint);
    }
    this.deduplication.answered(endpoint.index, message.messageId, emptyMessage(MessageType.Reset, message.messageId));
    this.reset(message.messageId, endpoint);
  }

  private reset(messageId: number, endpoint: Endpoint): void {
    this.statistics.resetsSent++;
    this.send(emptyMessage(MessageType.Reset, messageId), endpoint);
  }
}
