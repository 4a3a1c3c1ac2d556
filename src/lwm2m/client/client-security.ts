/**
 * How a client and its server prove themselves to each other (LwM2M Core 1.1.1 Appendix E.1): what stands in an instance of its Security
 * object, and what a handshake makes of it. Keys are in DER, as they are written there.
 */
import { createPrivateKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import { Mode, Security } from '../../device/accounts';
import { verifyChain } from '../../dtls/certificate-chain';
import type { ConnectOptions } from '../../dtls/handshake-client';
import { fingerprint, isP256, publicSpki } from '../../dtls/raw-key';
import type { Credentials } from '../../dtls/settings';
import { DeviceManagementError } from '../../errors';
import type { ObjectInstance } from './objects';

export type ClientSecurity =
  | { readonly mode: 'psk'; readonly identity: string; readonly key: Buffer }
  /** `key`: private, P-256 (PKCS #8 or RFC 5915); `serverKey`: the SubjectPublicKeyInfo of the server. */
  | { readonly mode: 'rpk'; readonly key: Buffer; readonly serverKey: Buffer }
  | {
      readonly mode: 'x509';
      readonly certificate: Buffer;
      readonly key: Buffer;
      readonly serverCertificate: Buffer;
      /** Whether `serverCertificate` is that of an authority (Certificate Usage 2) and not the server's own (3). */
      readonly isAuthority?: boolean;
    };

/** Certificate Usage (0/x/15). */
const Usage = { TrustAnchor: 2, DomainIssued: 3 } as const;
const CERTIFICATE_USAGE = 15;
const NOTHING = Buffer.alloc(0);

/** Resources of a Security instance. @param version of LwM2M: 1.0 knows no Certificate Usage */
export function securityResources(security: ClientSecurity | undefined, version: string): Record<number, unknown> {
  const resources = (mode: number, identity: Buffer, serverKey: Buffer, secretKey: Buffer): Record<number, unknown> => ({
    [Security.Mode]: mode,
    [Security.Identity]: identity,
    [Security.ServerKey]: serverKey,
    [Security.SecretKey]: secretKey,
  });
  if (security === undefined) return resources(Mode.None, NOTHING, NOTHING, NOTHING);
  const { mode, key } = security;
  if (mode === 'psk') return resources(Mode.Psk, Buffer.from(security.identity), NOTHING, key);
  if (mode === 'rpk') return resources(Mode.Rpk, publicSpki(privateKey(key)), security.serverKey, key);
  const usage = security.isAuthority === true ? Usage.TrustAnchor : Usage.DomainIssued;
  if (usage === Usage.TrustAnchor && version === '1.0') {
    throw invalid('LwM2M 1.0 knows no authorities: give the certificate of the server itself');
  }
  return {
    ...resources(Mode.X509, security.certificate, security.serverCertificate, key),
    ...(version !== '1.0' && { [CERTIFICATE_USAGE]: usage }),
  };
}

/**
 * How to make a handshake with the server of an account; undefined: without one.
 * @param host as in its URI, which its certificate must bear where an authority is trusted; @param wall Unix milliseconds
 * @throws DeviceManagementError `invalid-value` when a key or certificate in it cannot be used; none is quoted
 */
export function connectOptionsOf(account: ObjectInstance, host: string, wall: () => number): ConnectOptions | undefined {
  const mode = account.content(Security.Mode);
  const [identity, serverKey, secretKey] = [Security.Identity, Security.ServerKey, Security.SecretKey].map((resource) => {
    const content = account.content(resource);
    return Buffer.isBuffer(content) ? content : NOTHING;
  }) as [Buffer, Buffer, Buffer];
  if (mode === Mode.None || mode === undefined) return undefined;
  if (mode === Mode.Psk) return { psk: { identity: identity.toString(), key: secretKey } };
  if (mode === Mode.Rpk) return { credentials: rawKeys(privateKey(secretKey), serverKey) };
  if (mode === Mode.X509) {
    const isAuthority = account.content(CERTIFICATE_USAGE) === Usage.TrustAnchor;
    return { credentials: certificates(privateKey(secretKey), identity, certificateIn(serverKey), isAuthority, host, wall) };
  }
  throw invalid(`security mode ${String(mode)} is not known here`);
}

function rawKeys(ownKey: KeyObject, serverKey: Buffer): Credentials {
  const expected = fingerprint(serverKey);
  return { ownKey, lookupRpk: (print) => (timingSafeEqual(print, expected) ? 'server' : undefined) };
}

function certificates(
  ownKey: KeyObject,
  own: Buffer,
  server: X509Certificate,
  isAuthority: boolean,
  host: string,
  wall: () => number,
): Credentials {
  const trust = isAuthority ? { anchors: [server], host } : { anchors: [], pinned: [fingerprint(server.raw)] };
  return {
    ownKey,
    ownChain: [own],
    verifyCertificate: (chain) => verifyChain(chain, { ...trust, now: wall(), purpose: 'server' }),
  };
}

function privateKey(der: Buffer): KeyObject {
  for (const type of ['pkcs8', 'sec1'] as const) {
    try {
      const key = createPrivateKey({ key: der, format: 'der', type });
      if (isP256(key)) return key;
    } catch {
      // Of the other type, or none.
    }
  }
  throw invalid('the private key is no key on curve P-256');
}

function certificateIn(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw invalid('the certificate of the server cannot be read');
  }
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', `the security of this client cannot be used: ${text}`);
}
