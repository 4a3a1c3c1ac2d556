/** AES-CCM and AES-GCM as in RFC 6655 and RFC 5288: a salt from the key block, the rest of the nonce in the record. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { RecordCipher } from './record-cipher';

const SALT_BYTES = 4;
export const EXPLICIT_NONCE_BYTES = 8;

export type AeadName = 'aes-128-ccm' | 'aes-128-gcm';

/** One for all: a call of OpenSSL copies it, and nothing else runs meanwhile. */
const NONCE = Buffer.alloc(SALT_BYTES + EXPLICIT_NONCE_BYTES);

export class AeadCipher implements RecordCipher {
  protected readonly key: KeyObject;
  protected readonly salt: number;

  constructor(
    private readonly name: AeadName,
    key: Buffer,
    salt: Buffer,
    protected readonly tagBytes: number,
  ) {
    this.key = createSecretKey(key);
    this.salt = salt.readUInt32BE(0);
  }

  sealedLength(contentLength: number): number {
    return EXPLICIT_NONCE_BYTES + contentLength + this.tagBytes;
  }

  seal(additional: Buffer, sequence: Buffer, content: Buffer, target: Buffer, at: number): void {
    NONCE.writeUInt32BE(this.salt, 0);
    sequence.copy(NONCE, SALT_BYTES);
    const options = { authTagLength: this.tagBytes };
    // The types know one name per overload; the calls are the same.
    const cipher = createCipheriv(this.name as 'aes-128-ccm', this.key, NONCE, options);
    cipher.setAAD(additional, { plaintextLength: content.length });
    const sealed = cipher.update(content);
    cipher.final();
    NONCE.copy(target, at, SALT_BYTES);
    sealed.copy(target, at + EXPLICIT_NONCE_BYTES);
    cipher.getAuthTag().copy(target, at + EXPLICIT_NONCE_BYTES + content.length);
  }

  /** An empty content is refused: node:crypto lets a CCM one pass unproved, and nothing here sends any. */
  plausibleLength(fragmentLength: number): boolean {
    return fragmentLength > EXPLICIT_NONCE_BYTES + this.tagBytes;
  }

  open(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined {
    const tagAt = end - this.tagBytes;
    const contentAt = at + EXPLICIT_NONCE_BYTES;
    NONCE.writeUInt32BE(this.salt, 0);
    // From the record, not from its number: OpenSSL starts its own count at random with GCM.
    datagram.copy(NONCE, SALT_BYTES, at, contentAt);
    additional.writeUInt16BE(tagAt - contentAt, additional.length - 2);
    const decipher = createDecipheriv(this.name as 'aes-128-ccm', this.key, NONCE, { authTagLength: this.tagBytes });
    decipher.setAuthTag(datagram.subarray(tagAt, end));
    decipher.setAAD(additional, { plaintextLength: tagAt - contentAt });
    try {
      const content = decipher.update(datagram.subarray(contentAt, tagAt));
      // Only now is anything of it proved (GCM gives plaintext before).
      decipher.final();
      return content;
    } catch {
      return undefined;
    }
  }

  material(): Buffer {
    const salt = Buffer.alloc(SALT_BYTES);
    salt.writeUInt32BE(this.salt, 0);
    return Buffer.concat([this.key.export(), salt]);
  }
}
