/** What one side says in a row, cut into records and packed into datagrams, as often as it must be said (RFC 6347 §4.2.3, §4.2.4). */
import { ContentType, HANDSHAKE_HEADER, RECORD_HEADER } from './protocol';
import type { RecordLayer } from './record';

interface Part {
  readonly epoch: 0 | 1;
  readonly type: number;
  readonly bytes: Buffer;
}

const CHANGE_CIPHER_SPEC = Buffer.from([1]);
const LARGEST_RECORD = 2 ** 14;

export class Flight {
  private readonly parts: Part[] = [];
  /** How often it was said again. */
  repeats = 0;
  sentAt = 0;

  /** @param message with its header */
  add(message: Buffer, epoch: 0 | 1 = 0): this {
    this.parts.push({ epoch, type: ContentType.Handshake, bytes: message });
    return this;
  }

  addChangeCipherSpec(): this {
    this.parts.push({ epoch: 0, type: ContentType.ChangeCipherSpec, bytes: CHANGE_CIPHER_SPEC });
    return this;
  }

  /** @param largestDatagram bytes of a datagram, unless a single record with one byte of content is larger */
  send(records: RecordLayer, largestDatagram: number, transmit: (datagram: Buffer) => void): void {
    let pending: Buffer[] = [];
    let length = 0;
    const flush = (): void => {
      if (pending.length > 0) transmit(pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending));
      pending = [];
      length = 0;
    };
    for (const { epoch, type, bytes } of this.parts) {
      for (const content of type === ContentType.Handshake
        ? fragments(bytes, roomOf(records, epoch, largestDatagram))
        : [bytes]) {
        const record = epoch === 0 ? records.plain(type, content) : records.seal(type, content);
        if (length + record.length > largestDatagram) flush();
        pending.push(record);
        length += record.length;
      }
    }
    flush();
  }
}

/** Bytes of a handshake message, without its header, that fit into a record of a datagram. */
function roomOf(records: RecordLayer, epoch: 0 | 1, largestDatagram: number): number {
  const framing = epoch === 0 ? RECORD_HEADER : records.sealedLength(0);
  const content = Math.min(largestDatagram - framing, records.largestContent, LARGEST_RECORD);
  return Math.max(content - HANDSHAKE_HEADER, 1);
}

function fragments(message: Buffer, room: number): Buffer[] {
  const length = message.length - HANDSHAKE_HEADER;
  if (length <= room) return [message];
  const found: Buffer[] = [];
  for (let offset = 0; offset < length; offset += room) {
    const end = Math.min(offset + room, length);
    const fragment = Buffer.allocUnsafe(HANDSHAKE_HEADER + end - offset);
    message.copy(fragment, 0, 0, HANDSHAKE_HEADER);
    fragment.writeUIntBE(offset, 6, 3);
    fragment.writeUIntBE(end - offset, 9, 3);
    message.copy(fragment, HANDSHAKE_HEADER, HANDSHAKE_HEADER + offset, HANDSHAKE_HEADER + end);
    found.push(fragment);
  }
  return found;
}
