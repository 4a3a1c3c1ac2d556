/**
 * What a device did wrong, with the code that tells it and the sentence that tells a person. Returned, not thrown: a stranger
 * can send thousands a second, and a stack trace each would be his to spend.
 */

export class Mistake {
  constructor(
    /** CoAP response code, for example 0x80 for 4.00. */
    readonly code: number,
    readonly reason: string,
    readonly remedy: string,
  ) {}
}
