/**
 * Why an operation of the server is refused: a response code with a sentence for whoever reads the answer's diagnostic payload
 * (RFC 7252 §5.5.2). Handlers of resources throw it; everything else they throw is a bug and becomes 5.00.
 */
import { Code } from '../../coap/codes';

export class Refusal extends Error {
  constructor(
    /** CoAP response code, for example 0x85 for 4.05. */
    readonly code: number,
    reason: string,
  ) {
    super(reason);
    this.name = 'Refusal';
  }
}

export function badRequest(reason: string): Refusal {
  return new Refusal(Code.BadRequest, reason);
}

export function unauthorized(reason: string): Refusal {
  return new Refusal(Code.Unauthorized, reason);
}

export function notFound(path: { toString(): string }): Refusal {
  return new Refusal(Code.NotFound, `there is no ${path}`);
}

export function notAllowed(reason: string): Refusal {
  return new Refusal(Code.MethodNotAllowed, reason);
}
