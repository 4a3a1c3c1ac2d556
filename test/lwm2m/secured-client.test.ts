/** A client over DTLS: every way to prove itself, what it says when it cannot, and keys that a bootstrap server gives it (int-1, int-401). */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { VirtualClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { publicSpki } from '../../src/dtls/raw-key';
import type { Credentials } from '../../src/dtls/settings';
import type { DeviceManagementError } from '../../src/errors';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../src/lwm2m/client/client';
import type { ClientSecurity } from '../../src/lwm2m/client/client-security';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import { testRandom } from '../coap/world';
import { conformance } from '../conformance/conformance';
import { makeCertificate } from '../dtls/certificate-maker';
import { testBytes } from '../dtls/world';

const SERVER = '10.0.0.1';
const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const PSK: ClientSecurity = { mode: 'psk', identity: 'key-1', key: KEY };
/** The virtual clock begins then, or later. */
const VALIDITY = { from: 0, to: Date.UTC(2049, 0, 1) };

async function givenServer(credentials: Credentials, options: Partial<Lwm2mServerOptions> = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 5 });
  const secure = new DtlsTransport({ carrier: network.transport(SERVER, 5684), clock, random: testBytes(5), credentials });
  const plain = network.transport(SERVER, 5683);
  const server = new Lwm2mServer({ transport: plain, secure, clock, random: testRandom(7), endpointOf: () => 'dev', ...options });
  const bootstraps: BootstrapEvent[] = [];
  server.events.on('bootstrap', (event) => bootstraps.push(event));
  await server.start();
  const makeClient = (given: Partial<Lwm2mClientOptions>, version = '1.1') => {
    const objects = new ObjectTree({ version });
    objects.add(3, 0, { 0: 'Acme' });
    const failures: DeviceManagementError[] = [];
    const client = new Lwm2mClient({
      endpoint: 'dev',
      objects,
      transport: network.transport('10.0.0.2', 40_000),
      clock,
      random: testRandom(8),
      ...given,
    });
    client.events.on('failed', ({ error }) => failures.push(error));
    return { client, failures, objects };
  };
  const seconds = async (count: number, until: () => boolean = () => false): Promise<void> => {
    for (let second = 0; second < count && !until(); second++) await clock.advanceAsync(1_000);
  };
  const read = async (): Promise<unknown> => {
    const asked = server.perform('dev', { operation: 'read', path: '/3/0/0' });
    await seconds(2);
    return (await asked).values[0]?.value;
  };
  return { clock, network, server, secure, bootstraps, makeClient, seconds, read };
}

describe('a client over coaps', () => {
  const toServer = { scheme: 'coaps', server: { host: SERVER } } as const;

  for (const version of ['1.0', '1.1', '1.2']) {
    it(`registers with a pre-shared key at the port of coaps, and nothing is sent in plain text (LwM2M ${version})`, async () => {
      const { server, network, makeClient, seconds, read } = await givenServer({ lookupPsk: () => KEY });
      void makeClient({ ...toServer, security: PSK }, version).client.start();
      await seconds(10);
      assert.equal(server.registration('dev')?.security, 'psk');
      assert.equal(await read(), 'Acme');
      assert.ok(network.sightings.length > 6);
      assert.ok(network.sightings.every(({ datagram }) => (datagram[0] as number) >= 20 && (datagram[0] as number) < 64));
    });
  }

  it('registers with a raw public key, and knows the server by its own', async () => {
    const device = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    const { server, makeClient, seconds, read } = await givenServer({ ownKey: own, lookupRpk: () => 'dev' });
    const key = device.export({ type: 'pkcs8', format: 'der' });
    const { failures } = started(makeClient({ ...toServer, security: { mode: 'rpk', key, serverKey: publicSpki(own) } }));
    await seconds(10);
    assert.deepEqual(failures, []);
    assert.equal(server.registration('dev')?.security, 'rpk');
    assert.equal(await read(), 'Acme');
  });

  describe('with certificates', () => {
    const authority = makeCertificate({ commonName: 'Acme Root', ca: true, ...VALIDITY });
    const serving = makeCertificate({ commonName: 'server', dnsName: SERVER, issuer: authority, ...VALIDITY });
    const device = makeCertificate({ commonName: 'dev', issuer: authority, ...VALIDITY });
    const credentials: Credentials = {
      ownKey: serving.key,
      ownChain: [serving.der],
      verifyCertificate: (chain) =>
        verifyChain(chain, { anchors: [new X509Certificate(authority.der)], now: Date.UTC(2026, 0, 1), purpose: 'client' }),
    };
    const security = (trusted: Buffer, isAuthority: boolean): ClientSecurity => ({
      mode: 'x509',
      certificate: device.der,
      key: device.key.export({ type: 'pkcs8', format: 'der' }),
      serverCertificate: trusted,
      isAuthority,
    });

    it('registers, when it trusts the certificate of the server itself', async () => {
      const { server, makeClient, seconds, read } = await givenServer(credentials);
      const { failures } = started(makeClient({ ...toServer, security: security(serving.der, false) }));
      await seconds(10);
      assert.deepEqual(failures, []);
      assert.equal(server.registration('dev')?.security, 'x509');
      assert.equal(await read(), 'Acme');
    });

    it('refuses a server that bears another name than its URI (int-403)', async () => {
      const { server, makeClient, seconds } = await givenServer(credentials);
      const other = makeCertificate({ commonName: 'server', dnsName: 'other.example', issuer: authority, ...VALIDITY });
      const {
        server: impostor,
        makeClient: makeOther,
        seconds: pass,
      } = await givenServer({
        ...credentials,
        ownKey: other.key,
        ownChain: [other.der],
      });
      const { failures } = started(makeOther({ ...toServer, security: security(authority.der, true) }));
      await pass(10);
      assert.match(failures[0]?.message as string, /no secure connection to the server: certificate refused/);
      assert.equal(impostor.size, 0);
      const good = started(makeClient({ ...toServer, security: security(authority.der, true) }));
      await seconds(10);
      assert.deepEqual(
        good.failures.map(({ message }) => message),
        [],
      );
      assert.equal(server.size, 1);
    });
  });

  it('with a wrong key says so, and does not show it', async () => {
    const { server, makeClient, seconds } = await givenServer({ lookupPsk: () => Buffer.alloc(16, 9) });
    const { failures } = started(makeClient({ ...toServer, security: PSK }));
    await seconds(70, () => failures.length > 0);
    assert.equal(failures[0]?.code, 'server-unavailable');
    assert.match(failures[0]?.message as string, /is the key of key-1 the right one/);
    assert.ok(!JSON.stringify(failures.map(String)).includes(KEY.toString('hex')));
    assert.equal(server.size, 0);
  });

  it('whose server does not answer says so, and registers when it does', async () => {
    const { server, network, makeClient, seconds } = await givenServer({ lookupPsk: () => KEY });
    network.faults = { loss: 1 };
    const { failures } = started(makeClient({ ...toServer, security: PSK }));
    await seconds(70, () => failures.length > 0);
    assert.match(failures[0]?.message as string, /does not answer: check its host and port/);
    network.faults = {};
    await seconds(300, () => server.size > 0);
    assert.equal(server.registration('dev')?.security, 'psk');
  });

  it('needs a key, and coap takes none', async () => {
    const { makeClient } = await givenServer({ lookupPsk: () => KEY });
    assert.throws(() => makeClient(toServer), /coaps needs a key/);
    assert.throws(() => makeClient({ server: { host: SERVER }, security: PSK }), /coap takes no key/);
  });

  it('sleeps and wakes with its keys: no handshake follows the first', async () => {
    const { secure, makeClient, seconds, server } = await givenServer({ lookupPsk: () => KEY });
    started(makeClient({ ...toServer, security: PSK, queueMode: true, lifetime: 3_600, awakeMs: 20_000 }));
    await seconds(4_000);
    assert.equal(server.presence('dev'), 'asleep');
    assert.equal(secure.endpoint.counters.handshakes, 1);
    assert.equal(server.size, 1);
  });

  it('cut off and back, it makes new keys and registers', async () => {
    const { secure, makeClient, seconds, server } = await givenServer({ lookupPsk: () => KEY });
    const { client } = started(makeClient({ ...toServer, security: PSK }));
    await seconds(10);
    const before = server.registration('dev')?.registeredAt;
    client.cutOff();
    await seconds(60);
    client.comeBack();
    await seconds(10);
    assert.notEqual(server.registration('dev')?.registeredAt, before);
    assert.equal(secure.endpoint.counters.handshakes, 2);
  });
});

describe('keys from a bootstrap server', () => {
  const DELIVERED = Buffer.from('ffeeddccbbaa99887766554433221100', 'hex');
  const keyOf: Credentials['lookupPsk'] = (identity) => ({ 'key-1': KEY, delivered: DELIVERED })[identity];
  const configuration: BootstrapConfiguration = {
    deletes: ['/0', '/1'],
    servers: [
      {
        shortServerId: 1,
        uri: `coaps://${SERVER}:5684`,
        security: { mode: 'psk', identity: 'delivered', key: DELIVERED },
        lifetime: 300,
        binding: 'U',
      },
    ],
    objects: {},
    verify: false,
  };

  for (const version of ['1.0', '1.1', '1.2']) {
    it(`given over coap, open the way to coaps (LwM2M ${version})`, async () => {
      const { server, makeClient, seconds, read } = await givenServer(
        { lookupPsk: keyOf },
        { admission: 'open', bootstrap: () => configuration },
      );
      const { failures } = started(makeClient({ bootstrap: { host: SERVER } }, version));
      await seconds(20);
      assert.deepEqual(failures, []);
      assert.equal(server.registration('dev')?.security, 'psk');
      assert.equal(await read(), 'Acme');
    });
  }

  conformance(
    'int-1',
    'self',
    async () => {
      const { server, secure, bootstraps, makeClient, seconds, read } = await givenServer(
        { lookupPsk: keyOf },
        { bootstrap: () => configuration },
      );
      const names = (): string[] => secureNames(secure);
      const { client, failures } = started(makeClient({ scheme: 'coaps', bootstrap: { host: SERVER }, security: PSK }));
      await seconds(20);
      assert.deepEqual(failures, []);
      assert.equal(server.registration('dev')?.security, 'psk');
      assert.deepEqual(names(), ['delivered']);
      assert.equal(await read(), 'Acme');
      const triggered = server.perform('dev', { operation: 'execute', path: '/1/0/9' });
      await seconds(30);
      await triggered;
      assert.equal(bootstraps.filter(({ event }) => event === 'finished').length, 2);
      assert.equal(client.state, 'registered');
      assert.deepEqual(names(), ['delivered']);
      assert.equal(await read(), 'Acme');
    },
    { what: 'keys given over coaps are used at the same port in place of those it was bootstrapped with, and back' },
  );
});

function started<T extends { client: Lwm2mClient }>(made: T): T {
  made.client.start().catch(() => undefined);
  return made;
}

/** By which it is known now. */
function secureNames(secure: DtlsTransport): string[] {
  return ['key-1', 'delivered'].filter((name) => secure.endpoint.associationsOf(name).length > 0);
}
