/** Bootstrap with Eclipse Leshan's libraries (Maven Central; needs a JDK): its client by our server, our client by its bootstrap server. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import { publicSpki } from '../../src/dtls/raw-key';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { freeUdpPort } from '../free-port';
import { leshanClassPath, startLeshan } from './leshan';
import { Program, skipWithout } from './program';
import { IDENTITY, KEY, Pki } from './secure-echo';
import { privateDer, SecureTransportUnderTest } from './secure-server';
import { eventually, HOST, ServerUnderTest } from './server';

const PREPARE_MS = 240_000;
const endpoint = 'leshan-fresh';

function configuration(uri: string): BootstrapConfiguration {
  return {
    deletes: ['/0', '/1'],
    servers: [{ shortServerId: 101, uri, security: { mode: 'none' }, lifetime: 77, binding: 'U', muteSend: false }],
    objects: { '/3/0/14': '+05' },
    verify: true,
  };
}

describe('a device on the Leshan library, fresh from the factory', function () {
  this.timeout(60_000);
  let ours: ServerUnderTest;
  let leshan: Program;

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath().catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    ours = await ServerUnderTest.start(configuration);
    leshan = startLeshan(classPath, { url: ours.url, endpoint, lifetime: 'bootstrap' });
  });
  after(async () => {
    await leshan?.stop();
    await ours?.stop();
  });

  const ended = (count = 1): Promise<BootstrapEvent> =>
    eventually('end of the bootstrap', () => ours.bootstraps.filter(({ event }) => event !== 'started')[count - 1], 40_000);

  it('is bootstrapped by us: Discover, Delete, Write, Read, Finish', async () => {
    const { event, steps, version, read, error } = await ended();
    assert.equal(event, 'finished', `${error?.message} ${leshan.output}`);
    assert.equal(version, '1.1');
    assert.deepEqual(
      steps.map(({ operation, code }) => `${operation} ${code}`),
      [
        'discover 2.05',
        'delete 2.02',
        'delete 2.02',
        'write 2.04',
        'write 2.04',
        'write 2.04',
        'discover 2.05',
        'read 2.05',
        'finish 2.04',
      ],
    );
    const lifetime = Object.entries(read ?? {}).find(([path]) => /^\/1\/\d+\/1$/.test(path));
    assert.equal(lifetime?.[1], 77);
  });

  it('registers at the server it was given, with the lifetime it was given', async () => {
    const { registration } = await ours.happened('registered', endpoint);
    assert.equal(registration?.lifetime, 77);
    const offset = await ours.server.perform(endpoint, { operation: 'read', path: '/3/0/14' });
    assert.equal(offset.values[0]?.value, '+05');
  });

  it('bootstraps anew when it is told to, and registers again (int-5)', async () => {
    const server = ours.server.registration(endpoint)?.objects.find((path) => /^\/1\/\d+$/.test(path));
    const before = ours.server.registration(endpoint)?.registeredAt as number;
    const { code } = await ours.server.perform(endpoint, { operation: 'execute', path: `${server}/9` });
    assert.equal(code, '2.04');
    assert.equal((await ended(2)).event, 'finished');
    await eventually('registration', () => {
      const { registeredAt = 0 } = ours.server.registration(endpoint) ?? {};
      return registeredAt > before ? true : undefined;
    });
  });
});

describe('our device, bootstrapped by a Leshan bootstrap server', function () {
  this.timeout(60_000);
  let ours: ServerUnderTest;
  let leshan: Program;
  let client: Lwm2mClient;

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    ours = await ServerUnderTest.start();
    const port = await freeUdpPort();
    leshan = new Program('java', [
      '-cp',
      classPath,
      path.join(__dirname, 'leshan-server', 'LeshanBootstrap.java'),
      String(port),
      ours.url,
    ]);
    await eventually('Leshan is ready', () => /^ready$/m.exec(leshan.output)?.[0], 40_000);
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave', 14: '+01:00', 16: 'U' });
    client = new Lwm2mClient({ endpoint: 'our-fresh', bootstrap: { host: HOST, port }, objects });
    client.start().catch(() => undefined);
  });
  after(async () => {
    await client?.stop();
    await leshan?.stop();
    await ours?.stop();
  });

  it('takes what it is given, and Leshan is content with it', async () => {
    await eventually('end of the bootstrap', () => /^bootstrap (finished|failed.*)$/m.exec(leshan.output)?.[0]).then((line) =>
      assert.equal(line, 'bootstrap finished', leshan.output),
    );
  });

  it('registers at our server with the lifetime that Leshan wrote', async () => {
    const { registration } = await ours.happened('registered', 'our-fresh');
    assert.equal(registration?.lifetime, 55);
    assert.equal(client.state, 'registered');
    await assert.rejects(ours.server.perform('our-fresh', { operation: 'read', path: '/0' }), { code: '4.01' });
  });
});

describe('our device, bootstrapped by a Leshan bootstrap server over DTLS', function () {
  this.timeout(60_000);
  let classPath: string;
  let pki: Pki;
  let secure: SecureTransportUnderTest;
  let ours: ServerUnderTest;
  let leshan: Program | undefined;
  let client: Lwm2mClient | undefined;

  before(async function () {
    this.timeout(PREPARE_MS);
    classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    pki = new Pki();
  });
  after(() => pki?.remove());
  beforeEach(async () => {
    secure = new SecureTransportUnderTest(pki);
    ours = await ServerUnderTest.start(undefined, { secure: secure.transport, admission: 'secured' });
  });
  afterEach(async () => {
    await client?.stop();
    await leshan?.stop();
    await ours.stop();
    client = leshan = undefined;
  });

  const keys: Readonly<Record<'psk' | 'rpk', () => string>> = {
    psk: () => `psk ${IDENTITY} ${KEY}`,
    rpk: () => {
      const all = [publicSpki(pki.device.key), privateDer(pki.device.key), publicSpki(pki.server.key)];
      return `rpk ${all.map((der) => der.toString('hex')).join(' ')}`;
    },
  };

  for (const security of ['psk', 'rpk'] as const) {
    it(`is given its keys (${security}), and registers at our server with them (int-1)`, async () => {
      const [port, securePort] = [await freeUdpPort(), await freeUdpPort()];
      const factoryKey = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';
      leshan = new Program('java', [
        ...['-cp', classPath, path.join(__dirname, 'leshan-server', 'LeshanBootstrap.java'), String(port)],
        ...[`coaps://${HOST}:${secure.port}`, `secure ${securePort} ${IDENTITY} factory-${IDENTITY} ${factoryKey}`],
        keys[security](),
      ]);
      await eventually('Leshan is ready', () => /^ready$/m.exec(leshan?.output ?? '')?.[0], 40_000);
      const objects = new ObjectTree({ version: '1.1' });
      objects.add(3, 0, { 0: 'Fleetweave', 16: 'U' });
      client = new Lwm2mClient({
        endpoint: IDENTITY,
        bootstrap: { host: HOST, port: securePort },
        scheme: 'coaps',
        security: { mode: 'psk', identity: `factory-${IDENTITY}`, key: Buffer.from(factoryKey, 'hex') },
        objects,
      });
      client.start().catch(() => undefined);
      const end = await eventually(
        'end of the bootstrap',
        () => /^bootstrap (finished|failed.*)$/m.exec(leshan?.output ?? '')?.[0],
      );
      assert.equal(end, 'bootstrap finished', leshan.output);
      const { registration } = await ours.happened('registered', IDENTITY);
      assert.equal(registration?.security, security);
      assert.equal(registration?.lifetime, 55);
      const { values } = await ours.server.perform(IDENTITY, { operation: 'read', path: '/3/0/0' });
      assert.equal(values[0]?.value, 'Fleetweave');
    });
  }
});
