/** What a server agrees to: suite, certificate types and extensions, from a ClientHello and what the server can do. */
import type { Extensions } from './extensions';
import { type Failure, failure } from './failure';
import type { ClientHello } from './hello';
import {
  Alert,
  CertificateType,
  DTLS_1_2,
  ECDSA_SHA256,
  EMPTY_RENEGOTIATION_INFO_SCSV,
  GROUP_P256,
  LARGEST_PLAINTEXT,
  POINT_UNCOMPRESSED,
} from './protocol';
import type { Credentials, Settings } from './settings';
import { isCbc, type KeyExchange, SUITES, type Suite } from './suites';

export interface Agreement {
  readonly suite: Suite;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  /** How each side shows its key; without meaning for PSK. */
  readonly ownCertificateType: number;
  readonly peerCertificateType: number;
  /** What the client takes in a record. */
  readonly largestContent: number;
  /** The answer, but for the connection id. */
  readonly extensions: Extensions;
}

/** The suites that credentials and switches leave, in order of preference. */
export function enabledSuites(settings: Settings, exchanges: ReadonlySet<KeyExchange>): Suite[] {
  return SUITES.filter(
    (suite) =>
      exchanges.has(suite.keyExchange) &&
      (settings.cbc !== false || !isCbc(suite)) &&
      (settings.suites === undefined || settings.suites.includes(suite.number)),
  );
}

export function serverExchanges(credentials: Credentials): Set<KeyExchange> {
  const exchanges = new Set<KeyExchange>();
  if (credentials.lookupPsk !== undefined) exchanges.add('psk');
  const knowsPeers = credentials.lookupRpk !== undefined || credentials.verifyCertificate !== undefined;
  if (credentials.ownKey !== undefined && knowsPeers) exchanges.add('ecdhe-ecdsa');
  return exchanges;
}

/** Certificate types we can show, and those of the peer that we can judge. */
export function ownTypes(credentials: Credentials): number[] {
  const types: number[] = [];
  if (credentials.ownKey !== undefined) types.push(CertificateType.RawPublicKey);
  if (credentials.ownKey !== undefined && credentials.ownChain !== undefined) types.push(CertificateType.X509);
  return types;
}

export function peerTypes(credentials: Credentials): number[] {
  const types: number[] = [];
  if (credentials.lookupRpk !== undefined) types.push(CertificateType.RawPublicKey);
  if (credentials.verifyCertificate !== undefined) types.push(CertificateType.X509);
  return types;
}

/** Without the extension X.509 is meant (RFC 7250 §4.1). */
const ONLY_X509: readonly number[] = [CertificateType.X509];

/**
 * @param suites the server's, in its order
 * @returns what was agreed on, or why nothing was
 */
export function negotiate(
  hello: ClientHello,
  suites: readonly Suite[],
  settings: Settings,
  credentials: Credentials,
): Agreement | Failure {
  const { extensions: offered } = hello;
  // The numbers of DTLS count down: 1.2 or newer.
  if (hello.version >>> 8 !== 0xfe || hello.version > DTLS_1_2) {
    return failure('protocol-version', 'the device does not speak DTLS 1.2', Alert.ProtocolVersion);
  }
  const extendedMasterSecret = offered.extendedMasterSecret === true;
  if (settings.requireExtendedMasterSecret && !extendedMasterSecret) {
    return failure(
      'downgrade',
      'the device does not offer extended master secret, which is required here',
      Alert.HandshakeFailure,
    );
  }
  const own = firstCommon(offered.serverCertificateTypes ?? ONLY_X509, ownTypes(credentials));
  const peer = firstCommon(offered.clientCertificateTypes ?? ONLY_X509, peerTypes(credentials));
  const canSign = own !== undefined && peer !== undefined && speaksP256(offered);
  const suite = suites.find(
    (candidate) =>
      hello.suites.includes(candidate.number) &&
      (candidate.keyExchange === 'psk' || canSign) &&
      (!isCbc(candidate) || settings.cbc === 'any' || offered.encryptThenMac === true),
  );
  if (suite === undefined) {
    return failure(
      'no-common-suite',
      'the device offers no cipher suite for which this server has credentials',
      Alert.HandshakeFailure,
    );
  }
  const encryptThenMac = isCbc(suite) && offered.encryptThenMac === true;
  const isSigned = suite.keyExchange !== 'psk';
  // Both offered: only the newer one counts (RFC 8449 §5).
  const fragmentLength = offered.recordSizeLimit === undefined ? offered.maxFragmentLength : undefined;
  const extensions: Extensions = {
    ...(fragmentLength !== undefined && { maxFragmentLength: fragmentLength }),
    ...(isSigned && offered.pointFormats !== undefined && { pointFormats: [POINT_UNCOMPRESSED] }),
    ...(isSigned && offered.clientCertificateTypes !== undefined && { clientCertificateTypes: [peer as number] }),
    ...(isSigned && offered.serverCertificateTypes !== undefined && { serverCertificateTypes: [own as number] }),
    ...(encryptThenMac && { encryptThenMac: true as const }),
    ...(extendedMasterSecret && { extendedMasterSecret: true as const }),
    ...(offered.recordSizeLimit !== undefined && { recordSizeLimit: LARGEST_PLAINTEXT }),
    ...(isRenegotiationAware(hello) && { renegotiationInfo: true as const }),
  };
  return {
    suite,
    extendedMasterSecret,
    encryptThenMac,
    ownCertificateType: own ?? CertificateType.X509,
    peerCertificateType: peer ?? CertificateType.X509,
    largestContent: offered.recordSizeLimit ?? fragmentLength ?? LARGEST_PLAINTEXT,
    extensions,
  };
}

/** Groups and formats that are not mentioned are all there are; unmentioned algorithms would mean SHA-1, which nobody uses here. */
function speaksP256({ groups, pointFormats, signatureAlgorithms }: Extensions): boolean {
  return (
    (groups?.includes(GROUP_P256) ?? true) &&
    (pointFormats?.includes(POINT_UNCOMPRESSED) ?? true) &&
    (signatureAlgorithms?.includes(ECDSA_SHA256) ?? true)
  );
}

function isRenegotiationAware(hello: ClientHello): boolean {
  return hello.extensions.renegotiationInfo === true || hello.suites.includes(EMPTY_RENEGOTIATION_INFO_SCSV);
}

function firstCommon(wanted: readonly number[], possible: readonly number[]): number | undefined {
  return wanted.find((type) => possible.includes(type));
}
