/**
 * How a device proves who it is, as whoever provisions it says. What a handshake proves is told as mode and name (`identity.ts`); here is
 * which name goes with which credential. Keys are secrets: they stand in no text of this file, not even in errors.
 */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { DeviceManagementError } from '../errors';
import { identityKey } from './identity';

export type DeviceSecurity =
  /** Known, and without anything to prove it by. */
  | { readonly mode: 'none' }
  | { readonly mode: 'psk'; readonly identity: string; readonly key: Buffer }
  /** SHA-256 of its SubjectPublicKeyInfo (RFC 7250 §3). */
  | { readonly mode: 'rpk'; readonly fingerprint: Buffer }
  /** SHA-256 of its certificate, whoever issued that; or the name in it, when one of our authorities did. */
  | { readonly mode: 'x509'; readonly fingerprint: Buffer }
  | { readonly mode: 'x509'; readonly name: string };

/** LwM2M Transport 1.2 §5.2: what a DTLS stack must take. */
const LONGEST_PSK_IDENTITY_BYTES = 128;
const LONGEST_PSK_KEY_BYTES = 64;
/** A shorter key can be tried out against one recorded handshake (RFC 9257 §6). */
const SOUND_PSK_KEY_BYTES = 16;
const LONGEST_NAME = 255;
const FINGERPRINT_BYTES = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Before a fingerprint, where a name might stand: no name of a trusted certificate may begin with it. */
export const FINGERPRINT_NAME = 'sha256:';

const EXAMPLE = '{"mode": "psk", "identity": "…", "key": "00112233…"}';

/** What a transport calls a device that has proved itself by this; undefined where nothing is proved. */
export function provedName(security: DeviceSecurity): string | undefined {
  if (security.mode === 'none') return undefined;
  if (security.mode === 'psk') return security.identity;
  if ('name' in security) return security.name;
  return security.mode === 'rpk' ? security.fingerprint.toString('hex') : fingerprintName(security.fingerprint);
}

export function fingerprintName(fingerprint: Buffer): string {
  return `${FINGERPRINT_NAME}${fingerprint.toString('hex')}`;
}

/** As `identityKey` of what the handshake will prove. */
export function securityKey(security: DeviceSecurity): string | undefined {
  return security.mode === 'none' ? undefined : identityKey({ security: security.mode, name: provedName(security) ?? '' });
}

export function isSameSecurity(a: DeviceSecurity, b: DeviceSecurity): boolean {
  return securityKey(a) === securityKey(b) && (a.mode !== 'psk' || b.mode !== 'psk' || a.key.equals(b.key));
}

/** For a person; undefined when there is nothing to say against it. */
export function weaknessOf(security: DeviceSecurity): string | undefined {
  if (security.mode !== 'psk' || security.key.length >= SOUND_PSK_KEY_BYTES) return undefined;
  return `its key has ${security.key.length} bytes and can be guessed from one recorded handshake: give it ${SOUND_PSK_KEY_BYTES} random ones`;
}

/**
 * Reads what was given as JSON or in a table: `{mode: "psk", identity, key}` with the key in hex; `{mode: "rpk", publicKey}` (PEM, or DER in
 * base64 or hex) or `{…, fingerprint}`; `{mode: "x509", certificate}` (the same forms), `{…, fingerprint}` or `{…, name}`; `{mode: "none"}`.
 * @throws DeviceManagementError `invalid-value`, naming the property and never its value
 */
export function readSecurity(given: unknown): DeviceSecurity {
  if (typeof given !== 'object' || given === null) throw invalid(`security must be an object such as ${EXAMPLE}`);
  const fields = given as Readonly<Record<string, unknown>>;
  const mode = String(fields.mode);
  const read = Object.hasOwn(READERS, mode) ? READERS[mode] : undefined;
  if (read === undefined) throw invalid(`security.mode must be one of ${Object.keys(READERS).join(', ')}`);
  return read(fields);
}

type Fields = Readonly<Record<string, unknown>>;

const READERS: Readonly<Record<string, (fields: Fields) => DeviceSecurity>> = {
  none: () => ({ mode: 'none' }),
  psk: (fields) => ({ mode: 'psk', identity: readIdentity(fields.identity), key: readKey(fields.key) }),
  rpk: (fields) => {
    if (fields.fingerprint !== undefined) return { mode: 'rpk', fingerprint: readFingerprint(fields.fingerprint) };
    const key = readDer(fields.publicKey, 'security.publicKey', 'the public key of the device', publicKeyOf);
    return { mode: 'rpk', fingerprint: sha256(key.export({ type: 'spki', format: 'der' })) };
  },
  x509: (fields) => {
    if (fields.fingerprint !== undefined) return { mode: 'x509', fingerprint: readFingerprint(fields.fingerprint) };
    if (fields.name !== undefined) return { mode: 'x509', name: readName(fields.name) };
    const certificate = readDer(
      fields.certificate,
      'security.certificate',
      'the certificate of the device',
      (der) => new X509Certificate(der),
    );
    return { mode: 'x509', fingerprint: sha256(certificate.raw) };
  },
};

function readIdentity(given: unknown): string {
  if (typeof given === 'string' && given !== '' && !LONE_SURROGATE.test(given)) {
    if (Buffer.byteLength(given) <= LONGEST_PSK_IDENTITY_BYTES) return given;
  }
  throw invalid(`security.identity must be a text of 1 to ${LONGEST_PSK_IDENTITY_BYTES} bytes in UTF-8`);
}

function readKey(given: unknown): Buffer {
  const isHex = typeof given === 'string' && given.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(given);
  if (isHex && given.length / 2 <= LONGEST_PSK_KEY_BYTES) return Buffer.from(given, 'hex');
  throw invalid(`security.key must be 1 to ${LONGEST_PSK_KEY_BYTES} bytes in hexadecimal, two digits each`);
}

function readName(given: unknown): string {
  const isName = typeof given === 'string' && given !== '' && given.length <= LONGEST_NAME && !LONE_SURROGATE.test(given);
  if (isName && !given.startsWith(FINGERPRINT_NAME)) return given;
  throw invalid(`security.name must be the name in the certificate, 1 to ${LONGEST_NAME} characters`);
}

/** "AB:CD:…" too, as openssl prints it. */
function readFingerprint(given: unknown): Buffer {
  const digits = typeof given === 'string' ? given.replaceAll(':', '') : '';
  if (/^[0-9a-fA-F]{64}$/.test(digits)) return Buffer.from(digits, 'hex');
  throw invalid(`security.fingerprint must be a SHA-256 digest: ${FINGERPRINT_BYTES * 2} hexadecimal digits`);
}

function readDer<T>(given: unknown, property: string, what: string, read: (der: Buffer) => T): T {
  const flaw = `${property} must be ${what}, as PEM, or as DER in base64 or hexadecimal`;
  if (typeof given !== 'string') throw invalid(flaw);
  const body = given.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, '');
  const der = Buffer.from(body, /^[0-9a-fA-F]+$/.test(body) && body.length % 2 === 0 ? 'hex' : 'base64');
  try {
    return read(der);
  } catch {
    // The cause could quote what was given; if that was a private key, it is not ours to show.
    throw invalid(flaw);
  }
}

function publicKeyOf(der: Buffer): KeyObject {
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}
