/**
 * A device behind a NAT that gives it another address without a word, in the middle of everything, over plain UDP: nothing is lost. (Over DTLS
 * with a connection id the address is no matter: dtls.test.ts.)
 */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import type { LifecycleEvent, NotificationEvent, ObservationEndedEvent, SendEvent } from '../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { Fleet } from '../../src/fleet/fleet';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';

const SERVER = '10.0.0.1';
const LARGE = 20_000;

interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly server: Lwm2mServer;
  readonly client: Lwm2mClient;
  readonly nat: MovingCarrier;
  readonly tree: ObjectTree;
  readonly lifecycle: LifecycleEvent[];
  readonly notifications: NotificationEvent[];
  readonly sends: SendEvent[];
  readonly ended: ObservationEndedEvent[];
  readonly bootstraps: BootstrapEvent[];
}

async function givenWorld(
  options: Partial<Lwm2mClientOptions> = {},
  serverOptions: Lwm2mServerOptions = {},
  version = '1.1',
): Promise<World> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 20 });
  const server = new Lwm2mServer({
    transport: network.transport(SERVER, 5683),
    clock,
    random: testRandom(7),
    admission: 'open',
    ...serverOptions,
  });
  const nat = new MovingCarrier(network);
  const tree = new ObjectTree({ version });
  tree.add(3, 0, { 0: 'Acme', 9: 85, 15: 'Europe/Berlin' }, { 4: { execute: () => undefined } });
  tree.add(3303, 0, { 5700: 20, 5701: 'x'.repeat(LARGE) });
  tree.add(16, 0, { 0: { 0: 'a' } });
  const client = new Lwm2mClient({
    endpoint: 'dev',
    ...(options.bootstrap === undefined && { server: { host: SERVER } }),
    objects: tree,
    lifetime: 300,
    transport: nat,
    clock,
    random: testRandom(8),
    muteSend: false,
    ...options,
  });
  const lifecycle: LifecycleEvent[] = [];
  const notifications: NotificationEvent[] = [];
  const sends: SendEvent[] = [];
  const ended: ObservationEndedEvent[] = [];
  const bootstraps: BootstrapEvent[] = [];
  server.events.on('lifecycle', (event) => lifecycle.push(event));
  server.events.on('notification', (event) => notifications.push(event));
  server.events.on('send', (event) => sends.push(event));
  server.events.on('observation-ended', (event) => ended.push(event));
  server.events.on('bootstrap', (event) => bootstraps.push(event));
  await server.start();
  client.start().catch(() => undefined);
  return { clock, network, server, client, nat, tree, lifecycle, notifications, sends, ended, bootstraps };
}

async function givenRegistered(...parameters: Parameters<typeof givenWorld>): Promise<World> {
  const world = await givenWorld(...parameters);
  await world.clock.advanceAsync(2_000);
  assert.ok(world.server.registration('dev') !== undefined);
  return world;
}

/** Lets time pass while a promise settles. */
async function within<T>({ clock }: World, seconds: number, promise: Promise<T>): Promise<T> {
  const settled = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  let outcome: Awaited<typeof settled> | undefined;
  void settled.then((one) => {
    outcome = one;
  });
  for (let tick = 0; tick < seconds * 50 && outcome === undefined; tick++) await clock.advanceAsync(20);
  assert.ok(outcome !== undefined, `nothing within ${seconds} s`);
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Asks by way of the fleet's queue. */
function queueOf({ server, clock }: World): (request: OperationRequest) => Promise<OperationResult> {
  const fleet = new Fleet(server, clock);
  return (request) =>
    new Promise((resolve, reject) =>
      fleet.requests.submit(
        { owner: 'test', device: 'dev', request, whenAsleep: 'queue' },
        { queued: () => undefined, settled: (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.result)) },
      ),
    );
}

/** The name the device has in the outside world by now. */
const isNow = ({ server, nat }: World): void =>
  assert.equal(server.registration('dev')?.address, `${nat.local?.address}:${nat.local?.port}`);

/** Which registration events came after the first. */
const later = ({ lifecycle }: World): string[] => [...new Set(lifecycle.slice(1).map(({ event }) => event))];

describe('a device behind a NAT that changes its address', () => {
  it('in the middle of being read in blocks: all of it comes, once the device is heard', async () => {
    const world = await givenRegistered();
    const reading = world.server.perform('dev', { operation: 'read', path: '/3303/0/5701' });
    await world.clock.advanceAsync(200);
    world.nat.move();
    await world.clock.advanceAsync(1_000);
    world.client.update();
    const { values } = await within(world, 60, reading);
    assert.equal(String(values[0]?.value).length, LARGE);
    isNow(world);
  });

  it('in the middle of being written in blocks: all of it arrives, once', async () => {
    const world = await givenRegistered();
    let times = 0;
    world.tree.events.on('changed', (paths) => {
      if (paths.some((path) => path.toString() === '/16/0/0' || path.toString() === '/16/0/0/0')) times++;
    });
    const value = 'y'.repeat(LARGE);
    const writing = world.server.perform('dev', { operation: 'write', path: '/16/0/0', value: { 0: value } });
    await world.clock.advanceAsync(200);
    world.nat.move();
    await world.clock.advanceAsync(1_000);
    world.client.update();
    assert.equal((await within(world, 60, writing)).code, '2.04');
    assert.deepEqual(world.tree.get('/16/0/0'), new Map([[0, value]]));
    assert.equal(times, 1);
  });

  it('between a request and its answer: the answer counts, and what follows goes to the new address', async () => {
    const world = await givenRegistered();
    const reading = world.server.perform('dev', { operation: 'read', path: '/3303/0/5701' });
    // The first request is on the device's desk; the answer leaves by another door.
    await world.clock.advanceAsync(19);
    world.nat.moveWithNext();
    const { values } = await within(world, 3, reading);
    assert.equal(String(values[0]?.value).length, LARGE);
    isNow(world);
    assert.deepEqual(later(world), []);
  });

  it('in the middle of an Update in blocks: the rest of it is taken from the new address, without a beginning anew', async () => {
    const world = await givenRegistered();
    for (let instance = 1; instance < 400; instance++) world.tree.add(3303, instance, { 5700: instance });
    await world.clock.advanceAsync(100);
    world.nat.move();
    await world.clock.advanceAsync(30_000);
    assert.ok(world.server.registration('dev')?.objects.includes('/3303/399'));
    isNow(world);
    assert.ok(!world.network.sightings.some(({ datagram }) => datagram[1] === 0x88), 'no 4.08');
  });

  it('in the middle of a Send in blocks: it arrives, once', async () => {
    const world = await givenRegistered();
    const sending = world.client.send(['/3303/0/5701']);
    await world.clock.advanceAsync(200);
    world.nat.move();
    await within(world, 60, sending);
    assert.equal(world.sends.length, 1);
    assert.equal(String(world.sends[0]?.values[0]?.value).length, LARGE);
    isNow(world);
  });

  for (const confirmable of [true, false]) {
    it(`in the middle of an observation, notified ${confirmable ? 'confirmably' : 'non-confirmably'}: every value arrives`, async () => {
      const world = await givenRegistered({ confirmableNotifications: confirmable });
      await within(world, 5, world.server.perform('dev', { operation: 'observe', path: '/3303/0/5700' }));
      for (let second = 1; second <= 100; second++) {
        if (second % 7 === 0) world.nat.move();
        world.client.setValue('/3303/0/5700', 100 + second);
        await world.clock.advanceAsync(1_000);
      }
      assert.deepEqual(
        world.notifications.map(({ values }) => values[0]?.value),
        Array.from({ length: 100 }, (_, index) => 101 + index),
      );
      assert.deepEqual(world.ended, []);
      assert.deepEqual(world.client.observations, ['/3303/0/5700']);
      isNow(world);
      const read = world.server.perform('dev', { operation: 'read', path: '/3/0/0' });
      assert.equal((await within(world, 5, read)).values[0]?.value, 'Acme');
    });
  }

  it('in the middle of a large notification in blocks', async () => {
    const world = await givenRegistered({ confirmableNotifications: true });
    await within(world, 5, world.server.perform('dev', { operation: 'observe', path: '/3303/0/5701' }));
    world.client.setValue('/3303/0/5701', 'z'.repeat(LARGE));
    await world.clock.advanceAsync(200);
    world.nat.move();
    await world.clock.advanceAsync(1_000);
    world.client.update();
    await world.clock.advanceAsync(30_000);
    assert.equal(world.notifications.length, 1);
    assert.equal(String(world.notifications[0]?.values[0]?.value).length, LARGE);
  });

  it('while requests wait for it in a queue: it is asked at the new address, each once', async () => {
    const world = await givenRegistered({ queueMode: true, awakeMs: 10_000 }, { awakeMs: 10_000 });
    const executed: string[] = [];
    world.client.events.on('executed', ({ path }) => executed.push(path));
    const queue = queueOf(world);
    await world.clock.advanceAsync(30_000);
    assert.equal(world.server.presence('dev'), 'asleep');
    const asked = Promise.all([
      queue({ operation: 'write', path: '/3/0/15', value: 'UTC' }),
      queue({ operation: 'execute', path: '/3/0/4' }),
      queue({ operation: 'read', path: '/3/0/15' }),
    ]);
    await world.clock.advanceAsync(1_000);
    world.nat.move();
    const [, , read] = await within(world, 300, asked);
    assert.equal(read.values[0]?.value, 'UTC');
    assert.deepEqual(executed, ['/3/0/4']);
    isNow(world);
  });

  it('in the middle of one of them: it is answered when the device is heard again', async () => {
    const world = await givenRegistered({ queueMode: true, awakeMs: 100_000 }, { awakeMs: 100_000 });
    const queue = queueOf(world);
    const reading = queue({ operation: 'read', path: '/3303/0/5701' });
    await world.clock.advanceAsync(200);
    world.nat.move();
    world.client.update();
    assert.equal(String((await within(world, 100, reading)).values[0]?.value).length, LARGE);
  });

  const CONFIGURATION: BootstrapConfiguration = {
    deletes: ['/0', '/1'],
    servers: [{ shortServerId: 101, uri: `coap://${SERVER}:5683`, security: { mode: 'none' }, lifetime: 600, binding: 'U' }],
    objects: { '/3/0/15': 'z'.repeat(LARGE) },
    verify: true,
  };

  for (const moment of [50, 90, 130, 170, 210, 250, 400, 800]) {
    it(`in a bootstrap, ${moment} ms after its beginning: it ends with the registration`, async () => {
      const world = await givenWorld({ bootstrap: { host: SERVER } }, { bootstrap: () => CONFIGURATION });
      await world.clock.advanceAsync(moment);
      world.nat.move();
      for (let second = 0; second < 900 && world.server.registration('dev') === undefined; second++)
        await world.clock.advanceAsync(1_000);
      assert.equal(world.server.registration('dev')?.lifetime, 600);
      assert.equal(world.tree.get('/3/0/15'), 'z'.repeat(LARGE));
      assert.equal(world.bootstraps.at(-1)?.event, 'finished');
      isNow(world);
    });
  }

  it('between a request of a bootstrap and its answer: the session goes on, and no second one begins', async () => {
    const world = await givenWorld({ bootstrap: { host: SERVER } }, { bootstrap: () => CONFIGURATION });
    await world.clock.advanceAsync(99);
    world.nat.moveWithNext();
    await world.clock.advanceAsync(20_000);
    assert.deepEqual(
      world.bootstraps.map(({ event }) => event),
      ['started', 'finished'],
    );
    isNow(world);
  });

  it('while it fetches its pack in blocks', async () => {
    const world = await givenWorld({ bootstrap: { host: SERVER } }, { bootstrap: () => CONFIGURATION }, '1.2');
    await world.clock.advanceAsync(200);
    world.nat.move();
    await world.clock.advanceAsync(20_000);
    assert.equal(world.server.registration('dev')?.lifetime, 600);
    assert.equal(world.tree.get('/3/0/15'), 'z'.repeat(LARGE));
    isNow(world);
  });
});

describe('an answer from elsewhere', () => {
  /** The answer 2.05 "!" to the request that was sent last. */
  const answerTo = ({ network }: World): Buffer => {
    const request = network.sightings.at(-1)?.datagram as Buffer;
    return Buffer.concat([Buffer.from([0x68, 0x45]), request.subarray(2, 12), Buffer.from([0xc0, 0xff, 0x21])]);
  };

  const answeredFrom = async (world: World, address: string, answer: (right: Buffer) => Buffer): Promise<unknown> => {
    const reading = world.server.perform('dev', { operation: 'read', path: '/3/0/0' });
    await world.clock.advanceAsync(1);
    world.network.transport(address, 5683).send(answer(answerTo(world)), SERVER, 5683);
    return (await within(world, 5, reading)).values[0]?.value;
  };

  it('counts with the token that was asked under, and with no other', async () => {
    const world = await givenRegistered();
    const home = world.server.registration('dev')?.address;
    const wrong = (right: Buffer): Buffer => {
      right[11] = (right[11] as number) ^ 1;
      return right;
    };
    assert.equal(await answeredFrom(world, '10.66.0.1', wrong), 'Acme');
    assert.equal(world.server.registration('dev')?.address, home);
    assert.equal(await answeredFrom(world, '10.66.0.1', (right) => right), '!');
    assert.equal(world.server.registration('dev')?.address, '10.66.0.1:5683');
  });

  it('does not count where another device lives: neither is moved', async () => {
    const world = await givenRegistered();
    const home = world.server.registration('dev')?.address;
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Other' });
    const transport = world.network.transport('10.9.0.1', 5683);
    const options = { endpoint: 'other', server: { host: SERVER }, objects, lifetime: 300, transport, clock: world.clock };
    await within(world, 5, new Lwm2mClient({ ...options, random: testRandom(10) }).start());
    assert.equal(await answeredFrom(world, '10.9.0.1', (right) => right), 'Acme');
    assert.equal(world.server.registration('dev')?.address, home);
    assert.equal(world.server.registration('other')?.address, '10.9.0.1:5683');
  });
});
