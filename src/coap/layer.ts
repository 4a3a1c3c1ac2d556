/** The message layer: composition, and what is asked of it from above. What comes from below goes to `receiving`; the rules live in the parts. */
import type { Clock, Timer } from '../clock';
import { Answering } from './answering';
import { Deduplication } from './deduplication';
import { type Endpoint, EndpointTable } from './endpoint';
import { Exchanges, type RequestSpec } from './exchange';
import type { IncomingRequest } from './incoming';
import type { LayerOptions } from './layer-options';
import { Link, type LinkOwner } from './link';
import { emptyMessage, MessageType } from './message';
import { type NotificationOptions, type NotificationOutcome, Notifier } from './notifier';
import { Observation, type Observer } from './observation';
import {
  DEFAULT_LIMITS,
  DEFAULT_PARAMETERS,
  type DerivedTimes,
  derivedTimes,
  type LayerLimits,
  type TransmissionParameters,
} from './parameters';
import { Ping } from './ping';
import { systemRandom } from './random';
import { Receiving } from './receiving';
import { Request, type RequestContext, type RequestOptions, type ResponseCallback } from './request';
import type { ResponseSpec } from './response';
import { type Held, LayerStatistics } from './statistics';
import { type TokenOwner, Tokens } from './tokens';
import { Transmitter } from './transmission';
import type { LocalAddress, RefusedPeer, Transport } from './transport';

export type { RequestSpec } from './exchange';
export type { LayerOptions } from './layer-options';
export type { Observer } from './observation';
export { type Random, systemRandom } from './random';
export type { RequestOptions, ResponseCallback } from './request';
export type { CoapResponse, ResponseSpec } from './response';

const HOUSEKEEPING_MS = 10_000;

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
    const second = Math.floor(clock.monotonic() / 1000);
    this.deduplication = new Deduplication(times.exchangeLifetimeMs / 1000, limits.deduplicationBytes, second);
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
    const receiving = new Receiving({
      clock,
      times,
      statistics: this.statistics,
      deduplication: this.deduplication,
      tokens: this.tokens,
      transmitter: this.transmitter,
      exchanges: this.exchanges,
      answering: this.answering,
      notifier: this.notifier,
      send,
      onStrayed: options.onStrayed,
    });
    let lastId = 0;
    const nextId = (): number => ++lastId;
    const firstMessageId = (): number => random.bytes(2).readUInt16BE(0);
    this.links = options.transports.map((transport) => {
      const endpoints = new EndpointTable(transport, limits.unknownEndpoints, nextId, firstMessageId);
      return new Link(transport, endpoints, receiving, this);
    });
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
