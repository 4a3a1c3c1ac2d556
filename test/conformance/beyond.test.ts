/** Behaviours beyond the ETS that have no other place: the message layer, the queue, gateways, software management, hostile input. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import { MessageType } from '../../src/coap/message';
import { seededRandom } from '../../src/coap/transports/memory';
import { Fleet } from '../../src/fleet/fleet';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { givenServer, ScriptedDevice } from '../lwm2m/server/world';
import { conformance } from './conformance';
import { leadsTo, read, registrationOf } from './peer';
import { Self } from './self';

const READ = { operation: 'read', path: '/3/0/0' } as const;
const VALUE = { code: Code.Content, contentFormat: 0, payload: 'Acme' };
/** CON POST /rd with option 9, OSCORE. */
const UNKNOWN_CRITICAL = Buffer.from('42020001aabb9022' + '7264', 'hex');

describe('conformance: beyond the ETS', () => {
  conformance('x-block-register', 'self', async () => {
    const self = await Self.start({
      prepare: (tree) => {
        for (let instance = 1; instance < 300; instance++) tree.add(3303, instance, { 5700: instance });
      },
    });
    assert.ok(registrationOf(self).objects.includes('/3303/299'));
    await leadsTo(self, 'objects-changed', () => self.tree.add(3303, 300, { 5700: 1 }));
    assert.ok(registrationOf(self).objects.includes('/3303/300'));
  });

  conformance('x-dedup', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const register = Buffer.from('41020001aab272644465703d61056c743d3630096c776d326d3d312e31ff3c2f332f303e', 'hex');
    for (let copy = 0; copy < 3; copy++) device.peer.send(register);
    await world.settle();
    assert.equal(device.inbox.length, 3);
    for (const { bytes } of device.inbox) assert.deepEqual(bytes, device.inbox[0]?.bytes);
    assert.equal(world.lifecycle.length, 1);
  });

  conformance('x-separate', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    await device.register('dev');
    const reading = world.server.perform('dev', READ);
    await world.settle(5);
    const request = device.asked[0] as NonNullable<(typeof device.asked)[0]>;
    device.acknowledge(request.messageId);
    await world.settle(20_000);
    assert.equal(device.asked.length, 1, 'acknowledged, it is not repeated');
    device.notify(request.token, VALUE, MessageType.Confirmable);
    await world.settle();
    assert.equal((await reading).values[0]?.value, 'Acme');
    assert.equal(device.inbox.at(-1)?.type, MessageType.Acknowledgement);
  });

  conformance('x-retransmit', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    await device.register('dev');
    const reading = world.server.perform('dev', READ).catch(({ code }: { code: string }) => code);
    await world.settle(100_000);
    assert.equal(await reading, 'timeout');
    assert.equal(device.asked.length, 5, 'once, and four times more');
    assert.equal(new Set(device.asked.map(({ bytes }) => bytes.toString('hex'))).size, 1);
  });

  conformance('x-critical', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    device.peer.send(UNKNOWN_CRITICAL);
    await world.settle();
    assert.equal(device.inbox[0]?.code, Code.BadOption);
  });

  conformance('x-nat', 'self', async () => {
    const self = await Self.start();
    await self.perform({ operation: 'observe', path: '/3303/0/5700' });
    self.nat.move();
    self.change('/3303/0/5700', 25);
    await self.until('the notification', () => self.notifications.find(({ values }) => values[0]?.value === 25));
    assert.equal(registrationOf(self).address, `${self.nat.local?.address}:${self.nat.local?.port}`);
    assert.equal((await read(self, '/3/0/0'))['/3/0/0'], 'Acme');
  });

  conformance('x-queue', 'self', async () => {
    const world = await givenServer();
    const fleet = new Fleet(world.server, world.clock);
    const device = new ScriptedDevice(world);
    const id = await device.register('dev', { query: ['lt=3600', 'lwm2m=1.1', 'b=U', 'Q'] });
    await world.settle(92_000);
    assert.equal(world.server.presence('dev'), 'reachable');
    await world.settle(2_000);
    assert.equal(world.server.presence('dev'), 'asleep');
    let done = 0;
    for (const path of ['/3/0/0', '/3/0/1', '/3/0/2']) {
      const order = { owner: 'test', device: 'dev', request: { operation: 'read', path }, whenAsleep: 'queue' } as const;
      fleet.requests.submit(order, { queued: () => undefined, settled: () => done++ });
    }
    await world.settle(1_000);
    assert.equal(device.asked.length, 0);
    await device.update(id);
    await world.settle(1_000);
    assert.equal(device.asked.length, 1, 'one at a time');
    device.answers = () => VALUE;
    await world.settle(10_000);
    assert.equal(done, 3);
    fleet.close();
  });

  conformance('x-gateway', 'self', async () => {
    const sensor = new ObjectTree({ version: '1.1', prefix: 'd01' });
    sensor.add(3, 0, { 0: 'Sensor' });
    sensor.add(3303, 0, { 5700: 17.5 });
    const self = await Self.start({
      versions: { 25: '2.0' },
      client: { endDevices: [{ deviceId: 'sensor-1', objects: sensor }] },
    });
    const child = await self.until('the device behind it', () =>
      [...self.server.registrations()].find(({ endpoint }) => endpoint !== self.endpoint),
    );
    const reading = self.server.perform(child.endpoint, { operation: 'read', path: '/3303/0/5700' });
    assert.deepEqual((await self.settled(reading)).values[0]?.value, 17.5);
    await self.settled(self.server.perform(child.endpoint, { operation: 'observe', path: '/3303/0/5700' }));
    sensor.set('/3303/0/5700', 18);
    await self.until('its notification', () => self.notifications.find(({ device }) => device === child.endpoint));
  });

  conformance('x-swmgmt', 'self', async () => {
    const self = await Self.start({
      prepare: (tree) => {
        const enter = (state: number, result: number, active = false): void =>
          tree.setAll([
            ['/9/0/7', state],
            ['/9/0/9', result],
            ['/9/0/12', active],
          ]);
        tree.add(
          9,
          0,
          { 0: 'app', 1: '1.0', 7: 0, 9: 0, 12: false },
          {
            2: { write: () => enter(3, 3) },
            4: { execute: () => void enter(4, 2) as undefined },
            6: { execute: () => void enter(0, 0) as undefined },
            10: { execute: () => void enter(4, 2, true) as undefined },
            11: { execute: () => void enter(4, 2) as undefined },
          },
        );
      },
    });
    const state = async (): Promise<unknown[]> => {
      const values = await read(self, '/9/0');
      return ['/9/0/7', '/9/0/9', '/9/0/12'].map((path) => values[path]);
    };
    await self.perform({ operation: 'write', path: '/9/0/2', value: Buffer.alloc(5_000, 7), contentFormat: 42 });
    assert.deepEqual(await state(), [3, 3, false]);
    for (const [resource, expected] of [
      [4, [4, 2, false]],
      [10, [4, 2, true]],
      [11, [4, 2, false]],
      [6, [0, 0, false]],
    ] as const) {
      assert.equal((await self.perform({ operation: 'execute', path: `/9/0/${resource}` })).code, '2.04');
      assert.deepEqual(await state(), expected);
    }
  });

  conformance('x-fuzz', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev');
    const random = seededRandom(99);
    for (let round = 0; round < 3_000; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256)));
      // Half of them look like messages.
      if (round % 2 === 0) bytes[0] = 0x40 | (bytes[0] as number & 0x3f);
      device.peer.send(bytes);
    }
    await world.settle(1_000);
    assert.equal((await device.update(id)).code, Code.Changed);
    assert.equal(world.server.size, 1);
  });
});
