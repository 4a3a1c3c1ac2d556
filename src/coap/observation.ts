/**
 * One observation as the observing client (RFC 7641): from its first answer to its end. Order and duplicates are judged here; the body
 * of a large notification is fetched like that of any answer.
 */
import type { Clock } from '../clock';
import { DeviceManagementError, type ErrorCode } from '../errors';
import { Download } from './block/download';
import { Code, codeText } from './codes';
import type { Endpoint } from './endpoint';
import type { RequestSpec } from './exchange';
import type { Message } from './message';
import { Option } from './options';
import { Request, type RequestContext, type RequestOptions, type ResponseCallback } from './request';
import { type CoapResponse, responseOf } from './response';
import type { TokenOwner } from './tokens';

/** Told of what an observation brings. */
export interface Observer {
  notification(response: CoapResponse): void;
  /** The device ended it: an error notification, or an answer without Observe. */
  ended(reason: DeviceManagementError): void;
}

const HALF_OF_SEQUENCE = 2 ** 23;
/** After this a lower number is newer all the same (RFC 7641 §3.4). */
const FRESH_MS = 128_000;

/** RFC 7641 §3.4: whether V2, arriving at T2, is newer than V1 that arrived at T1. */
export function isNewer(v1: number, t1: number, v2: number, t2: number): boolean {
  return (v1 < v2 && v2 - v1 < HALF_OF_SEQUENCE) || (v1 > v2 && v1 - v2 > HALF_OF_SEQUENCE) || t2 > t1 + FRESH_MS;
}

/** RFC 7641 §4.2: a notification that is none of these is an error, and the last one. */
function isValue(code: number): boolean {
  return code === Code.Content || code === Code.Valid;
}

export class Observation implements TokenOwner {
  /** The device has agreed to notify. */
  accepted = false;
  private lastValue = 0;
  private lastAt = 0;
  private live = true;
  private fetching: Request | undefined;
  /** The request that began it, until its answer is complete. */
  private beginning: Request | undefined;
  nextOwner: TokenOwner | undefined = undefined;

  constructor(
    private readonly context: RequestContext,
    private readonly clock: Clock,
    readonly endpoint: Endpoint,
    readonly token: Buffer,
    private readonly spec: RequestSpec,
    private readonly options: RequestOptions,
    private readonly observer: Observer,
  ) {}

  /** Asks the device; the callback gets its first answer, `accepted` tells whether more will come. */
  start(callback: ResponseCallback): void {
    const request = new Request(
      this.context,
      this.endpoint,
      { ...this.spec, observe: 0 },
      this.options,
      (error, response) => {
        this.beginning = undefined;
        if (error !== undefined) this.forget();
        callback(error, response);
      },
      { token: this.token, answered: (message) => this.begin(message) },
    );
    this.beginning = request;
    request.start();
  }

  /** It was accepted before this process began; whatever comes first is newer. */
  resume(): void {
    this.accepted = true;
    this.lastAt = Number.NEGATIVE_INFINITY;
    this.context.tokens.take(this);
  }

  /** From the first block on: notifications may come while the rest of a large first answer is being fetched. */
  private begin(message: Message): void {
    const value = message.uint(Option.Observe);
    if (!this.live || value === undefined || !isValue(message.code)) return this.forget();
    this.remember(value);
    if (this.accepted) return;
    this.accepted = true;
    this.context.tokens.take(this);
  }

  private remember(value: number): void {
    this.lastValue = value;
    this.lastAt = this.clock.monotonic();
  }

  /** A message with this token, already acknowledged. */
  notified(message: Message): void {
    const value = message.uint(Option.Observe);
    if (this.beginning !== undefined) return this.notifiedEarly(this.beginning, message, value);
    if (!isValue(message.code)) return this.endWith(codeText(message.code));
    if (value === undefined)
      return this.end('the device answered without Observe: it does not count this server as an observer any more');
    if (this.isOld(value)) return;
    this.remember(value);
    // A newer notification makes the rest of an older one worthless.
    this.fetching?.cancel();
    this.fetching = undefined;
    if (Download.isPart(message)) this.fetchRest(message, value);
    else this.tell(responseOf(message));
  }

  /** A confirmable notification had to be answered with Reset, which ends it on the device. */
  misunderstood(): void {
    this.end('a notification of the device has a critical option that is unknown or malformed');
  }

  /** What comes before the first answer is complete takes its place. */
  private notifiedEarly(beginning: Request, message: Message, value: number | undefined): void {
    const isOld = value !== undefined && isValue(message.code) && this.isOld(value);
    if (!isOld) beginning.supersede(message);
  }

  /** A connection keeps the order: the value says nothing there (RFC 8323 Appendix A.1). */
  private isOld(value: number): boolean {
    return !this.endpoint.reliable && !isNewer(this.lastValue, this.lastAt, value, this.clock.monotonic());
  }

  private tell(response: CoapResponse): void {
    try {
      this.observer.notification(response);
    } catch (bug) {
      this.context.onHandlerError(bug);
    }
  }

  /**
   * Active: tells the device (RFC 7641 §3.6). Passive: forgets the token, so that the next notification is answered with Reset. On a
   * connection there is no Reset, and the device is told all the same (RFC 8323 Appendix A.4).
   */
  cancel(mode: 'active' | 'passive', callback?: ResponseCallback): void {
    this.forget();
    if (mode === 'passive') {
      callback?.(undefined, undefined);
      if (this.endpoint.reliable && !this.endpoint.gone) this.cancel('active');
      return;
    }
    const spec = { ...this.spec, observe: 1 };
    const options = { ...this.options, priority: true };
    new Request(this.context, this.endpoint, spec, options, callback ?? (() => undefined), { token: this.token }).start();
  }

  /** Ends it on our side alone. */
  forget(): void {
    this.live = false;
    this.accepted = false;
    this.context.tokens.free(this);
    this.fetching?.cancel();
    this.fetching = undefined;
  }

  /** The connection has ended, and with it every observation made on it (RFC 8323 Appendix A.4). */
  disconnected(reason: string): void {
    this.end(reason, 'disconnected');
  }

  private endWith(code: string): void {
    this.end(`the device ended the observation with ${code}`, code as ErrorCode);
  }

  private end(reason: string, code: ErrorCode = 'protocol-error'): void {
    this.forget();
    try {
      this.observer.ended(new DeviceManagementError(code, reason));
    } catch (bug) {
      this.context.onHandlerError(bug);
    }
  }

  private fetchRest(first: Message, value: number): void {
    const request = new Request(this.context, this.endpoint, this.spec, this.options, (error, response) => {
      if (this.fetching !== request) return;
      this.fetching = undefined;
      // Mixed or lost blocks cost this notification only; the next one brings a newer value.
      if (error === undefined && response !== undefined && isValue(response.code)) this.tell({ ...response, observe: value });
    });
    this.fetching = request;
    request.startWith(first);
  }
}
