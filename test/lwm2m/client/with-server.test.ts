/** Client and server of this project over a network that loses a fifth of all datagrams: every operation in every LwM2M version. */
import assert from 'node:assert/strict';
import type { VirtualClock } from '../../../src/clock';
import type { NotificationEvent, SendEvent } from '../../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import { Lwm2mClient } from '../../../src/lwm2m/client/client';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import type { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { eventually, lossyWorld, valuesOf } from './lossy-world';

interface Pair {
  readonly clock: VirtualClock;
  readonly server: Lwm2mServer;
  readonly client: Lwm2mClient;
  readonly notifications: NotificationEvent[];
  readonly sends: SendEvent[];
  readonly rebooted: { times: number };
  perform(request: OperationRequest): Promise<OperationResult>;
  /** The code a request fails with. */
  failure(request: OperationRequest): Promise<string>;
}

function device(version: string, rebooted: { times: number }): ObjectTree {
  const tree = new ObjectTree({ version });
  tree.add(
    3,
    0,
    { 0: 'Acme', 1: 'Model', 6: [1, 5], 7: [3800, 5000], 9: 85, 11: [0], 14: '+02:00', 15: 'Europe/Berlin', 16: 'U' },
    {
      4: {
        execute: () => () => {
          rebooted.times++;
        },
      },
      13: { read: () => new Date(1_700_000_000_000), write: () => undefined },
    },
  );
  tree.add(3303, 0, { 5700: 21.5, 5701: 'Cel' }, { 5605: { execute: () => undefined } });
  tree.permit(3303, { create: true, delete: true });
  return tree;
}

async function givenPair(version: string, seed = 3): Promise<Pair> {
  const { clock, server, notifications, sends, perform: performAt, ofClient } = lossyWorld(seed);
  const rebooted = { times: 0 };
  const client = new Lwm2mClient({
    endpoint: 'dev',
    server: { host: '10.0.0.1' },
    objects: device(version, rebooted),
    lifetime: 600,
    ...ofClient(),
    confirmableNotifications: true,
    muteSend: false,
  });
  await server.start();
  await eventually(clock, client.start());
  const perform = (request: OperationRequest): Promise<OperationResult> => performAt('dev', request);
  return {
    clock,
    server,
    client,
    notifications,
    sends,
    rebooted,
    perform,
    failure: async (request) => {
      try {
        const result = await perform(request);
        return `no failure, ${result.code}`;
      } catch (error) {
        if (error instanceof DeviceManagementError) return error.code;
        throw error;
      }
    },
  };
}

const FORMATS_OF: Readonly<Record<string, readonly number[]>> = {
  '1.0': [11542, 11543],
  '1.1': [110, 112, 11542, 11543],
  '1.2': [110, 112, 11542, 11543, 11544],
};

for (const version of ['1.0', '1.1', '1.2']) {
  describe(`a client of LwM2M ${version} and the server, a fifth of all datagrams lost`, function () {
    this.timeout(20_000);

    it('it registers with its objects', async () => {
      const { server } = await givenPair(version);
      const registration = server.registration('dev');
      assert.equal(registration?.version, version);
      assert.equal(registration?.lifetime, 600);
      assert.deepEqual(
        registration?.objects.filter((path) => path.split('/').length === 3),
        ['/1/0', '/3/0', '/3303/0'],
      );
    });

    it('reads of a resource, an instance and an object give the values', async () => {
      const { perform } = await givenPair(version);
      assert.deepEqual(valuesOf(await perform({ operation: 'read', path: '/3303/0/5700' })), { '/3303/0/5700': 21.5 });
      assert.deepEqual(valuesOf(await perform({ operation: 'read', path: '/3303' })), {
        '/3303/0/5700': 21.5,
        '/3303/0/5701': 'Cel',
      });
      const values = valuesOf(await perform({ operation: 'read', path: '/3/0' }));
      assert.equal(values['/3/0/7/1'], 5000);
      assert.deepEqual(values['/3/0/13'], new Date(1_700_000_000_000));
    });

    it('every format that its version knows is understood', async () => {
      const { perform } = await givenPair(version);
      for (const contentFormat of FORMATS_OF[version] ?? []) {
        const result = await perform({ operation: 'read', path: '/3/0', contentFormat });
        assert.equal(result.contentFormat, contentFormat);
        assert.equal(valuesOf(result)['/3/0/6/1'], 5, `format ${contentFormat}`);
      }
    });

    it('Discover lists what there is', async () => {
      const { perform } = await givenPair(version);
      const { links } = await perform({ operation: 'discover', path: '/3303' });
      assert.deepEqual(
        links?.map(({ path }) => path),
        ['/3303', '/3303/0', '/3303/0/5605', '/3303/0/5700', '/3303/0/5701'],
      );
    });

    it('writes of a resource and of an instance arrive', async () => {
      const { perform, client } = await givenPair(version);
      await perform({ operation: 'write', path: '/3/0/14', value: '+03:00' });
      assert.equal(client.objects.get('/3/0/14'), '+03:00');
      await perform({ operation: 'write', path: '/3/0', value: { 15: 'Europe/Rome' }, mode: 'update' });
      assert.equal(client.objects.get('/3/0/14'), '+03:00');
      await perform({ operation: 'write', path: '/3/0', value: { 15: 'Europe/Paris' }, mode: 'replace' });
      assert.equal(client.objects.get('/3/0/15'), 'Europe/Paris');
      assert.equal(client.objects.get('/3/0/14'), undefined);
    });

    it('a lifetime the server writes comes back in an Update', async () => {
      const { perform, server, clock } = await givenPair(version);
      await perform({ operation: 'write', path: '/1/0/1', value: 900 });
      await clock.advanceAsync(60_000);
      assert.equal(server.registration('dev')?.lifetime, 900);
    });

    it('Execute runs once, whatever is retransmitted', async () => {
      const { perform, rebooted } = await givenPair(version);
      await perform({ operation: 'execute', path: '/3/0/4', arguments: "0='now'" });
      assert.equal(rebooted.times, 1);
    });

    it('instances are created and deleted, and the object list follows', async () => {
      const { perform, server, clock } = await givenPair(version);
      const numbered = await perform({ operation: 'create', path: '/3303/7', value: { 5700: 1.5 } });
      assert.equal(numbered.created, '/3303/7');
      const free = await perform({ operation: 'create', path: '/3303', value: { 5700: 2.5 } });
      assert.equal(free.created, '/3303/1');
      assert.deepEqual(valuesOf(await perform({ operation: 'read', path: '/3303/1' })), { '/3303/1/5700': 2.5 });
      await perform({ operation: 'delete', path: '/3303/7' });
      await clock.advanceAsync(60_000);
      const objects = server.registration('dev')?.objects ?? [];
      assert.ok(objects.includes('/3303/1'));
      assert.ok(!objects.includes('/3303/7'));
    });

    it('several paths are read and written at once; in 1.0 one by one, and it says so', async () => {
      const { perform, client } = await givenPair(version);
      const read = await perform({ operation: 'read-composite', path: '/3/0/9,/3303/0,/5/0/3' });
      assert.deepEqual(valuesOf(read), { '/3/0/9': 85, '/3303/0/5700': 21.5, '/3303/0/5701': 'Cel' });
      assert.deepEqual(read.absent, ['/5/0/3']);
      assert.equal(read.fallback, version === '1.0' ? 'one-by-one' : undefined);
      const value = { '/3/0/14': '+05:00', '/1/0/2': 3 };
      const written = await perform({ operation: 'write-composite', path: '/3/0/14,/1/0/2', value });
      assert.equal(written.code, '2.04');
      assert.equal(client.objects.get('/3/0/14'), '+05:00');
      assert.equal(client.objects.get('/1/0/2'), 3);
      const everything = await perform({ operation: 'read-composite', path: '/' });
      assert.equal(valuesOf(everything)['/1/0/2'], 3);
    });

    if (version !== '1.0') {
      it('several paths are observed at once until that is cancelled', async () => {
        const { perform, client, clock, notifications } = await givenPair(version);
        const path = '/3/0/9,/3303/0/5700';
        assert.equal((await perform({ operation: 'observe-composite', path })).observed, true);
        client.setValue('/3303/0/5700', 25);
        await clock.advanceAsync(100_000);
        assert.deepEqual(
          notifications.map((event) => [event.path, event.values.map(({ value }) => value)]),
          [[path, [85, 25]]],
        );
        await perform({ operation: 'cancel-observation', path });
        assert.deepEqual(client.observations, []);
      });
    }

    it('each mistake has its code', async () => {
      const { failure } = await givenPair(version);
      assert.equal(await failure({ operation: 'read', path: '/9/0' }), '4.04');
      assert.equal(await failure({ operation: 'read', path: '/3/0/4' }), '4.05');
      assert.equal(await failure({ operation: 'read', path: '/0' }), '4.01');
      assert.equal(await failure({ operation: 'write', path: '/3/0/9', value: 5 }), '4.05');
      assert.equal(await failure({ operation: 'execute', path: '/3/0/9' }), '4.05');
      assert.equal(await failure({ operation: 'delete', path: '/3/0' }), '4.05');
      assert.equal(await failure({ operation: 'create', path: '/3/1', value: {} }), '4.05');
    });

    it('an observation brings changes until it is cancelled, and its attributes hold', async () => {
      const { perform, client, clock, notifications } = await givenPair(version);
      await perform({ operation: 'write-attributes', path: '/3303/0/5700', attributes: { pmin: 1, gt: 30 } });
      const first = await perform({ operation: 'observe', path: '/3303/0/5700' });
      assert.equal(first.observed, true);
      assert.deepEqual(valuesOf(first), { '/3303/0/5700': 21.5 });
      for (const value of [25, 31, 32, 29]) {
        client.setValue('/3303/0/5700', value);
        await clock.advanceAsync(100_000);
      }
      assert.deepEqual(
        notifications.map(({ values }) => values[0]?.value),
        [31, 29],
      );
      await perform({ operation: 'cancel-observation', path: '/3303/0/5700' });
      assert.deepEqual(client.observations, []);
    });

    it('a resource of several kilobytes comes in blocks, and so does its notification', async () => {
      const { perform, client, clock, notifications } = await givenPair(version);
      client.setValue('/3303/0/5701', 'x'.repeat(3_000));
      await perform({ operation: 'observe', path: '/3303/0/5701' });
      client.setValue('/3303/0/5701', 'y'.repeat(5_000));
      await clock.advanceAsync(200_000);
      assert.deepEqual(
        notifications.map(({ values }) => values[0]?.value),
        ['y'.repeat(5_000)],
      );
    });

    it('it leaves when stopped', async () => {
      const { client, server, clock } = await givenPair(version);
      await eventually(clock, client.stop());
      assert.equal(server.registration('dev'), undefined);
    });
  });
}

describe('Send from the client', () => {
  it('values arrive with their time, from 1.1 on', async () => {
    for (const version of ['1.1', '1.2']) {
      const { client, clock, sends } = await givenPair(version);
      await eventually(clock, client.send(['/3303/0/5700', '/3/0/9']));
      assert.deepEqual(
        sends[0]?.values.map(({ path, value }) => [path, value]),
        [
          ['/3303/0/5700', 21.5],
          ['/3/0/9', 85],
        ],
      );
      assert.equal(typeof sends[0]?.values[0]?.at, 'number');
    }
  });
});
