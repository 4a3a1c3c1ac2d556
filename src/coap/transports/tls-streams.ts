/** Node's TLS as `ConnectionTransport` wants it: which suites, who is asked for what, and who came (RFC 8323 §9, RFC 7925 §4). */
import { constants, randomBytes, X509Certificate } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import {
  type ConnectionOptions as CallOptions,
  connect,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import type { PeerIdentity } from '../../dtls/association-view';
import type { ConnectOptions } from '../../dtls/handshake-client';
import type { Credentials, PeerAddress } from '../../dtls/settings';
import type { RefusedPeer } from '../transport';
import { canonicalAddress } from './address';
import type { Streams } from './connections';
import { DEFAULT_TCP_LIMITS } from './tcp-limits';

const PSK_SUITES = ['PSK-AES128-CCM8', 'PSK-AES128-CCM', 'PSK-AES128-GCM-SHA256'];
const SIGNED_SUITES = ['ECDHE-ECDSA-AES128-CCM8', 'ECDHE-ECDSA-AES128-CCM', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
/** RFC 8323 §8.2. */
const PROTOCOLS = ['coap'];
/** Of an unknown identity: it fails as a wrong key does, and nobody learns which names exist (RFC 4279 §2). */
const SUBSTITUTE_KEY_BYTES = 16;

/** OpenSSL counts tags of 8 bytes among what only its level 0 allows; the suites, the curve and the signatures are chosen here. */
const COMMON: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ecdhCurve: 'P-256',
  sigalgs: 'ECDSA+SHA256',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
};

/** What a handshake has claimed so far. */
interface Claim {
  readonly name: string;
  readonly isKnown: boolean;
}

export class TlsStreams implements Streams {
  readonly name = 'tls';
  private readonly claims = new WeakMap<Socket, Claim>();

  /** @param refused told of those who did not prove what they claim */
  constructor(
    private readonly credentials: Credentials,
    private readonly connectWith: (address: string, port: number) => ConnectOptions,
    private readonly refused: (peer: RefusedPeer) => void,
  ) {}

  serve(taken: (socket: Socket) => boolean, ready: (socket: Socket, identity?: PeerIdentity) => void): Server {
    const own = ownOf(this.credentials);
    const server = createServer({
      ...COMMON,
      ...own,
      ciphers: suites(this.credentials.lookupPsk === undefined ? [] : PSK_SUITES, own.cert === undefined ? [] : SIGNED_SUITES),
      honorCipherOrder: true,
      ALPNProtocols: PROTOCOLS,
      handshakeTimeout: DEFAULT_TCP_LIMITS.openingMs,
      requestCert: own.cert !== undefined,
      // Judged below, by the names and pins of this server and not by OpenSSL's store.
      rejectUnauthorized: false,
      pskCallback: (socket, identity) => this.keyOf(socket, identity),
    });
    server.on('connection', (socket: Socket) => taken(socket));
    server.on('tlsClientError', (error, socket) => this.failed(socket, error));
    server.on('secureConnection', (socket) => {
      const identity = this.identityOf(socket);
      if (identity === undefined) socket.destroy();
      else ready(socket, identity);
    });
    return server;
  }

  connect(address: string, port: number): Socket {
    const { psk, credentials = this.credentials } = this.connectWith(address, port);
    const options: CallOptions = {
      ...COMMON,
      host: address,
      port,
      ALPNProtocols: PROTOCOLS,
      rejectUnauthorized: false,
      ...(psk === undefined
        ? { ...ownOf(credentials), ciphers: suites(SIGNED_SUITES) }
        : { ciphers: suites(PSK_SUITES), pskCallback: () => ({ psk: Buffer.from(psk.key), identity: psk.identity }) }),
    };
    const socket = connect(options);
    // Before anything of ours leaves: what waits to be written goes out after the handlers of this event.
    socket.once('secureConnect', () => {
      const verdict = psk === undefined ? verdictOf(socket, credentials, { address, port }) : psk.identity;
      if (typeof verdict !== 'string') socket.destroy(new Error(`the certificate of the server is refused: ${verdict.refused}`));
    });
    return socket;
  }

  private keyOf(socket: TLSSocket, identity: string): Buffer {
    const key = this.credentials.lookupPsk?.(identity, placeOf(socket));
    const isKnown = key instanceof Uint8Array && key.length > 0;
    this.claims.set(socket, { name: identity, isKnown });
    return isKnown ? Buffer.from(key) : randomBytes(SUBSTITUTE_KEY_BYTES);
  }

  private identityOf(socket: TLSSocket): PeerIdentity | undefined {
    const claim = this.claims.get(socket);
    if (claim !== undefined) return { security: 'psk', name: claim.name };
    const from = placeOf(socket);
    const verdict = verdictOf(socket, this.credentials, from);
    if (typeof verdict === 'string') return { security: 'x509', name: verdict };
    this.refused({ ...from, reason: `certificate refused: ${verdict.refused}` });
    return undefined;
  }

  /** Told of those who claimed to be somebody; all else that fails is noise, as on every open port. */
  private failed(socket: TLSSocket, { code }: NodeJS.ErrnoException): void {
    const claim = this.claims.get(socket);
    if (claim === undefined || code === 'ECONNRESET') return;
    const reason = claim.isKnown
      ? `wrong key for identity ${JSON.stringify(claim.name)}`
      : `unknown identity ${JSON.stringify(claim.name)}`;
    this.refused({ ...placeOf(socket), name: claim.name, reason });
  }
}

function suites(...lists: readonly (readonly string[])[]): string {
  return `${lists.flat().join(':')}:@SECLEVEL=0`;
}

/** In the form Node takes; nothing without a certificate. */
function ownOf({ ownKey, ownChain }: Credentials): { readonly key?: string; readonly cert?: string } {
  if (ownKey === undefined || ownChain === undefined) return {};
  const key = ownKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { key, cert: ownChain.map((der) => new X509Certificate(der).toString()).join('') };
}

function verdictOf(socket: TLSSocket, credentials: Credentials, from: PeerAddress): string | { readonly refused: string } {
  const verdict = credentials.verifyCertificate?.(chainOf(socket), from);
  if (verdict instanceof Promise) return { refused: 'it cannot be judged at once' };
  return verdict ?? { refused: 'nobody here knows it' };
}

/** DER, the peer's own first. */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined && chain.length < 8; next = next.issuerCertificate) {
    chain.push(next.raw);
  }
  return chain;
}

function placeOf({ remoteAddress = '', remotePort = 0 }: TLSSocket): PeerAddress {
  return { address: canonicalAddress(remoteAddress), port: remotePort };
}
