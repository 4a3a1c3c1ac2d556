/** P-256 keys as they travel: SubjectPublicKeyInfo (RFC 7250 §3, RFC 5480 §2) and points (RFC 8422 §5.4). Checked byte by byte. */
import { createECDH, createHash, createPublicKey, type ECDH, type KeyObject } from 'node:crypto';
import { POINT_BYTES } from './messages';

/** id-ecPublicKey, prime256v1, a bit string of 66 bytes, an uncompressed point. */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const SPKI_BYTES = SPKI_PREFIX.length + POINT_BYTES - 1;
const UNCOMPRESSED = 4;
const CURVE = 'prime256v1';

/** The key; undefined for anything but exactly a P-256 key (node:crypto ignores bytes after the structure). */
export function readRawKey(spki: Buffer): KeyObject | undefined {
  if (spki.length !== SPKI_BYTES || !spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX)) return undefined;
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    // Not a point of the curve.
    return undefined;
  }
}

/** SHA-256 of a SubjectPublicKeyInfo: what a raw key is known by. */
export function fingerprint(spki: Uint8Array): Buffer {
  return createHash('sha256').update(spki).digest();
}

/** The public half of a key pair, in DER. */
export function publicSpki(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === CURVE;
}

/** A key pair for one handshake. */
export class EphemeralKey {
  private readonly ecdh: ECDH = createECDH(CURVE);
  readonly point: Buffer = this.ecdh.generateKeys();

  /** The x coordinate with its leading zeros; undefined for anything but an uncompressed point of the curve. */
  agree(point: Buffer): Buffer | undefined {
    if (point.length !== POINT_BYTES || point[0] !== UNCOMPRESSED) return undefined;
    try {
      return this.ecdh.computeSecret(point);
    } catch {
      return undefined;
    }
  }
}
