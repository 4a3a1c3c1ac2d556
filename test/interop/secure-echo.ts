/** A DTLS server on a real socket that says back what it hears; for counterparts that know nothing of CoAP. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SystemClock } from '../../src/clock';
import type { AssociationView } from '../../src/dtls/association-view';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { DtlsEndpoint } from '../../src/dtls/dtls';
import type { HandshakeFailed } from '../../src/dtls/dtls-events';
import { fingerprint, publicSpki } from '../../src/dtls/raw-key';
import type { DtlsOptions } from '../../src/dtls/settings';
import { type MadeCertificate, makeCertificate } from '../dtls/certificate-maker';
import { eventually, HOST } from './server';

export const IDENTITY = 'dev1';
export const KEY = '00112233445566778899aabbccddeeff';
const YEAR_MS = 365 * 86_400_000;

/** Certificates and keys of both sides, as objects and as PEM files. */
export class Pki {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'dtls-'));
  readonly root: MadeCertificate;
  readonly server: MadeCertificate;
  readonly device: MadeCertificate;

  constructor() {
    const times = { from: Date.now() - 86_400_000, to: Date.now() + YEAR_MS };
    this.root = makeCertificate({ commonName: 'test root', ca: true, keyUsage: 0x04, ...times });
    this.server = makeCertificate({ commonName: 'server', dnsName: 'localhost', issuer: this.root, keyUsage: 0x80, ...times });
    this.device = makeCertificate({ commonName: IDENTITY, issuer: this.root, keyUsage: 0x80, purposes: ['client'], ...times });
    writeFileSync(this.file('root.pem'), new X509Certificate(this.root.der).toString());
    writeFileSync(this.file('device.pem'), new X509Certificate(this.device.der).toString());
    writeFileSync(this.file('device.key'), this.device.key.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(this.file('device-sec1.key'), this.device.key.export({ format: 'pem', type: 'sec1' }));
    writeFileSync(this.file('server.pem'), new X509Certificate(this.server.der).toString());
    writeFileSync(this.file('server.key'), this.server.key.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(this.file('server-sec1.key'), this.server.key.export({ format: 'pem', type: 'sec1' }));
    const spki = publicSpki(this.device.key).toString('base64');
    writeFileSync(this.file('device.pub'), `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export class SecureEcho {
  readonly endpoint: DtlsEndpoint;
  readonly connected: AssociationView[] = [];
  readonly failures: HandshakeFailed[] = [];
  readonly closed: number[] = [];
  readonly heard: string[] = [];
  private readonly socket: Socket = createSocket('udp4');
  port = 0;

  private constructor(pki: Pki, options: Partial<DtlsOptions>) {
    const anchors = [new X509Certificate(pki.root.der)];
    const known = fingerprint(publicSpki(pki.device.key));
    this.endpoint = new DtlsEndpoint({
      clock: new SystemClock(),
      random: randomBytes,
      credentials: {
        lookupPsk: async (identity) => (identity === IDENTITY ? Buffer.from(KEY, 'hex') : undefined),
        lookupRpk: async (print) => (print.equals(known) ? 'raw dev1' : undefined),
        verifyCertificate: async (chain) => verifyChain(chain, { anchors, now: Date.now(), purpose: 'client' }),
        ownKey: pki.server.key,
        ownChain: [pki.server.der],
      },
      transmit: (datagram, address, port) => this.socket.send(datagram, port, address),
      deliver: (from, data) => {
        this.heard.push(data.toString());
        this.endpoint.send(from.id, Buffer.from(`echo ${data}`));
      },
      ...options,
    });
    this.endpoint.events.on('association', (association) => this.connected.push(association));
    this.endpoint.events.on('handshake-failed', (failed) => this.failures.push(failed));
    this.endpoint.events.on('closed', ({ association }) => this.closed.push(association.id));
    this.socket.on('message', (datagram, { address, port }) => this.endpoint.receive(datagram, address, port));
  }

  static async start(pki: Pki, options: Partial<DtlsOptions> = {}): Promise<SecureEcho> {
    const echo = new SecureEcho(pki, options);
    await new Promise<void>((resolve) => echo.socket.bind(0, HOST, resolve));
    echo.port = echo.socket.address().port;
    return echo;
  }

  get last(): AssociationView | undefined {
    return this.connected[this.connected.length - 1];
  }

  /** The `count`th association, past or to come. */
  association(count: number): Promise<AssociationView> {
    return eventually(`association ${count}`, () => this.connected[count - 1]);
  }

  stop(): void {
    this.endpoint.stop(false);
    this.socket.close();
  }
}
