import assert from 'node:assert/strict';
import { fingerprint } from '../../src/dtls/raw-key';
import type { Credentials, DtlsOptions } from '../../src/dtls/settings';
import { isCbc, SUITES } from '../../src/dtls/suites';
import { makeCertificate } from './certificate-maker';
import { IDENTITY, PSK } from './worked-example';
import { DEVICE_PSK, givenConnected, givenWorld, rawKeyPair, type World } from './world';

const serverKey = rawKeyPair();
const deviceKey = rawKeyPair();

/** Raw keys for one side that knows the other's. */
function rawKeys(own: typeof serverKey, other: typeof serverKey, name: string): Credentials {
  return { ownKey: own.key, lookupRpk: (print) => (print.equals(fingerprint(other.spki)) ? name : undefined) };
}

const PSK_SERVER: Credentials = { lookupPsk: (identity) => (identity === IDENTITY ? PSK : undefined) };

function optionsFor(
  suite: (typeof SUITES)[number],
  encryptThenMac = true,
): { server: Partial<DtlsOptions>; device: Partial<DtlsOptions> } {
  const isPsk = suite.keyExchange === 'psk';
  const cbc = isCbc(suite) ? (encryptThenMac ? ('encrypt-then-mac' as const) : ('any' as const)) : (false as const);
  const both = { suites: [suite.number], cbc };
  return {
    server: { ...both, credentials: isPsk ? PSK_SERVER : rawKeys(serverKey, deviceKey, 'the device') },
    device: { ...both, credentials: isPsk ? {} : rawKeys(deviceKey, serverKey, 'the server') },
  };
}

async function assertTalks({ server, device, later }: World): Promise<void> {
  device.send('up');
  await later(5_000);
  server.send('down');
  await later(5_000);
  assert.deepEqual(server.texts(), ['up']);
  assert.deepEqual(device.texts(), ['down']);
  assert.deepEqual([...server.bugs, ...device.bugs], []);
}

describe('handshakes', () => {
  for (const suite of SUITES) {
    const connect = suite.keyExchange === 'psk' ? DEVICE_PSK : {};

    it(`${suite.name}: connects, and both sides talk`, async () => {
      const world = await givenConnected({ ...optionsFor(suite), connect });
      assert.equal(world.server.last.suite, suite);
      assert.deepEqual(
        world.server.last.identity,
        suite.keyExchange === 'psk' ? { security: 'psk', name: IDENTITY } : { security: 'rpk', name: 'the device' },
      );
      await assertTalks(world);
    });

    it(`${suite.name}, lossy-link: connects with a third of the datagrams lost, repeats and reordering`, async () => {
      for (let seed = 1; seed <= 12; seed++) {
        const faults = { loss: 0.3, duplicate: 0.3, reorder: 0.3, reorderMs: 1_500, seed };
        const world = givenWorld({ ...optionsFor(suite), faults, seed });
        const { server, device, network, later } = world;
        for (let attempt = 0; device.connected.length === 0 && attempt < 6; attempt++) {
          device.connect(connect);
          await later(70_000);
        }
        assert.ok(device.connected.length === 1 && server.connected.length >= 1, `seed ${seed}`);
        network.faults = {};
        await later(10_000);
        await assertTalks(world);
      }
    });
  }

  for (const suite of SUITES.filter(isCbc)) {
    it(`${suite.name}, cbc-etm-required-option: without encrypt-then-MAC only where that is allowed`, async () => {
      const connect = suite.keyExchange === 'psk' ? DEVICE_PSK : {};
      const { server, device } = optionsFor(suite, true);
      const off = await givenConnected({ server: { ...server, cbc: false }, device: { ...device, cbc: 'any' }, connect });
      assert.equal(off.server.failures[0]?.reason, 'no-common-suite');
      const on = await givenConnected({ server, device, connect });
      assert.equal(on.server.connected.length, 1);
    });
  }

  it('a slow look-up costs no handshake, nor a retransmission of the device’s data', async () => {
    const lookupPsk = (identity: string) =>
      new Promise<Buffer | undefined>((resolve) =>
        world.clock.after(800, () => resolve(identity === IDENTITY ? PSK : undefined)),
      );
    const world = givenWorld({ server: { credentials: { lookupPsk } } });
    world.device.connect();
    await world.later(2_000);
    assert.equal(world.device.endpoint.counters.retransmissions, 0);
    await assertTalks(world);
  });

  it('a look-up that fails ends the handshake, and says so', async () => {
    const lookupPsk = () => Promise.reject(new Error('the store is away'));
    const { server } = await givenConnected({ server: { credentials: { lookupPsk } } });
    assert.equal(server.failures[0]?.reason, 'look-up-failed');
    assert.match(server.failures[0]?.text ?? '', /the store is away/);
  });

  it('look-ups in flight are bounded; those beyond wait, and are answered', async () => {
    let running = 0;
    let most = 0;
    const lookupPsk = async () => {
      running++;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => world.clock.after(100, resolve));
      running--;
      return PSK;
    };
    const world = givenWorld({ server: { credentials: { lookupPsk }, limits: { lookUps: 3, lookUpsPerAddress: 2 } } });
    const devices = Array.from({ length: 10 }, (_, index) => world.another(`10.0.1.${index % 2}`));
    for (const device of devices) device.connect();
    await world.later(10_000);
    assert.equal(most, 3);
    assert.ok(devices.every((device) => device.connected.length === 1));
  });

  it('look-ups that are never answered block others for no longer than their handshakes take', async () => {
    let isAway = true;
    const lookupPsk = () => (isAway ? new Promise<Buffer>(() => undefined) : PSK);
    const limits = { lookUps: 3, lookUpsPerAddress: 3 };
    const { server, another, later } = givenWorld({ server: { credentials: { lookupPsk }, limits } });
    for (let index = 0; index < 20; index++) another(`10.0.1.${index}`).connect();
    await later(62_000);
    assert.equal(server.endpoint.held().handshakes, 0);
    isAway = false;
    const device = another('10.0.2.1');
    device.connect();
    await later();
    assert.equal(device.connected.length, 1);
  });

  it('flights are cut to the datagram, and put together again', async () => {
    const both = { largestDatagram: 100 };
    const world = await givenConnected({
      server: { ...both, credentials: rawKeys(serverKey, deviceKey, 'd') },
      device: { ...both, credentials: rawKeys(deviceKey, serverKey, 's') },
      connect: {},
    });
    assert.ok([...world.server.sent, ...world.device.sent].every(({ length }) => length <= 100));
    await assertTalks(world);
  });

  it('hello-fragmented: a hello in pieces is collected once its first piece bears a good cookie', async () => {
    const world = givenWorld({ device: { largestDatagram: 100 } });
    world.device.connect();
    await world.later(15);
    assert.equal(world.server.endpoint.held().handshakes, 0, 'nothing before the cookie');
    await world.later(500);
    assert.ok(world.device.sent.every(({ length }) => length <= 100));
    await assertTalks(world);
  });

  it('the device is told nothing of why: only the event tells an unknown identity from a wrong key', async () => {
    const unknown = givenWorld();
    unknown.device.connect({ psk: { identity: 'stranger', key: PSK } });
    await unknown.later(61_000);
    const wrong = givenWorld();
    wrong.device.connect({ psk: { identity: IDENTITY, key: Buffer.alloc(16, 9) } });
    await wrong.later(61_000);
    assert.equal(unknown.server.failures[0]?.reason, 'unknown-identity');
    assert.match(unknown.server.failures[0]?.text ?? '', /unknown identity stranger/);
    assert.equal(wrong.server.failures[0]?.reason, 'wrong-key');
    assert.match(wrong.server.failures[0]?.text ?? '', /wrong key for identity dev1/);
    const lengths = (world: World) => world.server.sent.map(({ length }) => length);
    assert.deepEqual(lengths(unknown), lengths(wrong), 'psk-unknown-vs-wrong: the same messages');
    assert.equal(wrong.device.failures[0]?.reason, 'timeout');
    assert.match(wrong.device.failures[0]?.text ?? '', /is the key of dev1 the right one/);
  });

  it('a wrong key is told as soon as the device says its Finished again, not when all time is over', async () => {
    const { server, device, later } = givenWorld();
    device.connect({ psk: { identity: IDENTITY, key: Buffer.alloc(16, 9) } });
    await later(1_500);
    assert.equal(server.failures[0]?.reason, 'wrong-key');
    assert.equal(server.endpoint.held().handshakes, 0);
  });

  it('a lost last flight is said again when the device repeats its Finished', async () => {
    const world = givenWorld();
    let lost = 0;
    // ChangeCipherSpec and Finished of the server, the first time.
    world.device.pass = (datagram) => (datagram[0] === 20 && lost++ === 0 ? undefined : datagram);
    world.device.connect();
    await world.later(500);
    assert.equal(world.device.connected.length, 0);
    assert.equal(world.server.connected.length, 1);
    await world.later(2_000);
    await assertTalks(world);
    assert.equal(world.server.connected.length, 1);
  });

  it('raw keys that are not known are refused on either side, with their fingerprint in the event', async () => {
    const stranger = rawKeyPair();
    const server = { credentials: rawKeys(serverKey, deviceKey, 'd') };
    const unknown = await givenConnected({ server, device: { credentials: rawKeys(stranger, serverKey, 's') }, connect: {} });
    assert.equal(unknown.server.failures[0]?.reason, 'unknown-identity');
    assert.ok(unknown.server.failures[0]?.text.includes(fingerprint(stranger.spki).toString('hex')));
    assert.equal(unknown.device.failures[0]?.reason, 'refused-by-peer');
    const impostor = await givenConnected({ server, device: { credentials: rawKeys(deviceKey, stranger, 's') }, connect: {} });
    assert.equal(impostor.device.failures[0]?.reason, 'unknown-identity');
    assert.equal(impostor.server.connected.length, 0);
  });

  it('a client with a certificate shows it, also to a server that would take a raw key first', async () => {
    const root = makeCertificate({ commonName: 'root', ca: true, keyUsage: 0x04 });
    const made = makeCertificate({ commonName: 'by certificate', issuer: root, keyUsage: 0x80, purposes: ['client'] });
    const server: Credentials = {
      ...rawKeys(serverKey, deviceKey, 'by raw key'),
      verifyCertificate: () => 'by certificate',
    };
    const { server: met } = await givenConnected({
      server: { credentials: server },
      device: { credentials: { ...rawKeys({ ...deviceKey, key: made.key }, serverKey, 's'), ownChain: [made.der] } },
      connect: {},
    });
    assert.deepEqual(met.last.identity, { security: 'x509', name: 'by certificate' });
  });

  it('close_notify ends the association at the other side', async () => {
    const { server, device, later } = await givenConnected();
    device.endpoint.close(device.last.id);
    await later();
    assert.equal(server.closed[0]?.reason, 'closed-by-peer');
    assert.equal(server.send('too late'), false);
    assert.deepEqual([server.endpoint.held().associations, device.endpoint.held().associations], [0, 0]);
  });
});
