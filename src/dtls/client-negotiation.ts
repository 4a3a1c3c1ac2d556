/** What a client offers, and what it takes for an answer: the other half of `negotiation.ts`. */
import type { Extensions } from './extensions';
import { type Failure, failure } from './failure';
import type { ServerHello } from './hello';
import { ownTypes, peerTypes } from './negotiation';
import { Alert, CertificateType, DTLS_1_2, ECDSA_SHA256, GROUP_P256, POINT_UNCOMPRESSED } from './protocol';
import type { Session } from './sessions';
import type { Credentials, Settings } from './settings';
import { isCbc, type Suite } from './suites';

/** @param connectionId undefined = the extension is not spoken */
export function offeredExtensions(
  credentials: Credentials,
  suites: readonly Suite[],
  connectionId: Buffer | undefined,
): Extensions {
  const isSigned = suites.some(({ keyExchange }) => keyExchange !== 'psk');
  // A server takes the first it knows; who has a certificate is known by that.
  const own = credentials.ownChain === undefined ? ownTypes(credentials) : [CertificateType.X509];
  const peer = peerTypes(credentials);
  return {
    ...(isSigned && { groups: [GROUP_P256], pointFormats: [POINT_UNCOMPRESSED], signatureAlgorithms: [ECDSA_SHA256] }),
    ...(isSigned && own.includes(CertificateType.RawPublicKey) && { clientCertificateTypes: own }),
    ...(isSigned && peer.includes(CertificateType.RawPublicKey) && { serverCertificateTypes: peer }),
    ...(suites.some(isCbc) && { encryptThenMac: true as const }),
    extendedMasterSecret: true,
    ...(connectionId !== undefined && { connectionId }),
  };
}

/** What a ServerHello must not say; undefined when it is fine. @param suite the one it names, if it was offered; @param resumed the session it resumes */
export function objectionTo(
  hello: ServerHello,
  suite: Suite | undefined,
  offered: Extensions,
  resumed: Session | undefined,
  settings: Settings,
): Failure | undefined {
  const { extensions } = hello;
  if (hello.version !== DTLS_1_2) return failure('protocol-version', 'the server does not speak DTLS 1.2', Alert.ProtocolVersion);
  if (suite === undefined) {
    return failure('no-common-suite', `the server chose suite ${hello.suite}, which was not offered`, Alert.IllegalParameter);
  }
  for (const name of Object.keys(extensions) as (keyof Extensions)[]) {
    // The signalling suite value stands for the extension (RFC 5746 §3.4).
    if (name !== 'renegotiationInfo' && offered[name] === undefined) {
      return failure('malformed', `the server answers ${name}, which was not offered`, Alert.IllegalParameter);
    }
  }
  const needsExtended = resumed !== undefined || settings.requireExtendedMasterSecret;
  if (needsExtended && extensions.extendedMasterSecret !== true) {
    return failure('downgrade', 'the server does not use extended master secret', Alert.HandshakeFailure);
  }
  if (resumed !== undefined && resumed.suite !== suite.number) {
    return failure('no-common-suite', 'the server resumes a session with another suite', Alert.IllegalParameter);
  }
  if (isCbc(suite) && extensions.encryptThenMac !== true && settings.cbc !== 'any') {
    return failure('no-common-suite', 'the server uses CBC without encrypt-then-MAC', Alert.HandshakeFailure);
  }
  return undefined;
}
