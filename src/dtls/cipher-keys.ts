/** From key blocks and stored keys to ciphers (RFC 5246 §6.3). */
import { AeadCipher } from './aead-cipher';
import { CbcCipher } from './cbc-cipher';
import { CcmCipher } from './ccm-cipher';
import type { RecordCipher } from './record-cipher';
import { isCbc, type Suite } from './suites';

const KEY_BYTES = 16;
const SALT_BYTES = 4;
const MAC_BYTES = 32;

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
  const key = material.subarray(0, KEY_BYTES);
  const salt = material.subarray(KEY_BYTES, KEY_BYTES + SALT_BYTES);
  return suite.cipher === 'aes-128-ccm'
    ? new CcmCipher(key, salt, suite.tagBytes)
    : new AeadCipher('aes-128-gcm', key, salt, suite.tagBytes);
}
