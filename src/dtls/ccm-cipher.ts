/**
 * AES-CCM for associations in use. A cipher object of node:crypto serves one record, and making it costs more than the record; here two
 * are kept per key, and CCM (RFC 3610 §2) is put together from them: the counter mode from plain AES, the CBC-MAC from AES-CBC, whose
 * chaining is undone by adding the last block to the next first one. `AeadCipher` gives the same bytes, and is what proves these.
 */
import { type Cipher, createCipheriv } from 'node:crypto';
import { AeadCipher, EXPLICIT_NONCE_BYTES } from './aead-cipher';

const BLOCK_BYTES = 16;
const NONCE_BYTES = 12;
/** Bytes that count blocks, L of RFC 3610: what the nonce leaves. */
const COUNTER_BYTES = 3;
/** A handshake needs one record each way; what comes after is in use. */
const RECORDS_BEFORE_KEEPING = 2;
/** With more keys in use than can be kept, keeping must not cost more than it saves. */
const RECORDS_AFTER_LOSS = 16;
/** Keys with kept ciphers, some kilobytes each; the one kept for longest gives way. */
const MOST_KEPT = 2_048;
/** Above this a record is worth a cipher of its own. */
const LARGEST_CONTENT = 2_048;
const LARGEST_ADDITIONAL = 64;

/** Counter blocks and blocks to be chained; reused for every record. */
const COUNTERS = Buffer.alloc((1 + LARGEST_CONTENT / BLOCK_BYTES) * BLOCK_BYTES);
const CHAINED = Buffer.alloc(BLOCK_BYTES + LARGEST_ADDITIONAL + BLOCK_BYTES + LARGEST_CONTENT);

interface Kept {
  readonly counter: Cipher;
  readonly chain: Cipher;
  /** Last block that `chain` gave. */
  last: Buffer;
}

/** In the order in which they were kept, from `oldest` around. */
const keepers: (CcmCipher | undefined)[] = [];
let oldest = 0;

export class CcmCipher extends AeadCipher {
  /** Records since the ciphers could not be kept. */
  private uses = 0;
  private kept: Kept | undefined = undefined;

  constructor(key: Buffer, salt: Buffer, tagBytes: number) {
    super('aes-128-ccm', key, salt, tagBytes);
  }

  override seal(additional: Buffer, sequence: Buffer, content: Buffer, target: Buffer, at: number): void {
    const kept = this.keptFor(content.length);
    if (kept === undefined) return super.seal(additional, sequence, content, target, at);
    const contentAt = at + EXPLICIT_NONCE_BYTES;
    sequence.copy(target, at);
    const stream = this.keyStream(kept, target, at, content.length);
    const tag = this.authenticate(kept, additional, content, 0, content.length);
    for (let index = 0; index < content.length; index++) {
      target[contentAt + index] = (content[index] as number) ^ (stream[BLOCK_BYTES + index] as number);
    }
    const tagAt = contentAt + content.length;
    for (let index = 0; index < this.tagBytes; index++)
      target[tagAt + index] = (tag[index] as number) ^ (stream[index] as number);
  }

  override open(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined {
    const contentAt = at + EXPLICIT_NONCE_BYTES;
    const length = end - this.tagBytes - contentAt;
    const kept = this.keptFor(length);
    if (kept === undefined) return super.open(additional, datagram, at, end);
    additional.writeUInt16BE(length, additional.length - 2);
    const stream = this.keyStream(kept, datagram, at, length);
    const content = Buffer.allocUnsafe(length);
    for (let index = 0; index < length; index++) {
      content[index] = (datagram[contentAt + index] as number) ^ (stream[BLOCK_BYTES + index] as number);
    }
    const tag = this.authenticate(kept, additional, content, 0, length);
    // All bytes are compared, whichever differs first.
    let difference = 0;
    for (let index = 0; index < this.tagBytes; index++) {
      difference |= (tag[index] as number) ^ (stream[index] as number) ^ (datagram[contentAt + length + index] as number);
    }
    return difference === 0 ? content : undefined;
  }

  /** Others are in use. */
  letGo(): void {
    this.kept = undefined;
    this.uses = -RECORDS_AFTER_LOSS;
  }

  private keptFor(contentLength: number): Kept | undefined {
    if (contentLength > LARGEST_CONTENT) return undefined;
    if (this.kept === undefined) {
      if (this.uses++ < RECORDS_BEFORE_KEEPING) return undefined;
      this.keep();
    }
    return this.kept;
  }

  private keep(): void {
    this.kept = {
      counter: createCipheriv('aes-128-ecb', this.key, null).setAutoPadding(false),
      chain: createCipheriv('aes-128-cbc', this.key, Buffer.alloc(BLOCK_BYTES)).setAutoPadding(false),
      last: Buffer.alloc(BLOCK_BYTES),
    };
    keepers[oldest]?.letGo();
    keepers[oldest] = this;
    oldest = (oldest + 1) % MOST_KEPT;
  }

  /** Encrypted counter blocks: the first is for the tag (RFC 3610 §2.3). @param at of the explicit nonce in `record` */
  private keyStream(kept: Kept, record: Buffer, at: number, contentLength: number): Buffer {
    const blocks = 1 + Math.ceil(contentLength / BLOCK_BYTES);
    for (let block = 0; block < blocks; block++) {
      const blockAt = block * BLOCK_BYTES;
      COUNTERS[blockAt] = COUNTER_BYTES - 1;
      COUNTERS.writeUInt32BE(this.salt, blockAt + 1);
      for (let index = 0; index < EXPLICIT_NONCE_BYTES; index++) COUNTERS[blockAt + 5 + index] = record[at + index] as number;
      COUNTERS.writeUIntBE(block, blockAt + 1 + NONCE_BYTES, COUNTER_BYTES);
    }
    return kept.counter.update(COUNTERS.subarray(0, blocks * BLOCK_BYTES));
  }

  /** CBC-MAC over the lengths, the additional data and the content (RFC 3610 §2.2); the nonce is that of `keyStream` before. */
  private authenticate(kept: Kept, additional: Buffer, content: Buffer, from: number, to: number): Buffer {
    const contentLength = to - from;
    // Flags: there is additional data, length of the tag, length of the counter.
    CHAINED[0] = 0x40 | (((this.tagBytes - 2) / 2) << 3) | (COUNTER_BYTES - 1);
    COUNTERS.copy(CHAINED, 1, 1, 1 + NONCE_BYTES);
    CHAINED.writeUIntBE(contentLength, 1 + NONCE_BYTES, COUNTER_BYTES);
    CHAINED.writeUInt16BE(additional.length, BLOCK_BYTES);
    additional.copy(CHAINED, BLOCK_BYTES + 2);
    let end = padded(BLOCK_BYTES + 2 + additional.length);
    content.copy(CHAINED, end, from, to);
    end = padded(end + contentLength);
    const { last } = kept;
    for (let index = 0; index < BLOCK_BYTES; index++) CHAINED[index] = (CHAINED[index] as number) ^ (last[index] as number);
    const output = kept.chain.update(CHAINED.subarray(0, end));
    kept.last = output.subarray(end - BLOCK_BYTES);
    return kept.last;
  }
}

/** Fills up to a whole block with zeros, which the scratch buffer may have other bytes in; the end of the block. */
function padded(length: number): number {
  const end = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  CHAINED.fill(0, length, end);
  return end;
}
