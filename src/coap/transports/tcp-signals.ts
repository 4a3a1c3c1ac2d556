/** Signalling messages (RFC 8323 §5): what the two ends of a connection say about the connection itself. Bytes in, meaning out, and back. */
import { type Message, MessageType, MessageWriter, parseSignal } from '../message';
import type { PeerCapabilities } from '../transport';
import { frameOf } from './tcp-framing';

export const SignalCode = { Csm: 0xe1, Ping: 0xe2, Pong: 0xe3, Release: 0xe4, Abort: 0xe5 } as const;

/** Numbers mean something only together with the code (RFC 8323 §5.2). */
const MAX_MESSAGE_SIZE = 2;
const BLOCK_WISE_TRANSFER = 4;
const CUSTODY = 2;
const BAD_CSM_OPTION = 2;

/** Of a peer that has not said more (RFC 8323 §5.3.1, §5.3.2). */
export const BASE_CAPABILITIES: PeerCapabilities = { largestMessage: 1_152, blockwise: false };

/** A diagnostic payload goes into an error text. */
const LONGEST_DIAGNOSTIC = 120;

export type Signal =
  | { readonly kind: 'capabilities'; readonly capabilities: PeerCapabilities }
  | { readonly kind: 'bad-option'; readonly number: number }
  | { readonly kind: 'ping'; readonly token: Buffer; readonly custody: boolean }
  | { readonly kind: 'pong' }
  | { readonly kind: 'release' }
  | { readonly kind: 'abort'; readonly diagnostic: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' };

const PONG: Signal = { kind: 'pong' };
const RELEASE: Signal = { kind: 'release' };
const UNKNOWN: Signal = { kind: 'unknown' };
const MALFORMED: Signal = { kind: 'malformed' };

type Reader = (message: Message, before: PeerCapabilities) => Signal;

const READERS = new Map<number, Reader>([
  [SignalCode.Csm, readCapabilities],
  [SignalCode.Ping, (message) => ({ kind: 'ping', token: message.token, custody: message.has(CUSTODY) })],
  [SignalCode.Pong, () => PONG],
  // Where else to turn to, and when, is the registration's business: its own waits apply.
  [SignalCode.Release, () => RELEASE],
  [SignalCode.Abort, (message) => ({ kind: 'abort', diagnostic: diagnosticOf(message) })],
]);

export function isSignal(message: Buffer): boolean {
  return (message[1] as number) >> 5 === 7;
}

/**
 * @param bytes in the form of RFC 7252
 * @param before capabilities so far: a CSM changes what it names, and nothing else (RFC 8323 §5.3)
 */
export function readSignal(bytes: Buffer, before: PeerCapabilities): Signal {
  const message = parseSignal(bytes);
  if (message === undefined) return MALFORMED;
  return READERS.get(message.code)?.(message, before) ?? UNKNOWN;
}

export function capabilitiesFrame(largestMessage: number): Buffer {
  return frameOf(begin(SignalCode.Csm).uint(MAX_MESSAGE_SIZE, largestMessage).uint(BLOCK_WISE_TRANSFER, 0).finish());
}

export function pingFrame(): Buffer {
  return frameOf(begin(SignalCode.Ping).finish());
}

/** @param custody everything received before the Ping has been handed on; said only where asked for (RFC 8323 §5.4.1) */
export function pongFrame(token: Uint8Array, custody: boolean): Buffer {
  const writer = begin(SignalCode.Pong, token);
  if (custody) writer.uint(CUSTODY, 0);
  return frameOf(writer.finish());
}

export function releaseFrame(): Buffer {
  return frameOf(begin(SignalCode.Release).finish());
}

export function abortFrame(diagnostic: string, badCsmOption?: number): Buffer {
  const writer = begin(SignalCode.Abort);
  if (badCsmOption !== undefined) writer.uint(BAD_CSM_OPTION, badCsmOption);
  return frameOf(writer.payload(Buffer.from(diagnostic)).finish());
}

const writer = new MessageWriter();

function begin(code: number, token?: Uint8Array): MessageWriter {
  return writer.begin(MessageType.NonConfirmable, code, 0, token);
}

/** Elective options that are not known are passed over; a critical one ends the connection (RFC 8323 §5.3). */
function readCapabilities(message: Message, before: PeerCapabilities): Signal {
  const { options } = message;
  for (let at = 0; at < options.length; at += 3) {
    const number = options[at] as number;
    if (number % 2 === 1) return { kind: 'bad-option', number };
    // RFC 8323 §5.3.1: 0 to 4 bytes.
    if (number === MAX_MESSAGE_SIZE && (options[at + 2] as number) > 4) return { kind: 'bad-option', number };
  }
  return {
    kind: 'capabilities',
    capabilities: {
      largestMessage: message.uint(MAX_MESSAGE_SIZE) ?? before.largestMessage,
      blockwise: before.blockwise || message.has(BLOCK_WISE_TRANSFER),
    },
  };
}

function diagnosticOf(message: Message): string {
  // What a stranger sent goes into a log: no control characters.
  return message.payload.toString('utf8', 0, LONGEST_DIAGNOSTIC).replaceAll(/[\p{Cc}\ufffd]/gu, ' ');
}
