/** Security with the client's own settings, not a transport put below it: keys from a bootstrap, and TLS over real connections. */
import assert from 'node:assert/strict';
import { SystemClock, VirtualClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import { TlsTransport } from '../../src/coap/transports/tls';
import type { AccountSecurity } from '../../src/device/bootstrap';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { fingerprint } from '../../src/dtls/raw-key';
import { selfSigned } from '../../src/dtls/self-signed';
import type { Credentials } from '../../src/dtls/settings';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import type { ClientSecurity } from '../../src/lwm2m/client/client-security';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { testRandom } from '../coap/world';
import { type MadeCertificate, makeCertificate, NOW } from '../dtls/certificate-maker';
import { testBytes } from '../dtls/world';
import { conformance } from './conformance';

const HOST = '10.0.0.1';
const FACTORY = Buffer.alloc(16, 1);
const DELIVERED = Buffer.alloc(16, 2);

function thermometer(): ObjectTree {
  const objects = new ObjectTree({ version: '1.1' });
  objects.add(3, 0, { 0: 'Acme' });
  return objects;
}

/** Over `coaps+tcp`, on loopback. */
async function isServedOverTls(credentials: Credentials, security: ClientSecurity): Promise<void> {
  const clock = new SystemClock();
  const secure = new TlsTransport({ listen: { host: '127.0.0.1', port: 0 }, clock, credentials });
  const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0 }, secure });
  await server.start();
  const client = new Lwm2mClient({
    endpoint: 'dev',
    scheme: 'coaps+tcp',
    server: { host: '127.0.0.1', port: secure.local?.port as number },
    security,
    objects: thermometer(),
  });
  try {
    await client.start();
    const { binding, security: proved } = server.registration('dev') ?? {};
    assert.deepEqual([binding, proved], ['T', security.mode]);
    const { values } = await server.perform('dev', { operation: 'read', path: '/3/0' });
    assert.deepEqual(values, [{ path: '/3/0/0', value: 'Acme' }]);
  } finally {
    await client.stop();
    await server.stop();
  }
}

interface Delivery {
  readonly credentials: Credentials;
  /** What the device was made with. */
  readonly factory: ClientSecurity;
  readonly given: AccountSecurity;
  /** The name it has proved when it is registered. */
  readonly proves: string;
}

/** Over DTLS on a lossy network: asks for its servers with one proof, and registers with the one it was given. */
async function isBootstrapped({ credentials, factory, given, proves }: Delivery): Promise<void> {
  const clock = new VirtualClock(NOW);
  const network = new MemoryNetwork(clock, { delayMs: 5, loss: 0.1, seed: 3 });
  const secure = new DtlsTransport({ carrier: network.transport(HOST, 5684), clock, random: testBytes(5), credentials });
  const account = { shortServerId: 1, uri: `coaps://${HOST}:5684`, lifetime: 300, binding: 'U' };
  const server = new Lwm2mServer({
    transport: network.transport(HOST, 5683),
    secure,
    clock,
    random: testRandom(7),
    admission: (_endpoint, { security }) =>
      security === 'none' ? { admitted: false, reason: 'unsecured', remedy: '' } : { admitted: true },
    endpointOf: () => 'dev',
    bootstrap: () => ({ deletes: ['/0', '/1'], servers: [{ ...account, security: given }], objects: {}, verify: false }),
  });
  await server.start();
  const client = new Lwm2mClient({
    endpoint: 'dev',
    scheme: 'coaps',
    bootstrap: { host: HOST },
    security: factory,
    objects: thermometer(),
    transport: network.transport('10.0.0.2', 40_000),
    clock,
    random: testRandom(8),
  });
  client.start().catch(() => undefined);
  await clock.advanceAsync(60_000);
  assert.equal(server.registration('dev')?.security, given.mode);
  assert.equal(secure.endpoint.associationsOf(proves).length, 1);
  const reading = server.perform('dev', { operation: 'read', path: '/3/0' });
  await clock.advanceAsync(60_000);
  assert.deepEqual((await reading).values, [{ path: '/3/0/0', value: 'Acme' }]);
}

describe('conformance: secured transports', () => {
  conformance('int-1', 'self', () => {
    const keys: Readonly<Record<string, Buffer>> = { factory: FACTORY, delivered: DELIVERED };
    return isBootstrapped({
      credentials: { lookupPsk: (identity) => keys[identity] },
      factory: { mode: 'psk', identity: 'factory', key: FACTORY },
      given: { mode: 'psk', identity: 'delivered', key: DELIVERED },
      proves: 'delivered',
    });
  });

  conformance('int-2', 'self', () => {
    const own = makeCertificate({ commonName: 'server' });
    const [factory, delivered] = [makeCertificate({ commonName: 'factory' }), makeCertificate({ commonName: 'delivered' })];
    const pinned = [factory, delivered].map(({ der }) => fingerprint(der));
    const privateDer = (made: MadeCertificate): Buffer => made.key.export({ type: 'pkcs8', format: 'der' });
    return isBootstrapped({
      credentials: {
        ownKey: own.key,
        ownChain: [own.der],
        verifyCertificate: (chain) => verifyChain(chain, { anchors: [], pinned, now: NOW, purpose: 'client' }),
      },
      factory: { mode: 'x509', certificate: factory.der, key: privateDer(factory), serverCertificate: own.der },
      given: { mode: 'x509', publicKey: delivered.der, serverPublicKey: own.der, secretKey: privateDer(delivered) },
      proves: 'delivered',
    });
  });

  conformance('int-406', 'self', () =>
    isServedOverTls(
      { lookupPsk: (identity) => (identity === 'dev' ? FACTORY : undefined) },
      { mode: 'psk', identity: 'dev', key: FACTORY },
    ),
  );

  conformance('int-404', 'self', () => {
    const made = makeCertificate({ commonName: 'dev' });
    const since = Date.now() - 60_000;
    const certificate = selfSigned(made.key, 'dev', since);
    const { key: ownKey } = makeCertificate({ commonName: 'server' });
    const serverCertificate = selfSigned(ownKey, 'server', since);
    const pinned = { anchors: [], pinned: [fingerprint(certificate)], now: Date.now(), purpose: 'client' as const };
    return isServedOverTls(
      { ownKey, ownChain: [serverCertificate], verifyCertificate: (chain) => verifyChain(chain, pinned) },
      { mode: 'x509', certificate, key: made.key.export({ type: 'pkcs8', format: 'der' }), serverCertificate },
    );
  });
});
