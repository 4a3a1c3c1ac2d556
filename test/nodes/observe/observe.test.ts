import assert from 'node:assert/strict';
import type { Message } from '../../../nodes/runtime/flow-host';
import type { Lwm2mClient } from '../../../src/lwm2m/client/client';
import { around, deploy, device, endFlow, failureOf, inbox, lifecycle, running, saying, send, serverNode } from '../flow';
import { call } from '../lwm2m-server/api-client';

const OBSERVE = {
  type: 'dm-observe',
  device: '',
  deviceType: 'str',
  path: '/3303/0/5700',
  pathType: 'str',
  attributes: {},
  sends: true,
  keys: 'path',
  wires: [['out']],
};

async function given(properties: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await deploy([serverNode(), ...around({ ...OBSERVE, ...properties })]);
}

const operationOf = ({ dm }: Message): string => (dm as { operation: string }).operation;

/** Until the device knows that it is observed. */
async function observed(client: Lwm2mClient, path: string): Promise<void> {
  if (client.observations.includes(path)) return;
  await new Promise<void>((resolve) => {
    const unsubscribe = client.events.on('observed', (event) => {
      if (event.path !== path) return;
      unsubscribe();
      resolve();
    });
  });
}

describe('observe', () => {
  afterEach(endFlow);

  it('the first value is a state, what follows is a change', async () => {
    await given();
    const client = await device('t-1');
    const { _msgid, dm, ...first } = await inbox('out').next();
    assert.deepEqual(first, { topic: 't-1/3303/0/5700', device: 't-1', path: '/3303/0/5700', payload: 21.5 });
    const { at, ...rest } = dm as { at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'observe', contentFormat: 112, initial: true });
    assert.ok(Math.abs(Date.now() - at) < 60_000);
    client.setValue('/3303/0/5700', 22);
    const second = await inbox('out').next();
    assert.equal(second.payload, 22);
    const { at: _at, ...change } = second.dm as { at: number };
    assert.deepEqual(change, { server: 'server', operation: 'notify', contentFormat: 112 });
    await saying('1 observed');
  });

  it('several paths may be one observation, and each is told by itself', async () => {
    await given({ path: '/3303/0/5700, /3/0/9', composite: true, attributes: { con: '1' } });
    const client = await device('t-1');
    const first = [await inbox('out').next(), await inbox('out').next()];
    assert.deepEqual(first.map(({ path, payload }) => [path, payload]).sort(), [
      ['/3/0/9', 85],
      ['/3303/0/5700', 21.5],
    ]);
    assert.deepEqual(client.observations, ['/3/0/9,/3303/0/5700']);
    client.setValue('/3303/0/5700', 22);
    const { path, payload } = await inbox('out').next();
    assert.deepEqual([path, payload], ['/3303/0/5700', 22]);
    await saying('2 observed');
  });

  it('keeps a history where it is told to, which the HTTP API tells', async () => {
    await given({ history: true });
    const client = await device('t-1');
    await inbox('out').next();
    client.setValue('/3303/0/5700', 22);
    await inbox('out').next();
    client.setValue('/3303/0/5700', 23);
    await inbox('out').next();
    const { body } = await call<{ values: { path: string; value: unknown }[] }>('get', 'servers/server/devices/t-1/history');
    assert.deepEqual(
      body.values.map(({ path, value }) => [path, value]),
      [
        ['/3303/0/5700', 21.5],
        ['/3303/0/5700', 22],
        ['/3303/0/5700', 23],
      ],
    );
    const below = await call<{ values: unknown[] }>('get', 'servers/server/devices/t-1/history?path=/3303&limit=1');
    assert.equal(below.body.values.length, 1);
  });

  it('keeps none unless it is told to', async () => {
    await given();
    await device('t-1');
    await inbox('out').next();
    assert.deepEqual((await call('get', 'servers/server/devices/t-1/history')).body, { values: [] });
  });

  it('an empty device is every device, also those to come', async () => {
    await given();
    await device('t-1');
    await device('t-2');
    const names = [await inbox('out').next(), await inbox('out').next()].map((message) => message.device);
    assert.deepEqual(names.sort(), ['t-1', 't-2']);
    await saying('2 observed');
  });

  it('only the chosen devices', async () => {
    await given({ device: 't-2' });
    const other = await device('t-1');
    await device('t-2');
    assert.equal((await inbox('out').next()).device, 't-2');
    assert.deepEqual(other.observations, []);
  });

  it('an instance is an object keyed by path, or by name', async () => {
    await given({ path: '/3303/0', keys: 'name' });
    await device('t-1');
    const { payload, path } = await inbox('out').next();
    assert.deepEqual([payload, path], [{ 'Sensor Value': 21.5, 'Sensor Units': 'Cel' }, '/3303/0']);
  });

  it('several paths are several observations', async () => {
    await given({ path: '/3303/0/5700, /3/0/9' });
    const client = await device('t-1');
    await observed(client, '/3/0/9');
    await observed(client, '/3303/0/5700');
    await saying('2 observed');
  });

  it('attributes reach the device, and spare it and the flow what is not wanted', async () => {
    await given({ attributes: { gt: '30' } });
    const client = await device('t-1');
    await observed(client, '/3303/0/5700');
    client.setValue('/3303/0/5700', 25);
    client.setValue('/3303/0/5700', 31);
    const change = await inbox('out').first((message) => operationOf(message) === 'notify');
    assert.equal(change.payload, 31);
    const { links } = await running().manager.perform('t-1', { operation: 'discover', path: '/3303/0/5700' });
    assert.equal(links?.[0]?.attributes.gt, 30);
  });

  it('is established anew whenever the device registers again', async () => {
    await given();
    const client = await device('t-1');
    await inbox('out').next();
    const back = lifecycle('registered', 't-1');
    client.restart(1);
    await back;
    const again = await inbox('out').next();
    assert.deepEqual([operationOf(again), again.payload], ['observe', 21.5]);
  });

  it('a deploy sends the difference only', async () => {
    await given();
    const client = await device('t-1');
    await observed(client, '/3303/0/5700');
    const established: string[] = [];
    client.events.on('observed', ({ path }) => established.push(path));
    await given();
    await given({ path: '/3303/0/5700,/3/0/9' });
    await observed(client, '/3/0/9');
    assert.deepEqual(established, ['/3/0/9']);
    const ended = new Promise<string>((resolve) => client.events.on('observation-ended', ({ path }) => resolve(path)));
    await given({ path: '/3/0/9' });
    assert.equal(await ended, '/3303/0/5700');
    assert.deepEqual(client.observations, ['/3/0/9']);
  });

  it('a node that is removed cancels', async () => {
    await given();
    const client = await device('t-1');
    await observed(client, '/3303/0/5700');
    const ended = new Promise<void>((resolve) => client.events.on('observation-ended', () => resolve()));
    await deploy([serverNode(), ...around(OBSERVE).filter(({ id }) => id !== 'node')]);
    await ended;
  });

  it('two nodes share one observation, and each gets every value', async () => {
    await deploy([
      serverNode(),
      ...around(OBSERVE),
      { id: 'second', z: 'tab', ...OBSERVE, server: 'server', wires: [['failed']] },
    ]);
    let times = 0;
    const client = await device('t-1');
    client.events.on('observed', () => times++);
    await inbox('out').next();
    await inbox('failed').next();
    client.setValue('/3303/0/5700', 22);
    assert.equal((await inbox('out').next()).payload, 22);
    assert.equal((await inbox('failed').next()).payload, 22);
    assert.ok(times <= 1);
    assert.equal(client.observations.length, 1);
  });

  it('emits Sends of the chosen devices, at and below the chosen paths', async () => {
    await given({ path: '/3303' });
    const client = await device('t-1');
    await inbox('out').next();
    await client.send(['/3303/0/5700', '/3/0/9']);
    const { payload, path, topic, dm } = await inbox('out').first((message) => operationOf(message) === 'send');
    assert.deepEqual([payload, path, topic], [21.5, '/3303/0/5700', 't-1/3303/0/5700']);
    assert.ok(Math.abs((dm as { at: number }).at - Date.now()) < 60_000);
  });

  it('without a path it emits every Send, and observes nothing', async () => {
    await given({ path: '' });
    const client = await device('t-1');
    await client.send(['/3303/0/5700', '/3/0/9']);
    const { payload, path } = await inbox('out').next();
    assert.deepEqual([payload, path], [{ '/3303/0/5700': 21.5, '/3/0/9': 85 }, '/']);
    assert.deepEqual(client.observations, []);
    await saying('nothing to observe');
  });

  it('leaves Sends alone when told to', async () => {
    await given({ path: '/3303/0/5700', sends: false });
    const client = await device('t-1');
    await inbox('out').next();
    await client.send(['/3303/0/5700']);
    client.setValue('/3303/0/5700', 23);
    assert.deepEqual([operationOf(await inbox('out').next()), inbox('out').all.length], ['notify', 2]);
  });

  it('starts, lists and stops by message; what was started outlives a deploy', async () => {
    const properties = { device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
    await given(properties);
    const client = await device('t-1');
    send({ action: 'start', device: 't-1', path: '/3/0/9' });
    assert.equal((await inbox('out').next()).payload, 85);
    await inbox('completed').next();
    await given(properties);
    send({ action: 'list' });
    const { payload } = await inbox('out').first((message) => operationOf(message) === 'list');
    assert.deepEqual(payload, [{ device: 't-1', path: '/3/0/9', attributes: {}, observed: 1, pending: 0, refused: [] }]);
    const ended = new Promise<void>((resolve) => client.events.on('observation-ended', () => resolve()));
    send({ action: 'stop', device: 't-1' });
    await ended;
    assert.deepEqual(client.observations, []);
  });

  const mistakes: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ['no action', {}, 'invalid-request', /^msg\.action must be start, stop or list, but it is missing$/],
    ['an action that is none', { action: 'constructor' }, 'invalid-request', /but it is "constructor"$/],
    ['no path', { action: 'start', device: 't-1' }, 'invalid-path', /^which path\?/],
    ['a path that is none', { action: 'start', device: 't-1', path: '/a' }, 'invalid-path', /"a" is not a number/],
    ['a path that is no text', { action: 'start', device: 't-1', path: 3303 }, 'invalid-path', /but a number came/],
    ['a device that is none', { action: 'start', device: 5, path: '/3' }, 'invalid-request', /a number came/],
  ];
  it('says what is wrong with a message', async () => {
    await given({ device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' });
    for (const [what, message, code, text] of mistakes) {
      send(message);
      const { code: actual, message: told } = failureOf(await inbox('caught').next());
      assert.equal(actual, code, `${what}: ${told}`);
      assert.match(told, text, what);
    }
    assert.deepEqual(inbox('completed').all, []);
  });

  it('what a device does not let be observed reaches the Catch node, with device and path', async () => {
    await given({ device: 't-1', path: '/3303/9/5700' });
    await device('t-1');
    const failed = await inbox('caught').next();
    assert.equal(failureOf(failed).code, '4.04');
    assert.match(failureOf(failed).message, /'t-1' cannot be observed at \/3303\/9\/5700/);
    assert.deepEqual([failed.device, failed.path, failed.topic], ['t-1', '/3303/9/5700', 't-1/3303/9/5700']);
    await saying('0 observed, 1 refused');
  });

  it('an attribute that is no number, or a path that is none, reaches the Catch node', async () => {
    await given({ attributes: { pmin: 'often' } });
    assert.match(failureOf(await inbox('caught').next()).message, /the attribute pmin must be a number/);
    await given({ path: '/x' });
    assert.match(failureOf(await inbox('caught').next()).message, /"x" is not a number/);
  });

  it('without a server it says so', async () => {
    await deploy(around({ ...OBSERVE, server: '' }));
    await saying('no server');
    send({ action: 'list' });
    assert.match(failureOf(await inbox('caught').next()).message, /this node has no LwM2M server/);
  });
});
