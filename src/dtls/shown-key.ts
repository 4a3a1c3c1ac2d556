/** The key a peer shows in its Certificate message: raw (RFC 7250) or in a chain, what it signed, and whose it is. */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { PeerIdentity } from './association-view';
import { type Failure, failure } from './failure';
import { readCertificateChain, readRawPublicKey } from './messages';
import { Alert, CertificateType } from './protocol';
import { fingerprint, isP256, readRawKey } from './raw-key';
import type { Answer, CertificateRefusal, Credentials, PeerAddress } from './settings';

export class ShownKey {
  private constructor(
    private readonly key: KeyObject,
    private readonly rawKey: Buffer | undefined,
    private readonly chain: readonly Buffer[],
  ) {}

  /** @param type of the certificate, as negotiated; @param whose "device" or "server", for the text */
  static read(body: Buffer, type: number, whose: string): ShownKey | Failure {
    const isRaw = type === CertificateType.RawPublicKey;
    // Copies: they outlive the message.
    const rawKey = isRaw ? readRawPublicKey(Buffer.from(body)) : undefined;
    const chain = isRaw ? undefined : readCertificateChain(Buffer.from(body));
    const shown = rawKey ?? chain;
    if (shown === undefined) return failure('malformed', `the Certificate of the ${whose} cannot be read`, Alert.DecodeError);
    if (shown.length === 0) {
      return failure('no-certificate', `the ${whose} shows no certificate or key of its own`, Alert.HandshakeFailure);
    }
    const key = rawKey !== undefined ? readRawKey(rawKey) : certificateKey(chain?.[0]);
    if (key === undefined) {
      return failure('certificate-refused', `the ${whose} shows a key that is not on curve P-256`, Alert.BadCertificate);
    }
    return new ShownKey(key, rawKey, chain ?? []);
  }

  hasSigned(data: Buffer, signature: Buffer): boolean {
    try {
      return verify('sha256', data, this.key, signature);
    } catch {
      return false;
    }
  }

  /** Whose key it is: to be asked once the peer proved to own it. */
  identify(credentials: Credentials, from: PeerAddress): Answer<PeerIdentity | Failure> {
    const { rawKey } = this;
    if (rawKey === undefined) return mapped(credentials.verifyCertificate?.(this.chain, from), judged);
    const print = fingerprint(rawKey);
    return mapped(credentials.lookupRpk?.(print, from), (name) =>
      name === undefined
        ? failure(
            'unknown-identity',
            `unknown raw public key, SHA-256 ${print.toString('hex')}: provision it, or correct the peer`,
            Alert.BadCertificate,
          )
        : { security: 'rpk' as const, name },
    );
  }
}

function judged(verdict: string | CertificateRefusal | undefined): PeerIdentity | Failure {
  if (typeof verdict === 'string') return { security: 'x509', name: verdict };
  if (verdict === undefined) {
    return failure('unknown-identity', 'the name in the certificate is not known here', Alert.BadCertificate);
  }
  return failure('certificate-refused', `certificate refused: ${verdict.refused}`, Alert.BadCertificate);
}

function mapped<T, R>(answer: Answer<T>, map: (found: T | undefined) => R): Answer<R> {
  return answer instanceof Promise ? answer.then(map) : map(answer);
}

function certificateKey(der: Buffer | undefined): KeyObject | undefined {
  try {
    const key = new X509Certificate(der ?? Buffer.alloc(0)).publicKey;
    return isP256(key) ? key : undefined;
  } catch {
    return undefined;
  }
}
