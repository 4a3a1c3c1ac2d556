/** Key derivation (RFC 5246 §5, §6.3, §8.1): everything a handshake derives from its secret. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { VERIFY_DATA_BYTES } from './protocol';

const MASTER_SECRET_BYTES = 48;

/** PRF of TLS 1.2 with SHA-256: P_SHA256(secret, label + seed). */
export function prf(secret: KeyObject, label: string, seed: readonly Uint8Array[], length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label, 'latin1'), ...seed]);
  const output = Buffer.allocUnsafe(Math.ceil(length / 32) * 32);
  let chain = labelled;
  for (let at = 0; at < length; at += 32) {
    chain = createHmac('sha256', secret).update(chain).digest();
    createHmac('sha256', secret).update(chain).update(labelled).digest().copy(output, at);
  }
  return output.subarray(0, length);
}

/** Premaster secret of a pre-shared key (RFC 4279 §2): as many zeros as the key has bytes, then the key. */
export function pskPremaster(psk: Uint8Array): Buffer {
  const premaster = Buffer.alloc(4 + 2 * psk.length);
  premaster.writeUInt16BE(psk.length, 0);
  premaster.writeUInt16BE(psk.length, 2 + psk.length);
  premaster.set(psk, 4 + psk.length);
  return premaster;
}

/** @param sessionHash hash of the messages up to ClientKeyExchange: extended master secret (RFC 7627 §4) */
export function extendedMasterSecret(premaster: Uint8Array, sessionHash: Uint8Array): KeyObject {
  return secretKey(prf(secretKey(premaster), 'extended master secret', [sessionHash], MASTER_SECRET_BYTES));
}

export function plainMasterSecret(premaster: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array): KeyObject {
  return secretKey(prf(secretKey(premaster), 'master secret', [clientRandom, serverRandom], MASTER_SECRET_BYTES));
}

/** The seed is the other way round than for the master secret (RFC 5246 §6.3). */
export function keyBlock(master: KeyObject, clientRandom: Uint8Array, serverRandom: Uint8Array, length: number): Buffer {
  return prf(master, 'key expansion', [serverRandom, clientRandom], length);
}

/** @param transcriptHash SHA-256 of the handshake messages so far */
export function verifyData(master: KeyObject, side: 'client' | 'server', transcriptHash: Uint8Array): Buffer {
  return prf(master, `${side} finished`, [transcriptHash], VERIFY_DATA_BYTES);
}

/** Secrets are KeyObjects, which no log or dump shows. */
function secretKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}
