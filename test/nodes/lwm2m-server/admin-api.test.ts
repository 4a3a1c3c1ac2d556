import assert from 'node:assert/strict';
import type { NodeInitializer } from 'node-red';
import helper from 'node-red-node-test-helper';
import type { Registration } from '../../../src/device/manager';
import type { Statistics } from '../../../src/lwm2m/server/statistics';
import { around, deploy, device, endFlow, inbox, portOf, running, send, serverNode, serverState } from '../flow';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

async function get(path: string, token?: string): Promise<Answer> {
  const request = helper.request().get(`/device-management/${path}`);
  const answer = await (token === undefined ? request : request.set('Authorization', `Bearer ${token}`));
  return { status: answer.status, type: answer.type, body: answer.type.endsWith('json') ? JSON.parse(answer.text) : answer.text };
}

/** An answer that is not a problem. */
async function found<T>(path: string): Promise<T> {
  const { status, body } = await get(path);
  assert.equal(status, 200, JSON.stringify(body));
  return body as T;
}

async function problem(path: string): Promise<{ status: number; title: string; detail: string }> {
  const { status, type, body } = await get(path);
  assert.equal(type, 'application/problem+json');
  const told = body as { type: string; status: number; title: string; detail: string };
  assert.deepEqual([told.type, told.status], ['about:blank', status]);
  return told;
}

interface Page {
  readonly devices: readonly (Registration & { presence: string })[];
  readonly cursor?: string;
}

async function given(...devices: readonly string[]): Promise<void> {
  await deploy([serverNode({ name: 'hall' }), ...around(READ)]);
  await serverState('listening');
  for (const name of devices) await device(name);
}

describe('admin HTTP API', () => {
  afterEach(endFlow);

  describe('servers', () => {
    it('tells where each listens, how many devices it has, and its counters', async () => {
      await given('t-1', 't-2');
      const [server, ...others] = await found<Record<string, unknown>[]>('servers');
      assert.deepEqual(others, []);
      const { statistics, ...view } = server as { statistics: Statistics };
      assert.deepEqual(view, {
        id: 'server',
        name: 'hall',
        state: 'listening',
        listening: [{ transport: 'udp', address: '127.0.0.1', port: portOf() }],
        devices: 2,
        refused: 0,
        provisioned: 0,
        store: { kept: false },
        waiting: 0,
      });
      assert.equal(statistics.operations.register?.count, 2);
      assert.equal(statistics.codes['2.01'], 2);
    });

    it('a server that could not start says why', async () => {
      await given();
      await deploy([serverNode({ name: 'hall' }), serverNode({ id: 'second', port: portOf() }), ...around(READ)]);
      await serverState('failed', 'second');
      const servers =
        await found<{ id: string; state: string; error?: { code: string; message: string }; listening: object[] }[]>('servers');
      const second = servers.find(({ id }) => id === 'second');
      assert.deepEqual([second?.state, second?.listening, second?.error?.code], ['failed', [], 'port-in-use']);
      assert.match(second?.error?.message ?? '', /in use by the lwm2m-server node "hall"/);
    });
  });

  describe('devices', () => {
    it('in the order of their names, with presence', async () => {
      await given('b', 'a');
      const { devices, cursor } = await found<Page>('servers/server/devices');
      assert.deepEqual(
        devices.map(({ endpoint, presence, security }) => [endpoint, presence, security]),
        [
          ['a', 'reachable', 'none'],
          ['b', 'reachable', 'none'],
        ],
      );
      assert.equal(cursor, undefined);
    });

    it('a page at a time: the cursor stays right while devices come and go', async () => {
      await given('a', 'c', 'e');
      const first = await found<Page>('servers/server/devices?limit=2');
      assert.deepEqual(
        first.devices.map(({ endpoint }) => endpoint),
        ['a', 'c'],
      );
      await device('b');
      await device('d');
      const second = await found<Page>(`servers/server/devices?limit=2&cursor=${first.cursor}`);
      assert.deepEqual(
        second.devices.map(({ endpoint }) => endpoint),
        ['d', 'e'],
      );
      assert.equal(second.cursor, undefined);
    });

    it('only the chosen ones, and only the chosen fields', async () => {
      await given('kitchen-1', 'kitchen-2', 'garage-1');
      const { devices } = await found<Page>('servers/server/devices?select=kitchen-*,garage-9&fields=lifetime,version');
      assert.deepEqual(devices, [
        { endpoint: 'kitchen-1', lifetime: 300, version: '1.1' },
        { endpoint: 'kitchen-2', lifetime: 300, version: '1.1' },
      ]);
    });

    for (const query of ['limit=0', 'limit=1001', 'limit=some', 'limit=1.5', 'cursor=%21', 'select=a,,b', 'cursor=a&cursor=b']) {
      it(`refuses ${query}, and says what would do`, async () => {
        await given();
        const { status, detail } = await problem(`servers/server/devices?${query}`);
        assert.equal(status, 400);
        assert.match(detail, new RegExp(`^${query.split('=')[0]} must be `));
      });
    }

    it('of a server that is not deployed: deploy first', async () => {
      await given();
      const { status, detail } = await problem('servers/other/devices');
      assert.deepEqual([status, detail], [404, 'no LwM2M server other is deployed: deploy it first']);
    });
  });

  describe('one device', () => {
    it('by its percent-encoded name, whatever that is', async () => {
      const name = 'urn:imei:1/ä 2%?#';
      await given(name);
      const view = await found<Registration & { presence: string; observations: string[]; waiting: number }>(
        `servers/server/devices/${encodeURIComponent(name)}`,
      );
      assert.deepEqual([view.endpoint, view.presence, view.observations, view.waiting], [name, 'reachable', [], 0]);
    });

    it('with its objects, instances and their resources by the version it speaks', async () => {
      await given('t-1');
      const objects = await found<
        { id: number; name: string; version: string; instances: number[]; resources: { id: number }[] }[]
      >('servers/server/devices/t-1/objects');
      const temperature = objects.find(({ id }) => id === 3303);
      assert.deepEqual([temperature?.name, temperature?.instances], ['Temperature', [0]]);
      assert.ok(temperature?.resources.some(({ id }) => id === 5700));
    });

    it('that is misspelt: did you mean', async () => {
      await given('t-1');
      const { status, detail } = await problem('servers/server/devices/t-l');
      assert.deepEqual([status, detail], [404, "no device 't-l' is registered; did you mean t-1?"]);
    });
  });

  describe('objects', () => {
    it('all that are known, and one with its resources', async () => {
      await given();
      const objects = await found<{ id: number; name: string }[]>('objects');
      assert.ok(objects.length > 300);
      assert.ok(objects.some(({ id, name }) => id === 3303 && name === 'Temperature'));
      const { name, version } = await found<{ name: string; version: string }>('objects/3303?version=1.0');
      assert.deepEqual([name, version], ['Temperature', '1.0']);
    });

    for (const id of ['65534', 'x', 'constructor']) {
      it(`no object ${id}`, async () => {
        await given();
        assert.equal((await problem(`objects/${id}`)).status, 404);
      });
    }
  });

  describe('counters', () => {
    it('of a device: messages, codes, and bytes per operation; those of the server include them', async () => {
      await given('t-1');
      send({ device: 't-1', path: '/3303/0/5700' });
      await inbox('out').next();
      send({ device: 't-1', path: '/3303/9' });
      await inbox('caught').next();
      const { statistics } = await found<{ statistics: Statistics }>('servers/server/devices/t-1');
      const read = statistics.operations.read;
      assert.deepEqual([read?.count, read?.failed], [2, 1]);
      assert.ok((read?.bytesReceived ?? 0) > 0);
      assert.deepEqual(statistics.codes, { '2.05': 1, '4.04': 1 });
      assert.ok(statistics.received >= 2 && statistics.sent >= 2);
      assert.ok(statistics.bytesReceived > (read?.bytesReceived ?? 0) && statistics.bytesSent > 0);
      assert.equal(statistics.retransmitted, 0);
      const [server] = await found<{ statistics: Statistics }[]>('servers');
      assert.deepEqual(server?.statistics.operations.read, read);
      assert.ok((server?.statistics.received ?? 0) >= statistics.received);
    });

    it('what had to be sent again is counted', async () => {
      await deploy([serverNode({ ackTimeout: 0.02 }), ...around({ ...READ, timeout: '0.3' })]);
      const client = await device('t-1');
      client.cutOff();
      send({ device: 't-1', path: '/3/0/0' });
      await inbox('caught').next();
      const { statistics } = await found<{ statistics: Statistics }>('servers/server/devices/t-1');
      assert.ok(statistics.retransmitted > 0);
      assert.deepEqual([statistics.operations.read?.count, statistics.operations.read?.failed], [1, 1]);
    });
  });

  describe('permissions', () => {
    /** Node-RED's own guard, as it stands before every admin route. */
    const guarded: NodeInitializer = (red) => {
      const auth = require('@node-red/editor-api/lib/auth');
      const user = { username: 'admin', password: '', permissions: '*' };
      const tokens = [
        { token: 'reader', user: 'admin', scope: 'device-management.read' },
        { token: 'writer', user: 'admin', scope: 'device-management.write' },
        { token: 'stranger', user: 'admin', scope: 'flows.read' },
      ];
      auth.init({ adminAuth: { type: 'credentials', users: [user], tokens } }, { getSessions: async () => ({}) });
      (red as { auth: unknown }).auth = auth;
    };

    after(() => require('@node-red/editor-api/lib/auth').init({}));

    const ROUTES = [
      'servers',
      'servers/server/devices',
      'servers/server/devices/t-1',
      'servers/server/devices/t-1/objects',
      'objects',
    ];

    it('nobody reads without device-management.read', async () => {
      await deploy([serverNode(), ...around(READ)], { prepare: [guarded] });
      await device('t-1');
      for (const route of [...ROUTES, 'objects/3']) {
        assert.equal((await get(route)).status, 401, route);
        assert.equal((await get(route, 'invented')).status, 401, route);
        assert.equal((await get(route, 'stranger')).status, 401, route);
        assert.equal((await get(route, 'writer')).status, 401, route);
        assert.equal((await get(route, 'reader')).status, 200, route);
      }
    });

    it('nobody changes anything without device-management.write', async () => {
      await deploy([serverNode({ store: 'memory' }), ...around(READ)], { prepare: [guarded] });
      await device('t-1');
      const changes = [
        ['post', 'devices', { endpoint: 'x' }, 201],
        ['post', 'devices/t-1/read', { path: '/3/0/0' }, 200],
        ['post', 'permit', { minutes: 1 }, 200],
        ['delete', 'permit', undefined, 200],
        ['post', 'tokens', { name: 'a', select: ['*'], operations: ['view'] }, 201],
        ['delete', 'tokens/none', undefined, 404],
        ['delete', 'devices/t-1', undefined, 200],
      ] as const;
      for (const [method, route, body, status] of changes) {
        const as = async (token: string | undefined): Promise<number> => {
          let request = helper.request()[method](`/device-management/servers/server/${route}`);
          if (token !== undefined) request = request.set('Authorization', `Bearer ${token}`);
          return (await request.send(body)).status;
        };
        assert.equal(await as(undefined), 401, route);
        assert.equal(await as('reader'), 401, route);
        assert.equal(await as('writer'), status, route);
      }
    });

    it('nobody withdraws a request without device-management.write', async () => {
      await deploy([serverNode(), ...around(READ)], { prepare: [guarded] });
      const remove = (token: string) =>
        helper
          .request()
          .delete('/device-management/servers/server/devices/t-1/requests/1')
          .set('Authorization', `Bearer ${token}`);
      assert.equal((await remove('reader')).status, 401);
      assert.equal((await remove('writer')).status, 404);
    });
  });

  it('no answer holds more of a server than is listed here: no setting, no secret', async () => {
    await given('t-1');
    const [server] = await found<object[]>('servers');
    assert.deepEqual(Object.keys(server ?? {}).sort(), [
      'devices',
      'id',
      'listening',
      'name',
      'provisioned',
      'refused',
      'state',
      'statistics',
      'store',
      'waiting',
    ]);
    const view = await found<object>('servers/server/devices/t-1');
    const own = ['presence', 'tags', 'facts', 'observations', 'waiting', 'requests', 'statistics'];
    const registration = running().manager.registration('t-1');
    assert.deepEqual(Object.keys(view).sort(), [...Object.keys(registration ?? {}), ...own].sort());
  });
});
