/**
 * What a device did wrong, with the code that tells it and the sentence that tells a person. Returned, not thrown: a stranger
 * can send thousands a second, and a stack trace each would be his to spend.
 */
import { Code } from '../../coap/codes';
import type { AdmissionDecision } from '../../device/admission';

/** What a device is told that is not let in: why is for whoever runs the server, not for a stranger who tries names. */
const NOT_ADMITTED = 'not admitted';

export class Mistake {
  constructor(
    /** CoAP response code, for example 0x80 for 4.00. */
    readonly code: number,
    readonly reason: string,
    readonly remedy: string,
    /** What the device is told of it (RFC 7252 §5.5.2); by default the reason. */
    readonly told = reason,
    /** Seconds after which it may try again (Max-Age of 5.03), each device at another moment. */
    readonly retryAfter?: number,
  ) {}

  /** @param code for one that is not let in at all */
  static unadmitted({ reason, remedy, retryAfter }: Extract<AdmissionDecision, { admitted: false }>, code: number): Mistake {
    const isBusy = retryAfter !== undefined;
    return new Mistake(isBusy ? Code.ServiceUnavailable : code, reason, remedy, NOT_ADMITTED, retryAfter);
  }
}
