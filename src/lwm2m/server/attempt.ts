/**
 * One operation under way: asks in the best format, again in the next when the device refuses that one, and ends once, with an answer or
 * an error. Repeating is safe: a device that refuses a format has done nothing.
 */
import type { CoapResponse, RequestSpec, ResponseCallback } from '../../coap/layer';
import type { ContentFormatChoice } from '../../device/operation';
import type { DeviceManagementError } from '../../errors';
import { refusesFormat } from './format-choice';
import type { Plan } from './plan';

/** Sends one request. */
export type Ask = (spec: RequestSpec, callback: ResponseCallback) => { cancel(): void };

export interface AttemptOutcome {
  readonly error: DeviceManagementError | undefined;
  readonly response: CoapResponse | undefined;
  /** The format of the last try. */
  readonly format: ContentFormatChoice | undefined;
  /** Whether formats before it were refused. */
  readonly isSecondChoice: boolean;
  readonly bytesSent: number;
}

export class Attempt {
  private tries = 0;
  private bytesSent = 0;
  private request: { cancel(): void } | undefined;
  /** Why it was cancelled from outside, for the error text. */
  cancelledBecause: string | undefined;

  /** @param formats to try; empty for an operation without any */
  constructor(
    readonly plan: Plan,
    private readonly formats: readonly ContentFormatChoice[],
    private readonly ask: Ask,
    private readonly ended: (outcome: AttemptOutcome) => void,
  ) {}

  /** @throws DeviceManagementError `invalid-value` when the payload cannot be encoded */
  start(): void {
    const format = this.formats[this.tries];
    const spec = this.plan.spec(format);
    this.bytesSent += spec.payload?.length ?? 0;
    this.request = this.ask(spec, (error, response) => this.answered(error, response, format));
  }

  cancel(why: string): void {
    this.cancelledBecause = why;
    this.request?.cancel();
  }

  private answered(
    error: DeviceManagementError | undefined,
    response: CoapResponse | undefined,
    format: ContentFormatChoice | undefined,
  ): void {
    const isRefused = response !== undefined && refusesFormat(response.code, this.plan.operation === 'create');
    if (isRefused && this.tries + 1 < this.formats.length) {
      this.tries++;
      this.start();
      return;
    }
    this.ended({ error, response, format, isSecondChoice: this.tries > 0, bytesSent: this.bytesSent });
  }
}
