/**
 * The protection of one direction of an association: AEAD (RFC 6655, RFC 5288) or CBC with HMAC (RFC 5246 §6.2.3.2, RFC 7366). It
 * sees fragments and what is authenticated with them, and knows neither numbers nor addresses. Opening never throws.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { isCbc, type Suite } from './suites';

/**
 * `additional` is what a tag covers beside the content (RFC 5246 §6.2.3.3, RFC 9146 §5). Its last two bytes are the length of the
 * content; a cipher that covers something else writes that length there.
 */
export interface RecordCipher {
  /** Bytes of a fragment with so much content. */
  sealedLength(contentLength: number): number;
  /** Writes the fragment at `at`; the eight bytes of `sequence` (epoch and number) never repeat under one key. */
  seal(additional: Buffer, sequence: Buffer, content: Buffer, target: Buffer, at: number): void;
  /** Whether a fragment so long can be one. */
  plausibleLength(fragmentLength: number): boolean;
  /** The content, or undefined when the tag is wrong. */
  open(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined;
  /** The keys, to be stored (encrypted) and given to `cipherFrom`. */
  material(): Buffer;
}

const KEY_BYTES = 16;
const SALT_BYTES = 4;
const EXPLICIT_NONCE_BYTES = 8;
const MAC_BYTES = 32;
const BLOCK_BYTES = 16;

/** Bytes of keys for both directions (RFC 5246 §6.3). */
export function keyBlockLength(suite: Suite): number {
  return 2 * materialLength(suite);
}

/** Bytes of `RecordCipher.material`. */
export function materialLength(suite: Suite): number {
  return isCbc(suite) ? MAC_BYTES + KEY_BYTES : KEY_BYTES + SALT_BYTES;
}

export interface DirectionCiphers {
  readonly client: RecordCipher;
  readonly server: RecordCipher;
}

/** Both directions from a key block: MAC keys, then keys, then salts, each client's first. */
export function ciphersFrom(suite: Suite, block: Buffer, encryptThenMac: boolean): DirectionCiphers {
  const first = isCbc(suite) ? MAC_BYTES : KEY_BYTES;
  const second = isCbc(suite) ? KEY_BYTES : SALT_BYTES;
  const of = (index: number): RecordCipher =>
    cipherFrom(
      suite,
      Buffer.concat([
        block.subarray(index * first, (index + 1) * first),
        block.subarray(2 * first + index * second, 2 * first + (index + 1) * second),
      ]),
      encryptThenMac,
    );
  return { client: of(0), server: of(1) };
}

/** @param material as from `RecordCipher.material`: key and salt, or MAC key and key */
export function cipherFrom(suite: Suite, material: Buffer, encryptThenMac: boolean): RecordCipher {
  if (isCbc(suite)) return new CbcCipher(material.subarray(0, MAC_BYTES), material.subarray(MAC_BYTES), encryptThenMac);
  return new AeadCipher(
    suite.cipher as AeadName,
    material.subarray(0, KEY_BYTES),
    material.subarray(KEY_BYTES, KEY_BYTES + SALT_BYTES),
    suite.tagBytes,
  );
}

type AeadName = 'aes-128-ccm' | 'aes-128-gcm';

/** One for all: a call of OpenSSL copies it, and nothing else runs meanwhile. */
const NONCE = Buffer.alloc(SALT_BYTES + EXPLICIT_NONCE_BYTES);

class AeadCipher implements RecordCipher {
  private readonly key: KeyObject;
  private readonly salt: number;

  constructor(
    private readonly name: AeadName,
    key: Buffer,
    salt: Buffer,
    private readonly tagBytes: number,
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

class CbcCipher implements RecordCipher {
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
