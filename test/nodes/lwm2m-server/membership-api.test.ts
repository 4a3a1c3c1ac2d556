/** Tags, groups and counts over the admin API of a real runtime. */
import assert from 'node:assert/strict';
import { deploy, device, endFlow, running, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

async function given(...names: readonly string[]): Promise<void> {
  await deploy([serverNode()]);
  await serverState('listening');
  for (const name of names) await device(name);
}

describe('admin HTTP API: who belongs together', () => {
  afterEach(endFlow);

  it('tags a device, registered or not, and shows its tags', async () => {
    await given('t-1');
    const { body } = await call('post', 'servers/server/devices/t-1/tags', { add: ['floor=2', 'red'] });
    assert.deepEqual(body, { endpoint: 't-1', tags: ['floor=2', 'red'] });
    const changed = await call('post', 'servers/server/devices/t-1/tags', { add: ['floor=3'], remove: ['red'] });
    assert.deepEqual(changed.body.tags, ['floor=3']);
    await call('post', 'servers/server/devices/later/tags', { add: ['red'] });
    assert.deepEqual((await call('get', 'servers/server/devices/later')).body.tags, ['red']);
    const page = await call<{ devices: object[] }>('get', 'servers/server/devices?select=tag%3Dfloor%3D3&fields=tags');
    assert.deepEqual(page.body.devices, [{ endpoint: 't-1', tags: ['floor=3'] }]);
    assert.equal((await call('post', 'servers/server/devices/t-1/tags', {})).status, 400);
    assert.equal((await call('post', 'servers/server/devices/t-1/tags', { add: [''] })).status, 400);
    assert.equal((await call('get', 'servers/server/devices/nobody')).status, 404);
  });

  it('keeps groups, and says how many a selector means', async () => {
    await given('t-1', 't-2');
    const made = await call('post', 'servers/server/groups', { name: 'test', select: 't-*' });
    assert.deepEqual([made.status, made.body], [201, { name: 'test', select: 't-*', devices: 2 }]);
    assert.equal((await call('post', 'servers/server/groups', { name: 'test', select: 't-1' })).status, 200);
    assert.deepEqual((await call('get', 'servers/server/groups')).body, [{ name: 'test', select: 't-1', devices: 1 }]);
    const counted = await call('get', 'servers/server/matches?select=group%3Dtest');
    assert.deepEqual(counted.body, { matches: 1, registered: 2, devices: ['t-1'] });
    assert.equal((await call('delete', 'servers/server/groups/test')).status, 200);
    assert.equal((await call('delete', 'servers/server/groups/test')).status, 404);
    const wrong = await call<ToldProblem>('get', `servers/server/matches?select=${encodeURIComponent('model= & x')}`);
    assert.equal(wrong.status, 400);
    assert.match(wrong.body.detail, /at character 8/);
  });

  it('lists those that have gone where it is asked for their state', async () => {
    await given('t-1');
    const gone = await device('t-2');
    await gone.stop();
    const { body } = await call<{ devices: { endpoint: string; presence: string }[] }>(
      'get',
      'servers/server/devices?select=state%3Doffline',
    );
    assert.deepEqual(
      body.devices.map(({ endpoint, presence }) => `${endpoint} ${presence}`),
      ['t-2 gone'],
    );
  });

  it('a token sees and counts its own devices, by tag too', async () => {
    await given('t-1', 't-2');
    await running().fleet.tags.add(['t-1'], ['mine']);
    const { body } = await call('post', 'servers/server/tokens', { name: 'app', select: ['tag=mine'], operations: ['view'] });
    const token = body.token as string;
    assert.deepEqual(body.select, ['tag=mine']);
    const counted = await call('get', 'servers/server/matches?select=*', undefined, { token });
    assert.deepEqual([counted.body.matches, counted.body.devices], [1, ['t-1']]);
    assert.equal((await call('get', 'servers/server/devices/t-1', undefined, { token })).status, 200);
    assert.equal((await call('get', 'servers/server/devices/t-2', undefined, { token })).status, 403);
    assert.equal((await call('post', 'servers/server/devices/t-2/tags', { add: ['mine'] }, { token })).status, 403);
  });
});
