/** What an endpoint is given: credentials, limits, randomness, time. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock';
import type { AssociationView } from './association-view';
import type { WindowSize } from './replay-window';

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** A look-up may answer at once or later; undefined = not known. */
export type Answer<T> = T | undefined | Promise<T | undefined>;

/** Says why a certificate is not accepted. */
export interface CertificateRefusal {
  readonly refused: string;
}

export interface Credentials {
  /** The key of an identity; enables the PSK suites of a server. */
  lookupPsk?(identity: string, from: PeerAddress): Answer<Uint8Array>;
  /** The name of a raw public key, by SHA-256 of its SubjectPublicKeyInfo; enables raw public keys of peers. */
  lookupRpk?(fingerprint: Buffer, from: PeerAddress): Answer<string>;
  /** The name in a certificate that is trusted; enables X.509 of peers. DER, the peer's own first (`verifyChain`). */
  verifyCertificate?(chain: readonly Buffer[], from: PeerAddress): Answer<string | CertificateRefusal>;
  /** Our own P-256 key; with it alone we show a raw public key, with a chain we can also show certificates. */
  readonly ownKey?: KeyObject;
  /** DER, our own certificate first. */
  readonly ownChain?: readonly Uint8Array[];
}

/** Caps on what peers can make an endpoint hold. */
export interface DtlsLimits {
  /** Associations; the one idle for longest gives way. */
  readonly associations: number;
  /** Handshakes under way, of all and of one address: each costs some kilobytes and a look-up. */
  readonly halfOpen: number;
  readonly halfOpenPerAddress: number;
  /** A handshake that takes longer has failed. */
  readonly handshakeMs: number;
  /** Bytes of incomplete handshake messages of all peers together. */
  readonly reassemblyBytes: number;
  /** Sessions kept for resumption, and for how long; 0 = no resumption. */
  readonly sessions: number;
  readonly sessionMs: number;
  /** An association without CID is gone with its address sooner or later; one with CID stays until it has to give way. */
  readonly idleMs: number;
  /** Look-ups at the same time, of all and of one address; more wait. */
  readonly lookUps: number;
  readonly lookUpsPerAddress: number;
}

export const DEFAULT_LIMITS: DtlsLimits = {
  associations: 100_000,
  halfOpen: 1_000,
  halfOpenPerAddress: 10,
  handshakeMs: 60_000,
  reassemblyBytes: 8 * 1024 * 1024,
  sessions: 50_000,
  sessionMs: 24 * 3_600_000,
  idleMs: 24 * 3_600_000,
  lookUps: 200,
  lookUpsPerAddress: 5,
};

export interface DtlsOptions {
  readonly clock: Clock;
  /** Unpredictable bytes. */
  readonly random: (length: number) => Buffer;
  readonly credentials: Credentials;
  /** Sends a datagram; what cannot be sent is lost, as on any network. The buffer does not change afterwards. */
  readonly transmit: (datagram: Buffer, address: string, port: number) => void;
  /** Application data of one record, proved to come from this peer; the buffer is the receiver's to keep. */
  readonly deliver: (from: AssociationView, data: Buffer) => void;
  /** An exception of our own code or of `deliver`: a bug, told to whoever runs the endpoint. */
  readonly onBug?: (error: unknown) => void;
  /** Answer ClientHellos? Default true. */
  readonly serve?: boolean;
  /** Numbers of suites, to have fewer than all. */
  readonly suites?: readonly number[];
  /** CBC suites: not at all (default), only with encrypt-then-MAC (RFC 7366), or for clients that know nothing better. */
  readonly cbc?: false | 'encrypt-then-mac' | 'any';
  /** Bytes of our connection ids, 0 to 20; false = the extension is not spoken. Default 8, for a client 0. */
  readonly cidLength?: number | false;
  /** Refuse peers without extended master secret? Default false: some do not know it. */
  readonly requireExtendedMasterSecret?: boolean;
  readonly replayWindow?: WindowSize;
  /** Bytes of a datagram of a handshake. */
  readonly largestDatagram?: number;
  /** First timeout of a flight; it doubles. RFC 7925 §11 suggests 9 s on slow links. */
  readonly retransmitMs?: number;
  readonly limits?: Partial<DtlsLimits>;
}

/** The options with nothing left open. */
export interface Settings {
  readonly serve: boolean;
  readonly suites: readonly number[] | undefined;
  readonly cbc: false | 'encrypt-then-mac' | 'any';
  readonly cidLength: number | undefined;
  readonly requireExtendedMasterSecret: boolean;
  readonly replayWindow: WindowSize;
  readonly largestDatagram: number;
  readonly retransmitMs: number;
  readonly limits: DtlsLimits;
}

const LONGEST_CID = 20;

/** @throws RangeError when a number is beyond what the protocol has */
export function settingsOf(options: DtlsOptions): Settings {
  const serve = options.serve ?? true;
  const cidLength = options.cidLength ?? (serve ? 8 : 0);
  if (cidLength !== false && (!Number.isInteger(cidLength) || cidLength < 0 || cidLength > LONGEST_CID)) {
    throw new RangeError(`a connection id has 0 to ${LONGEST_CID} bytes, not ${cidLength}`);
  }
  return {
    serve,
    suites: options.suites,
    cbc: options.cbc ?? false,
    cidLength: cidLength === false ? undefined : cidLength,
    requireExtendedMasterSecret: options.requireExtendedMasterSecret ?? false,
    replayWindow: options.replayWindow ?? 64,
    largestDatagram: options.largestDatagram ?? 1_200,
    retransmitMs: options.retransmitMs ?? 1_000,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
}
