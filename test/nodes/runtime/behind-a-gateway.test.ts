/** Devices behind a gateway, over real UDP: for every node they are devices like any other. */
import assert from 'node:assert/strict';
import { Lwm2mClient as Client, type Lwm2mClient } from '../../../src/lwm2m/client/client';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { around, deploy, device, endFlow, failureOf, inbox, lifecycle, running, send, serverNode } from '../flow';

const TARGET = { device: 'lamp-1', deviceType: 'str', path: 'path', pathType: 'msg', failures: 'catch' };

function lamp(prefix: string): ObjectTree {
  const tree = new ObjectTree({ prefix });
  tree.add(3, 0, { 0: 'Lumen', 9: 70, 11: [0], 14: '+00:00', 16: 'U' }, { 4: { execute: () => undefined } });
  tree.add(3303, 0, { 5700: 18, 5701: 'Cel' });
  return tree;
}

async function given(node: Readonly<Record<string, unknown>>): Promise<Lwm2mClient> {
  await deploy([serverNode(), ...around({ ...TARGET, ...node })]);
  return join();
}

async function join(): Promise<Lwm2mClient> {
  const there = [lifecycle('registered', 'lamp-1'), lifecycle('registered', 'lamp-2')];
  const client = await device('gw', {
    objects: new ObjectTree({ versions: { 25: '2.0' } }),
    endDevices: [
      { deviceId: 'lamp-1', objects: lamp('d01') },
      { deviceId: 'lamp-2', objects: lamp('d02') },
    ],
  });
  await Promise.all(there);
  assert.ok(client instanceof Client);
  return client;
}

const tree = (client: Lwm2mClient, prefix: string): ObjectTree => client.endDevices.get(prefix)?.objects as ObjectTree;

describe('nodes and devices behind a gateway', () => {
  afterEach(endFlow);

  it('register tells of them, with their gateway', async () => {
    await given({ type: 'dm-register', device: '', wires: [['out']] });
    const message = await inbox('out').first(({ event, device: name }) => event === 'registered' && name === 'lamp-2');
    assert.deepEqual((message.payload as { gateway: unknown }).gateway, { endpoint: 'gw', prefix: 'd02' });
  });

  it('read reads them, one or many', async () => {
    const client = await given({
      type: 'dm-read',
      deviceType: 'msg',
      device: 'device',
      operation: 'read',
      format: 'auto',
      keys: 'path',
    });
    tree(client, 'd02').set('/3/0/9', 12);
    send({ device: 'lamp-2', path: '/3/0/9' });
    assert.equal((await inbox('out').next()).payload, 12);
    send({ device: 'lamp-*', path: '/3303/0/5701' });
    const names = [await inbox('out').next(), await inbox('out').next()].map((message) => message.device);
    assert.deepEqual(names.sort(), ['lamp-1', 'lamp-2']);
    send({ device: 'lamp-1', path: '/9/0' });
    assert.equal(failureOf(await inbox('caught').next()).code, '4.04');
  });

  it('write writes to the one that is meant', async () => {
    const client = await given({ type: 'dm-write' });
    send({ path: '/3/0/14', payload: '+05:00' });
    await inbox('out').next();
    assert.deepEqual(
      ['d01', 'd02'].map((prefix) => tree(client, prefix).get('/3/0/14')),
      ['+05:00', '+00:00'],
    );
  });

  it('execute executes at the one that is meant', async () => {
    const client = await given({ type: 'dm-execute', preset: '', arguments: '', argumentsType: 'none' });
    const executed: string[] = [];
    for (const prefix of ['d01', 'd02']) {
      client.endDevices.get(prefix)?.events.on('executed', ({ path }) => executed.push(`${prefix} ${path}`));
    }
    send({ path: '/3/0/4' });
    await inbox('out').next();
    assert.deepEqual(executed, ['d01 /3/0/4']);
  });

  it('observe observes them, and again when the gateway has come back', async () => {
    const client = await given({
      type: 'dm-observe',
      device: 'lamp-1',
      path: '/3303/0/5700',
      pathType: 'str',
      attributes: {},
      sends: true,
      keys: 'path',
      wires: [['out']],
    });
    const { device: name, path, payload, topic } = await inbox('out').next();
    assert.deepEqual([name, path, payload, topic], ['lamp-1', '/3303/0/5700', 18, 'lamp-1/3303/0/5700']);
    tree(client, 'd01').set('/3303/0/5700', 19);
    assert.equal((await inbox('out').next()).payload, 19);
    const back = lifecycle('registered', 'lamp-1');
    client.restart(20, () => tree(client, 'd01').set('/3303/0/5700', 25));
    await back;
    assert.equal((await inbox('out').next()).payload, 25);
    await client.send(['/d01/3303/0/5700']);
    const sent = await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'send');
    assert.deepEqual([sent.device, sent.payload], ['lamp-1', 25]);
    assert.deepEqual(running().manager.observations('lamp-1'), ['/3303/0/5700']);
  });
});
