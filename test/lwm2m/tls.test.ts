/** LwM2M over TLS: our client and server on loopback, with pre-shared keys (int-406) and with certificates (int-404). */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { SystemClock } from '../../src/clock';
import { TlsTransport } from '../../src/coap/transports/tls';
import type { LifecycleEvent } from '../../src/device/manager';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { fingerprint } from '../../src/dtls/raw-key';
import type { Credentials } from '../../src/dtls/settings';
import type { DeviceManagementError } from '../../src/errors';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import type { ClientSecurity } from '../../src/lwm2m/client/client-security';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { until } from '../coap/transports/frames';
import { conformance } from '../conformance/conformance';
import { makeCertificate } from '../dtls/certificate-maker';

const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const PSK: ClientSecurity = { mode: 'psk', identity: 'dev', key: KEY };
const VALIDITY = { from: Date.now() - 86_400_000, to: Date.now() + 86_400_000 };
const serving = makeCertificate({ commonName: 'server', ...VALIDITY });
const device = makeCertificate({ commonName: 'dev', ...VALIDITY });
const CREDENTIALS: Credentials = {
  ownKey: serving.key,
  ownChain: [serving.der],
  lookupPsk: (identity) => (identity === 'dev' ? KEY : undefined),
  verifyCertificate: (chain) =>
    verifyChain(chain, {
      anchors: [new X509Certificate(device.der)],
      pinned: [fingerprint(device.der)],
      now: Date.now(),
      purpose: 'client',
    }),
};

describe('LwM2M over TLS', () => {
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function givenServer() {
    const secure = new TlsTransport({
      listen: { host: '127.0.0.1', port: 0 },
      clock: new SystemClock(),
      credentials: CREDENTIALS,
    });
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0 }, secure });
    const lifecycle: LifecycleEvent[] = [];
    server.events.on('lifecycle', (event) => lifecycle.push(event));
    await server.start();
    closing.push(() => server.stop());
    const port = server.listening.find(({ transport }) => transport === 'tls')?.port as number;
    return { server, secure, port, lifecycle };
  }

  function givenClient(port: number, security: ClientSecurity) {
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Acme' });
    objects.add(3303, 0, { 5700: 21.5 });
    const client = new Lwm2mClient({
      endpoint: 'dev',
      scheme: 'coaps+tcp',
      server: { host: '127.0.0.1', port },
      security,
      objects,
      backoff: { firstMs: 20 },
    });
    const failures: DeviceManagementError[] = [];
    client.events.on('failed', ({ error }) => failures.push(error));
    closing.push(() => client.stop());
    return { client, failures };
  }

  const x509: ClientSecurity = {
    mode: 'x509',
    certificate: device.der,
    key: device.key.export({ type: 'pkcs8', format: 'der' }),
    serverCertificate: serving.der,
  };

  for (const [id, security, given] of [
    ['int-406', 'psk', PSK],
    ['int-404', 'x509', x509],
  ] as const) {
    conformance(
      id,
      'self',
      async () => {
        const { server, port } = await givenServer();
        const { client } = givenClient(port, given);
        await client.start();
        const { binding, security: proved } = server.registration('dev') ?? {};
        assert.deepEqual([proved, binding], [security, 'T']);
        const { values } = await server.perform('dev', { operation: 'read', path: '/3/0/0' });
        assert.equal(values[0]?.value, 'Acme');
        const seen: unknown[] = [];
        server.events.on('notification', ({ values }) => seen.push(values[0]?.value));
        await server.perform('dev', { operation: 'observe', path: '/3303/0/5700' });
        client.setValue('/3303/0/5700', 30);
        await until(() => seen.includes(30), 'the notification');
      },
      { part: 'registration and management' },
    );
  }

  it('goes on with its registration over another connection', async () => {
    const { server, secure, port, lifecycle } = await givenServer();
    const { client } = givenClient(port, PSK);
    await client.start();
    secure.revoke('dev');
    await until(() => lifecycle.some(({ event }) => event === 'updated'), 'its return');
    const { values } = await server.perform('dev', { operation: 'read', path: '/3/0/0' });
    assert.equal(values[0]?.value, 'Acme');
    assert.ok(
      lifecycle.every(({ event }) => event === 'registered' || event === 'updated' || event === 'asleep' || event === 'awake'),
    );
  });

  it('says why it is not let in', async () => {
    const { server, port } = await givenServer();
    const { client, failures } = givenClient(port, { ...PSK, key: Buffer.alloc(16, 1) });
    client.start().catch(() => undefined);
    await until(() => failures.length > 0, 'a failure');
    assert.match(failures[0]?.message as string, /it ended the TLS handshake: check the key or certificate/);
    assert.equal(server.size, 0);
  });
});
