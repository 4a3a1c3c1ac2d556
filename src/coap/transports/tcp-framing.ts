/**
 * The form of messages on a connection (RFC 8323 §3.2), to and from that of RFC 7252:
 *
 *   Len(4) TKL(4)  [extended length, 0, 1, 2 or 4 bytes]  code  token  options, marker, payload
 *
 * Len counts options, marker and payload. Type and message ID do not exist; in the other form they are non-confirmable and 0.
 */

const LONGEST_TOKEN = 8;
/** What stands before the token in a message of RFC 7252. */
const HEADER_BYTES = 4;
const NON_CONFIRMABLE = 0x50;
const NOTHING = Buffer.alloc(0);

/** Why bytes are no messages; the connection cannot be understood from there on. */
export type FramingFault = 'token-length' | 'too-large';

/** A message as it goes out on a connection. */
export function frameOf(message: Buffer): Buffer {
  const tokenLength = (message[0] as number) & 0x0f;
  const length = message.length - HEADER_BYTES - tokenLength;
  const extension = length < 13 ? 0 : length < 269 ? 1 : length < 65_805 ? 2 : 4;
  const start = 2 + extension;
  const frame = Buffer.allocUnsafe(start + tokenLength + length);
  frame[0] = (([0, 13, 14, 0, 15] as const)[extension] << 4) | tokenLength;
  if (extension === 0) frame[0] |= length << 4;
  else if (extension === 1) frame[1] = length - 13;
  else if (extension === 2) frame.writeUInt16BE(length - 269, 1);
  else frame.writeUInt32BE(length - 65_805, 1);
  frame[start - 1] = message[1] as number;
  message.copy(frame, start, HEADER_BYTES);
  return frame;
}

/** Cuts what arrives, in whatever pieces, into messages. It holds no more than twice what has arrived of one message. */
export class FrameReader {
  private source: Buffer = NOTHING;
  private at = 0;
  private end = 0;
  /** Whether `source` is ours to write behind `end`. */
  private isOwn = false;
  private announcedBytes = 0;

  /** @param largest bytes of a message after its token; a longer one is refused when its length is known, before it is kept */
  constructor(private readonly largest: number) {}

  /** Memory held for a message that is not complete. */
  get held(): number {
    return this.at === this.end ? 0 : this.source.length;
  }

  /** Bytes of the message that is not complete, as far as known. */
  get expected(): number {
    return this.announcedBytes;
  }

  add(chunk: Buffer): void {
    const left = this.end - this.at;
    if (left === 0) {
      this.source = chunk;
      this.at = 0;
      this.end = chunk.length;
      this.isOwn = false;
      return;
    }
    if (!this.isOwn || this.source.length - this.end < chunk.length) this.makeRoom(left, chunk.length);
    chunk.copy(this.source, this.end);
    this.end += chunk.length;
  }

  /** The next whole message in the form of RFC 7252; undefined until more has arrived. */
  next(): Buffer | FramingFault | undefined {
    const { source, at } = this;
    const available = this.end - at;
    this.announcedBytes = 0;
    if (available === 0) {
      this.source = NOTHING;
      this.at = 0;
      this.end = 0;
      return undefined;
    }
    const first = source[at] as number;
    const tokenLength = first & 0x0f;
    if (tokenLength > LONGEST_TOKEN) return 'token-length';
    const nibble = first >> 4;
    const extension = nibble < 13 ? 0 : nibble === 15 ? 4 : nibble - 12;
    const header = 2 + extension;
    if (available < header) return this.wait(available);
    const length = lengthAt(source, at + 1, nibble);
    if (length > this.largest) return 'too-large';
    const total = header + tokenLength + length;
    this.announcedBytes = total;
    if (available < total) return this.wait(available);
    this.announcedBytes = 0;
    this.at += total;
    // Copied: it must not keep alive, or change with, what else has arrived.
    const message = Buffer.allocUnsafe(HEADER_BYTES + tokenLength + length);
    message[0] = NON_CONFIRMABLE | tokenLength;
    message[1] = source[at + header - 1] as number;
    message[2] = 0;
    message[3] = 0;
    source.copy(message, HEADER_BYTES, at + header, at + total);
    return message;
  }

  /** Keeps the beginning of a message, without what stood before it. */
  private wait(available: number): undefined {
    if (available * 2 < this.source.length && !this.isOwn) this.makeRoom(available, 0);
    return undefined;
  }

  /** Doubles, so that a message that comes byte by byte is not copied for each of them. */
  private makeRoom(left: number, more: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(more === 0 ? left : left * 2, left + more));
    this.source.copy(larger, 0, this.at, this.end);
    this.source = larger;
    this.at = 0;
    this.end = left;
    this.isOwn = true;
  }
}

function lengthAt(source: Buffer, at: number, nibble: number): number {
  if (nibble < 13) return nibble;
  if (nibble === 13) return 13 + (source[at] as number);
  if (nibble === 14) return 269 + source.readUInt16BE(at);
  return 65_805 + source.readUInt32BE(at);
}
