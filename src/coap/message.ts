/**
 * The codec: bytes <-> message (RFC 7252 §3). It knows numbers and offsets into the datagram; strings are made when asked for.
 * It never looks at what a code or an option means, and never throws on bytes from the network.
 */
import { isCritical, isUnderstood } from './options';

export const MessageType = { Confirmable: 0, NonConfirmable: 1, Acknowledgement: 2, Reset: 3 } as const;

const PAYLOAD_MARKER = 0xff;
const LONGEST_TOKEN = 8;
/** Options beyond this count cost time and mean nothing in CoAP; a message with more is malformed. */
const MOST_OPTIONS = 512;
/** Option numbers have 16 bits (RFC 7252 §12.2). */
const HIGHEST_OPTION = 65_535;

/** A datagram that is dropped without an answer; any other number is the message ID to reset. */
export const DROP = -1;

/** A parsed message: a view on its datagram. */
export class Message {
  /** Options as flat triples: number, offset, length; ascending. */
  readonly options: number[] = [];
  payloadOffset = 0;

  constructor(
    readonly bytes: Buffer,
    readonly type: number,
    readonly code: number,
    readonly messageId: number,
    readonly tokenLength: number,
  ) {}

  /** A view on the datagram. */
  get token(): Buffer {
    return this.bytes.subarray(4, 4 + this.tokenLength);
  }

  /** A view on the datagram. */
  get payload(): Buffer {
    return this.bytes.subarray(this.payloadOffset);
  }

  get payloadLength(): number {
    return this.bytes.length - this.payloadOffset;
  }

  /** The first uint option with this number; `undefined` when absent. */
  uint(number: number): number | undefined {
    const { options } = this;
    for (let at = 0; at < options.length; at += 3) {
      if (options[at] === number) return this.uintAt(options[at + 1] as number, options[at + 2] as number);
    }
    return undefined;
  }

  has(number: number): boolean {
    const { options } = this;
    for (let at = 0; at < options.length; at += 3) if (options[at] === number) return true;
    return false;
  }

  /** All string options with this number. Invalid UTF-8 becomes U+FFFD: a name that matches nothing. */
  strings(number: number): string[] {
    const found: string[] = [];
    const { options, bytes } = this;
    for (let at = 0; at < options.length; at += 3) {
      if (options[at] !== number) continue;
      const offset = options[at + 1] as number;
      found.push(bytes.toString('utf8', offset, offset + (options[at + 2] as number)));
    }
    return found;
  }

  /** The first opaque option with this number: a view. */
  opaque(number: number): Buffer | undefined {
    return this.opaques(number)[0];
  }

  /** All opaque options with this number: views. */
  opaques(number: number): Buffer[] {
    const found: Buffer[] = [];
    const { options, bytes } = this;
    for (let at = 0; at < options.length; at += 3) {
      const offset = options[at + 1] as number;
      if (options[at] === number) found.push(bytes.subarray(offset, offset + (options[at + 2] as number)));
    }
    return found;
  }

  /**
   * Takes out elective options that are not understood.
   * @returns whether an unknown critical option was met (RFC 7252 §5.4.1)
   */
  dropUnknownOptions(): boolean {
    const { options } = this;
    let kept = 0;
    let previous = -1;
    for (let at = 0; at < options.length; at += 3) {
      const number = options[at] as number;
      const understood = isUnderstood(number, options[at + 2] as number, number === previous);
      previous = number;
      if (understood) {
        if (kept !== at) {
          options[kept] = number;
          options[kept + 1] = options[at + 1] as number;
          options[kept + 2] = options[at + 2] as number;
        }
        kept += 3;
      } else if (isCritical(number)) return true;
    }
    options.length = kept;
    return false;
  }

  private uintAt(offset: number, length: number): number {
    let value = 0;
    for (let at = offset; at < offset + length; at++) value = value * 256 + (this.bytes[at] as number);
    return value;
  }
}

/**
 * @returns the message, or the ID of the confirmable message to be reset, or DROP (RFC 7252 §4.2, §4.3)
 */
export function parseMessage(bytes: Buffer): Message | number {
  if (bytes.length < 4) return DROP;
  const first = bytes[0] as number;
  if (first >> 6 !== 1) return DROP;
  const type = (first >> 4) & 3;
  const code = bytes[1] as number;
  const messageId = ((bytes[2] as number) << 8) | (bytes[3] as number);
  const malformed = type === MessageType.Confirmable ? messageId : DROP;
  const tokenLength = first & 0x0f;
  if (tokenLength > LONGEST_TOKEN || 4 + tokenLength > bytes.length) return malformed;
  if (code === 0 && bytes.length !== 4) return malformed;
  const codeClass = code >> 5;
  if (codeClass === 1 || codeClass === 6 || codeClass === 7) return malformed;
  const message = new Message(bytes, type, code, messageId, tokenLength);
  return parseOptions(message, 4 + tokenLength) ? message : malformed;
}

/** A message of code class 7, which exists on connections only (RFC 8323 §5); undefined when its options are malformed. */
export function parseSignal(bytes: Buffer): Message | undefined {
  const tokenLength = (bytes[0] as number) & 0x0f;
  const message = new Message(bytes, MessageType.NonConfirmable, bytes[1] as number, 0, tokenLength);
  return parseOptions(message, 4 + tokenLength) ? message : undefined;
}

function parseOptions(message: Message, start: number): boolean {
  const { bytes, options } = message;
  const end = bytes.length;
  let at = start;
  let number = 0;
  while (at < end) {
    const head = bytes[at++] as number;
    if (head === PAYLOAD_MARKER) {
      message.payloadOffset = at;
      return at < end;
    }
    let delta = head >> 4;
    let length = head & 0x0f;
    if (delta === 13) {
      if (at >= end) return false;
      delta = 13 + (bytes[at++] as number);
    } else if (delta === 14) {
      if (at + 2 > end) return false;
      delta = 269 + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
      at += 2;
    } else if (delta === 15) return false;
    if (length === 13) {
      if (at >= end) return false;
      length = 13 + (bytes[at++] as number);
    } else if (length === 14) {
      if (at + 2 > end) return false;
      length = 269 + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
      at += 2;
    } else if (length === 15) return false;
    number += delta;
    if (number > HIGHEST_OPTION || at + length > end || options.length >= MOST_OPTIONS * 3) return false;
    options.push(number, at, length);
    at += length;
  }
  message.payloadOffset = end;
  return true;
}

/** Fits every message we make but one with long strings, for which it grows. */
const SCRATCH_BYTES = 2_048;
const LONGEST_OPTION_HEAD = 5;

/**
 * Writes one message at a time into a scratch buffer; `finish` copies it out. Options must be written in ascending order of
 * their numbers.
 */
export class MessageWriter {
  private scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  private at = 0;
  private lastOption = 0;

  begin(type: number, code: number, messageId: number, token?: Uint8Array): this {
    const tokenLength = token === undefined ? 0 : token.length;
    this.scratch[0] = 0x40 | (type << 4) | tokenLength;
    this.scratch[1] = code;
    this.scratch[2] = messageId >> 8;
    this.scratch[3] = messageId & 0xff;
    for (let index = 0; index < tokenLength; index++) this.scratch[4 + index] = (token as Uint8Array)[index] as number;
    this.at = 4 + tokenLength;
    this.lastOption = 0;
    return this;
  }

  /** Shortest form; zero is no bytes at all (RFC 7252 §3.2). */
  uint(number: number, value: number): this {
    let length = 0;
    for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) length++;
    this.head(number, length);
    let rest = value;
    for (let index = length - 1; index >= 0; index--) {
      this.scratch[this.at + index] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.at += length;
    return this;
  }

  string(number: number, text: string): this {
    const length = Buffer.byteLength(text);
    this.head(number, length);
    this.at += this.scratch.write(text, this.at, 'utf8');
    return this;
  }

  strings(number: number, texts: readonly string[]): this {
    for (const text of texts) this.string(number, text);
    return this;
  }

  opaque(number: number, value: Uint8Array): this {
    this.head(number, value.length);
    this.scratch.set(value, this.at);
    this.at += value.length;
    return this;
  }

  payload(bytes: Uint8Array): this {
    if (bytes.length === 0) return this;
    this.reserve(bytes.length + 1);
    this.scratch[this.at++] = PAYLOAD_MARKER;
    this.scratch.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }

  /** A copy: sockets read their buffer after `send` has returned. */
  finish(): Buffer {
    return Buffer.from(this.scratch.subarray(0, this.at));
  }

  private head(number: number, length: number): void {
    this.reserve(length + LONGEST_OPTION_HEAD);
    const delta = number - this.lastOption;
    if (delta < 0) throw new RangeError(`option ${number} written after option ${this.lastOption}`);
    this.lastOption = number;
    const start = this.at++;
    const deltaNibble = this.extended(delta);
    this.scratch[start] = (deltaNibble << 4) | this.extended(length);
  }

  /** Writes the extension of a delta or length, and returns its nibble (RFC 7252 §3.1). */
  private extended(value: number): number {
    if (value < 13) return value;
    if (value < 269) {
      this.scratch[this.at++] = value - 13;
      return 13;
    }
    this.scratch[this.at++] = (value - 269) >> 8;
    this.scratch[this.at++] = (value - 269) & 0xff;
    return 14;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.scratch.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.scratch.length * 2, this.at + bytes));
    this.scratch.copy(larger, 0, 0, this.at);
    this.scratch = larger;
  }
}

/** An ACK or RST without anything in it. */
export function emptyMessage(type: number, messageId: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes[0] = 0x40 | (type << 4);
  bytes[1] = 0;
  bytes[2] = messageId >> 8;
  bytes[3] = messageId & 0xff;
  return bytes;
}
