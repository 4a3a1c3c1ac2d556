/** What the crash test and its process say to each other, and how fast they are. */
import type { OperationRequest } from '../../src/device/operation';

export const OBSERVED = '/3303/0/5700';

/** Of a device in queue mode. */
export const AWAKE_MS = 120;

/** Every second one sleeps (queue mode). */
export const DEVICES: readonly string[] = ['dev-0', 'dev-1', 'dev-2', 'dev-3', 'dev-4', 'dev-5'];

/** Devices that come over DTLS, with a connection id. */
export const SECURED: readonly string[] = ['dev-0', 'dev-1', 'dev-4', 'dev-5'];

export function keyOf(device: string): Buffer {
  return Buffer.from(`the key of ${device}`);
}

/** Repeats soon and for long: a server that is away for a second shall not seem to have gone. */
export const CRASH_PARAMETERS = { ackTimeoutMs: 150, maxRetransmit: 8 };

export interface Wish {
  readonly number: number;
  readonly device: string;
  readonly request: OperationRequest;
}

export interface Listening {
  readonly listening: readonly { readonly endpoint: string; readonly lifetime: number }[];
}

export interface ObservedValue {
  readonly value: number;
  readonly device: string;
  readonly initial: boolean;
}

export type Said =
  | Listening
  | ObservedValue
  | { readonly queued: number }
  | { readonly settled: number; readonly code: string }
  | { readonly lifecycle: string; readonly device: string }
  | { readonly trouble: string };
