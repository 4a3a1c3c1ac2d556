/** Our LwM2M client over DTLS under a server on Eclipse Leshan's library and Californium's DTLS (Maven Central; needs a JDK). */
import assert from 'node:assert/strict';
import { publicSpki } from '../../src/dtls/raw-key';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import type { ClientSecurity } from '../../src/lwm2m/client/client-security';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { freeUdpPort } from '../free-port';
import { leshanClassPath } from './leshan';
import { LeshanManager } from './leshan-manager';
import { Nat } from './nat';
import { skipWithout } from './program';
import { IDENTITY, KEY, Pki } from './secure-echo';
import { privateDer } from './secure-server';

const PREPARE_MS = 240_000;
/** As in the certificate of the server. */
const NAME = 'localhost';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('our device over DTLS under a Leshan server', function () {
  this.timeout(60_000);
  let classPath: string;
  let pki: Pki;
  let leshan: LeshanManager | undefined;
  let device: Lwm2mClient | undefined;
  let nat: Nat | undefined;

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
  });

  /** What the server knows of the device, and what the device has. */
  const ways: Readonly<Record<string, () => { readonly known: string; readonly security: ClientSecurity }>> = {
    'a pre-shared key': () => ({
      known: `psk ${IDENTITY} ${IDENTITY} ${KEY}`,
      security: { mode: 'psk', identity: IDENTITY, key: Buffer.from(KEY, 'hex') },
    }),
    'raw public keys': () => ({
      known: `rpk ${IDENTITY} ${hex(publicSpki(pki.device.key))}`,
      security: { mode: 'rpk', key: privateDer(pki.device.key), serverKey: publicSpki(pki.server.key) },
    }),
    'certificates, the own one of the server known': () => ({
      known: `x509 ${IDENTITY}`,
      security: {
        mode: 'x509',
        certificate: pki.device.der,
        key: privateDer(pki.device.key),
        serverCertificate: pki.server.der,
      },
    }),
    'certificates of an authority': () => ({
      known: `x509 ${IDENTITY}`,
      security: {
        mode: 'x509',
        certificate: pki.device.der,
        key: privateDer(pki.device.key),
        serverCertificate: pki.root.der,
        isAuthority: true,
      },
    }),
  };

  async function given(
    way: string,
    { cid }: { readonly cid?: number } = {},
  ): Promise<{ leshan: LeshanManager; device: Lwm2mClient }> {
    const { known, security } = (ways[way] as NonNullable<(typeof ways)[string]>)();
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
    device = new Lwm2mClient({
      endpoint: IDENTITY,
      server: { host: NAME, port: nat.port },
      scheme: 'coaps',
      security,
      objects,
      lifetime: 300,
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
    });
  }

  it('a connection id of Leshan: it stays registered through a NAT that forgets it, without another handshake', async () => {
    const { leshan, device } = await given('a pre-shared key', { cid: 6 });
    await leshan.line('the registration', /^registered .*$/m);
    assert.match(await leshan.ask('observe /3303/0/5700'), /^205 /);
    const hellos = nat?.hellos;
    await nat?.forget();
    await device.send(['/3303/0/5700']);
    device.update();
    await leshan.line('the Update', /^updated /m);
    assert.match(await leshan.ask('read /3/0/0'), /^205 .*value=Fleetweave/);
    device.setValue('/3303/0/5700', 31.5);
    await leshan.line('the notification', /^notified .*value=31\.5/m);
    assert.equal(nat?.hellos, hellos);
  });
});
