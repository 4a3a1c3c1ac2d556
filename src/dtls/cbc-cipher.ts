/** AES-CBC with HMAC-SHA256, the tag before (RFC 5246 §6.2.3.2) or after encryption (RFC 7366). */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { RecordCipher } from './record-cipher';

const MAC_BYTES = 32;
const BLOCK_BYTES = 16;

export class CbcCipher implements RecordCipher {
  private readonly macKey: KeyObject;
  private readonly key: KeyObject;

  constructor(
    macKey: Buffer,
    key: Buffer,
    private readonly encryptThenMac: boolean,
  ) {
    this.macKey = createSecretKey(macKey);
    this.key = createSecretKey(key);
  }

  sealedLength(contentLength: number): number {
    return this.encryptThenMac
      ? BLOCK_BYTES + padded(contentLength) + MAC_BYTES
      : BLOCK_BYTES + padded(contentLength + MAC_BYTES);
  }

  seal(additional: Buffer, sequence: Buffer, content: Buffer, target: Buffer, at: number): void {
    const iv = this.initialVector(sequence);
    iv.copy(target, at);
    if (this.encryptThenMac) {
      this.encrypt(iv, content).copy(target, at + BLOCK_BYTES);
      const covered = target.subarray(at, at + BLOCK_BYTES + padded(content.length));
      additional.writeUInt16BE(covered.length, additional.length - 2);
      this.mac(additional, covered).copy(target, at + covered.length);
    } else {
      this.encrypt(iv, Buffer.concat([content, this.mac(additional, content)])).copy(target, at + BLOCK_BYTES);
    }
  }

  plausibleLength(fragmentLength: number): boolean {
    const rest = this.encryptThenMac ? fragmentLength - MAC_BYTES : fragmentLength;
    return rest % BLOCK_BYTES === 0 && fragmentLength >= BLOCK_BYTES + MAC_BYTES + BLOCK_BYTES;
  }

  open(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined {
    return this.encryptThenMac
      ? this.openMacFirst(additional, datagram, at, end)
      : this.openMacLast(additional, datagram, at, end);
  }

  material(): Buffer {
    return Buffer.concat([this.macKey.export(), this.key.export()]);
  }

  private openMacFirst(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined {
    const covered = datagram.subarray(at, end - MAC_BYTES);
    additional.writeUInt16BE(covered.length, additional.length - 2);
    if (!timingSafeEqual(this.mac(additional, covered), datagram.subarray(end - MAC_BYTES, end))) return undefined;
    const plain = this.decrypt(covered);
    const padding = paddingOf(plain);
    return padding < 0 ? undefined : plain.subarray(0, plain.length - padding);
  }

  /** Bad padding and bad MAC cost the same work and end the same (RFC 5246 §6.2.3.2, Lucky Thirteen). */
  private openMacLast(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined {
    const plain = this.decrypt(datagram.subarray(at, end));
    const padding = paddingOf(plain);
    const macAt = plain.length - MAC_BYTES - Math.max(padding, 1);
    const isSound = padding > 0 && macAt >= 0;
    const contentLength = Math.max(macAt, 0);
    additional.writeUInt16BE(contentLength, additional.length - 2);
    const mac = this.mac(additional, plain.subarray(0, contentLength));
    const given = plain.subarray(contentLength, contentLength + MAC_BYTES);
    // As many compressions of SHA-256 whatever the padding claims.
    createHmac('sha256', this.macKey)
      .update(plain.subarray(0, plain.length - contentLength))
      .digest();
    return timingSafeEqual(mac, given) && isSound ? plain.subarray(0, contentLength) : undefined;
  }

  /** Unpredictable to whoever does not know the key, and different for each record. */
  private initialVector(sequence: Buffer): Buffer {
    return createHmac('sha256', this.macKey).update('initial vector').update(sequence).digest().subarray(0, BLOCK_BYTES);
  }

  private encrypt(iv: Buffer, content: Buffer): Buffer {
    const length = padded(content.length);
    const block = Buffer.alloc(length, length - content.length - 1);
    content.copy(block);
    const cipher = createCipheriv('aes-128-cbc', this.key, iv).setAutoPadding(false);
    return cipher.update(block);
  }

  private decrypt(fragment: Buffer): Buffer {
    const decipher = createDecipheriv('aes-128-cbc', this.key, fragment.subarray(0, BLOCK_BYTES)).setAutoPadding(false);
    return decipher.update(fragment.subarray(BLOCK_BYTES));
  }

  private mac(additional: Buffer, covered: Buffer): Buffer {
    return createHmac('sha256', this.macKey).update(additional).update(covered).digest();
  }
}

/** One to sixteen bytes of padding are added. */
function padded(length: number): number {
  return length - (length % BLOCK_BYTES) + BLOCK_BYTES;
}

/** Bytes of padding with the one that counts them, or -1 when they are not what they must be. */
function paddingOf(plain: Buffer): number {
  const last = plain[plain.length - 1] as number;
  if (last + 1 > plain.length) return -1;
  let wrong = 0;
  for (let back = 1; back <= last + 1; back++) wrong |= (plain[plain.length - back] as number) ^ last;
  return wrong === 0 ? last + 1 : -1;
}
