/**
 * What can go wrong, as the person at the other end meets it: one class, told apart by `code`. A code is either the response
 * code of a device ("4.04") or one of the words below; callers branch on it and never on the text.
 */

/** Words for failures that no device answered (design: "Failures"). */
export type LocalErrorCode =
  | 'timeout' // no acknowledgement, or no response after one
  | 'reset' // the peer answered RST
  | 'disconnected' // its connection ended before the answer came, or could not be made
  | 'not-registered' // no such device, or it has left
  | 'asleep' // in queue mode and not awake now
  | 'queue-expired' // waited longer than its ttl
  | 'queue-full'
  | 'interrupted' // the process ended in the middle; what the device did is not known
  | 'deferred' // a guard says: not now
  | 'superseded' // while it waited, a later request made it needless
  | 'cancelled' // by the caller, or its device came back as another
  | 'unsupported' // the device or its LwM2M version cannot do this
  | 'invalid-path'
  | 'invalid-value'
  | 'invalid-request' // contradictory or missing settings
  | 'decode-error' // the answer cannot be understood
  | 'too-large' // beyond one of our caps
  | 'port-in-use'
  | 'server-unavailable'
  | 'store-failed' // disk full, read-only, used by another …
  | 'protocol-error'; // the peer broke a rule of its protocol

export type ErrorCode = LocalErrorCode | `${number}.${number}`;

export interface ErrorContext {
  device?: string;
  path?: string;
  /** When it is worth trying again, Unix milliseconds. */
  retryAt?: number;
  cause?: unknown;
}

/** A failure with a code to branch on and a message that says what to do. */
export class DeviceManagementError extends Error {
  readonly code: ErrorCode;
  // `declare`: absent rather than undefined where unknown.
  declare readonly device?: string;
  declare readonly path?: string;
  declare readonly retryAt?: number;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = 'DeviceManagementError';
    this.code = code;
    if (context.device !== undefined) this.device = context.device;
    if (context.path !== undefined) this.path = context.path;
    if (context.retryAt !== undefined) this.retryAt = context.retryAt;
  }

  /** The same failure, told of a device and path that the thrower did not know. */
  of(context: ErrorContext): DeviceManagementError {
    return new DeviceManagementError(this.code, this.message, {
      cause: this.cause,
      ...(this.device !== undefined && { device: this.device }),
      ...(this.path !== undefined && { path: this.path }),
      ...(this.retryAt !== undefined && { retryAt: this.retryAt }),
      ...context,
    });
  }
}

/** Anything caught, as one of ours; what is not ours is a bug or the system's, and keeps its text. */
export function asDeviceManagementError(caught: unknown, code: ErrorCode = 'protocol-error'): DeviceManagementError {
  if (caught instanceof DeviceManagementError) return caught;
  return new DeviceManagementError(code, caught instanceof Error ? caught.message : String(caught), { cause: caught });
}
