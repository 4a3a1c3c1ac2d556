import assert from 'node:assert/strict';
import type { Message } from '../../../nodes/runtime/flow-host';
import type { OperationKind } from '../../../nodes/runtime/operation-kind';
import { OperationNode } from '../../../nodes/runtime/operation-node';
import { type OperationProperties, operationSettings } from '../../../nodes/runtime/operation-settings';
import { DeviceManagementError } from '../../../src/errors';
import { settled } from '../../fleet/fake-manager';
import { FakeHost, listening } from './fake-host';

const READ: OperationKind = {
  request: (path) => ({ operation: 'read', path }),
  payload: ({ values }) => values[0]?.value ?? null,
};

async function setup(properties: Partial<OperationProperties> = {}, kind = READ) {
  const { manager, clock, server, log } = await listening();
  const host = new FakeHost();
  const settings = operationSettings({
    server: 'server-1',
    device: 'device',
    deviceType: 'msg',
    path: 'path',
    pathType: 'msg',
    ...properties,
  });
  const node = new OperationNode(host, server, settings, kind);
  const dones: (Error | undefined)[] = [];
  const input = async (message: Message): Promise<void> => {
    void node.input(message, host.send, (error) => dones.push(error));
    await settled();
  };
  manager.behaviour = () => ({ code: '2.05', contentFormat: 0, values: [{ path: '/3/0/9', value: 85 }] });
  return { manager, clock, server, host, node, dones, input, settings, log };
}

const messagesOf = (host: FakeHost): Message[] => host.sent.map(([message]) => message as Message);

describe('operation node: one device', () => {
  it('answers on the message that asked, keeping what else it bears', async () => {
    const { manager, host, dones, input } = await setup();
    manager.register('sim-001');
    const message = { _msgid: 'a', topic: 'mine', other: 1, device: 'sim-001', path: '3/0/9', payload: 'old' };
    await input(message);
    assert.equal(host.sent[0]?.[0], message);
    assert.deepEqual(message as Message, {
      _msgid: 'a',
      topic: 'mine',
      other: 1,
      device: 'sim-001',
      path: '/3/0/9',
      payload: 85,
      dm: { server: 'server-1', operation: 'read', code: '2.05', contentFormat: 0, rtt: 1, at: 1000 },
    });
    assert.deepEqual(dones, [undefined]);
  });

  it('a value of the dialog wins: a message never re-targets the node', async () => {
    const { manager, input } = await setup({ device: 'sim-001', deviceType: 'str', path: '/3/0/9', pathType: 'str' });
    manager.register('sim-001');
    await input({ device: 'sim-002', path: '/3/0/0' });
    assert.deepEqual(manager.log('sim-001'), ['read /3/0/9']);
  });

  it("an empty setting is the message's", async () => {
    const { manager, input } = await setup({ device: '', deviceType: 'str', path: '', pathType: 'str' });
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    assert.deepEqual(manager.log('sim-001'), ['read /3/0/9']);
  });

  const mistakes: readonly [string, Message, string, string][] = [
    [
      'no device',
      { path: '/3/0/9' },
      'invalid-request',
      'which device? msg.device is empty: choose a device in the node, or send its endpoint name in msg.device',
    ],
    [
      'a device that is no name',
      { device: 5, path: '/3/0/9' },
      'invalid-request',
      'the device must be an endpoint name, a pattern such as "kitchen-*", a selector such as "tag=floor-2 & firmware<2", or an array of them, but a number came',
    ],
    [
      'no path',
      { device: 'sim-001' },
      'invalid-path',
      'which path? msg.path is empty: set a path such as /3/0/9 in the node, or send it in msg.path',
    ],
    [
      'a path that is no text',
      { device: 'sim-001', path: 3 },
      'invalid-path',
      'msg.path must be a text such as /3/0/9, but it is a number',
    ],
    [
      'a path that is no path',
      { device: 'sim-001', path: '/3/battery' },
      'invalid-path',
      '"/3/battery" is not a path: "battery" is not a number. Use /object/instance/resource, for example /3/0/9.',
    ],
    [
      'a misspelt device',
      { device: 'sim-0O1', path: '/3/0/9' },
      'not-registered',
      "no device 'sim-0O1' is registered; did you mean sim-001?",
    ],
    [
      'a device nobody has heard of',
      { device: 'boiler', path: '/3/0/9' },
      'not-registered',
      "no device 'boiler' is registered; 1 other is: check the name, or wait until it has registered",
    ],
    [
      'a pattern without a match',
      { device: 'kitchen-*', path: '/3/0/9' },
      'not-registered',
      'no registered device matches "kitchen-*"; 1 are registered',
    ],
  ];
  for (const [name, message, code, text] of mistakes) {
    it(`${name}: says so to done`, async () => {
      const { manager, host, dones, input } = await setup();
      manager.register('sim-001');
      await input(message);
      assert.equal(dones.length, 1);
      assert.equal(String(dones[0]), text);
      assert.equal((dones[0] as { code?: string }).code, code);
      assert.deepEqual(host.sent, []);
    });

    it(`${name}: says so on the failure output`, async () => {
      const { manager, host, dones, input } = await setup({ failures: 'output' });
      manager.register('sim-001');
      await input(message);
      assert.deepEqual(dones, [undefined]);
      const [first, second] = host.sent[0] ?? [];
      assert.equal(first, null);
      const error = second?.error as { message: string; code: string; source: object };
      assert.equal(error.message, text);
      assert.equal(error.code, code);
      assert.deepEqual(error.source, { id: 'node-1', type: 'dm-test', name: undefined, count: 1 });
    });
  }

  it('the answer of a device is a failure that bears device and path', async () => {
    const { manager, dones, input } = await setup();
    manager.register('sim-001');
    manager.behaviour = () => new DeviceManagementError('4.04', 'sim-001 has no /3/0/99');
    const message: Message = { device: 'sim-001', path: '3/0/99' };
    await input(message);
    assert.equal((dones[0] as { code?: string }).code, '4.04');
    assert.equal(String(dones[0]), 'sim-001 has no /3/0/99');
    assert.equal(message.path, '/3/0/99');
  });

  it('an expression that fails names its setting', async () => {
    const { input, dones } = await setup({ device: '$x()', deviceType: 'jsonata' });
    await input({ path: '/3' });
    assert.equal(String(dones[0]), 'the setting "device" cannot be evaluated: no such function');
  });

  it('without a server it says what to do', async () => {
    const host = new FakeHost();
    const node = new OperationNode(host, undefined, operationSettings({ server: '' }), READ);
    const dones: (Error | undefined)[] = [];
    await node.input({ device: 'sim-001', path: '/3' }, host.send, (error) => dones.push(error));
    assert.match(String(dones[0]), /this node has no LwM2M server: open it, choose or add one, and deploy/);
    assert.deepEqual(host.statuses[0]?.text, 'runtime.no-server');
  });
});

describe('operation node: a device that sleeps', () => {
  it('done at once, the status says how many wait, and the answer continues the message', async () => {
    const { manager, host, dones, input, clock } = await setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const message: Message = { device: 'sim-001', path: '/3/0/9', other: 1 };
    await input(message);
    assert.deepEqual(dones, [undefined]);
    clock.advance(200);
    assert.equal(host.statuses.at(-1)?.text, 'runtime.queued{"n":1}');
    manager.wake('sim-001');
    await settled();
    assert.equal(host.sent[0]?.[0], message);
    assert.equal(message.other, 1);
    assert.equal(dones.length, 1);
    clock.advance(200);
    assert.equal(host.statuses.at(-1)?.text, 'runtime.ok');
  });

  it('a wait that fails is raised on the message, though done was told long ago', async () => {
    const { manager, host, input, clock } = await setup({ ttl: '10' });
    manager.register('sim-001');
    manager.sleep('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    clock.advance(11_000);
    assert.equal(host.raised[0]?.error.code, 'queue-expired');
    assert.equal(host.raised[0]?.message.device, 'sim-001');
  });

  it('fails when told to', async () => {
    const { manager, dones, input } = await setup({ whenAsleep: 'fail' });
    manager.register('sim-001');
    manager.sleep('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    assert.equal((dones[0] as { code?: string }).code, 'asleep');
  });

  it('a message that answers an HTTP request fails rather than waits', async () => {
    const { manager, dones, input } = await setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9', res: {} });
    assert.equal((dones[0] as { code?: string }).code, 'asleep');
  });

  it('timeout bounds the exchange, ttl the wait', async () => {
    const { manager, input } = await setup({ timeout: '5', ttl: '60' });
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    assert.deepEqual(manager.asked[0]?.options, { timeoutMs: 5000 });
  });
});

describe('operation node: priority', () => {
  const asleep = async (properties: Partial<OperationProperties>) => {
    const world = await setup(properties);
    world.manager.register('sim-001');
    world.manager.sleep('sim-001');
    const ask = (path: string, priority?: unknown) => world.input({ device: 'sim-001', path, priority });
    const asked = () => world.server.fleet.requests.line('sim-001').map(({ path }) => path);
    return { ...world, ask, asked };
  };

  it("is the node's, whatever the message says", async () => {
    const { ask, asked } = await asleep({});
    await ask('/3/0/1', 'low');
    await ask('/3/0/2', 'high');
    assert.deepEqual(asked(), ['/3/0/1', '/3/0/2']);
  });

  it("is the message's where the node says so, normal where it says nothing", async () => {
    const { ask, asked } = await asleep({ priority: 'message' });
    await ask('/3/0/1', 'low');
    await ask('/3/0/2');
    await ask('/3/0/3', 'high');
    assert.deepEqual(asked(), ['/3/0/3', '/3/0/2', '/3/0/1']);
  });

  it('that is none is refused, saying what it may be', async () => {
    const { ask, asked, dones } = await asleep({ priority: 'message' });
    await ask('/3/0/1', 1);
    assert.deepEqual(asked(), []);
    assert.match(dones[0]?.message ?? '', /^msg\.priority must be high, normal or low, but it is 1: /);
  });
});

describe('operation node: many devices', () => {
  it('a message for each, in parts as Split makes them, done once', async () => {
    const { manager, host, dones, input } = await setup();
    for (const device of ['sim-001', 'sim-002']) manager.register(device);
    const outer = { id: 'outer', index: 0, count: 1 };
    await input({ _msgid: 'a', device: ['sim-001', 'sim-002'], path: '/3/0/9', parts: outer });
    assert.deepEqual(
      messagesOf(host).map(({ device, payload, parts, _msgid }) => ({ device, payload, parts, _msgid })),
      ['sim-001', 'sim-002'].map((device, index) => ({
        device,
        payload: 85,
        parts: { parts: outer, id: 'id-1', type: 'object', key: device, index, count: 2 },
        _msgid: undefined,
      })),
    );
    assert.deepEqual(dones, [undefined]);
  });

  it('a pattern means the registered devices that match', async () => {
    const { manager, host, input } = await setup({ device: 'sim-*', deviceType: 'str' });
    for (const device of ['sim-001', 'sim-002', 'boiler']) manager.register(device);
    await input({ path: '/3/0/9' });
    assert.deepEqual(
      messagesOf(host).map(({ device }) => device),
      ['sim-001', 'sim-002'],
    );
  });

  it('each failure is raised on its own message', async () => {
    const { manager, host, dones, input } = await setup();
    manager.register('sim-001');
    await input({ device: ['sim-001', 'sim-0O1'], path: '/3/0/9' });
    assert.equal(host.sent.length, 1);
    assert.equal(host.raised[0]?.error.code, 'not-registered');
    assert.equal(host.raised[0]?.message.device, 'sim-0O1');
    assert.equal((host.raised[0]?.message.parts as { index: number } | undefined)?.index, 1);
    assert.deepEqual(dones, [undefined]);
  });

  it('or sent to the failure output', async () => {
    const { manager, host, input } = await setup({ failures: 'output' });
    manager.register('sim-001');
    await input({ device: ['sim-001', 'sim-0O1'], path: '/3/0/9' });
    const failures = host.sent.filter(([first]) => first === null);
    assert.equal((failures[0]?.[1]?.error as { code: string } | undefined)?.code, 'not-registered');
    assert.deepEqual(host.raised, []);
  });

  it('at most `concurrency` at a time', async () => {
    const { manager, dones, input } = await setup({ concurrency: 7 });
    manager.behaviour = () => new Promise((resolve) => setImmediate(() => resolve({})));
    const devices = Array.from({ length: 100 }, (_, index) => `sim-${index}`);
    for (const device of devices) manager.register(device);
    await input({ device: devices, path: '/3/0/9' });
    while (dones.length === 0) await settled();
    assert.equal(manager.asked.length, 100);
    assert.equal(manager.mostInFlight, 7);
  });

  it('collected into one message when told to', async () => {
    const { manager, host, dones, input } = await setup({ collect: true });
    manager.register('sim-001');
    await input({ device: ['sim-001', 'sim-0O1'], path: '/3/0/9' });
    const [message] = messagesOf(host);
    assert.deepEqual(message?.payload, {
      'sim-001': { value: 85 },
      'sim-0O1': {
        error: { code: 'not-registered', message: "no device 'sim-0O1' is registered; did you mean sim-001?" },
      },
    });
    assert.equal(host.sent.length, 1);
    assert.deepEqual(dones, [undefined]);
  });
});

describe('operation node: deploys', () => {
  it('what is under way is answered to the successor, with what was kept and msg.dm.resumed', async () => {
    const { manager, server, node, dones, input, settings, host } = await setup();
    let answer: () => void = () => {};
    manager.behaviour = () =>
      new Promise((resolve) => {
        answer = () => resolve({ values: [{ path: '/3/0/9', value: 85 }] });
      });
    manager.register('sim-001');
    await input({ _msgid: 'a', topic: 'battery', other: 1, device: 'sim-001', path: '/3/0/9' });
    node.close(false);
    assert.deepEqual(dones, [undefined]);
    const successor = new FakeHost();
    new OperationNode(successor, server, settings, READ);
    answer();
    await settled();
    assert.deepEqual(host.sent, []);
    assert.deepEqual(messagesOf(successor), [
      {
        _msgid: 'a',
        topic: 'battery',
        device: 'sim-001',
        path: '/3/0/9',
        payload: 85,
        dm: { server: 'server-1', operation: 'read', code: '2.05', rtt: 1, at: 1000, resumed: true },
      },
    ]);
  });

  it('an answer that comes while flows are being built waits until they run: the nodes behind may not exist yet', async () => {
    const { manager, server, node, input, settings } = await setup();
    let answer: () => void = () => {};
    manager.behaviour = () =>
      new Promise((resolve) => {
        answer = () => resolve({ values: [{ path: '/3/0/9', value: 85 }] });
      });
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    server.hold();
    node.close(false);
    answer();
    await settled();
    const successor = new FakeHost();
    new OperationNode(successor, server, settings, READ);
    assert.deepEqual(successor.sent, []);
    server.sweep();
    server.release();
    assert.equal(messagesOf(successor)[0]?.payload, 85);
  });

  it('a fan-out in the middle loses no device', async () => {
    const { manager, server, node, input, settings, host } = await setup({ concurrency: 5 });
    manager.behaviour = () => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve({}))));
    const devices = Array.from({ length: 40 }, (_, index) => `sim-${index}`);
    for (const device of devices) manager.register(device);
    await input({ device: devices, path: '/3/0/9' });
    node.close(false);
    const successor = new FakeHost();
    new OperationNode(successor, server, settings, READ);
    while (host.sent.length + successor.sent.length < 40) await settled();
    const answered = [...messagesOf(host), ...messagesOf(successor)].map(({ device }) => device);
    assert.deepEqual(answered.sort(), devices.sort());
  });

  it('a node that is removed has nothing asked any more', async () => {
    const { manager, server, node, input, host } = await setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    node.close(true);
    assert.equal(server.fleet.requests.waiting(), 0);
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(host.sent, []);
    assert.deepEqual(manager.asked, []);
  });

  it('the answer for a node that never came back is a line in the log', async () => {
    const { manager, server, node, input, log } = await setup();
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    manager.sleep('sim-001');
    await input({ device: 'sim-001', path: '/3/0/9' });
    node.close(false);
    manager.wake('sim-001');
    await settled();
    server.sweep();
    assert.deepEqual(log, ["read /3/0/9 of device 'sim-001' was answered 2.05, but node node-1, which had asked, is gone"]);
  });
});

describe('operation node: status', () => {
  it('tells what is under way, then how it ended', async () => {
    const { manager, host, input, clock } = await setup();
    let answer: () => void = () => {};
    manager.behaviour = () =>
      new Promise((resolve) => {
        answer = () => resolve(new DeviceManagementError('4.05', 'no'));
      });
    manager.register('sim-001');
    assert.deepEqual(host.statuses.at(-1), { fill: 'green', shape: 'dot', text: 'runtime.listening{"port":5683}' });
    await input({ device: 'sim-001', path: '/3/0/9' });
    clock.advance(200);
    assert.deepEqual(host.statuses.at(-1), { fill: 'blue', shape: 'dot', text: 'runtime.in-flight{"n":1}' });
    answer();
    await settled();
    clock.advance(200);
    assert.deepEqual(host.statuses.at(-1), { fill: 'red', shape: 'ring', text: 'runtime.failed{"code":"4.05"}' });
  });

  it('is told at most ten times a second', async () => {
    const { manager, host, input, clock } = await setup();
    manager.register('sim-001');
    const before = host.statuses.length;
    for (let count = 0; count < 100; count++) {
      await input({ device: 'sim-001', path: '/3/0/9' });
      clock.advance(10);
    }
    assert.ok(host.statuses.length - before <= 11, `${host.statuses.length - before}`);
  });
});

describe('operation node: guard', () => {
  const LOW = () => ({ values: [{ path: '/3/0/9', value: 10 }] });

  it('a device that is not to be disturbed gives a failure with its reason and when to try again', async () => {
    const { manager, clock, host, dones, input } = await setup({ guard: { battery: 30 }, failures: 'output' });
    manager.register('sim-001');
    manager.behaviour = LOW;
    await input({ device: 'sim-001', path: '/3/0/0' });
    const [[, failed] = []] = host.sent;
    const error = (failed as Message).error as { code: string; retryAt: number; message: string };
    assert.equal(error.code, 'deferred');
    assert.equal(error.retryAt, clock.wall() + 300_000);
    assert.match(error.message, /its battery is at 10 %/);
    assert.deepEqual(manager.log(), ['read /3/0'], 'what was asked for was not sent');
    assert.deepEqual(dones, [undefined]);
  });

  it('msg.force goes all the same', async () => {
    const { manager, host, input } = await setup({ guard: { battery: 30 } });
    manager.register('sim-001');
    manager.behaviour = LOW;
    await input({ device: 'sim-001', path: '/3/0/0', force: true });
    assert.equal(messagesOf(host)[0]?.payload, 10);
  });

  it('without rules asks nothing besides', async () => {
    const { manager, input } = await setup({ guard: {} });
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/0' });
    assert.deepEqual(manager.log(), ['read /3/0/0']);
  });

  it('a rule that is none is told by its field', async () => {
    const { manager, dones, input } = await setup({ guard: { battery: 'full' } });
    manager.register('sim-001');
    await input({ device: 'sim-001', path: '/3/0/0' });
    assert.match(dones[0]?.message ?? '', /^guard\.battery must be a number from 0 to 100/);
  });
});
