/** Datagrams written by hand, so that a peer can send what no correct client would. */
import { type Message, MessageType, MessageWriter, parseMessage } from '../../src/coap/message';

export interface DatagramSpec {
  /** Default: confirmable. */
  readonly type?: number;
  readonly code: number;
  readonly messageId: number;
  readonly token?: Uint8Array;
  /** Number and value, ascending; a whole number is written as uint, text as UTF-8. */
  readonly options?: readonly (readonly [number: number, value: number | string | Uint8Array])[];
  readonly payload?: Uint8Array | string;
}

export function datagram(spec: DatagramSpec): Buffer {
  const writer = new MessageWriter().begin(spec.type ?? MessageType.Confirmable, spec.code, spec.messageId, spec.token);
  for (const [number, value] of spec.options ?? []) {
    if (typeof value === 'number') writer.uint(number, value);
    else if (typeof value === 'string') writer.string(number, value);
    else writer.opaque(number, value);
  }
  if (spec.payload !== undefined) writer.payload(Buffer.from(spec.payload));
  return writer.finish();
}

/** The same as it is read on the other side. */
export function received(spec: DatagramSpec): Message {
  const message = parseMessage(datagram(spec));
  if (typeof message === 'number') throw new Error('the datagram is malformed');
  return message;
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}
