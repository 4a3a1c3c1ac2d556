/** What a server knows of its devices after its process has ended at any instant, and another has begun with the same store. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { Code, codeText } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { Transport } from '../../../src/coap/transport';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import { below, type Store } from '../../../src/store/store';
import { conformance } from '../../conformance/conformance';
import { OutlivingStore } from '../../store/outliving-store';
import { type Answer, givenServer, pathOf, ScriptedDevice, SERVER, told, type World, type WorldOptions } from './world';

async function killed(world: World, kept: OutlivingStore, options: WorldOptions = {}): Promise<World> {
  kept.kill();
  await world.server.stop();
  return givenServer({ ...options, after: world, store: kept.open() });
}

async function perform(world: World, request: OperationRequest, device = 'dev-1'): Promise<OperationResult> {
  const promise = world.server.perform(device, request);
  promise.catch(() => undefined);
  await world.settle(20);
  return promise;
}

const text = (payload: string, observe?: number): Answer => ({
  code: Code.Content,
  contentFormat: 0,
  payload,
  ...(observe !== undefined && { observe }),
});

async function givenRegistered(query: readonly string[] = ['lwm2m=1.1', 'lt=300', 'b=U', 'site=7']) {
  const kept = new OutlivingStore();
  const world = await givenServer({ store: kept.open() });
  const device = new ScriptedDevice(world);
  device.answers = (message) => text('75', message.uint(Option.Observe) === 0 ? 0 : undefined);
  const id = await device.register('dev-1', {
    query: [...query],
    links: '</>;rt="oma.lwm2m";ct=112,</1/0>,</3/0>,</3303>;ver=1.1',
  });
  return { kept, world, device, id };
}

describe('a registration', () => {
  it('is kept before it is answered', async () => {
    const kept = new OutlivingStore();
    const world = await givenServer({ store: kept.open() });
    const device = new ScriptedDevice(world);
    kept.hold();
    await assert.rejects(device.register('dev-1'), /no answer/);
    assert.deepEqual(told(world), [], 'nobody is told of what may be lost');
    const next = await killed(world, kept);
    assert.equal(next.server.size, 0);
  });

  it('is what it was after a restart, and nobody is told of it as if it were new', async () => {
    const { kept, world } = await givenRegistered();
    const before = world.server.registration('dev-1');
    const next = await killed(world, kept);
    assert.deepEqual(next.server.registration('dev-1'), before);
    assert.deepEqual(told(next), []);
    assert.equal(next.server.presence('dev-1'), 'reachable');
  });

  it('answers to the same location: the device notices nothing', async () => {
    const { kept, world, device, id } = await givenRegistered();
    const next = await killed(world, kept);
    assert.equal(codeText((await device.update(id)).code), '2.04');
    assert.deepEqual(told(next), ['updated']);
    assert.equal((await perform(next, { operation: 'read', path: '/3/0/9' })).values[0]?.value, 75);
    assert.equal(codeText((await device.deregister(id)).code), '2.02');
    const last = await killed(next, kept);
    assert.equal(last.server.size, 0);
  });

  it('lives as long as its lifetime says, counted from its last Update', async () => {
    const { kept, world, device, id } = await givenRegistered();
    await world.settle(200_000);
    await device.update(id);
    await world.settle(6_000);
    const next = await killed(world, kept);
    // 300 s, and 93 s of grace, and 5 s for what may have been said and not kept.
    await next.settle(391_000);
    assert.equal(next.server.size, 1);
    await next.settle(2_000);
    assert.deepEqual(told(next), ['expired']);
    const last = await killed(next, kept);
    assert.equal(last.server.size, 0);
  });

  it('whose lifetime ran out while the server was away is told of as expired, once', async () => {
    const { kept, world } = await givenRegistered();
    kept.kill();
    await world.server.stop();
    world.clock.advance(500_000);
    const next = await givenServer({ after: world, store: kept.open() });
    assert.deepEqual(told(next), ['expired']);
    assert.equal(next.lifecycle[0]?.registration?.endpoint, 'dev-1');
    await next.settle();
    const last = await killed(next, kept);
    assert.deepEqual(told(last), []);
  });

  it('does not live longer than its lifetime because the clock was set back', async () => {
    const { kept, world } = await givenRegistered();
    const bytes = (await kept.whole.get('registrations/dev-1')) as Buffer;
    await world.server.stop();
    kept.kill();
    const store = new OutlivingStore();
    await store.whole.put('registrations/dev-1', bytes);
    const next = await givenServer({ store: store.open(), epoch: world.clock.wall() - 86_400_000 });
    await next.settle(397_000);
    assert.equal(next.server.size, 1);
    await next.settle(3_000);
    assert.equal(next.server.size, 0);
  });

  it('of a device in queue mode is asleep after a restart once its window has passed', async () => {
    const { kept, world } = await givenRegistered(['lwm2m=1.1', 'lt=3000', 'b=U', 'Q']);
    await world.settle(60_000);
    const soon = await killed(world, kept);
    assert.equal(soon.server.presence('dev-1'), 'reachable');
    await soon.settle(34_000);
    assert.equal(soon.server.presence('dev-1'), 'asleep');
    const later = await killed(soon, kept);
    assert.equal(later.server.presence('dev-1'), 'asleep');
    assert.deepEqual(told(later), []);
  });

  it('that never expires does not', async () => {
    const { kept, world } = await givenRegistered(['lwm2m=1.2', 'lt=0']);
    kept.kill();
    await world.server.stop();
    world.clock.advance(1e9);
    const next = await givenServer({ after: world, store: kept.open() });
    assert.equal(next.server.size, 1);
  });

  it('that took the address of another leaves that one asleep, whatever their names', async () => {
    const { kept, world, device } = await givenRegistered();
    await world.settle(1000);
    await device.register('a-later-one');
    assert.equal(world.server.presence('dev-1'), 'asleep');
    const next = await killed(world, kept);
    assert.equal(next.server.presence('dev-1'), 'asleep');
    assert.equal(next.server.presence('a-later-one'), 'reachable');
  });
});

describe('an Update', () => {
  it('that changes something is kept before it is answered', async () => {
    const { kept, world, device, id } = await givenRegistered();
    kept.hold();
    await assert.rejects(device.update(id, ['lt=900']), /no answer/);
    assert.deepEqual(told(world), ['registered']);
  });

  it('that changes nothing is answered at once, and kept within five seconds', async () => {
    const { kept, device, id, world } = await givenRegistered();
    kept.hold();
    assert.equal(codeText((await device.update(id)).code), '2.04');
    kept.kill();
    const next = await killed(world, kept);
    kept.written.length = 0;
    await device.update(id);
    await device.update(id);
    assert.deepEqual(kept.written, []);
    await next.settle(5_010);
    assert.deepEqual(kept.written, ['contacts/dev-1']);
  });

  it('from another address is there after a restart', async () => {
    const { kept, world, id } = await givenRegistered();
    const moved = new ScriptedDevice(world, '10.0.0.3', 4711);
    moved.answers = () => text('81');
    await moved.update(id);
    const next = await killed(world, kept);
    assert.equal(next.server.registration('dev-1')?.address, '10.0.0.3:4711');
    assert.equal((await perform(next, { operation: 'read', path: '/3/0/9' })).values[0]?.value, 81);
  });
});

describe('an observation', () => {
  async function givenObserved() {
    const given = await givenRegistered();
    await perform(given.world, { operation: 'observe', path: '/3/0/9' });
    return { ...given, token: Buffer.from(given.device.asked[0]?.token as Buffer) };
  }

  it('is kept before whoever asked for it is told', async () => {
    const { kept, world } = await givenRegistered();
    kept.hold();
    let isTold = false;
    void world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9' }).then(() => {
      isTold = true;
    });
    await world.settle(100);
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/9']);
    assert.equal(isTold, false);
  });

  it('gives its first value before the notifications that came while it was being kept', async () => {
    const { world, device } = await givenRegistered();
    const order: unknown[] = [];
    world.server.events.on('notification', ({ values }) => order.push(values[0]?.value));
    device.answers = (message) => {
      const token = Buffer.from(message.token);
      world.clock.after(2, () => device.notify(token, text('76', 1)));
      return text('75', 0);
    };
    const asked = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/10' });
    void asked.then(({ values }) => order.push(values[0]?.value));
    await world.settle(100);
    assert.deepEqual(order, [75, 76]);
  });

  conformance(
    'x-restart',
    'self',
    async () => {
      const { kept, world, device, token } = await givenObserved();
      const next = await killed(world, kept);
      assert.deepEqual(next.server.observations('dev-1'), ['/3/0/9']);
      // The sequence of an earlier life may have been higher.
      device.notify(token, text('80', 0), MessageType.Confirmable);
      await next.settle();
      assert.equal(device.inbox.at(-1)?.type, MessageType.Acknowledgement);
      device.notify(token, text('81', 1), MessageType.Confirmable);
      await next.settle();
      assert.deepEqual(
        next.notifications.map(({ device: name, path, values }) => [name, path, values[0]?.value]),
        [
          ['dev-1', '/3/0/9', 80],
          ['dev-1', '/3/0/9', 81],
        ],
      );
      assert.equal(device.asked.length, 1, 'the device is not asked again');
    },
    { what: 'an observation goes on, its notifications are acknowledged and told' },
  );

  it('can be ended after a restart, with the message that began it', async () => {
    const { kept, world, device, token } = await givenObserved();
    const next = await killed(world, kept);
    await perform(next, { operation: 'cancel-observation', path: '/3/0/9' });
    const cancel = device.asked.at(-1);
    assert.equal(cancel?.uint(Option.Observe), 1);
    assert.ok(cancel?.token.equals(token));
    assert.equal(cancel?.uint(Option.Accept), device.asked[0]?.uint(Option.Accept));
    const last = await killed(next, kept);
    assert.deepEqual(last.server.observations('dev-1'), []);
    device.notify(token, text('82', 3), MessageType.Confirmable);
    await last.settle();
    assert.equal(device.inbox.at(-1)?.type, MessageType.Reset);
  });

  it('of several paths goes on too', async () => {
    const { kept, world, device } = await givenRegistered();
    const senml = '[{"n":"/3/0/9","v":75},{"n":"/3/0/13","v":1}]';
    device.answers = () => ({ code: Code.Content, contentFormat: 110, payload: senml, observe: 0 });
    await perform(world, { operation: 'observe-composite', path: '/3/0/9,/3/0/13' });
    const asked = device.asked.at(-1);
    const next = await killed(world, kept);
    device.notify(Buffer.from(asked?.token as Buffer), { code: Code.Content, contentFormat: 110, payload: senml, observe: 1 });
    await next.settle();
    assert.deepEqual(
      next.notifications.map(({ path, values }) => [path, values.length]),
      [['/3/0/9,/3/0/13', 2]],
    );
    await perform(next, { operation: 'cancel-observation', path: '/3/0/9,/3/0/13' });
    assert.deepEqual(device.asked.at(-1)?.payload, asked?.payload);
  });

  it('ends with its registration, in the store too', async () => {
    const { kept, world, device } = await givenObserved();
    await world.settle(1);
    await device.register('dev-1');
    await world.settle(20);
    assert.deepEqual(await keysIn(kept.whole, 'observations/'), []);
  });

  it('of a registration that was replaced in the last moment is not taken for the new one', async () => {
    const { kept, world, device } = await givenObserved();
    const [key] = await keysIn(kept.whole, 'observations/');
    const bytes = (await kept.whole.get(key as string)) as Buffer;
    await device.register('dev-1');
    await world.settle(20);
    await kept.whole.put(key as string, bytes);
    const next = await killed(world, kept);
    assert.deepEqual(next.server.observations('dev-1'), []);
    await next.settle(20);
    assert.deepEqual(await keysIn(kept.whole, 'observations/'), []);
  });
});

describe('a device that is known by what it proves', () => {
  /** A network on which whoever sends from a port that was let in is "dev". */
  function proving(network: MemoryNetwork, ports: ReadonlySet<number>): Transport {
    return {
      ...network.transport(SERVER.address, SERVER.port),
      name: 'dtls',
      identify: (address, port) => (ports.has(port) ? { security: 'psk', name: 'dev', address, port } : undefined),
    };
  }

  it('cannot be asked after a restart before it has proved it again; then everything goes on where it is met', async () => {
    const kept = new OutlivingStore();
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock, { delayMs: 1 });
    const options = { store: kept.open(), after: { clock, network }, transport: proving(network, new Set([1000])) };
    const world = await givenServer(options);
    const device = new ScriptedDevice(world, '10.0.0.2', 1000);
    device.answers = (message) => text('75', message.uint(Option.Observe) === 0 ? 0 : undefined);
    const id = await device.register('dev');
    await perform(world, { operation: 'observe', path: '/3/0/9' }, 'dev');
    const token = Buffer.from(device.asked[0]?.token as Buffer);

    const next = await killed(world, kept, { transport: proving(network, new Set([2000])) });
    assert.equal(next.server.presence('dev'), 'asleep');
    await assert.rejects(perform(next, { operation: 'read', path: '/3/0/9' }, 'dev'), { code: 'asleep' });
    const stranger = new ScriptedDevice(next, '10.0.0.2', 1001);
    assert.equal(codeText((await stranger.update(id)).code), '4.00');
    const again = new ScriptedDevice(next, '10.0.0.9', 2000);
    again.answers = device.answers;
    assert.equal(codeText((await again.update(id)).code), '2.04');
    assert.deepEqual(told(next), ['awake', 'updated']);
    again.notify(token, text('81', 1), MessageType.Confirmable);
    await next.settle();
    assert.equal(next.notifications[0]?.values[0]?.value, 81);
    assert.equal((await perform(next, { operation: 'read', path: '/3/0/9' }, 'dev')).values[0]?.value, 75);
  });
});

describe('a gateway', () => {
  const table = (...ids: string[]): Answer => ({
    code: Code.Content,
    contentFormat: 110,
    payload: JSON.stringify(
      ids.flatMap((id, index) => [
        { n: `/25/${index}/0`, vs: id },
        { n: `/25/${index}/1`, vs: `d${id}` },
        { n: `/25/${index}/3`, vs: '</3/0>' },
      ]),
    ),
  });

  async function givenGateway() {
    const kept = new OutlivingStore();
    const world = await givenServer({ store: kept.open() });
    const gateway = new ScriptedDevice(world);
    const behind = { now: table('one', 'two') };
    gateway.answers = (message) => (pathOf(message) === '/25' ? { ...behind.now, observe: 1 } : text(pathOf(message), 1));
    const links = '</>;rt="oma.lwm2m";ct="110",</1/0>,</25>;ver=2.0,</25/0>';
    await gateway.register('gw', { query: ['lwm2m=1.1', 'lt=3000'], links });
    await world.settle(100);
    const names = ({ server }: World): string[] => [...server.registrations()].map(({ endpoint }) => endpoint).sort();
    assert.deepEqual(names(world), ['gw', 'one', 'two']);
    return { kept, world, gateway, behind, names };
  }

  it('has what was behind it after a restart, and is asked within a minute what is there now', async () => {
    const { kept, world, gateway, behind, names } = await givenGateway();
    gateway.asked.length = 0;
    const next = await killed(world, kept);
    assert.deepEqual(names(next), ['gw', 'one', 'two']);
    const { values } = await perform(next, { operation: 'read', path: '/3/0/0' }, 'two');
    assert.equal(values[0]?.value, '/dtwo/3/0/0');
    behind.now = table('two', 'three');
    await next.settle(61_000);
    assert.deepEqual(names(next), ['gw', 'three', 'two']);
    assert.deepEqual(told(next), ['deregistered', 'registered']);
    const last = await killed(next, kept);
    assert.deepEqual(names(last), ['gw', 'three', 'two']);
  });

  it('has devices whose observations go on', async () => {
    const { kept, world, gateway } = await givenGateway();
    await perform(world, { operation: 'observe', path: '/3/0/0' }, 'one');
    const token = Buffer.from(gateway.asked.at(-1)?.token as Buffer);
    const next = await killed(world, kept);
    gateway.notify(token, text('on', 2), MessageType.Confirmable);
    await next.settle();
    assert.deepEqual(
      next.notifications.map(({ device, values }) => [device, values[0]?.value]),
      [['one', 'on']],
    );
  });

  it('that expired while the server was away takes with it what was behind it', async () => {
    const { kept, world } = await givenGateway();
    kept.kill();
    await world.server.stop();
    world.clock.advance(4_000_000);
    const next = await givenServer({ after: world, store: kept.open() });
    assert.deepEqual(next.lifecycle.map(({ event, device }) => `${device} ${event}`).sort(), [
      'gw expired',
      'one expired',
      'two expired',
    ]);
    await next.settle(20);
    assert.deepEqual(await keysIn(kept.whole, 'registrations/'), []);
  });
});

describe('a store', () => {
  it('with damaged records costs these alone, which are set aside and told of', async () => {
    const { kept, world, device } = await givenRegistered();
    await device.register('dev-2');
    await perform(world, { operation: 'observe', path: '/3/0/9' }, 'dev-2');
    const [observation] = await keysIn(kept.whole, 'observations/');
    for (const key of ['registrations/dev-1', observation as string]) {
      const bytes = (await kept.whole.get(key)) as Buffer;
      bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
      await kept.whole.put(key, bytes);
    }
    const troubles: string[] = [];
    const next = await killed(world, kept, { troubles });
    assert.deepEqual(
      [...next.server.registrations()].map(({ endpoint }) => endpoint),
      ['dev-2'],
    );
    assert.equal(troubles.length, 2);
    assert.match(
      troubles[0] as string,
      /^a registration \(registrations\/dev-1\) cannot be read: its checksum is wrong; it was set aside/,
    );
    assert.deepEqual(await keysIn(kept.whole, 'quarantine/registrations/'), ['quarantine/registrations/dev-1']);
  });

  it('that has missed something has all of it when it is written once more', async () => {
    const { kept, world, device, id } = await givenRegistered();
    await perform(world, { operation: 'observe', path: '/3/0/9' });
    const later = new ScriptedDevice(world, '10.0.0.3');
    kept.failure = new DeviceManagementError('store-failed', 'the disk is full: make room');
    await device.deregister(id);
    later.answers = device.answers;
    await later.register('dev-2');
    await perform(world, { operation: 'observe', path: '/3/0/9' }, 'dev-2');
    kept.failure = undefined;
    await world.server.keepAll();
    await world.settle(20);
    const next = await killed(world, kept);
    assert.deepEqual(
      [...next.server.registrations()].map(({ endpoint }) => endpoint),
      ['dev-2'],
    );
    assert.deepEqual(next.server.observations('dev-2'), ['/3/0/9']);
    assert.equal((await keysIn(kept.whole, 'observations/')).length, 1);
  });

  it('that fails is told of once, and devices are served from memory', async () => {
    const { kept, world, device, id } = await givenRegistered();
    const troubles: string[] = [];
    const next = await killed(world, kept, { troubles });
    kept.failure = new DeviceManagementError('store-failed', 'the disk is full: make room');
    assert.equal(codeText((await device.update(id, ['lt=900'])).code), '2.04');
    await device.register('dev-2');
    assert.equal(next.server.size, 2);
    assert.deepEqual(troubles, [
      'registrations and observations are kept in memory only and would not survive a restart: the disk is full: make room',
    ]);
  });
});

async function keysIn(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.range(below(prefix))) keys.push(key);
  return keys;
}
