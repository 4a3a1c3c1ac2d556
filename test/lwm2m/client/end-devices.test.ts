/** A client as a gateway (LwM2M Gateway 1.1): what a server can do with the devices behind it, message by message. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { Option } from '../../../src/coap/options';
import { DeviceManagementError } from '../../../src/errors';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { givenClient, pathOf, textOf, thermometer, type World } from './world';

function lamp(prefix: string, version = '1.1'): ObjectTree {
  const tree = new ObjectTree({ version, prefix });
  tree.add(3, 0, { 0: 'Lumen', 9: 70, 11: [0], 14: '+00:00', 16: 'U' }, { 4: { execute: () => undefined } });
  tree.add(3303, 0, { 5700: 18, 5701: 'Cel' });
  tree.permit(3303, { create: true, delete: true });
  return tree;
}

async function givenGateway(version = '1.1'): Promise<World & { readonly lamp: ObjectTree; readonly other: ObjectTree }> {
  const trees = { lamp: lamp('d01', version), other: lamp('d02', version) };
  const world = await givenClient({
    objects: thermometer(version, { 25: '2.0' }),
    muteSend: false,
    endDevices: [
      { deviceId: 'lamp-1', objects: trees.lamp },
      { deviceId: 'lamp-2', objects: trees.other },
    ],
  });
  return { ...world, ...trees };
}

describe('a client with devices behind it', () => {
  it('announces object 25 in version 2.0, with an instance for each', async () => {
    const { server } = await givenGateway();
    assert.match(textOf(server.askedFor('/rd')[0] as never), /<\/25>;ver=2\.0,<\/25\/0>,<\/25\/1>/);
    const answer = await server.ask('/25/0', { accept: 110 });
    assert.deepEqual(JSON.parse(answer.payload.toString()), [
      { bn: '/25/0/', n: '0', vs: 'lamp-1' },
      { n: '1', vs: 'd01' },
      { n: '3', vs: '</3/0>,</3303/0>' },
    ]);
  });

  it('answers for each below its prefix: Read', async () => {
    const { server } = await givenGateway();
    assert.equal((await server.ask('/d01/3/0/9')).payload.toString(), '70');
    assert.equal((await server.ask('/3/0/9')).payload.toString(), '85');
    const answer = await server.ask('/d01/3303/0', { accept: 110 });
    assert.deepEqual(JSON.parse(answer.payload.toString()), [
      { bn: '/d01/3303/0/', n: '5700', v: 18 },
      { n: '5701', vs: 'Cel' },
    ]);
  });

  it('answers for each below its prefix: Write, Execute, Create, Delete', async () => {
    const { server, lamp, other, client } = await givenGateway();
    const executed: string[] = [];
    client.endDevices.get('d01')?.events.on('executed', ({ path }) => executed.push(path));
    const payload = JSON.stringify([{ n: '/d01/3/0/14', vs: '+02:00' }]);
    assert.equal((await server.ask('/d01/3/0', { code: Code.Post, contentFormat: 110, payload })).code, Code.Changed);
    assert.deepEqual([lamp.get('/3/0/14'), other.get('/3/0/14')], ['+02:00', '+00:00']);
    const strange = JSON.stringify([{ n: '/d02/3/0/14', vs: '+03:00' }]);
    assert.equal((await server.ask('/d01/3/0', { code: Code.Post, contentFormat: 110, payload: strange })).code, Code.BadRequest);
    assert.equal((await server.ask('/d01/3/0/4', { code: Code.Post })).code, Code.Changed);
    assert.deepEqual(executed, ['/3/0/4']);
    const created = await server.ask('/d01/3303', {
      code: Code.Post,
      contentFormat: 110,
      payload: JSON.stringify([{ n: '/d01/3303/4/5700', v: 5 }]),
    });
    assert.deepEqual(created.strings(Option.LocationPath), ['d01', '3303', '4']);
    assert.equal((await server.ask('/d01/3303/4', { code: Code.Delete })).code, Code.Deleted);
    assert.equal(lamp.instance(3303, 4), undefined);
  });

  it('answers for each below its prefix: Discover, with links that have none', async () => {
    const { server } = await givenGateway();
    assert.equal((await server.ask('/d01/3303/0', { code: Code.Put, query: ['pmin=3'] })).code, Code.Changed);
    const answer = await server.ask('/d01/3303/0', { accept: 40 });
    assert.equal(answer.payload.toString(), '</3303/0>;pmin=3,</3303/0/5700>,</3303/0/5701>');
    assert.equal((await server.ask('/d02/3303/0', { accept: 40 })).payload.toString().includes('pmin'), false);
  });

  it('notifies for each, with names below its prefix', async () => {
    const world = await givenGateway();
    const { server, lamp, other, client } = world;
    await server.ask('/d01/3303/0', { observe: 0, accept: 110, token: 'a' });
    assert.deepEqual(client.observations, ['/d01/3303/0']);
    other.set('/3303/0/5700', 30);
    lamp.set('/3303/0/5700', 19);
    await world.seconds(1);
    assert.equal(server.notified.length, 1);
    assert.match(server.notified[0]?.payload.toString() ?? '', /"\/d01\/3303\/0\/".*19/);
    await server.ask('/d01/3303/0', { observe: 1, accept: 110, token: 'a' });
    assert.deepEqual(client.observations, []);
  });

  it('answers composites for one device at a time, as their names say', async () => {
    const { server, lamp } = await givenGateway();
    const fetch = (...names: string[]) =>
      server.ask('', { code: Code.Fetch, contentFormat: 110, payload: JSON.stringify(names.map((n) => ({ n }))) });
    const answer = await fetch('/d01/3/0/9', '/d01/3303/0/5700', '/d01/5');
    assert.deepEqual(JSON.parse(answer.payload.toString()), [
      { n: '/d01/3/0/9', v: 70 },
      { n: '/d01/3303/0/5700', v: 18 },
    ]);
    assert.equal(codeText((await fetch('/d01/3/0/9', '/d02/3/0/9')).code), '4.05');
    assert.equal(codeText((await fetch('/d01/3/0/9', '/3/0/9')).code), '4.05');
    assert.equal(codeText((await fetch('/d09/3/0/9')).code), '4.04');
    const payload = JSON.stringify([{ n: '/d01/3/0/14', vs: '+05:00' }]);
    assert.equal((await server.ask('', { code: Code.IPatch, contentFormat: 110, payload })).code, Code.Changed);
    assert.equal(lamp.get('/3/0/14'), '+05:00');
  });

  it('sends for each what the application asks it to', async () => {
    const { server, client, clock } = await givenGateway();
    const sent = client.send(['/3/0/9', '/d01/3/0/9']);
    await clock.advanceAsync(50);
    await sent;
    const hex = server.askedFor('/dp')[0]?.payload.toString('hex') ?? '';
    assert.ok(hex.includes(Buffer.from('/3/0/9').toString('hex')));
    assert.ok(hex.includes(Buffer.from('/d01/3/0/9').toString('hex')));
    await assert.rejects(client.send(['/d09/3/0/9']), { code: 'invalid-path' });
  });

  it('has no path of a device that is not there', async () => {
    const { server } = await givenGateway();
    assert.equal(codeText((await server.ask('/d09/3/0/9')).code), '4.04');
    assert.equal(codeText((await server.ask('/d01')).code), '4.00');
    assert.equal(codeText((await server.ask('/d01/d01/3/0')).code), '4.04');
    assert.equal(codeText((await server.ask('/d01/0')).code), '4.01');
  });

  it('tells what comes, what goes and what changes behind it', async () => {
    const world = await givenGateway();
    const { server, client, lamp } = world;
    await server.ask('/25', { observe: 0, accept: 110, token: 'g' });
    lamp.remove(3303, 0);
    await world.seconds(1);
    assert.match(server.notified.at(-1)?.payload.toString() ?? '', /"0\/3","vs":"<\/3\/0>,<\/3303>"/);
    client.endDevices.add({ deviceId: 'lamp-3', objects: new ObjectTree({ prefix: 'd03' }) });
    await world.seconds(1);
    assert.match(server.notified.at(-1)?.payload.toString() ?? '', /lamp-3/);
    await server.ask('/d01/3/0/9', { observe: 0, token: 'x' });
    client.endDevices.remove('d01');
    await world.seconds(1);
    assert.doesNotMatch(server.notified.at(-1)?.payload.toString() ?? '', /lamp-1/);
    assert.deepEqual(client.observations, ['/25']);
    assert.equal(codeText((await server.ask('/d01/3/0/9')).code), '4.04');
    const updates = server.asked.filter((message) => pathOf(message) === '/rd/a1').map(textOf);
    assert.match(updates.at(-1) ?? '', /<\/25\/1>,<\/25\/2>/);
  });

  it('forgets observations and attributes of each after a restart', async () => {
    const world = await givenGateway();
    const { server, client } = world;
    await server.ask('/d01/3303/0', { code: Code.Put, query: ['pmin=3'] });
    await server.ask('/d01/3303/0', { observe: 0 });
    client.restart(1_000);
    await world.seconds(5);
    assert.deepEqual(client.observations, []);
    assert.equal((await server.ask('/d01/3303/0', { accept: 40 })).payload.toString().includes('pmin'), false);
  });

  it('takes none without a prefix, with that of another, or where object 25 is not of version 2.0', async () => {
    const { client } = await givenGateway();
    const refused = (objects: ObjectTree, says: RegExp, of = client): void => {
      assert.throws(
        () => of.endDevices.add({ deviceId: 'x', objects }),
        (error) => error instanceof DeviceManagementError && error.code === 'invalid-request' && says.test(error.message),
      );
    };
    refused(new ObjectTree(), /needs a prefix/);
    refused(new ObjectTree({ prefix: '12' }), /needs a prefix/);
    refused(new ObjectTree({ prefix: 'd01' }), /another device has it/);
    const plain = await givenClient();
    refused(new ObjectTree({ prefix: 'd01' }), /version 2\.0 of object 25/, plain.client);
  });
});
