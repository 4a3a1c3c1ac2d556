/** A gateway and the server of this project over a network that loses a fifth of all datagrams: what is behind it is managed like any device. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import { Lwm2mClient } from '../../../src/lwm2m/client/client';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { eventually, lossyWorld, valuesOf } from './lossy-world';

function sensor(prefix: string, version: string, rebooted: string[]): ObjectTree {
  const tree = new ObjectTree({ version, prefix });
  tree.add(
    3,
    0,
    { 0: 'Acme', 9: 60, 11: [0], 14: '+00:00', 16: 'U' },
    { 4: { execute: () => () => void rebooted.push(prefix) } },
  );
  tree.add(3303, 0, { 5700: 21.5, 5701: 'Cel' });
  tree.permit(3303, { create: true, delete: true });
  return tree;
}

async function given(version: string, count = 3, seed = 4) {
  const { ofClient, ...world } = lossyWorld(seed);
  const { clock, server } = world;
  const rebooted: string[] = [];
  const trees = Array.from({ length: count }, (_, index) => sensor(`d${String(index + 1).padStart(2, '0')}`, version, rebooted));
  const gateway = new Lwm2mClient({
    endpoint: 'gw',
    server: { host: '10.0.0.1' },
    objects: new ObjectTree({ version, versions: { 25: '2.0' } }),
    endDevices: trees.map((objects, index) => ({ deviceId: `sensor-${index + 1}`, objects })),
    lifetime: 600,
    ...ofClient(),
    confirmableNotifications: true,
    muteSend: false,
  });
  await server.start();
  await eventually(clock, gateway.start());
  const until = async (isTrue: () => boolean): Promise<void> => {
    for (let second = 0; second < 900 && !isTrue(); second++) await clock.advanceAsync(1_000);
    assert.ok(isTrue(), 'not within a quarter of an hour');
  };
  await until(() => server.size === count + 1);
  return { ...world, gateway, trees, rebooted, until };
}

for (const version of ['1.1', '1.2']) {
  describe(`what is behind a gateway of LwM2M ${version}, a fifth of all datagrams lost`, function () {
    this.timeout(30_000);

    it('is there, device by device', async () => {
      const { server } = await given(version);
      assert.deepEqual(
        [...server.registrations()].map(({ endpoint, gateway }) => [endpoint, gateway?.prefix]),
        [
          ['gw', undefined],
          ['sensor-1', 'd01'],
          ['sensor-2', 'd02'],
          ['sensor-3', 'd03'],
        ],
      );
    });

    it('is read in every format', async () => {
      const { perform } = await given(version);
      const formats = version === '1.1' ? [110, 112, 11542, 11543] : [110, 112, 11542, 11543, 11544];
      for (const contentFormat of formats) {
        const result = await perform('sensor-2', { operation: 'read', path: '/3303/0', contentFormat });
        assert.deepEqual(
          [result.contentFormat, valuesOf(result)],
          [contentFormat, { '/3303/0/5700': 21.5, '/3303/0/5701': 'Cel' }],
        );
      }
    });

    it('is written, executed, created, discovered and deleted, each alone', async () => {
      const { perform, trees, rebooted } = await given(version);
      for (const contentFormat of version === '1.1' ? [110, 112, 11542] : [110, 112, 11542, 11544]) {
        const value = { 14: `+0${contentFormat % 10}:00` };
        await perform('sensor-1', { operation: 'write', path: '/3/0', value, contentFormat });
        assert.equal(trees[0]?.get('/3/0/14'), value[14]);
      }
      assert.equal(trees[1]?.get('/3/0/14'), '+00:00');
      await perform('sensor-3', { operation: 'execute', path: '/3/0/4' });
      assert.deepEqual(rebooted, ['d03']);
      const { created } = await perform('sensor-1', { operation: 'create', path: '/3303', value: { '/3303/5/5700': 1 } });
      assert.equal(created, '/3303/5');
      const { links } = await perform('sensor-1', { operation: 'discover', path: '/3303' });
      assert.ok(links?.some(({ path }) => path === '/3303/5/5700'));
      await perform('sensor-1', { operation: 'delete', path: '/3303/5' });
      await assert.rejects(perform('sensor-1', { operation: 'read', path: '/3303/5' }), { code: '4.04' });
    });

    it('is observed with attributes', async () => {
      const { perform, trees, notifications, clock, until } = await given(version);
      await perform('sensor-2', { operation: 'write-attributes', path: '/3303/0/5700', attributes: { gt: 30 } });
      assert.equal((await perform('sensor-2', { operation: 'observe', path: '/3303/0/5700' })).observed, true);
      await perform('sensor-1', { operation: 'observe', path: '/3303/0/5700' });
      for (const value of [25, 31]) {
        trees[1]?.set('/3303/0/5700', value);
        await clock.advanceAsync(100_000);
      }
      trees[0]?.set('/3303/0/5700', 5);
      await until(() => notifications.length === 2);
      assert.deepEqual(
        notifications.map(({ device, values }) => [device, values[0]?.path, values[0]?.value]),
        [
          ['sensor-2', '/3303/0/5700', 31],
          ['sensor-1', '/3303/0/5700', 5],
        ],
      );
    });

    it('is read, written and observed in composites', async () => {
      const { perform, trees, notifications, until } = await given(version);
      const paths = '/3/0/9,/3303/0/5700';
      const read = await perform('sensor-2', { operation: 'read-composite', path: paths });
      assert.deepEqual([read.fallback, valuesOf(read)], [undefined, { '/3/0/9': 60, '/3303/0/5700': 21.5 }]);
      await perform('sensor-2', { operation: 'write-composite', path: '/3/0/14', value: { '/3/0/14': '+07:00' } });
      assert.equal(trees[1]?.get('/3/0/14'), '+07:00');
      await perform('sensor-2', { operation: 'observe-composite', path: paths });
      trees[1]?.set('/3303/0/5700', 3);
      await until(() => notifications.length > 0);
      assert.equal(notifications[0]?.device, 'sensor-2');
      assert.ok(notifications[0]?.values.some(({ path, value }) => path === '/3303/0/5700' && value === 3));
    });

    it('reports by Send', async () => {
      const { gateway, clock, sends } = await given(version);
      await eventually(clock, gateway.send(['/d03/3/0/9', '/d01/3303/0/5700', '/1/0/1']));
      assert.deepEqual(
        sends.map(({ device, values }) => [device, values.map(({ path, value }) => [path, value])]),
        [
          ['sensor-3', [['/3/0/9', 60]]],
          ['sensor-1', [['/3303/0/5700', 21.5]]],
          ['gw', [['/1/0/1', 600]]],
        ],
      );
    });

    it('comes, changes and goes', async () => {
      const { gateway, server, trees, until, clock } = await given(version);
      trees[0]?.add(3303, 1, { 5700: 1 });
      await until(() => server.registration('sensor-1')?.objects.includes('/3303/1') === true);
      gateway.endDevices.add({ deviceId: 'sensor-4', objects: sensor('d04', version, []) });
      gateway.endDevices.remove('d02');
      await until(() => server.registration('sensor-4') !== undefined && server.registration('sensor-2') === undefined);
      await eventually(clock, gateway.stop());
      assert.equal(server.size, 0);
    });

    it('is there again after the gateway has restarted, and its requests wait for it', async () => {
      const { gateway, server, until, lifecycle, perform } = await given(version);
      lifecycle.length = 0;
      gateway.restart(5_000);
      await until(() => lifecycle.filter(({ event, device }) => event === 'registered' && device !== 'gw').length === 3);
      assert.deepEqual(
        lifecycle.filter(({ device }) => device === 'sensor-1').map(({ event }) => event),
        ['asleep', 'replaced', 'registered'],
      );
      assert.equal(server.presence('sensor-1'), 'reachable');
      assert.equal(valuesOf(await perform('sensor-1', { operation: 'read', path: '/3/0/9' }))['/3/0/9'], 60);
    });
  });
}

describe('many devices behind one gateway', function () {
  this.timeout(30_000);

  it('are announced in blocks, changes too', async () => {
    const { server, gateway, until } = await given('1.1', 120);
    gateway.endDevices.remove('d07');
    await until(() => server.size === 120);
    assert.equal(server.registration('sensor-7'), undefined);
    assert.equal(server.registration('sensor-120')?.gateway?.prefix, 'd120');
  });

  it('beyond the limit are not taken, and that is told', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock, { delayMs: 1 });
    network.record = false;
    const server = new Lwm2mServer({ transport: network.transport('10.0.0.1', 5683), clock, admission: 'open' });
    const problems: string[] = [];
    server.events.on('problem', ({ device, reason }) => problems.push(`${device}: ${reason}`));
    const objects = new ObjectTree({ versions: { 25: '2.0' } });
    const endDevices = Array.from({ length: 1_500 }, (_, index) => ({
      deviceId: `s${index}`,
      objects: new ObjectTree({ prefix: `p${index}` }),
    }));
    const gateway = new Lwm2mClient({
      endpoint: 'gw',
      server: { host: '10.0.0.1' },
      objects,
      endDevices: endDevices.slice(0, 900),
      transport: network.transport('10.0.0.2', 40_000),
      clock,
    });
    await server.start();
    await eventually(clock, gateway.start());
    await clock.advanceAsync(5_000);
    assert.equal(server.size, 901);
    for (const device of endDevices.slice(900)) gateway.endDevices.add(device);
    await clock.advanceAsync(5_000);
    assert.equal(server.size, 1_001);
    assert.match(problems.join(), /gw: what is behind it: it announces 1500 devices, of which the first 1000 are taken/);
  });
});
