/**
 * One observation as the observing client (RFC 7641): from its first answer to its end. Order and duplicates are judged here; the body
 * of a large notification is fetched like that of any answer.
 */
import type { Clock } from '../clock';
import { DeviceManagementError } from '../errors';
import { Download } from './block/download';
import { codeText, isSuccess } from './codes';
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

export class Observation implements TokenOwner {
  /** The device has agreed to notify. */
  accepted = false;
  private lastValue = 0;
  private lastAt = 0;
  private live = true;
  private fetching: Request | undefined;

  constructor(
    private readonly context: RequestContext,
    private readonly clock: Clock,
    public endpoint: Endpoint,
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
        this.accepted = response !== undefined && isSuccess(response.code) && response.observe !== undefined && this.live;
        if (this.accepted) {
          this.lastValue = (response as CoapResponse).observe as number;
          this.lastAt = this.clock.monotonic();
          this.context.tokens.take(this);
        } else this.live = false;
        callback(error, response);
      },
      this.token,
    );
    request.start();
  }

  /** A message with this token, already acknowledged. */
  notified(message: Message): void {
    const value = message.uint(Option.Observe);
    if (!isSuccess(message.code)) return this.end(`the device ended the observation with ${codeText(message.code)}`);
    if (value === undefined)
      return this.end('the device answered without Observe: it does not count this server as an observer any more');
    const now = this.clock.monotonic();
    if (!isNewer(this.lastValue, this.lastAt, value, now)) return;
    this.lastValue = value;
    this.lastAt = now;
    // A newer notification makes the rest of an older one worthless.
    this.fetching?.cancel();
    this.fetching = undefined;
    if (Download.isFirstOfSeveral(message)) this.fetchRest(message, value);
    else this.observer.notification(responseOf(message));
  }

  /**
   * Active: tells the device (RFC 7641 §3.6). Passive: forgets the token, so that the next notification is answered with Reset.
   */
  cancel(mode: 'active' | 'passive', callback?: ResponseCallback): void {
    this.forget();
    if (mode === 'passive') {
      callback?.(undefined, undefined);
      return;
    }
    const spec = { ...this.spec, observe: 1 };
    const options = { ...this.options, priority: true };
    new Request(this.context, this.endpoint, spec, options, callback ?? (() => undefined), this.token).start();
  }

  /** Ends it on our side alone. */
  forget(): void {
    this.live = false;
    this.accepted = false;
    this.context.tokens.free(this);
    this.fetching?.cancel();
    this.fetching = undefined;
  }

  /** The device is met at another endpoint from now on. */
  moveTo(endpoint: Endpoint): void {
    this.endpoint = endpoint;
  }

  private end(reason: string): void {
    this.forget();
    this.observer.ended(new DeviceManagementError('protocol-error', reason));
  }

  private fetchRest(first: Message, value: number): void {
    const request = new Request(this.context, this.endpoint, this.spec, this.options, (error, response) => {
      if (this.fetching !== request) return;
      this.fetching = undefined;
      // Mixed or lost blocks cost this notification only; the next one brings a newer value.
      if (error === undefined && response !== undefined && isSuccess(response.code)) {
        this.observer.notification({ ...response, observe: value });
      }
    });
    this.fetching = request;
    request.startWith(first);
  }
}
