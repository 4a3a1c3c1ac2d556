/** Notifications that we send as the observed side (RFC 7641 §4): confirmable ones until acknowledged, and resets matched to both kinds. */
import type { Clock } from '../clock';
import type { Answering } from './answering';
import type { Endpoint } from './endpoint';
import { MessageType } from './message';
import type { DerivedTimes } from './parameters';
import type { ResponseSpec } from './response';
import { type Send, Transmission, type Transmitter } from './transmission';

export type NotificationOutcome = 'sent' | 'acknowledged' | 'reset' | 'timeout';

export interface NotificationOptions {
  readonly confirmable: boolean;
  /** `servingKey` of the request that began the observation: large bodies are fetched with it. */
  readonly servingKey?: string;
}

/** Non-confirmable notifications whose Reset is still recognised. */
const MOST_REMEMBERED = 1_024;

class ConfirmableNotification extends Transmission {
  constructor(
    endpoint: Endpoint,
    private readonly tell: (outcome: NotificationOutcome) => void,
  ) {
    super(endpoint);
  }

  override expired(): void {
    this.tell('timeout');
  }

  override acknowledged(): void {
    this.tell('acknowledged');
  }

  override wasReset(): void {
    this.tell('reset');
  }
}

export class Notifier {
  private readonly sent = new Map<string, (outcome: NotificationOutcome) => void>();

  constructor(
    private readonly clock: Clock,
    private readonly times: DerivedTimes,
    private readonly answering: Answering,
    private readonly transmitter: Transmitter,
    private readonly send: Send,
  ) {}

  notify(
    endpoint: Endpoint,
    token: Buffer,
    response: ResponseSpec,
    options: NotificationOptions,
    tell: (outcome: NotificationOutcome) => void,
  ): void {
    const messageId = endpoint.takeMessageId(this.clock.monotonic(), this.times.exchangeLifetimeMs);
    if (messageId < 0) return tell('timeout');
    const confirmable = options.confirmable && !endpoint.reliable;
    const type = confirmable ? MessageType.Confirmable : MessageType.NonConfirmable;
    const bytes = this.answering.encode(type, messageId, token, this.cut(endpoint, response, options));
    if (confirmable) {
      const transmission = new ConfirmableNotification(endpoint, tell);
      transmission.messageId = messageId;
      transmission.bytes = bytes;
      this.transmitter.start(transmission);
      return;
    }
    if (!endpoint.reliable) this.remember(keyOf(endpoint, messageId), tell);
    this.send(bytes, endpoint);
    // A connection brings it there, or ends.
    tell(options.confirmable ? 'acknowledged' : 'sent');
  }

  /** A RST that belongs to no confirmable message. */
  wasReset(endpoint: Endpoint, messageId: number): void {
    const key = keyOf(endpoint, messageId);
    const tell = this.sent.get(key);
    this.sent.delete(key);
    tell?.('reset');
  }

  close(): void {
    this.sent.clear();
  }

  private cut(endpoint: Endpoint, response: ResponseSpec, options: NotificationOptions): ResponseSpec {
    const body = response.payload;
    if (body === undefined || body.length <= endpoint.sizes.whole || options.servingKey === undefined) return response;
    const served = this.answering.keep(options.servingKey, endpoint, response, body);
    return { ...response, ...this.answering.blockOf(endpoint, served, undefined) };
  }

  private remember(key: string, tell: (outcome: NotificationOutcome) => void): void {
    this.sent.set(key, tell);
    if (this.sent.size <= MOST_REMEMBERED) return;
    const [oldest] = this.sent.keys();
    if (oldest !== undefined) this.sent.delete(oldest);
  }
}

function keyOf(endpoint: Endpoint, messageId: number): string {
  return `${endpoint.id}:${messageId}`;
}
