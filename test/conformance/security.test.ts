/** Security: what a handshake proves, and what it refuses. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { VirtualClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import { DtlsTransport, type DtlsTransportOptions } from '../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import { verifyChain } from '../../src/dtls/certificate-chain';
import type { DtlsEndpoint } from '../../src/dtls/dtls';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';
import { makeCertificate, NOW } from '../dtls/certificate-maker';
import { testBytes } from '../dtls/world';
import { givenServer, ScriptedDevice } from '../lwm2m/server/world';
import { conformance } from './conformance';

const SERVER = '10.0.0.1';
const PORT = 5684;
const KEY = Buffer.from('0123456789abcdef');

type Side = Pick<DtlsTransportOptions, 'credentials' | 'connectWith'>;

interface Secured {
  readonly clock: VirtualClock;
  readonly server: Lwm2mServer;
  readonly secure: DtlsTransport;
  readonly client: Lwm2mClient;
  readonly nat: MovingCarrier;
  readonly failures: Parameters<Parameters<DtlsEndpoint['events']['on']>[1]>[0][];
}

async function givenSecured(ofServer: Side, ofDevice: Side): Promise<Secured> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 5, loss: 0.1, seed: 2 });
  const secure = new DtlsTransport({ carrier: network.transport(SERVER, PORT), clock, random: testBytes(5), ...ofServer });
  const failures: Secured['failures'] = [];
  secure.endpoint.events.on('handshake-failed', (failure) => failures.push(failure));
  const server = new Lwm2mServer({ transport: network.transport(SERVER, 5683), secure, clock, random: testRandom(7) });
  await server.start();
  const nat = new MovingCarrier(network);
  const objects = new ObjectTree({ version: '1.1' });
  objects.add(3, 0, { 0: 'Acme' });
  objects.add(3303, 0, { 5700: 1, 5701: 'x'.repeat(5_000) });
  const client = new Lwm2mClient({
    endpoint: 'dev',
    server: { host: SERVER, port: PORT },
    objects,
    lifetime: 300,
    transport: new DtlsTransport({ carrier: nat, clock, random: testBytes(6), serve: false, ...ofDevice }),
    clock,
    random: testRandom(8),
    confirmableNotifications: true,
  });
  client.start().catch(() => undefined);
  await clock.advanceAsync(60_000);
  return { clock, server, secure, client, nat, failures };
}

async function isServed({ clock, server }: Secured, security: string): Promise<void> {
  assert.equal(server.registration('dev')?.security, security);
  const reading = server.perform('dev', { operation: 'read', path: '/3/0' });
  await clock.advanceAsync(60_000);
  assert.deepEqual((await reading).values, [{ path: '/3/0/0', value: 'Acme' }]);
}

const BY_KEY: Side = { credentials: { lookupPsk: (identity) => (identity === 'dev' ? KEY : undefined) } };
const WITH_KEY: Side = { credentials: {}, connectWith: () => ({ psk: { identity: 'dev', key: KEY } }) };

const root = makeCertificate({ commonName: 'root', ca: true, keyUsage: 0x04 });
const anchors = [new X509Certificate(root.der)];
const own = makeCertificate({ commonName: 'dev', issuer: root });

function byCertificate(purpose: 'client' | 'server', mine: typeof own, host?: string): Side {
  return {
    credentials: {
      ownKey: mine.key,
      ownChain: [mine.der],
      verifyCertificate: (chain) => verifyChain(chain, { anchors, now: NOW, purpose, ...(host !== undefined && { host }) }),
    },
    connectWith: () => ({}),
  };
}

describe('conformance: security', () => {
  conformance('int-401', 'self', async () => {
    const secured = await givenSecured(BY_KEY, WITH_KEY);
    await isServed(secured, 'psk');
  });

  conformance('int-402', 'self', async () => {
    const server = makeCertificate({ commonName: 'server', dnsName: 'server.example.com', issuer: root });
    await isServed(
      await givenSecured(byCertificate('client', server), byCertificate('server', own, 'server.example.com')),
      'x509',
    );
  });

  conformance('int-403', 'self', async () => {
    const server = makeCertificate({ commonName: 'server', dnsName: 'server.example.com', issuer: root });
    const secured = await givenSecured(byCertificate('client', server), byCertificate('server', own, 'other.example.com'));
    assert.equal(secured.server.registration('dev'), undefined);
    assert.ok(secured.failures.length > 0, 'the server is told that the device refused');
  });

  conformance('x-cid', 'self', async () => {
    const secured = await givenSecured(BY_KEY, WITH_KEY);
    const reading = secured.server.perform('dev', { operation: 'read', path: '/3303/0/5701' });
    for (let move = 0; move < 5; move++) {
      await secured.clock.advanceAsync(15);
      secured.nat.moveWithNext();
    }
    await secured.clock.advanceAsync(60_000);
    assert.equal((await reading).values[0]?.value, 'x'.repeat(5_000));
    assert.equal(secured.secure.endpoint.counters.handshakes, 1);
  });

  conformance('x-identity', 'self', async () => {
    const { clock, server } = await givenSecured(BY_KEY, WITH_KEY);
    const before = server.registration('dev');
    const plain = await givenServer({ admission: 'secured' });
    const stranger = new ScriptedDevice(plain);
    const answer = await stranger.request({
      code: Code.Post,
      path: ['rd'],
      query: ['ep=dev', 'lwm2m=1.1', 'lt=60'],
      payload: '</3/0>',
    });
    assert.equal(answer.code, Code.Forbidden);
    await clock.advanceAsync(1_000);
    assert.equal(server.registration('dev'), before);
  });
});
