/** The devices node in a real runtime: who is there, who belongs together, who is in service. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BACKUP } from '../../../nodes/devices/backup-actions';
import type { Action, ActionContext } from '../../../nodes/devices/devices-action';
import type { Message } from '../../../nodes/runtime/flow-host';
import {
  around,
  deploy,
  device,
  endFlow,
  inbox,
  lifecycle,
  logged,
  running,
  saying,
  send,
  serverNode,
  serverState,
} from '../flow';

const DEVICES = {
  type: 'dm-devices',
  action: '',
  device: '',
  deviceType: 'str',
  tags: '',
  tagsType: 'msg',
  fields: '',
  results: 'array',
  wires: [['out']],
};

type Known = Readonly<Record<string, unknown>>;

async function given(properties: Known = {}, server: Known = {}): Promise<void> {
  await deploy([serverNode(server), ...around({ ...DEVICES, ...properties })]);
  await serverState('listening');
}

async function answer<Payload = Known[]>(message: Known): Promise<Payload> {
  const already = inbox('out').all.length;
  send(message);
  await inbox('out').count(already + 1);
  return inbox('out').all.at(-1)?.payload as Payload;
}

async function failure(message: Known): Promise<Message & { error: { code: string; message: string } }> {
  const already = inbox('caught').all.length;
  send(message);
  await inbox('caught').count(already + 1);
  return inbox('caught').all.at(-1) as never;
}

const act = (name: 'export' | 'import', context: ActionContext): Promise<unknown> => (BACKUP[name] as Action)(context);

/** It comes, and is not let in. */
async function refused(name: string): Promise<void> {
  const happened = lifecycle('refused', name);
  const client = device(name);
  await happened;
  client.catch(() => undefined);
}

const names = (records: readonly Known[]): unknown[] => records.map(({ endpoint }) => endpoint);

describe('devices', () => {
  afterEach(endFlow);

  it('lists who is here, who has gone and who is only known, and says how many are here', async () => {
    await given();
    await device('t-1');
    const gone = await device('t-2');
    await gone.stop();
    await running().provisioning.provision({ endpoint: 't-3', tags: ['spare'] });
    await running().provisioning.retire('t-4');
    await saying('1 registered');
    const records = await answer({});
    assert.deepEqual(
      records.map(({ endpoint, state }) => `${endpoint} ${state}`),
      ['t-1 online', 't-2 offline', 't-3 offline', 't-4 offline'],
    );
    assert.equal((records[0]?.registration as { version: string } | undefined)?.version, '1.1');
    assert.deepEqual(records[2]?.tags, ['spare']);
    assert.equal(typeof records[3]?.retiredAt, 'number');
    assert.equal(typeof (records[1]?.facts as { lastSeen: number } | undefined)?.lastSeen, 'number');
  });

  it('lists those a selector means, with the fields asked for, in one message or one each', async () => {
    await given({ action: 'list', device: 'tag=a | t-3', fields: 'state, tags', results: 'each' });
    for (const name of ['t-1', 't-2', 't-3']) await device(name);
    await running().fleet.tags.add(['t-2'], ['a']);
    send({ topic: 'x', parts: { id: 'outer' } });
    await inbox('out').count(2);
    assert.deepEqual(
      inbox('out').all.map(({ device: name, topic, payload }) => [name, topic, payload]),
      [
        ['t-2', 't-2', { endpoint: 't-2', state: 'online', tags: ['a'] }],
        ['t-3', 't-3', { endpoint: 't-3', state: 'online', tags: [] }],
      ],
    );
    const [, second] = inbox('out').all as { parts: { index: number; count: number; parts: { id: string } } }[];
    const { index, count, parts } = (second as NonNullable<typeof second>).parts;
    assert.deepEqual([index, count, parts.id], [1, 2, 'outer']);
  });

  it('tags and untags, before a device has come too; any node can then say the tag', async () => {
    await given();
    await device('t-1');
    assert.deepEqual(await answer<object>({ action: 'tag', device: ['t-1', 'later'], tags: 'floor=2, red' }), {
      't-1': ['floor=2', 'red'],
      later: ['floor=2', 'red'],
    });
    assert.deepEqual(names(await answer({ device: 'tag=red' })), ['later', 't-1']);
    assert.deepEqual(names(await answer({ device: { tags: ['red'], state: 'online' } })), ['t-1']);
    await answer({ action: 'untag', device: 'tag=red', tags: ['red'] });
    assert.deepEqual(await answer({ device: 'tag=red' }), []);
  });

  it('keeps groups', async () => {
    await given();
    await device('t-1');
    assert.deepEqual(await answer<object>({ action: 'set-group', group: 'test', select: 't-* & state=online' }), {
      name: 'test',
      select: 't-* & state=online',
      devices: 1,
    });
    assert.deepEqual(names(await answer({ device: 'group=test' })), ['t-1']);
    assert.equal((await answer({ action: 'groups' })).length, 1);
    await answer({ action: 'remove-group', group: 'test' });
    assert.match((await failure({ action: 'remove-group', group: 'test' })).error.message, /there is no group "test"/);
  });

  it('provisions a device, a list and a table, and passes no key on', async () => {
    await given({}, { admission: 'listed' });
    const key = '00112233445566778899aabbccddeeff';
    const security = { mode: 'psk', identity: 'id-1', key };
    await answer({ action: 'provision', payload: { endpoint: 'p-1', tags: ['a'], security } });
    await answer({ action: 'provision', payload: [{ endpoint: 'p-2' }] });
    const records = await answer({ action: 'provision', payload: `endpoint,identity,key\np-3,id-3,${key}` });
    assert.deepEqual(names(records), ['p-3']);
    const wrong = await failure({
      action: 'provision',
      payload: { endpoint: 'p-4', security: { ...security, key: `${key}zz` } },
    });
    assert.equal(wrong.error.code, 'invalid-value');
    for (const message of [...inbox('out').all, ...inbox('caught').all]) assert.ok(!JSON.stringify(message).includes(key));
    assert.ok(!JSON.stringify(await answer({})).includes(key));
    assert.ok(![...logged('WARN')].some((line) => line.includes(key)));
    await device('p-2');
  });

  it('blocks until it is permitted again', async () => {
    await given({}, { admission: 'open' });
    await device('t-1');
    const ended = lifecycle('deregistered', 't-1');
    await answer({ action: 'block', device: 't-1', until: new Date(Date.now() + 60_000) });
    await ended;
    await refused('t-1');
    await answer({ action: 'permit', device: 't-1' });
    await device('t-1');
  });

  it('retires with a report, not several or with a wipe unless that is confirmed, and restores', async () => {
    await given({}, { admission: 'open' });
    await device('t-1');
    await answer({ action: 'tag', device: 't-1', tags: ['a'] });
    for (const unconfirmed of [{ device: 't-*' }, { device: 't-1', wipe: true }]) {
      assert.match((await failure({ action: 'retire', ...unconfirmed })).error.message, /set msg.confirm to "retire"/);
    }
    const unwiped = await failure({ action: 'retire', device: 't-1', wipe: true, confirm: 'retire' });
    assert.match(unwiped.error.message, /neither wiped nor retired/);
    const [report] = await answer({ action: 'retire', device: 't-1' });
    assert.deepEqual([report?.endpoint, report?.retired, report?.tags], ['t-1', true, ['a']]);
    await refused('t-1');
    const [restored] = await answer({ action: 'restore', device: 't-1' });
    assert.deepEqual([restored?.retiredAt, restored?.tags], [undefined, []]);
    await device('t-1');
    assert.match((await failure({ action: 'restore', device: 't-1' })).error.message, /was not retired/);
    const { entries } = await answer<{ entries: { action: string; actor: string }[] }>({ action: 'audit', device: 't-1' });
    assert.deepEqual(
      entries.map(({ action }) => action).filter((action) => /retire|restore|tag/.test(action)),
      ['restore', 'retire', 'tag'],
    );
    assert.equal(entries[0]?.actor, 'node node');
  });

  it('keeps what the network knows, with its source', async () => {
    await given();
    await device('t-1');
    const told = {
      action: 'inform',
      device: 't-1',
      payload: { operator: 'Example', latitude: 52.5, longitude: 13.4 },
      source: 'operator',
    };
    const known = await answer<Record<string, { network: Record<string, { value: unknown; source: string }> }>>(told);
    assert.equal(known['t-1']?.network.operator?.source, 'operator');
    assert.deepEqual(names(await answer({ device: 'near=52.5/13.4/1km' })), ['t-1']);
    assert.match((await failure({ ...told, source: undefined })).error.message, /send msg.source/);
  });

  it('tells what devices have reported, in order, and between times', async () => {
    await given();
    for (const name of ['t-1', 't-2']) await device(name);
    const { history, clock } = { history: running().fleet.history, clock: running().clock };
    const now = clock.wall();
    for (const [index, name] of ['t-1', 't-2', 't-1'].entries()) {
      const at = now - 3_000 + index * 1_000;
      history.record(name, [{ path: '/3303/0/5700', value: 20 + index, at }], now);
    }
    const values = await answer<{ device: string; value: number }[]>({ action: 'history', device: 't-*', path: '/3303' });
    assert.deepEqual(values.map(({ device: name, value }) => `${name} ${value}`).sort(), ['t-1 20', 't-1 22', 't-2 21']);
    const later = await answer<{ value: number }[]>({
      action: 'history',
      device: 't-1',
      payload: { from: new Date(now - 1_500) },
    });
    assert.deepEqual(
      later.map(({ value }) => value),
      [22],
    );
    assert.match(
      (await failure({ action: 'history', device: 't-1', payload: { from: 'soon' } })).error.message,
      /from must be a time/,
    );
  });

  it('analyses values: where they lead, and who is unlike the others', async () => {
    await given();
    const { history } = running().fleet;
    const [now, day] = [running().clock.wall(), 86_400_000];
    const batteries = Array.from({ length: 8 }, (_, index) => `t-${index + 1}`);
    for (const [index, name] of batteries.entries()) {
      const drain = index === 7 ? 20 : 5 + index / 10;
      for (let days = 0; days < 4; days++)
        history.record(name, [{ path: '/3/0/9', value: 100 - days * drain, at: now - (3 - days) * day }], now);
    }
    const message = { action: 'analyse', device: batteries, path: '/3/0/9', payload: { reaches: 0 } };
    const analysis = await answer<{ devices: Record<string, { daysLeft: number; max: number }>; outliers: { device: string }[] }>(
      message,
    );
    assert.deepEqual(
      [Math.round(analysis.devices['t-1']?.daysLeft ?? 0), Math.round(analysis.devices['t-8']?.daysLeft ?? 0)],
      [17, 2],
    );
    assert.deepEqual(
      analysis.outliers.map(({ device: name }) => name),
      ['t-8'],
    );
    assert.match((await failure({ action: 'analyse', device: 't-1' })).error.message, /send its path in msg\.path/);
  });

  it('says what is the matter with a device, and of several by name', async () => {
    await given();
    for (const name of ['t-1', 't-2']) await device(name);
    const { summary, presence } = await answer<{ summary: string; presence: string }>({ action: 'diagnose', device: 't-1' });
    assert.equal(presence, 'reachable');
    assert.ok(summary.length > 10, summary);
    assert.deepEqual(Object.keys(await answer({ action: 'diagnose', device: 't-*' })), ['t-1', 't-2']);
  });

  it('tells what devices have used', async () => {
    await given();
    await device('t-1');
    await answer({ action: 'diagnose', device: 't-1' });
    const { records } = await answer<{ records: { name: string; requests: number }[] }>({ action: 'usage' });
    assert.ok((records.find(({ name }) => name === 't-1')?.requests ?? 0) > 0, JSON.stringify(records));
    const wrong = await failure({ action: 'usage', payload: { kind: 'city' } });
    assert.match(wrong.error.message, /kind must be application or device/);
  });

  it('writes the whole state to a file, and takes one in, under the passphrase of the node', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'devices-'));
    try {
      await given({}, { store: 'level', storePath: path.join(folder, 'state') });
      const file = path.join(folder, 'state.backup');
      assert.match((await failure({ action: 'export', filename: file })).error.message, /set one in the node/);
      await running().fleet.tags.add(['t-1'], ['a']);
      const context = {
        server: running(),
        message: { filename: 'state.backup' } as Message,
        folder,
        passphrase: 'open sesame please',
      };
      const asked = { ...context, payload: undefined, actor: 'node node' } as ActionContext;
      const { bytes } = (await act('export', asked)) as { bytes: number };
      assert.equal(statSync(file).size, bytes);
      assert.equal(statSync(file).mode & 0o077, 0);
      const taken = (await act('import', asked)) as { records: number };
      assert.ok(taken.records > 0);
      await assert.rejects(async () => act('import', { ...asked, passphrase: 'something else' }), { code: /invalid-value/ });
      await assert.rejects(async () => act('export', { ...asked, message: { filename: 'no/such/folder' } as Message }), {
        code: 'store-failed',
        message: /could not be written to/,
      });
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.endsWith('.part')),
        [],
      );
    } finally {
      await endFlow();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a selector that is wrong, a field or an action there is not, and a node without a server are told of', async () => {
    await given();
    assert.match((await failure({ device: 'model= & x' })).error.message, /at character 8, model must be/);
    assert.match((await failure({ action: 'dance' })).error.message, /msg.action must be list, tag/);
    assert.match((await failure({ action: 'tag', tags: ['a'] })).error.message, /which devices\? msg.device is empty/);
    assert.match((await failure({ action: 'tag', device: 't-1' })).error.message, /which tags\?/);
    assert.match((await failure({ action: 'audit', payload: { since: 5 } })).error.message, /there is no "since"/);
    await deploy([serverNode(), ...around({ ...DEVICES, fields: 'colour' })], { type: 'nodes' });
    assert.match((await failure({})).error.message, /there is no field "colour"/);
    await deploy(around({ ...DEVICES, server: '' }));
    await saying('no server');
  });
});
