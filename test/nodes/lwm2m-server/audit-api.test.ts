/** The audit log over the admin API, in a real Node-RED runtime and on a real disk. */
import assert from 'node:assert/strict';
import path from 'node:path';
import helper from 'node-red-node-test-helper';
import type { AuditPage } from '../../../src/fleet/audit-log';
import { withFolder } from '../../store/folder';
import { around, deploy, device, endFlow, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };

async function given(folder: string, changes: object = {}): Promise<void> {
  await deploy([serverNode({ store: 'level', storePath: path.join(folder, 'state'), ...changes }), ...around(READ)]);
  await serverState('listening');
}

const audit = async (query = '') => (await call<AuditPage>('get', `servers/server/audit${query}`)).body;

/** An answer of the API is told of a moment later than it comes. */
async function entry(query: string): Promise<AuditPage['entries'][number]> {
  for (;;) {
    const { entries } = await audit(query);
    if (entries[0] !== undefined) return entries[0];
    await new Promise(setImmediate);
  }
}

describe('admin HTTP API: the audit log', () => {
  afterEach(endFlow);

  it('has what a node asked, and what a program asked, each once', () =>
    withFolder(async (folder) => {
      await given(folder);
      await device('t-1');
      helper.getNode('node').receive({ device: 't-1', path: '/3/0/9' });
      const asked = await entry('?action=read');
      assert.deepEqual([asked.actor, asked.device, asked.outcome], ['node node', 't-1', 'done']);
      assert.ok((asked.durationMs ?? -1) >= 0);
      await call('post', 'servers/server/devices/t-1/write', { path: '/3/0/14', value: '+05:00' });
      const { entries } = await audit('?action=write');
      assert.deepEqual(
        entries.map(({ actor, action, device: of }) => [actor, action, of]),
        [['user (nobody asked)', 'write /3/0/14', 't-1']],
      );
    }));

  it('holds no value that was written, and no key that was provisioned', () =>
    withFolder(async (folder) => {
      await given(folder);
      await device('t-1');
      await call('post', 'servers/server/devices/t-1/write', { path: '/3/0/15', value: 'Europe/Nowhere' });
      const key = '00112233445566778899aabbccddeeff';
      await call('post', 'servers/server/devices', { endpoint: 't-2', security: { mode: 'psk', identity: 't-2', key } });
      await entry('?action=provision');
      const text = JSON.stringify(await audit('?limit=1000'));
      assert.ok(!text.includes('Nowhere') && !text.includes(key), text);
    }));

  it('is there after a restart, and proves that nothing was changed', () =>
    withFolder(async (folder) => {
      await given(folder);
      await device('t-1');
      await call('post', 'servers/server/devices/t-1/read', { path: '/3/0/9' });
      await entry('?action=read');
      await endFlow();
      await given(folder, { ackTimeout: 3 });
      assert.equal((await entry('?action=read&device=t-1')).action, 'read /3/0/9');
      const { body } = await call<{ entries: number; flaw?: unknown }>('get', 'servers/server/audit/proof');
      assert.ok(body.entries > 0);
      assert.equal(body.flaw, undefined);
    }));

  it('says which parameter is wrong', () =>
    withFolder(async (folder) => {
      await given(folder);
      const { status, body } = await call<ToldProblem>('get', 'servers/server/audit?limit=0');
      assert.deepEqual([status, body.detail], [400, 'limit must be a number from 1 to 1000']);
    }));
});
