/** Leshan's client on Californium's DTLS (Maven Central; needs a JDK) against our server: each way to prove who it is, connection ids, and keys from a bootstrap. */
import assert from 'node:assert/strict';
import type { BootstrapConfiguration } from '../../src/device/bootstrap';
import { publicSpki } from '../../src/dtls/raw-key';
import { leshanClassPath, startLeshan } from './leshan';
import { Nat } from './nat';
import { type Program, skipWithout } from './program';
import { IDENTITY, KEY, Pki } from './secure-echo';
import { privateDer, SecureTransportUnderTest } from './secure-server';
import { eventually, HOST, ServerUnderTest } from './server';

const PREPARE_MS = 240_000;
/** The name in our certificate, which Leshan compares with that of its URI. */
const NAME = 'localhost';

/** How Leshan is told to prove who it is. */
const WAYS: Readonly<Record<'psk' | 'rpk' | 'x509', (pki: Pki) => readonly Buffer[]>> = {
  psk: () => [],
  rpk: ({ device, server }) => [publicSpki(device.key), privateDer(device.key), publicSpki(server.key)],
  x509: ({ device, server }) => [device.der, privateDer(device.key), server.der],
};

function optionFor(way: keyof typeof WAYS, pki: Pki): string {
  if (way === 'psk') return `psk ${IDENTITY} ${KEY}`;
  return [way, ...WAYS[way](pki).map((der) => der.toString('hex'))].join(' ');
}

describe('Leshan over DTLS', function () {
  this.timeout(60_000);
  let classPath: string;
  let pki: Pki;
  let secure: SecureTransportUnderTest;
  let ours: ServerUnderTest;
  let leshan: Program | undefined;
  let nat: Nat | undefined;

  before(async function () {
    this.timeout(PREPARE_MS);
    classPath = await leshanClassPath().catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    pki = new Pki();
  });
  after(() => pki?.remove());
  afterEach(async () => {
    await leshan?.stop();
    await ours?.stop();
    nat?.close();
    leshan = nat = undefined;
  });

  async function serve(bootstrap?: () => BootstrapConfiguration): Promise<void> {
    secure = new SecureTransportUnderTest(pki);
    ours = await ServerUnderTest.start(bootstrap, { secure: secure.transport, admission: 'secured' });
  }

  function start(...options: readonly string[]): Program {
    leshan = startLeshan(classPath, {
      url: `coaps://${NAME}:${nat?.port ?? secure.port}`,
      endpoint: IDENTITY,
      lifetime: 120,
      options,
    });
    return leshan;
  }

  const read = async (path: string): Promise<unknown> =>
    (await ours.server.perform(IDENTITY, { operation: 'read', path })).values[0]?.value;

  async function notifies(device: Program, value: number): Promise<void> {
    device.say(`temperature ${value}`);
    await eventually('the notification', () => ours.notifications.find(({ values }) => values[0]?.value === value));
  }

  for (const way of ['psk', 'rpk', 'x509'] as const) {
    it(`${way}: registers as who it is, is read, written in blocks, observed, sends, and leaves`, async () => {
      await serve();
      const device = start(optionFor(way, pki));
      const { registration } = await ours.happened('registered', IDENTITY);
      assert.equal(registration?.security, way);
      assert.deepEqual(secure.associations[0]?.identity, { security: way, name: IDENTITY });
      assert.equal(await read('/3303/0/5700'), 21.5);
      const long = 'x'.repeat(6_000);
      await ours.server.perform(IDENTITY, { operation: 'write', path: '/3442/0/110', value: long });
      assert.equal(await read('/3442/0/110'), long);
      await ours.server.perform(IDENTITY, { operation: 'observe', path: '/3303/0/5700' });
      await notifies(device, 23.75);
      device.say('send SENML_CBOR /3303/0/5700');
      await eventually('the Send', () => ours.sends.find(({ device: sender }) => sender === IDENTITY));
      await device.stop();
      await ours.happened('deregistered', IDENTITY);
      assert.equal(secure.associations.length, 1);
    });
  }

  for (const [length, whose] of [
    [0, 'ours alone'],
    [6, 'one of its own too'],
  ] as const) {
    it(`connection ids, ${whose}: through a NAT that forgets it, without another handshake`, async () => {
      await serve();
      nat = await Nat.start(secure.port);
      const device = start(optionFor('psk', pki), `cid ${length}`);
      await ours.happened('registered', IDENTITY);
      await ours.server.perform(IDENTITY, { operation: 'observe', path: '/3303/0/5700' });
      await notifies(device, 22.5);
      await nat.forget();
      // The notification is what comes from the new port first.
      await notifies(device, 24.5);
      assert.equal(await read('/3303/0/5701'), 'Cel');
      await nat.forget();
      device.say('update');
      await ours.happened('updated', IDENTITY);
      assert.equal(await read('/3303/0/5700'), 24.5);
      await notifies(device, 25.5);
      assert.equal(secure.rebound.length, 2);
      assert.equal(secure.associations.length, 1);
      assert.deepEqual(secure.failures, []);
    });
  }

  it('with a wrong key it does not come in, and we know whose key is wrong', async () => {
    await serve();
    start(`psk ${IDENTITY} 00`);
    const { reason, identity } = await eventually('the failure', () => secure.failures[0], 30_000);
    assert.equal(reason, 'wrong-key');
    assert.equal(identity?.name, IDENTITY);
    assert.ok(ours.lifecycle.every(({ event }) => event === 'refused'));
    assert.match(ours.lifecycle[0]?.refusal?.reason ?? '', /wrong key for identity dev1/);
  });

  it('is bootstrapped over DTLS with a key, and registers with the raw public key it is given (int-1)', async () => {
    await serve(() => ({
      deletes: ['/0', '/1'],
      servers: [
        {
          shortServerId: 101,
          uri: `coaps://${HOST}:${secure.port}`,
          security: {
            mode: 'rpk',
            publicKey: publicSpki(pki.device.key),
            serverPublicKey: publicSpki(pki.server.key),
            secretKey: privateDer(pki.device.key),
          },
          lifetime: 88,
          binding: 'U',
          muteSend: false,
        },
      ],
      objects: {},
      verify: true,
    }));
    leshan = startLeshan(classPath, {
      url: `coaps://${NAME}:${secure.port}`,
      endpoint: IDENTITY,
      lifetime: 'bootstrap',
      options: [optionFor('psk', pki)],
    });
    const { event, error } = await eventually('end of the bootstrap', () =>
      ours.bootstraps.find((one) => one.event !== 'started'),
    );
    assert.equal(event, 'finished', `${error?.message} ${leshan.output}`);
    const { registration } = await ours.happened('registered', IDENTITY);
    assert.equal(registration?.security, 'rpk');
    assert.equal(registration?.lifetime, 88);
    assert.equal(await read('/3303/0/5700'), 21.5);
    assert.ok(!JSON.stringify(ours.bootstraps).includes(privateDer(pki.device.key).toString('base64')));
  });
});
