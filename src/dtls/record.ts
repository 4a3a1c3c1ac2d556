/**
 * The record layer (RFC 6347 §4.1) with connection ids (RFC 9146): numbers, epochs, the replay window and the framing of one
 * association. Epoch 0 is plain, epoch 1 is protected; there is no epoch 2, since nothing is renegotiated.
 */
import { ContentType, DTLS_1_2, LARGEST_PLAINTEXT, RECORD_HEADER } from './protocol';
import type { RecordCipher } from './record-cipher';
import { ReplayWindow, type WindowSize } from './replay-window';

/** Numbers have 48 bits and must not come around (RFC 6347 §4.1). */
const HIGHEST_SEQUENCE = 2 ** 48 - 1;

/** What `parseRecord` found; one object for all records, overwritten by each. */
export class RecordHeader {
  type = 0;
  version = 0;
  epoch = 0;
  sequence = 0;
  /** Where the record begins, its CID, its fragment, and where it ends. */
  at = 0;
  cidAt = 0;
  cidLength = 0;
  fragmentAt = 0;
  end = 0;
}

/** @returns false when there is no whole record at `at`; @param cidLength of our own CIDs, which have one length */
export function parseRecord(datagram: Buffer, at: number, cidLength: number, into: RecordHeader): boolean {
  if (datagram.length - at < RECORD_HEADER) return false;
  const type = datagram[at] as number;
  const hasCid = type === ContentType.Cid;
  const cidBytes = hasCid ? cidLength : 0;
  const lengthAt = at + RECORD_HEADER - 2 + cidBytes;
  if (lengthAt + 2 > datagram.length || (hasCid && cidLength === 0)) return false;
  into.type = type;
  into.version = datagram.readUInt16BE(at + 1);
  into.epoch = datagram.readUInt16BE(at + 3);
  into.sequence = datagram.readUIntBE(at + 5, 6);
  into.at = at;
  into.cidAt = at + RECORD_HEADER - 2;
  into.cidLength = cidBytes;
  into.fragmentAt = lengthAt + 2;
  into.end = into.fragmentAt + datagram.readUInt16BE(lengthAt);
  return into.end <= datagram.length && into.end > into.fragmentAt && into.version >>> 8 === 0xfe;
}

/** A plain record (epoch 0); HelloVerifyRequest chooses its own version and number. */
export function plainRecord(type: number, sequence: number, content: Buffer, version: number = DTLS_1_2): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER + content.length);
  record[0] = type;
  record.writeUInt16BE(version, 1);
  record.writeUInt16BE(0, 3);
  record.writeUIntBE(sequence, 5, 6);
  record.writeUInt16BE(content.length, 11);
  content.copy(record, RECORD_HEADER);
  return record;
}

/** Additional data without CID (RFC 5246 §6.2.3.3), and, by length of the CID, with one (RFC 9146 §5.3); reused for every record. */
const ADDITIONAL = Buffer.alloc(13);
const ADDITIONAL_WITH_CID: (Buffer | undefined)[] = [];
const SEQUENCE = Buffer.alloc(8);
const NO_CID = Buffer.alloc(0);

export class RecordLayer {
  /** Number of the next plain record, and of the next protected one. */
  plainSequence = 0;
  sequence = 0;
  /** Ours stay below. */
  sequenceEnd = HIGHEST_SEQUENCE;
  reading: RecordCipher | undefined = undefined;
  writing: RecordCipher | undefined = undefined;
  /** What the peer puts into its records, and what we put into ours; empty = none (RFC 9146 §3). */
  ownCid: Buffer = NO_CID;
  peerCid: Buffer = NO_CID;
  /** What the peer takes in one record. */
  largestContent = LARGEST_PLAINTEXT;
  /** Records whose tag was wrong, under the present keys. */
  failures = 0;
  /** Type of the record opened last. */
  openedType = 0;
  readonly window: ReplayWindow;

  constructor(windowSize: WindowSize) {
    this.window = new ReplayWindow(windowSize);
  }

  /** Bytes a datagram loses to the framing of a record with so much content. */
  sealedLength(contentLength: number): number {
    const { writing, peerCid } = this;
    if (writing === undefined) return RECORD_HEADER + contentLength;
    const inner = peerCid.length > 0 ? contentLength + 1 : contentLength;
    return RECORD_HEADER + peerCid.length + writing.sealedLength(inner);
  }

  plain(type: number, content: Buffer): Buffer {
    return plainRecord(type, this.plainSequence++, content);
  }

  /** A protected record. The caller sees to it that keys are there and numbers are left. */
  seal(type: number, content: Buffer): Buffer {
    const writing = this.writing as RecordCipher;
    const { peerCid } = this;
    const hasCid = peerCid.length > 0;
    let inner = content;
    if (hasCid) {
      // The real type travels encrypted (RFC 9146 §4).
      inner = Buffer.allocUnsafe(content.length + 1);
      content.copy(inner);
      inner[content.length] = type;
    }
    const fragmentLength = writing.sealedLength(inner.length);
    const fragmentAt = RECORD_HEADER + peerCid.length;
    const record = Buffer.allocUnsafe(fragmentAt + fragmentLength);
    record[0] = hasCid ? ContentType.Cid : type;
    record.writeUInt16BE(DTLS_1_2, 1);
    record.writeUInt16BE(1, 3);
    record.writeUIntBE(this.sequence++, 5, 6);
    if (hasCid) peerCid.copy(record, RECORD_HEADER - 2);
    record.writeUInt16BE(fragmentLength, fragmentAt - 2);
    record.copy(SEQUENCE, 0, 3, 11);
    const additional = additionalData(record, 0, peerCid.length);
    additional.writeUInt16BE(inner.length, additional.length - 2);
    writing.seal(additional, SEQUENCE, inner, record, fragmentAt);
    return record;
  }

  /** Whether a record could be new and ours, before anything is decrypted. */
  isPlausible(header: RecordHeader): boolean {
    const { reading } = this;
    return (
      reading !== undefined &&
      header.epoch === 1 &&
      header.version === DTLS_1_2 &&
      // After CIDs were agreed on, the other kind is nobody's (RFC 9146 §4).
      header.cidLength === this.ownCid.length &&
      reading.plausibleLength(header.end - header.fragmentAt) &&
      this.window.isFresh(header.sequence)
    );
  }

  /** The content of a plausible record, its type in `openedType`; undefined when it is forged or empty. */
  open(datagram: Buffer, header: RecordHeader): Buffer | undefined {
    const reading = this.reading as RecordCipher;
    const additional = additionalData(datagram, header.at, header.cidLength);
    const content = reading.open(additional, datagram, header.fragmentAt, header.end);
    if (content === undefined) {
      this.failures++;
      return undefined;
    }
    this.window.mark(header.sequence);
    this.openedType = header.type;
    return header.cidLength > 0 ? this.unwrap(content) : content;
  }

  /** Takes the padding and the real type off (RFC 9146 §4). */
  private unwrap(inner: Buffer): Buffer | undefined {
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    if (end < 0) return undefined;
    this.openedType = inner[end] as number;
    // Neither is ever protected with a CID: one is for epochs, the other would nest.
    if (this.openedType === ContentType.Cid || this.openedType === ContentType.ChangeCipherSpec) return undefined;
    return inner.subarray(0, end);
  }
}

/** Fills the shared buffer from a record's header, but for the length of the content. */
function additionalData(record: Buffer, at: number, cidLength: number): Buffer {
  if (cidLength === 0) {
    record.copy(ADDITIONAL, 0, at + 3, at + 11);
    record.copy(ADDITIONAL, 8, at, at + 3);
    return ADDITIONAL;
  }
  let additional = ADDITIONAL_WITH_CID[cidLength];
  if (additional === undefined) {
    additional = Buffer.alloc(23 + cidLength, 0xff);
    additional[8] = ContentType.Cid;
    additional[9] = cidLength;
    ADDITIONAL_WITH_CID[cidLength] = additional;
  }
  // type, version, epoch, sequence number and CID stand together in the record.
  record.copy(additional, 10, at, at + 11 + cidLength);
  return additional;
}
