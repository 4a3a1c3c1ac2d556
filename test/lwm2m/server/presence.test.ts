/** Who can be asked: queue mode, and addresses that change or are taken. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { givenServer, ScriptedDevice, told, type World } from './world';

const QUEUE = { query: ['lwm2m=1.1', 'lt=30000', 'Q'] };
const AWAKE_MS = 93_000;

async function givenSleepy(): Promise<{ world: World; device: ScriptedDevice; id: string }> {
  const world = await givenServer();
  const device = new ScriptedDevice(world);
  const id = await device.register('dev-1', QUEUE);
  device.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1', observe: 1 });
  return { world, device, id };
}

describe('a device in queue mode', () => {
  it('is awake for 93 s after its registration, then asleep, which is told', async () => {
    const { world } = await givenSleepy();
    await world.settle(AWAKE_MS - 100);
    assert.equal(world.server.presence('dev-1'), 'reachable');
    await world.settle(1000);
    assert.equal(world.server.presence('dev-1'), 'asleep');
    assert.deepEqual(told(world), ['registered', 'asleep']);
  });

  it('cannot be asked while it sleeps, and no message is sent', async () => {
    const { world, device } = await givenSleepy();
    await world.settle(AWAKE_MS * 2);
    await assert.rejects(world.server.perform('dev-1', { operation: 'read', path: '/3/0/9' }), {
      code: 'asleep',
      message: /device dev-1 is asleep: it is in queue mode/,
    });
    assert.equal(device.asked.length, 0);
  });

  const MESSAGES: readonly (readonly [string, (device: ScriptedDevice, id: string, token: Buffer) => unknown])[] = [
    ['Update', (device, id) => device.update(id)],
    [
      'notification',
      (device, _id, token) => device.notify(token, { code: Code.Content, contentFormat: 0, payload: '2', observe: 7 }),
    ],
    [
      'Send',
      (device) => device.request({ code: Code.Post, path: ['dp'], contentFormat: 110, payload: '[{"n":"/3/0/9","v":5}]' }),
    ],
  ];
  for (const [name, message] of MESSAGES) {
    it(`wakes up by ${name}, which is told, and sleeps 93 s after it`, async () => {
      const { world, device, id } = await givenSleepy();
      const observing = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9' });
      await world.settle();
      await observing;
      const token = Buffer.from((device.asked[0] as Message).token);
      await world.settle(AWAKE_MS * 2);
      await message(device, id, token);
      await world.settle();
      assert.equal(world.server.presence('dev-1'), 'reachable');
      await world.settle(AWAKE_MS - 1000);
      assert.equal(world.server.presence('dev-1'), 'reachable');
      await world.settle(2000);
      assert.equal(world.server.presence('dev-1'), 'asleep');
      assert.deepEqual(
        told(world).filter((event) => event !== 'updated'),
        ['registered', 'asleep', 'awake', 'asleep'],
      );
    });
  }

  it('stays awake 93 s after its last answer, not only after its own messages', async () => {
    const { world } = await givenSleepy();
    await world.settle(AWAKE_MS - 5000);
    const reading = world.server.perform('dev-1', { operation: 'read', path: '/3/0/9' });
    await world.settle(AWAKE_MS - 5000);
    await reading;
    assert.equal(world.server.presence('dev-1'), 'reachable');
  });

  it('is asleep once it does not answer', async () => {
    const { world, device } = await givenSleepy();
    device.answers = () => undefined;
    const reading = world.server.perform('dev-1', { operation: 'read', path: '/3/0/9' }, { timeoutMs: 5000 });
    const failing = assert.rejects(reading, { code: 'timeout', message: /it may have gone to sleep/ });
    await world.settle(6000);
    await failing;
    assert.equal(world.server.presence('dev-1'), 'asleep');
  });

  it('is told awake before updated, so that who hears the Update may ask', async () => {
    const { world, device, id } = await givenSleepy();
    await world.settle(AWAKE_MS * 2);
    await device.update(id);
    assert.deepEqual(told(world), ['registered', 'asleep', 'awake', 'updated']);
  });

  it('that leaves queue mode does not sleep any more', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1', { query: ['lwm2m=1.0', 'lt=30000', 'b=UQ'] });
    await world.settle(AWAKE_MS * 2);
    await device.update(id, ['b=U']);
    await world.settle(AWAKE_MS * 2);
    assert.equal(world.server.presence('dev-1'), 'reachable');
  });

  it('that registers anew is awake, and its old window closes nothing', async () => {
    const { world, device } = await givenSleepy();
    await world.settle(60_000);
    await device.register('dev-1', QUEUE);
    await world.settle(60_000);
    assert.equal(world.server.presence('dev-1'), 'reachable');
  });
});

describe('a device that is not in queue mode', () => {
  it('stays reachable until its registration ends', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).register('dev-1');
    await world.settle(AWAKE_MS * 3);
    assert.equal(world.server.presence('dev-1'), 'reachable');
    assert.equal(world.server.presence('dev-2'), 'gone');
  });
});

describe('a lifetime', () => {
  it('ends with grace after the last Update, and only then', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=60'] });
    await world.settle(50_000);
    await device.update(id);
    await world.settle(60_000 + AWAKE_MS - 1000);
    assert.equal(world.server.size, 1);
    await world.settle(3000);
    assert.equal(world.server.size, 0);
    assert.deepEqual(told(world), ['registered', 'updated', 'expired']);
    assert.equal(world.lifecycle[2]?.registration?.endpoint, 'dev-1');
    assert.equal(codeText((await device.update(id)).code), '4.04');
  });

  it('is renewed by a late Update within the grace', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=60'] });
    await world.settle(60_000 + 80_000);
    assert.equal(codeText((await device.update(id)).code), '2.04');
  });

  it('of 0 never ends in 1.2', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).register('dev-1', { query: ['lwm2m=1.2', 'lt=0'] });
    await world.settle(2 * 86_400_000);
    assert.equal(world.server.size, 1);
  });

  it('of a hundred years does not end at once', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).register('dev-1', { query: ['lwm2m=1.1', 'lt=3153600000'] });
    await world.settle(10_000);
    assert.equal(world.server.size, 1);
  });
});

describe('a device whose address changes', () => {
  it('goes on at the new one with its Update, observations and all', async () => {
    const world = await givenServer();
    const before = new ScriptedDevice(world, '10.0.0.2', 1111);
    const id = await before.register('dev-1');
    before.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1', observe: 1 });
    const observing = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9' });
    await world.settle();
    await observing;
    const token = Buffer.from((before.asked[0] as Message).token);

    const after = new ScriptedDevice(world, '10.0.0.2', 2222);
    after.answers = before.answers;
    assert.equal(codeText((await after.update(id)).code), '2.04');
    assert.equal(world.server.registration('dev-1')?.address, '10.0.0.2:2222');
    after.notify(token, { code: Code.Content, contentFormat: 0, payload: '2', observe: 2 });
    const reading = world.server.perform('dev-1', { operation: 'read', path: '/3/0/9' });
    await world.settle();
    await reading;
    assert.equal(world.notifications.length, 1);
    assert.equal(after.asked.length, 1);
    assert.equal(before.asked.length, 1);
    assert.deepEqual(world.ended, []);
    assert.equal(codeText((await after.deregister(id)).code), '2.02');
  });

  it('has its requests under way answered from the new address', async () => {
    const world = await givenServer();
    const before = new ScriptedDevice(world, '10.0.0.2', 1111);
    const id = await before.register('dev-1');
    const reading = world.server.perform('dev-1', { operation: 'read', path: '/3/0/9' });
    await world.settle(1);
    const after = new ScriptedDevice(world, '10.0.0.2', 2222);
    after.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '42' });
    await after.update(id);
    await world.settle(5000);
    assert.deepEqual((await reading).values, [{ path: '/3/0/9', value: 42 }]);
  });

  it('takes the address from the one that had it: that one cannot be asked until it is heard again', async () => {
    const world = await givenServer();
    const place = new ScriptedDevice(world, '10.0.0.2', 1111);
    const old = await place.register('old');
    const elsewhere = new ScriptedDevice(world, '10.0.0.2', 2222);
    const mover = await elsewhere.register('mover');
    assert.equal(codeText((await place.update(mover)).code), '2.04');

    assert.equal(world.server.presence('old'), 'asleep');
    assert.deepEqual(told(world, 'old'), ['registered', 'asleep']);
    await assert.rejects(world.server.perform('old', { operation: 'read', path: '/3/0/9' }), {
      code: 'asleep',
      message: /another device has taken its address 10\.0\.0\.2:1111/,
    });
    place.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1' });
    const reading = world.server.perform('mover', { operation: 'read', path: '/3/0/9' });
    await world.settle();
    await reading;

    assert.equal(codeText((await place.update(old)).code), '2.04');
    assert.equal(world.server.presence('old'), 'reachable');
    assert.equal(world.server.presence('mover'), 'asleep');
    assert.equal(codeText((await place.update(mover)).code), '2.04');
    // Both have now been heard from there: the address is shared.
    assert.equal(world.server.presence('old'), 'reachable');
    assert.equal(world.server.presence('mover'), 'reachable');
  });

  it('and others at an address that is proved to be shared displace nobody, whoever comes or registers anew', async () => {
    const world = await givenServer();
    const proxy = new ScriptedDevice(world, '10.0.0.2', 1111);
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) ids.push(await proxy.register(name));
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => world.server.presence(name)),
      ['asleep', 'asleep', 'reachable'],
    );
    for (const id of ids) await proxy.update(id);
    await proxy.register('b');
    await proxy.register('d');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => world.server.presence(name)),
      ['reachable', 'reachable', 'reachable', 'reachable'],
    );
    for (const name of ['a', 'b', 'c', 'd']) {
      proxy.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1' });
      const reading = world.server.perform(name, { operation: 'read', path: '/3/0/9' });
      await world.settle();
      await reading;
    }
  });

  it('and that registers anew at a shared address is heard there, which proves it shared', async () => {
    const world = await givenServer();
    const proxy = new ScriptedDevice(world, '10.0.0.2', 1111);
    for (const name of ['a', 'b', 'a']) await proxy.register(name);
    assert.equal(world.server.presence('a'), 'reachable');
    assert.equal(world.server.presence('b'), 'reachable');
  });

  it('is at an address of its own again once the others have left', async () => {
    const world = await givenServer();
    const proxy = new ScriptedDevice(world, '10.0.0.2', 1111);
    const first = await proxy.register('first');
    const second = await proxy.register('second');
    await proxy.update(first);
    assert.equal(world.server.presence('first'), 'reachable');
    await proxy.deregister(second);
    const after = new ScriptedDevice(world, '10.0.0.2', 2222);
    await after.update(first);
    assert.equal(world.server.registration('first')?.address, '10.0.0.2:2222');
    after.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1' });
    const reading = world.server.perform('first', { operation: 'read', path: '/3/0/9' });
    await world.settle();
    await reading;
  });
});
