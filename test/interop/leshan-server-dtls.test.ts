/** Our LwM2M client over DTLS under a server on Eclipse Leshan's library and Californium's DTLS (Maven Central; needs a JDK). */
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { SystemClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { AssociationView } from '../../src/dtls/association';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { fingerprint, publicSpki } from '../../src/dtls/raw-key';
import type { Credentials } from '../../src/dtls/settings';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { leshanClassPath } from './leshan';
import { LeshanManager } from './leshan-manager';
import { Nat } from './nat';
import { skipWithout } from './program';
import { IDENTITY, KEY, Pki } from './secure-echo';
import { privateDer } from './secure-server';
import { eventually, freeUdpPort } from './server';

const PREPARE_MS = 240_000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('our device over DTLS under a Leshan server', function () {
  this.timeout(60_000);
  let classPath: string;
  let pki: Pki;
  let leshan: LeshanManager | undefined;
  let device: Lwm2mClient | undefined;
  let nat: Nat | undefined;
  const associations: AssociationView[] = [];

  before(async function () {
    this.timeout(PREPARE_MS);
    classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    pki = new Pki();
  });
  after(() => pki?.remove());
  afterEach(async () => {
    await device?.stop();
    await leshan?.stop();
    nat?.close();
    leshan = device = nat = undefined;
    associations.length = 0;
  });

  /** How the device proves who it is, how it knows its server, and what the server knows of it. */
  const ways: Readonly<Record<string, () => { readonly known: string; readonly credentials: Credentials; readonly psk?: true }>> =
    {
      'a pre-shared key': () => ({ known: `psk ${IDENTITY} ${IDENTITY} ${KEY}`, credentials: {}, psk: true }),
      'raw public keys': () => ({
        known: `rpk ${IDENTITY} ${hex(publicSpki(pki.device.key))}`,
        credentials: {
          ownKey: pki.device.key,
          lookupRpk: (print) => (print.equals(fingerprint(publicSpki(pki.server.key))) ? 'server' : undefined),
        },
      }),
      certificates: () => ({
        known: `x509 ${IDENTITY}`,
        credentials: {
          ownKey: pki.device.key,
          ownChain: [pki.device.der],
          verifyCertificate: (chain) =>
            verifyChain(chain, { anchors: [new X509Certificate(pki.root.der)], now: Date.now(), purpose: 'server' }),
        },
      }),
    };

  async function given(
    way: string,
    { cid }: { readonly cid?: number } = {},
  ): Promise<{ leshan: LeshanManager; device: Lwm2mClient }> {
    const { known, credentials, psk } = (ways[way] as () => ReturnType<NonNullable<(typeof ways)[string]>>)();
    const port = await freeUdpPort();
    const { root, server } = pki;
    leshan = await LeshanManager.start(
      classPath,
      `secure ${port} ${hex(privateDer(server.key))} ${hex(server.der)} ${hex(root.der)}`,
      known,
      ...(cid === undefined ? [] : [`cid ${cid}`]),
    );
    nat = await Nat.start(port);
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave', 14: '+01:00' });
    objects.add(3303, 0, { 5700: 21.5, 5701: 'x'.repeat(5_000) });
    const transport = new DtlsTransport({
      carrier: new UdpTransport({ port: 0 }),
      clock: new SystemClock(),
      random: randomBytes,
      credentials,
      serve: false,
      connectWith: () => (psk === true ? { psk: { identity: IDENTITY, key: Buffer.from(KEY, 'hex') } } : {}),
    });
    transport.endpoint.events.on('association', (association) => associations.push(association));
    device = new Lwm2mClient({
      endpoint: IDENTITY,
      server: { host: '127.0.0.1', port: nat.port },
      objects,
      lifetime: 300,
      transport,
      muteSend: false,
    });
    await device.start();
    return { leshan, device };
  }

  for (const way of Object.keys(ways)) {
    it(`${way}: registers, is read in blocks, written, observed, sends, and leaves`, async () => {
      const { leshan, device } = await given(way);
      await leshan.line('the registration', /^registered .*$/m);
      assert.match(await leshan.ask('read /3/0/0'), /^205 .*value=Fleetweave/);
      assert.match(await leshan.ask('read /3303/0/5701'), /^205 .*value=x{5000}/);
      assert.match(await leshan.ask('write /3/0/14 112 +02:00'), /^204 /);
      assert.equal(device.objects.get('/3/0/14'), '+02:00');
      assert.match(await leshan.ask('observe /3303/0/5700'), /^205 /);
      device.setValue('/3303/0/5700', 30.5);
      await leshan.line('the notification', /^notified \/3303\/0\/5700 .*value=30\.5/m);
      await device.send(['/3303/0/5700']);
      await leshan.line('the Send', /^sent .*\/3303\/0\/5700=/m);
      await device.stop();
      await leshan.line('the de-registration', new RegExp(`^unregistered ${IDENTITY}$`, 'm'));
      assert.equal(associations.length, 1);
    });
  }

  it('a connection id of Leshan: it stays registered through a NAT that forgets it, without another handshake', async () => {
    const { leshan, device } = await given('a pre-shared key', { cid: 6 });
    await leshan.line('the registration', /^registered .*$/m);
    assert.match(await leshan.ask('observe /3303/0/5700'), /^205 /);
    await nat?.forget();
    await device.send(['/3303/0/5700']);
    device.update();
    await leshan.line('the Update', /^updated /m);
    assert.match(await leshan.ask('read /3/0/0'), /^205 .*value=Fleetweave/);
    device.setValue('/3303/0/5700', 31.5);
    await leshan.line('the notification', /^notified .*value=31\.5/m);
    await eventually('one handshake', () => (associations.length === 1 ? true : undefined));
  });
});
