/** Failures as flows meet them: on the message of the device they are about, with the shape of a Catch node's. */
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import type { FlowHost, Message, Send } from './flow-host';

/** What Node-RED shows is `toString()`: the sentence, without the name of a class. */
export class FlowError extends Error {
  readonly code: string;
  /** When it is worth trying again, Unix milliseconds. */
  declare readonly retryAt?: number;

  constructor(error: DeviceManagementError) {
    super(error.message, error.cause === undefined ? undefined : { cause: error.cause });
    this.code = error.code;
    if (error.retryAt !== undefined) this.retryAt = error.retryAt;
    if (error.stack !== undefined) this.stack = error.stack;
  }

  override toString(): string {
    return this.message;
  }
}

export function flowError(caught: unknown): FlowError {
  return new FlowError(asDeviceManagementError(caught));
}

interface CaughtError {
  readonly source?: { readonly id?: string; readonly count?: number };
}

/** Puts the error on a message exactly as Node-RED does for a Catch node, where it goes to an output instead. */
export function withError(message: Message, error: FlowError, host: FlowHost): Message {
  const before = message.error as CaughtError | undefined;
  if (before !== undefined) message._error = before;
  const count = before?.source?.id === host.id ? (before.source.count ?? 0) + 1 : 1;
  message.error = {
    message: error.toString(),
    source: { id: host.id, type: host.type, name: host.name, count },
    code: error.code,
    ...(error.retryAt !== undefined && { retryAt: error.retryAt }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: error.cause }),
  };
  return message;
}

/** To the second output, or to whoever catches the errors of the node, as its settings have it. */
export function tellFailure(error: FlowError, message: Message, host: FlowHost, failures: 'catch' | 'output', send: Send): void {
  if (failures === 'output') send([null, withError(message, error, host)]);
  else host.raise(error, message);
}

export function noServer(): DeviceManagementError {
  return new DeviceManagementError(
    'invalid-request',
    'this node has no LwM2M server: open it, choose or add one, and deploy (a disabled server does not count)',
  );
}
