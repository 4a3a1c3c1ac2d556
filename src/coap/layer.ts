/**
 * The message layer: composition. A datagram comes in, is parsed, finds its peer, is recognised when repeated, and goes to the
 * exchange, the observation or the request handler it belongs to. The rules live in the parts.
 */
import type { Clock, Timer } from '../clock';
import { Answering } from './answering';
import { codeClass, isRequest } from './codes';
import { Deduplication, Seen } from './deduplication';
import { type Endpoint, EndpointTable } from './endpoint';
import { Exchange, Exchanges, type RequestSpec } from './exchange';
import type { IncomingRequest } from './incoming';
import { Link, type LinkOwner } from './link';
import { DROP, emptyMessage, type Message, MessageType, parseMessage } from './message';
import { type NotificationOptions, type NotificationOutcome, Notifier } from './notifier';
import { Observation, type Observer } from './observation';
import { Option } from './options';
import {
  DEFAULT_LIMITS,
  DEFAULT_PARAMETERS,
  type DerivedTimes,
  derivedTimes,
  type LayerLimits,
  type TransmissionParameters,
} from './parameters';
import { Ping } from './ping';
import { type Random, systemRandom } from './random';
import { Request, type RequestContext, type RequestOptions, type ResponseCallback } from './request';
import type { ResponseSpec } from './response';
import { LayerStatistics } from './statistics';
import { type TokenOwner, Tokens } from './tokens';
import { Transmitter } from './transmission';
import type { LocalAddress, RefusedPeer, Transport } from './transport';

export type { RequestSpec } from './exchange';
export type { Observer } from './observation';
export { type Random, systemRandom } from './random';
export type { RequestOptions, ResponseCallback } from './request';
export type { CoapResponse, ResponseSpec } from './response';

export interface LayerOptions {
  /** At least one; the first is where `endpoint` looks when it is not told. */
  readonly transports: readonly [Transport, ...Transport[]];
  readonly clock: Clock;
  readonly random?: Random;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<LayerLimits>;
  /** Called once per request; answer with `request.respond`, now or later. */
  readonly onRequest: (request: IncomingRequest) => void;
  /** A peer on a reliable transport is gone for good; the same device comes back as another endpoint. */
  readonly onDisconnected?: (endpoint: Endpoint, reason: string) => void;
  /**
   * An answer or a notification with a token of ours came from `to`, while it was asked of `from`: whether that is the same device, met at
   * another address, and has been moved there. Absent: it never is (RFC 7252 §5.3.2).
   */
  readonly onStrayed?: (from: Endpoint, to: Endpoint) => boolean;
  /** Whether a path can be known to one peer only, so that the rest of a body in blocks may come from another address. */
  readonly isSecret?: (path: readonly string[]) => boolean;
  /** A peer could not prove who it is. */
  readonly onRefused?: (peer: RefusedPeer) => void;
  /** An exception of `onRequest`: a bug, told to whoever runs the layer. */
  readonly onHandlerError?: (error: unknown) => void;
}

/** What a layer holds for its peers; each number has a cap in `LayerLimits`, or is what its owner asked for. */
export interface Held {
  readonly endpoints: number;
  /** Requests under way and observations. */
  readonly tokens: number;
  readonly deduplicationEntries: number;
  readonly deduplicationBytes: number;
  /** Bodies being received in blocks, and those being served. */
  readonly blockTransfers: number;
  readonly blockBytes: number;
}

const HOUSEKEEPING_MS = 10_000;
/** A peer that sends unknown tokens gets one RST a second for its non-confirmable messages. */
const RESET_INTERVAL_MS = 1_000;

export class CoapLayer implements LinkOwner {
  readonly statistics = new LayerStatistics();
  readonly parameters: TransmissionParameters;
  readonly times: DerivedTimes;
  private readonly limits: LayerLimits;
  private readonly clock: Clock;
  private readonly links: readonly Link[];
  private readonly deduplication: Deduplication;
  private readonly tokens: Tokens<TokenOwner>;
  private readonly transmitter: Transmitter;
  private readonly exchanges: Exchanges;
  private readonly answering: Answering;
  private readonly notifier: Notifier;
  private readonly context: RequestContext;
  private housekeeping: Timer | undefined;
  private agedAt = 0;

  constructor(private readonly options: LayerOptions) {
    const random = options.random ?? systemRandom;
    this.clock = options.clock;
    this.parameters = { ...DEFAULT_PARAMETERS, ...options.parameters };
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.times = derivedTimes(this.parameters);
    const { clock, parameters, times, limits, send } = this;
    let lastId = 0;
    const nextId = (): number => ++lastId;
    const firstMessageId = (): number => random.bytes(2).readUInt16BE(0);
    this.links = options.transports.map((transport) => {
      const endpoints = new EndpointTable(transport, limits.unknownEndpoints, nextId, firstMessageId);
      return new Link(transport, endpoints, this);
    });
    this.deduplication = new Deduplication(times.exchangeLifetimeMs / 1000, limits.deduplicationBytes, this.second());
    this.tokens = new Tokens<TokenOwner>((length) => random.bytes(length));
    this.transmitter = new Transmitter(clock, parameters, () => random.fraction(), send);
    this.exchanges = new Exchanges(clock, parameters, times, limits, this.transmitter, this.tokens, send);
    this.answering = new Answering({
      clock,
      parameters,
      times,
      limits,
      transmitter: this.transmitter,
      deduplication: this.deduplication,
      send,
      onRequest: options.onRequest,
      isSecret: options.isSecret ?? (() => false),
      onHandlerError: this.handlerFailed,
    });
    this.notifier = new Notifier(clock, times, this.answering, this.transmitter, send);
    this.context = {
      pausing: new Set(),
      onHandlerError: this.handlerFailed,
      clock,
      exchanges: this.exchanges,
      tokens: this.tokens,
      defaultTimeoutMs: times.maxTransmitWaitMs,
      maxBodyBytes: limits.responseBodyBytes,
    };
  }

  /** Where the first transport listens, once open. */
  get local(): LocalAddress | undefined {
    return this.options.transports[0].local;
  }

  /** Where it listens, on every transport that is open and does. */
  get listening(): readonly (LocalAddress & { readonly transport: string })[] {
    return this.options.transports.flatMap(({ name, local }) => (local === undefined ? [] : [{ transport: name, ...local }]));
  }

  get retransmitted(): number {
    return this.transmitter.retransmitted;
  }

  get timeouts(): number {
    return this.exchanges.timeouts;
  }

  /** What the layer holds now, to be watched and tested. */
  held(): Held {
    return {
      endpoints: this.links.reduce((sum, { endpoints }) => sum + endpoints.size, 0),
      tokens: this.tokens.size,
      deduplicationEntries: this.deduplication.entries,
      deduplicationBytes: this.deduplication.bytes,
      ...this.answering.held(),
    };
  }

  /** @throws DeviceManagementError of the first transport that cannot be opened; none is open then */
  async open(): Promise<void> {
    try {
      for (const link of this.links) await link.transport.open(link);
    } catch (error) {
      await this.closeTransports();
      throw error;
    }
    this.keepHouse();
  }

  /** Ends everything under way with `cancelled`, and the transports. */
  async close(): Promise<void> {
    this.housekeeping?.cancel();
    const endpoints = this.links.flatMap((link) => [...link.endpoints.all()]);
    this.exchanges.close(endpoints);
    for (const request of this.context.pausing) request.cancel();
    for (const owner of this.tokens.all()) if (owner instanceof Observation) owner.forget();
    this.answering.close();
    this.notifier.close();
    this.transmitter.close(endpoints);
    await this.closeTransports();
  }

  /** The peer at an address, known or new. Pin it (`retain`) when it is to be remembered while idle. */
  endpoint(address: string, port: number, transport: Transport = this.options.transports[0]): Endpoint {
    return this.tableOf(transport).findOrMake(address, port);
  }

  /** The transport of this name, where there is one. */
  transport(name: string): Transport | undefined {
    return this.options.transports.find((transport) => transport.name === name);
  }

  /** A peer that has to be met again before it can be asked: its connection or association has not outlived a restart. */
  absent(transport: Transport = this.options.transports[0]): Endpoint {
    return this.tableOf(transport).absent();
  }

  /** An endpoint that lost its last pin may be forgotten again. */
  unpinned(endpoint: Endpoint): void {
    this.tableOf(endpoint.transport).unpinned(endpoint);
  }

  /** Asks a peer; the callback is called once, with its answer or with why there is none. */
  request(endpoint: Endpoint, spec: RequestSpec, options: RequestOptions, callback: ResponseCallback): { cancel(): void } {
    const request = new Request(this.context, endpoint, spec, options, callback);
    request.start();
    return request;
  }

  /** Begins an observation (RFC 7641); `spec` is without `observe`, the callback gets the first answer. */
  observe(
    endpoint: Endpoint,
    spec: RequestSpec,
    observer: Observer,
    options: RequestOptions,
    callback: ResponseCallback,
  ): Observation {
    const observation = new Observation(this.context, this.clock, endpoint, this.tokens.make(), spec, options, observer);
    observation.start(callback);
    return observation;
  }

  /**
   * Goes on with an observation that began in an earlier life of this process: its notifications are recognised instead of reset.
   * @param token the observation's, as it was kept
   */
  resume(endpoint: Endpoint, token: Buffer, spec: RequestSpec, observer: Observer, options: RequestOptions = {}): Observation {
    const observation = new Observation(this.context, this.clock, endpoint, token, spec, options, observer);
    observation.resume();
    return observation;
  }

  /** Notifies a peer that observes us; `response.observe` is the sequence number. */
  notify(
    endpoint: Endpoint,
    token: Buffer,
    response: ResponseSpec,
    options: NotificationOptions,
    callback: (outcome: NotificationOutcome) => void = () => undefined,
  ): void {
    this.notifier.notify(endpoint, token, response, options, this.guarded(callback));
  }

  /** What `notify` needs to serve large bodies to the observer that began with this request. */
  servingKey(request: IncomingRequest): string {
    return this.answering.keyOf(request.message, request.endpoint);
  }

  /** CoAP ping: an empty confirmable message (RFC 7252 §4.3). A connection knows by itself whether the peer is there. */
  ping(endpoint: Endpoint, callback: (alive: boolean) => void): void {
    const ping = new Ping(endpoint, this.guarded(callback));
    if (endpoint.reliable) return endpoint.gone ? ping.expired() : ping.acknowledged();
    ping.messageId = endpoint.takeMessageId(this.clock.monotonic(), this.times.exchangeLifetimeMs);
    if (ping.messageId < 0) return ping.expired();
    ping.bytes = emptyMessage(MessageType.Confirmable, ping.messageId);
    this.transmitter.start(ping);
  }

  /** Ends the connection to a peer on a reliable transport; what is under way fails with `disconnected`. */
  disconnect(endpoint: Endpoint): void {
    endpoint.transport.disconnect?.(endpoint.address, endpoint.port);
  }

  /** Ends what was proved by this name, on every transport. */
  revoke(name: string): void {
    for (const { transport } of this.links) transport.revoke?.(name);
  }

  /** The device known as `from` is now met where `to` is, on the same transport without connections: everything under way goes on there. */
  move(from: Endpoint, to: Endpoint): void {
    this.tableOf(from.transport).move(from, to);
  }

  /** The device behind this endpoint is another, or new: ends its requests and observations without a message. */
  forget(endpoint: Endpoint): void {
    this.exchanges.cancelAll(endpoint);
    for (const request of this.context.pausing) if (request.endpoint === endpoint) request.cancel();
    for (const owner of this.tokens.of(endpoint)) if (owner instanceof Observation) owner.forget();
  }

  received(datagram: Buffer, address: string, port: number, { transport, endpoints }: Link): void {
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

  /** The connection to a peer has ended: nothing is on its way any more. */
  disconnected(endpoint: Endpoint, reason: string): void {
    this.exchanges.disconnected(endpoint, reason);
    for (const request of this.context.pausing) if (request.endpoint === endpoint) request.cancel();
    for (const owner of this.tokens.of(endpoint)) {
      if (owner instanceof Observation) owner.disconnected(`the connection ended: ${reason}`);
    }
    this.options.onDisconnected?.(endpoint, reason);
  }

  refused(peer: RefusedPeer): void {
    this.options.onRefused?.(peer);
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
    return this.options.onStrayed?.(owner.endpoint, endpoint) === true ? owner : undefined;
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
    const seen = this.deduplication.see(endpoint.index, message.messageId, this.second(), lifetimeMs / 1000);
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

  private readonly send = (bytes: Buffer, endpoint: Endpoint): void => {
    endpoint.sent++;
    endpoint.bytesSent += bytes.length;
    this.statistics.countOut(bytes[1] as number, bytes.length);
    endpoint.transport.send(bytes, endpoint.address, endpoint.port);
  };

  private readonly handlerFailed = (error: unknown): void => {
    this.statistics.handlerErrors++;
    this.options.onHandlerError?.(error);
  };

  /** A bug above must not leave the peer's queue or the socket in the middle of something. */
  private guarded<T>(callback: (value: T) => void): (value: T) => void {
    return (value) => {
      try {
        callback(value);
      } catch (bug) {
        this.handlerFailed(bug);
      }
    };
  }

  private tableOf(transport: Transport): EndpointTable {
    const link = this.links.find((candidate) => candidate.transport === transport);
    if (link === undefined) throw new RangeError(`the transport ${transport.name} is none of this layer's`);
    return link.endpoints;
  }

  /** One that fails to close must not keep the others open. */
  private async closeTransports(): Promise<void> {
    await Promise.allSettled(this.links.map(({ transport }) => transport.close()));
  }

  private second(): number {
    return Math.floor(this.clock.monotonic() / 1000);
  }

  private keepHouse(): void {
    this.housekeeping = this.clock.after(HOUSEKEEPING_MS, () => {
      const now = this.clock.monotonic();
      for (const { endpoints } of this.links) endpoints.expire(now - this.times.exchangeLifetimeMs);
      this.answering.expire();
      if (now - this.agedAt >= this.times.exchangeLifetimeMs) {
        this.agedAt = now;
        this.tokens.age();
      }
      this.keepHouse();
    });
  }
}
