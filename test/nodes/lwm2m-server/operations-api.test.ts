import assert from 'node:assert/strict';
import { around, deploy, device, endFlow, lifecycle, logged, running, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
const DEVICE = 'servers/server/devices/t-1';

async function given(...devices: readonly string[]): Promise<void> {
  await deploy([serverNode({ store: 'memory', ackTimeout: 0.02 }), ...around(READ)]);
  await serverState('listening');
  for (const name of devices) await device(name);
}

const operate = (operation: string, body: unknown, token?: string) =>
  call('post', `${DEVICE}/${operation}`, body, token === undefined ? {} : { token });

describe('admin HTTP API: operations', () => {
  afterEach(endFlow);

  const cases: readonly (readonly [string, object, unknown, string])[] = [
    ['read', { path: '/3303/0/5700' }, 21.5, '2.05'],
    ['write', { path: '/3/0/14', value: '+01:00' }, null, '2.04'],
    ['execute', { path: '/3/0/4', arguments: "0='now'" }, null, '2.04'],
    ['write-attributes', { path: '/3303/0/5700', value: { pmin: 1 } }, null, '2.04'],
    ['read-composite', { path: ['/3/0/0', '/3/0/9'] }, { '/3/0/0': 'Acme', '/3/0/9': 85 }, '2.05'],
  ];
  for (const [operation, body, value, code] of cases) {
    it(`${operation} ${JSON.stringify(body)} is answered with its result`, async () => {
      await given('t-1');
      const answer = await operate(operation, body);
      assert.deepEqual([answer.status, answer.body.code], [200, code], JSON.stringify(answer.body));
      if (operation !== 'read') assert.deepEqual(answer.body.value, value);
      else assert.equal(typeof answer.body.value, 'number');
    });
  }

  it('a whole instance by paths, a Discover by links, a Create by where it is', async () => {
    await given('t-1');
    const { value } = (await operate('read', { path: '/3/0' })).body as { value: Record<string, unknown> };
    assert.deepEqual([value['/3/0/0'], value['/3/0/9']], ['Acme', 85]);
    const links = (await operate('discover', { path: '/3/0' })).body.value as { path: string }[];
    assert.ok(links.some(({ path }) => path === '/3/0/9'));
  });

  it('what the device refuses is told with its code', async () => {
    await given('t-1');
    const { status, type, body } = await operate('read', { path: '/3303/9' });
    const { title, code } = body as unknown as ToldProblem;
    assert.deepEqual([status, type, title, code], [502, 'application/problem+json', 'The device refused', '4.04']);
  });

  it('for a device that is away waits, and its outcome can be asked for', async () => {
    await given('t-1');
    const client = await device('t-1', { queueMode: true });
    client.cutOff();
    await lifecycle('asleep', 't-1');
    const { status, body } = await operate('write', { path: '/3/0/14', value: '+03:00' });
    assert.equal(status, 202);
    const outcome = () => call('get', `${DEVICE}/requests/${body.request}`);
    assert.deepEqual([(await outcome()).body.state, (await outcome()).body.path], ['waiting', '/3/0/14']);
    const failing = await call('post', `${DEVICE}/read`, { path: '/3/0/0', whenAsleep: 'fail' });
    assert.deepEqual([failing.status, failing.body.code], [409, 'asleep']);
    await device('t-1');
    while (((await outcome()).body.state as string) === 'waiting') await new Promise(setImmediate);
    assert.deepEqual((await outcome()).body, { state: 'done', value: null, code: '2.04' });
    assert.equal((await call('get', `${DEVICE}/requests/999`)).status, 404);
  });

  it('of a device nobody knows: 404, with names like it', async () => {
    await given('t-1');
    const { status, body } = await call('post', 'servers/server/devices/t-l/read', { path: '/3/0/0' });
    assert.deepEqual([status, body.code], [404, 'not-registered']);
    assert.match(String(body.detail), /did you mean t-1\?/);
  });

  const wrong: readonly (readonly [string, unknown, number, RegExp])[] = [
    ['reboot', { path: '/3/0/4' }, 404, /^there is no operation reboot: they are read, discover/],
    ['constructor', { path: '/3/0/4' }, 404, /^there is no operation/],
    ['read', {}, 400, /^path must be a text/],
    ['read', { path: 'battery' }, 400, /battery/],
    ['read', { path: '/3/0/0,/3/0/1' }, 400, /./],
    ['read-composite', { path: [] }, 400, /^path must be a list/],
    ['write', { path: '/3/0/14' }, 400, /^value is missing/],
    ['write-composite', { value: 5 }, 400, /^value must be an object/],
    ['execute', { path: '/3/0/4', arguments: 5 }, 400, /^arguments must be/],
    ['read', { path: '/3/0/0', whenAsleep: 'maybe' }, 400, /^whenAsleep must be/],
  ];
  for (const [operation, body, status, expected] of wrong) {
    it(`refuses ${operation} ${JSON.stringify(body)}`, async () => {
      await given('t-1');
      const answer = await operate(operation, body);
      assert.equal(answer.status, status);
      assert.match(String(answer.body.detail), expected);
    });
  }
});

describe('admin HTTP API: tokens of applications', () => {
  afterEach(endFlow);

  async function tokenFor(select: readonly string[], operations: readonly string[]): Promise<string> {
    const { status, body } = await call<{ token: string; id: string }>('post', 'servers/server/tokens', {
      name: 'billing',
      select,
      operations,
    });
    assert.equal(status, 201);
    return body.token;
  }

  it('is good for its devices and operations', async () => {
    await given('t-1', 'meter-1');
    const token = await tokenFor(['t-*'], ['view', 'read']);
    assert.equal((await operate('read', { path: '/3/0/0' }, token)).body.value, 'Acme');
    const { body } = await call<{ devices: { endpoint: string }[] }>('get', 'servers/server/devices', undefined, { token });
    assert.deepEqual(
      body.devices.map(({ endpoint }) => endpoint),
      ['t-1'],
      'it sees no others',
    );
    assert.equal((await call('get', DEVICE, undefined, { token })).status, 200);
  });

  it('a foreign device is refused and audited, whether it exists or not; nothing is asked of it', async () => {
    await given('t-1', 'meter-1');
    const token = await tokenFor(['t-*'], ['view', 'read']);
    const asked = running().manager.statistics().operations.read?.count ?? 0;
    for (const foreign of ['meter-1', 'nobody']) {
      const { status, body } = await call('post', `servers/server/devices/${foreign}/read`, { path: '/3/0/0' }, { token });
      assert.deepEqual(
        [status, body.title, body.detail],
        [403, 'Not permitted', 'the device is none of those this token is for'],
      );
      assert.equal((await call('get', `servers/server/devices/${foreign}`, undefined, { token })).status, 403);
    }
    assert.equal(running().manager.statistics().operations.read?.count ?? 0, asked);
    const audit = logged('WARN').filter((line) => line.includes('audit'));
    assert.match(
      audit[0] ?? '',
      /audit: token \w+ \(billing\): read \/3\/0\/0 of device "meter-1": refused \(the device is none/,
    );
    assert.equal(audit.length, 4);
    assert.ok(audit.every((line) => !line.includes(token)));
  });

  it('an operation it is not for is refused; so is all administration', async () => {
    await given('t-1');
    const token = await tokenFor(['*'], ['read']);
    assert.equal((await operate('write', { path: '/3/0/14', value: 'x' }, token)).status, 403);
    assert.equal((await call('get', DEVICE, undefined, { token })).status, 403);
    const routes: readonly (readonly ['get' | 'post' | 'delete', string])[] = [
      ['post', 'servers/server/devices'],
      ['delete', DEVICE],
      ['post', 'servers/server/permit'],
      ['get', 'servers/server/tokens'],
      ['post', 'servers/server/tokens'],
      ['delete', `${DEVICE}/requests/1`],
    ];
    for (const [method, route] of routes) {
      assert.equal((await call(method, route, method === 'post' ? {} : undefined, { token })).status, 403, route);
    }
    assert.equal((await call('get', 'servers', undefined, { token })).status, 401, 'it is of one server');
  });

  it('is listed without what proves to have it, and is good for nothing once removed', async () => {
    await given('t-1');
    const token = await tokenFor(['t-1'], ['view']);
    const { body } = await call<{ id: string; select: string[] }[]>('get', 'servers/server/tokens');
    assert.deepEqual([body.length, body[0]?.select], [1, ['t-1']]);
    assert.ok(!JSON.stringify(body).includes(token));
    assert.equal((await call('delete', `servers/server/tokens/${body[0]?.id}`)).status, 200);
    assert.equal((await call('get', DEVICE, undefined, { token })).status, 401);
    assert.equal((await call('get', DEVICE, undefined, { token: 'dm_invented' })).status, 401);
  });
});
