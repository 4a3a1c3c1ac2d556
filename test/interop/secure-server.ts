/** Our DTLS transport for foreign counterparts: one device, known by a key, a raw public key and a certificate alike. */
import { type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { SystemClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { AssociationView } from '../../src/dtls/association-view';
import { verifyChain } from '../../src/dtls/certificate-chain';
import type { HandshakeFailed } from '../../src/dtls/dtls-events';
import { fingerprint, publicSpki } from '../../src/dtls/raw-key';
import type { Credentials, DtlsOptions } from '../../src/dtls/settings';
import { IDENTITY, KEY, type Pki } from './secure-echo';
import { HOST } from './server';

export class SecureTransportUnderTest {
  readonly transport: DtlsTransport;
  readonly associations: AssociationView[] = [];
  readonly failures: HandshakeFailed[] = [];
  /** Ports that devices were met at after a change. */
  readonly rebound: number[] = [];

  constructor(pki: Pki, options: Partial<DtlsOptions> = {}) {
    this.transport = new DtlsTransport({
      carrier: new UdpTransport({ host: HOST, port: 0 }),
      clock: new SystemClock(),
      random: randomBytes,
      credentials: credentialsOf(pki),
      ...options,
    });
    const { events } = this.transport.endpoint;
    events.on('association', (association) => this.associations.push(association));
    events.on('handshake-failed', (failed) => this.failures.push(failed));
    events.on('rebind', ({ to }) => this.rebound.push(to.port));
  }

  get port(): number {
    return this.transport.local?.port ?? 0;
  }
}

/** Of a server that knows the device of `pki` by all three. */
export function credentialsOf(pki: Pki): Credentials {
  const anchors = [new X509Certificate(pki.root.der)];
  const known = fingerprint(publicSpki(pki.device.key));
  return {
    lookupPsk: (identity) => (identity === IDENTITY ? Buffer.from(KEY, 'hex') : undefined),
    lookupRpk: (print) => (print.equals(known) ? IDENTITY : undefined),
    verifyCertificate: (chain) => verifyChain(chain, { anchors, now: Date.now(), purpose: 'client' }),
    ownKey: pki.server.key,
    ownChain: [pki.server.der],
  };
}

export function privateDer(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' });
}
