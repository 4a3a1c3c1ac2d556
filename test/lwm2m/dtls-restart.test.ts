/** Devices over DTLS whose server's process ends, in peace or at any instant, and begins again with the same store: no handshake. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { VirtualClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import { MessageType, MessageWriter } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import type { LifecycleEvent, NotificationEvent } from '../../src/device/manager';
import { readDeviceChange } from '../../src/device/provisioned-device';
import type { ConnectOptions } from '../../src/dtls/handshake-client';
import { fingerprint, publicSpki } from '../../src/dtls/raw-key';
import { selfSigned } from '../../src/dtls/self-signed';
import type { DtlsOptions } from '../../src/dtls/settings';
import { DeviceManagementError } from '../../src/errors';
import { Admittance } from '../../src/fleet/admittance';
import { KeptDevices } from '../../src/fleet/kept-devices';
import { Provisioning } from '../../src/fleet/provisioning';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { ASSOCIATIONS } from '../../src/lwm2m/server/association-kinds';
import { DeviceKeeper } from '../../src/lwm2m/server/device-keeper';
import { credentialDigests, dtlsCredentials } from '../../src/lwm2m/server/dtls-credentials';
import { SecuredState } from '../../src/lwm2m/server/secured-state';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { Records } from '../../src/store/records';
import { Seal } from '../../src/store/seal';
import { below, type Store } from '../../src/store/store';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';
import { testBytes } from '../dtls/world';
import { OutlivingStore } from '../store/outliving-store';

const SERVER = '10.0.0.1';
const PORT = 5684;
const PSK = Buffer.from('a key of sixteen');
const VALUE = '/3303/0/5700';

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const serverKey = newKey();
const deviceKey = newKey();
const seal = new Seal(Buffer.alloc(32, 7));

/** One life of the server. */
interface Life {
  readonly secure: DtlsTransport;
  readonly server: Lwm2mServer;
  readonly state: SecuredState;
  readonly provisioning: Provisioning;
  readonly notifications: NotificationEvent[];
  readonly lifecycle: LifecycleEvent[];
}

class World {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly network = new MemoryNetwork(this.clock, { delayMs: 1 });
  readonly kept = new OutlivingStore();
  readonly troubles: string[] = [];
  private seed = 1;

  constructor(private readonly options: Partial<DtlsOptions> = {}) {}

  async live(provisioned?: Parameters<typeof readDeviceChange>[0]): Promise<Life> {
    const { clock, network, troubles } = this;
    const trouble = (reason: string): void => void troubles.push(reason);
    const provisioning = new Provisioning(clock);
    const admittance = new Admittance({ clock, provisioning, mode: () => 'secured' });
    const known = {
      keyOf: (identity: string) => provisioning.keyOf(identity),
      holderOf: (identity: Parameters<typeof provisioning.holderOf>[0]) => provisioning.holderOf(identity),
      authorities: [],
      now: () => clock.wall(),
    };
    const own = { ownKey: serverKey, ownChain: [selfSigned(serverKey, 'server', clock.wall())] };
    const secure = new DtlsTransport({
      carrier: network.transport(SERVER, PORT),
      clock,
      random: testBytes(this.seed++),
      credentials: async () => ({ ...dtlsCredentials(known), ...own }),
      ...this.options,
    });
    const server = new Lwm2mServer({
      transport: network.transport(SERVER, 5683),
      secure,
      clock,
      random: testRandom(this.seed++),
      admission: admittance.admit,
      endpointOf: admittance.endpointOf,
    });
    provisioning.events.on('ended', ({ device, names }) => {
      for (const name of names) server.revoke(name);
      server.dismiss(device);
    });
    const life: Life = {
      secure,
      server,
      provisioning,
      state: new SecuredState({ endpoint: secure.endpoint, clock, digests: async () => credentialDigests(known) }),
      notifications: [],
      lifecycle: [],
    };
    server.events.on('notification', (event) => life.notifications.push(event));
    server.events.on('lifecycle', (event) => life.lifecycle.push(event));
    const store = this.kept.open();
    await provisioning.restore(new KeptDevices(store, seal, trouble));
    if (provisioned !== undefined) await provisioning.provision(readDeviceChange(provisioned));
    await life.state.restore(store, seal, trouble);
    await server.restore(new DeviceKeeper(store, clock, trouble));
    await server.start();
    return life;
  }

  /** SIGKILL: nothing more is written, and nothing is said to anybody. */
  async kill({ server, secure }: Life): Promise<void> {
    this.kept.kill();
    secure.send = () => undefined;
    await server.stop();
  }

  async end({ server, state }: Life): Promise<void> {
    await server.stop();
    const flushed = state.flush();
    await this.clock.advanceAsync(10);
    await flushed;
    this.kept.kill();
  }

  device(options: ConnectOptions) {
    const { clock, network } = this;
    const carrier = new MovingCarrier(network, '10.1.0');
    const transport = new DtlsTransport({
      carrier,
      clock,
      random: testBytes(100),
      credentials: options.credentials ?? {},
      serve: false,
      connectWith: () => options,
    });
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Acme' });
    objects.add(3303, 0, { 5700: 0 });
    const client = new Lwm2mClient({
      endpoint: 'dev',
      server: { host: SERVER, port: PORT },
      objects,
      lifetime: 300,
      transport,
      clock,
      random: testRandom(200),
      confirmableNotifications: true,
    });
    return { client, carrier, transport };
  }

  /** A device that has registered and is observed. */
  async observed(life: Life, options: ConnectOptions) {
    const device = this.device(options);
    void device.client.start();
    await this.clock.advanceAsync(3_000);
    assert.ok(life.server.registration('dev'), 'registered');
    await this.perform(life, 'observe', VALUE);
    return device;
  }

  async perform({ server }: Life, operation: 'read' | 'observe', path: string) {
    const asked = server.perform('dev', { operation, path });
    asked.catch(() => undefined);
    await this.clock.advanceAsync(1_000);
    return (await asked).values[0]?.value;
  }
}

const psk = (key = PSK) => ({ endpoint: 'dev', security: { mode: 'psk', identity: 'key-dev', key: key.toString('hex') } });
const PSK_OPTIONS: ConnectOptions = { psk: { identity: 'key-dev', key: PSK } };

async function givenObserved(options: Partial<DtlsOptions> = {}) {
  const world = new World(options);
  const life = await world.live(psk());
  return { world, life, device: await world.observed(life, PSK_OPTIONS) };
}

async function keysIn(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.range(below(prefix))) keys.push(key);
  return keys;
}

const certificate = selfSigned(deviceKey, 'dev', 1_700_000_000_000);

const WAYS: readonly {
  readonly name: string;
  readonly security: unknown;
  readonly connect: ConnectOptions;
  readonly options?: Partial<DtlsOptions>;
}[] = [
  { name: 'a pre-shared key', security: psk().security, connect: PSK_OPTIONS },
  {
    name: 'a pre-shared key, without connection id',
    security: psk().security,
    connect: PSK_OPTIONS,
    options: { cidLength: false },
  },
  {
    name: 'a raw public key',
    security: { mode: 'rpk', fingerprint: fingerprint(publicSpki(deviceKey)).toString('hex') },
    connect: { credentials: { ownKey: deviceKey, lookupRpk: () => 'server' } },
  },
  {
    name: 'a certificate',
    security: { mode: 'x509', certificate: certificate.toString('base64') },
    connect: { credentials: { ownKey: deviceKey, ownChain: [certificate], verifyCertificate: () => 'server' } },
  },
];

describe('a device over DTLS, over a restart of its server', () => {
  for (const { name, security, connect, options } of WAYS) {
    it(`known by ${name} it goes on without a handshake: notifications come, it can be asked, it is who it was`, async () => {
      const world = new World(options);
      const before = await world.live({ endpoint: 'dev', security });
      const { client } = await world.observed(before, connect);
      const registration = before.server.registration('dev');
      await world.kill(before);
      const after = await world.live();
      assert.deepEqual(after.server.registration('dev'), registration);
      client.setValue(VALUE, 42);
      await world.clock.advanceAsync(3_000);
      assert.deepEqual(
        after.notifications.map(({ values }) => values[0]?.value),
        [42],
      );
      assert.equal(await world.perform(after, 'read', '/3/0/0'), 'Acme');
      assert.equal(after.secure.endpoint.counters.handshakes, 0);
      assert.deepEqual(world.troubles, []);
    });
  }

  it('in peace too, and the replay window is where it was', async () => {
    const { world, life, device } = await givenObserved();
    const { sequence } = recordsOf(device.transport);
    await world.end(life);
    const after = await world.live();
    device.client.setValue(VALUE, 43);
    await world.clock.advanceAsync(3_000);
    assert.equal(after.notifications.length, 1);
    assert.ok(windowOf(after) >= sequence);
    assert.equal(after.secure.endpoint.counters.handshakes, 0);
  });

  it('its place is written within a second of its record, once for many', async () => {
    const { world, device } = await givenObserved();
    await world.clock.advanceAsync(3_000);
    world.kept.written.length = 0;
    for (let value = 1; value <= 5; value++) {
      device.client.setValue(VALUE, value);
      await world.clock.advanceAsync(100);
    }
    await world.clock.advanceAsync(1_100);
    assert.equal(world.kept.written.filter((key) => key.startsWith('once/places/')).length, 1);
    assert.ok(!world.kept.written.some((key) => key.startsWith('once/associations/')));
  });

  it('what it proved then binds it still: with another’s name it is refused', async () => {
    const { world, life, device } = await givenObserved();
    await world.kill(life);
    const after = await world.live();
    const register = new MessageWriter().begin(MessageType.Confirmable, Code.Post, 77, Buffer.of(77));
    register.strings(Option.UriPath, ['rd']);
    register.strings(Option.UriQuery, ['ep=thief', 'lt=300', 'lwm2m=1.1', 'b=U']);
    device.transport.send(register.finish(), SERVER, PORT);
    await world.clock.advanceAsync(1_000);
    assert.deepEqual(
      after.lifecycle.map(({ event, device: name }) => `${event} ${name}`),
      ['refused thief'],
    );
    assert.equal(after.server.registration('thief'), undefined);
    assert.equal(after.secure.endpoint.counters.handshakes, 0);
  });

  it('its credential revoked, it is cut off, and the store has nothing of it', async () => {
    const { world, life } = await givenObserved();
    await world.kill(life);
    const after = await world.live();
    await after.provisioning.retire('dev');
    await world.clock.advanceAsync(10);
    assert.equal(after.secure.endpoint.held().associations, 0);
    assert.deepEqual(await keysIn(world.kept.whole, 'once/associations/'), []);
    assert.deepEqual(await keysIn(world.kept.whole, 'once/places/'), []);
    assert.deepEqual(await keysIn(world.kept.whole, 'dtls-sessions/'), []);
  });

  it('its key changed in the last instant of the process, the old association is not gone on with', async () => {
    const { world, life } = await givenObserved();
    // The change is in the store, the end of the association is not.
    await life.provisioning.provision(readDeviceChange(psk(Buffer.from('another of sixty'))));
    await world.kill(life);
    const after = await world.live();
    assert.equal(after.secure.endpoint.held().associations, 0);
    assert.equal(after.secure.endpoint.held().sessions, 0);
    await world.clock.advanceAsync(10);
    assert.deepEqual(await keysIn(world.kept.whole, 'once/associations/'), []);
  });

  it('when it left by itself, its association is not there', async () => {
    const { world, life, device } = await givenObserved();
    device.transport.disconnect(SERVER, PORT);
    await world.clock.advanceAsync(20);
    await world.kill(life);
    const after = await world.live();
    assert.equal(after.secure.endpoint.held().associations, 0);
    // Its session is: it need not prove itself from the beginning.
    device.client.setValue(VALUE, 44);
    await world.clock.advanceAsync(300_000);
    assert.equal(after.secure.endpoint.counters.resumptions, 1);
    assert.ok(after.lifecycle.every(({ event }) => event === 'awake' || event === 'updated'));
  });
});

describe('what DTLS keeps in a store', () => {
  it('is sealed: the store alone tells no key', async () => {
    const { world } = await givenObserved();
    const [key] = await keysIn(world.kept.whole, 'once/associations/');
    const bytes = (await world.kept.whole.get(key as string)) as Buffer;
    assert.ok(!bytes.toString().includes('key-dev'), 'not even whose it is');
  });

  it('reserves the numbers of a life on disk before anything of it is used, however the clock goes', async () => {
    const { world, life } = await givenObserved();
    const numberOf = ({ secure }: Life) => recordsOf(secure).sequence;
    await world.perform(life, 'read', '/3/0/0');
    const used = [numberOf(life)];
    let last = life;
    for (let restart = 0; restart < 3; restart++) {
      await world.kill(last);
      last = await world.live();
      await world.perform(last, 'read', '/3/0/0');
      used.push(numberOf(last));
    }
    assert.deepEqual(
      used.map((number) => Math.floor(number / 2 ** 24)),
      [0, 1, 2, 3],
    );
  });

  it('that is damaged is set aside and told, and the rest goes on', async () => {
    const { world, life, device } = await givenObserved();
    const [key] = (await keysIn(world.kept.whole, 'once/associations/')) as [string];
    await world.kill(life);
    const bytes = (await world.kept.whole.get(key)) as Buffer;
    bytes.writeUInt8(0, bytes.length - 3);
    await world.kept.whole.put(key, bytes);
    const after = await world.live();
    assert.equal(after.secure.endpoint.held().associations, 0);
    assert.match(
      world.troubles[0] ?? '',
      /a DTLS association \(once\/associations\/0+\d+\) cannot be read: .*set aside as quarantine/,
    );
    // The device finds out, and comes back.
    device.client.setValue(VALUE, 45);
    await world.clock.advanceAsync(300_000);
    assert.equal(after.secure.endpoint.counters.handshakes, 1);
    assert.equal(after.server.presence('dev'), 'reachable');
  });

  it('is not gone on with where it is not known how far its numbers went', async () => {
    const { world, life } = await givenObserved();
    await world.kill(life);
    await world.kept.whole.put('once/lives/last', Buffer.from('nonsense'));
    const after = await world.live();
    assert.equal(after.secure.endpoint.held().associations, 0);
    assert.match(world.troubles[0] ?? '', /a count of lives/);
  });

  it('is not opened with another key, and does not stand in the way', async () => {
    const { world, life } = await givenObserved();
    await world.kill(life);
    const key = 'once/associations/000000000000001';
    const other = new Seal(Buffer.alloc(32, 8)).seal(Buffer.from('x'), 'association/000000000000001');
    await world.kept.whole.batch([new Records(world.kept.whole, ASSOCIATIONS).change('000000000000001', { sealed: other })]);
    const after = await world.live();
    assert.equal(after.secure.endpoint.held().associations, 0);
    await world.clock.advanceAsync(10);
    assert.equal(await world.kept.whole.get(key), undefined);
  });

  it('cannot be written: devices are served all the same, it is told once, and written when that can be done again', async () => {
    const world = new World();
    const life = await world.live(psk());
    world.kept.failure = new DeviceManagementError('store-failed', 'the disk is full: make room');
    const { client } = await world.observed(life, PSK_OPTIONS);
    assert.equal(world.troubles.filter((text) => text.includes('DTLS')).length, 1);
    world.kept.failure = undefined;
    const kept = life.state.keepAll();
    await world.clock.advanceAsync(20);
    await kept;
    await Promise.all([life.server.keepAll(), world.clock.advanceAsync(20)]);
    await world.kill(life);
    const after = await world.live();
    client.setValue(VALUE, 46);
    await world.clock.advanceAsync(3_000);
    assert.equal(after.notifications.length, 1);
    assert.equal(after.secure.endpoint.counters.handshakes, 0);
  });
});

interface Inner {
  readonly endpoint: { associations: { all(): Iterable<{ records: { sequence: number; window: { top: number } } }> } };
}

function recordsOf(transport: DtlsTransport) {
  const [association] = [...(transport as unknown as Inner).endpoint.associations.all()];
  return association?.records ?? assert.fail('not connected');
}

function windowOf({ secure }: Life): number {
  return recordsOf(secure).window.top;
}
