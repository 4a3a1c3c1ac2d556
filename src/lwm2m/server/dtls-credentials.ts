/** What a DTLS handshake may ask of what is known of devices, and later whether that is still so; how to read the names it proves (`device/credentials.ts`). */
import { createHash, type X509Certificate } from 'node:crypto';
import { FINGERPRINT_NAME, fingerprintName } from '../../device/credentials';
import type { Identity } from '../../device/identity';
import { verifyChain } from '../../dtls/certificate-chain';
import type { CertificateRefusal, Credentials } from '../../dtls/settings';
import type { CredentialDigest } from './proof-seal';

export interface DeviceCredentials {
  /** Of a PSK identity; undefined: nobody's. */
  readonly keyOf: (identity: string) => Buffer | undefined;
  /** Who was provisioned with these credentials. */
  readonly holderOf: (identity: Pick<Identity, 'security' | 'name'>) => string | undefined;
  /** Authorities whose certificates name devices. None: only certificates provisioned one by one are good. */
  readonly authorities: readonly X509Certificate[];
  /** Where a certificate names its device (default: the common name). */
  readonly nameIn?: 'common-name' | 'dns-name' | 'uri';
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Look-ups of a server; with `ownKey` and `ownChain` they are what `DtlsTransport` takes. */
export function dtlsCredentials(known: DeviceCredentials): Credentials {
  return {
    lookupPsk: (identity) => known.keyOf(identity),
    lookupRpk: (fingerprint) => {
      const name = fingerprint.toString('hex');
      return known.holderOf({ security: 'rpk', name }) === undefined ? undefined : name;
    },
    verifyCertificate: (chain) => verified(chain, known),
  };
}

/** By what each identity is proved at present. Where authorities vouch for a name, another choice of them is another proof. */
export function credentialDigests({ keyOf, holderOf, authorities }: DeviceCredentials): CredentialDigest {
  const trusted = authorities.length === 0 ? undefined : digestOf(...authorities.map(({ raw }) => raw));
  return ({ security, name }) => {
    if (security === 'psk') {
      const key = keyOf(name);
      return key === undefined ? undefined : digestOf(key);
    }
    // These names are digests themselves.
    if (holderOf({ security, name }) !== undefined) return digestOf(Buffer.from(name));
    return security === 'x509' && !name.startsWith(FINGERPRINT_NAME) ? trusted : undefined;
  };
}

function digestOf(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function verified(chain: readonly Buffer[], known: DeviceCredentials): string | CertificateRefusal {
  const [own = Buffer.alloc(0)] = chain;
  const fingerprint = createHash('sha256').update(own).digest();
  const pinned = fingerprintName(fingerprint);
  const trust = { now: known.now(), purpose: 'client' as const };
  if (known.holderOf({ security: 'x509', name: pinned }) !== undefined) {
    const verdict = verifyChain(chain, { ...trust, anchors: [], pinned: [fingerprint], name: 'none' });
    return typeof verdict === 'string' ? pinned : verdict;
  }
  const name = known.nameIn === undefined ? {} : { name: known.nameIn };
  const verdict = verifyChain(chain, { ...trust, ...name, anchors: known.authorities });
  // Else an authority could issue a name that is taken for a pinned certificate.
  if (typeof verdict === 'string' && verdict.startsWith(FINGERPRINT_NAME))
    return { refused: 'its name is one that no device may have' };
  return verdict;
}
