/**
 * Why an operation of the server is refused: a response code with a sentence for whoever reads the answer's diagnostic payload
 * (RFC 7252 §5.5.2). Handlers of resources throw it; everything else they throw is a bug and becomes 5.00.
 */
import { Code } from '../../coap/codes';
import { DeviceManagementError } from '../../errors';

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

/** What a payload's decoder or a value's type says against it, as the answer to whoever sent it. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof DeviceManagementError)) return error;
  return new Refusal(error.code === 'too-large' ? Code.RequestEntityTooLarge : Code.BadRequest, error.message);
}
