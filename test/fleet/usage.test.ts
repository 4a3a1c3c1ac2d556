/** Accounting: arithmetic, months, and what is kept. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import type { Outcome } from '../../src/fleet/outcomes';
import { Usage } from '../../src/fleet/usage';
import { csvOf, noUsage, type UsageRecord } from '../../src/fleet/usage-record';
import { MemoryStore } from '../../src/store/memory';
import { below, type Store } from '../../src/store/store';
import { FakeManager } from './fake-manager';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const answered = (sent: number, received: number, rtt: number): Outcome => ({
  result: {
    device: 'd',
    operation: 'read',
    path: '/3/0/9',
    code: '2.05',
    values: [],
    bytes: { sent, received },
    rtt,
    at: 0,
  },
});
const FAILED: Outcome = { error: new DeviceManagementError('4.04', 'not there') };

async function given(store: Store = new MemoryStore(), clock = new VirtualClock(Date.UTC(2026, 10, 10))) {
  const manager = new FakeManager();
  const usage = new Usage(manager, clock);
  const troubles: string[] = [];
  await usage.restore(store, (reason) => troubles.push(reason));
  const of = async (kind: 'application' | 'device', period?: string): Promise<Record<string, UsageRecord>> => {
    const { records } = await usage.query({ kind, ...(period !== undefined && { period }) });
    return Object.fromEntries(records.map((record) => [record.name, record]));
  };
  return { manager, usage, clock, store, troubles, of };
}

async function pairsIn(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.range(below('usage-pair/'))) keys.push(key);
  return keys;
}

describe('Accounting', () => {
  it('counts requests, failures, bytes, time and different devices of each application, and their sum', async () => {
    const { usage } = await given();
    usage.asked('token 1 (billing)', 'a', answered(2, 10, 40));
    usage.asked('token 1 (billing)', 'a', answered(3, 20, 60));
    usage.asked('token 1 (billing)', 'b', FAILED);
    usage.asked('node n1', 'b', answered(0, 5, 7));
    const { period, records, total } = await usage.query({ kind: 'application' });
    const kind = 'application' as const;
    assert.deepEqual(records, [
      { ...noUsage(), period, kind, name: 'node n1', requests: 1, bytesReceived: 5, answerMs: 7, devices: 1 },
      {
        ...noUsage(),
        period,
        kind,
        name: 'token 1 (billing)',
        requests: 3,
        failed: 1,
        bytesSent: 5,
        bytesReceived: 30,
        answerMs: 100,
        devices: 2,
      },
    ]);
    assert.equal(period, '2026-11');
    assert.deepEqual(total, {
      ...noUsage(),
      requests: 4,
      failed: 1,
      bytesSent: 5,
      bytesReceived: 35,
      answerMs: 107,
      devices: 3,
    });
  });

  it('counts what devices are asked, what they report, and how long they are here', async () => {
    const { manager, usage, clock, of } = await given();
    manager.register('a');
    usage.asked('node n1', 'a', answered(1, 2, 3));
    manager.events.emit('notification', { device: 'a', path: '/3/0/9', values: [], bytes: 12, at: 0 });
    manager.events.emit('send', { device: 'a', values: [], contentFormat: 110, bytes: 30, at: 0 });
    clock.advance(90 * MINUTE);
    manager.leave('a');
    clock.advance(HOUR);
    const { a } = await of('device');
    assert.deepEqual([a?.requests, a?.reports, a?.bytesSent, a?.bytesReceived, a?.onlineMs], [1, 2, 1, 2 + 12 + 30, 90 * MINUTE]);
  });

  it('begins anew each month (UTC), and has the months before', async () => {
    const { manager, usage, clock, of } = await given();
    manager.register('a');
    usage.asked('node n1', 'a', answered(1, 1, 1));
    await clock.advanceAsync(21 * DAY);
    usage.asked('node n1', 'a', answered(5, 5, 5));
    usage.asked('node n1', 'a', answered(5, 5, 5));
    assert.deepEqual([(await of('device')).a?.requests, (await of('device', '2026-11')).a?.requests], [2, 1]);
    assert.equal((await of('application')).n1, undefined);
    assert.equal((await of('application'))['node n1']?.devices, 1);
    const [before, now] = [(await of('device', '2026-11')).a?.onlineMs, (await of('device')).a?.onlineMs];
    assert.equal((before ?? 0) + (now ?? 0), 21 * DAY);
  });

  it('is there after a restart, and goes on where it was', async () => {
    const store = new MemoryStore();
    const first = await given(store);
    first.usage.asked('node n1', 'a', answered(1, 2, 3));
    await first.clock.advanceAsync(MINUTE);
    const second = await given(store);
    second.usage.asked('node n1', 'a', answered(10, 20, 30));
    second.usage.asked('node n1', 'b', answered(10, 20, 30));
    const { a } = await second.of('device');
    assert.deepEqual([a?.requests, a?.bytesReceived, a?.answerMs], [2, 22, 33]);
    assert.equal((await second.of('application'))['node n1']?.devices, 2);
  });

  it('forgets months that are older than two years, and who met whom as soon as the month is over', async () => {
    const store = new MemoryStore();
    const first = await given(store, new VirtualClock(Date.UTC(2024, 10, 10)));
    first.usage.asked('node n1', 'a', FAILED);
    await first.usage.flush();
    assert.deepEqual(await pairsIn(store), ['usage-pair/2024-11/node n1 a']);
    const second = await given(store, new VirtualClock(Date.UTC(2026, 9, 10)));
    assert.equal((await second.of('device', '2024-11')).a?.requests, 1);
    assert.deepEqual(await pairsIn(store), []);
    const third = await given(store, new VirtualClock(Date.UTC(2026, 10, 1)));
    assert.deepEqual(await third.of('device', '2024-11'), {});
  });

  it('is read in pages, in order of names', async () => {
    const { usage } = await given();
    for (const device of ['c', 'a', 'b']) usage.asked('node n1', device, FAILED);
    const first = await usage.query({ kind: 'device', limit: 2 });
    assert.deepEqual([first.records.map(({ name }) => name), first.cursor], [['a', 'b'], 'b']);
    const second = await usage.query({ kind: 'device', limit: 2, cursor: 'b' });
    assert.deepEqual([second.records.map(({ name }) => name), second.cursor], [['c'], undefined]);
    assert.deepEqual(second.total, first.total);
  });

  it('counts a hundred thousand devices by name, and all beyond together', async () => {
    const { usage } = await given();
    for (let device = 0; device < 100_002; device++) usage.asked('node n1', `d-${device}`, FAILED);
    const { total } = await usage.query({ kind: 'device' });
    assert.equal(total.requests, 100_002);
    const { records } = await usage.query({ kind: 'device', limit: 1 });
    assert.deepEqual([records[0]?.name, records[0]?.requests], ['(others)', 2]);
  }).timeout(10_000);

  it('that cannot be written says so once, and is written when the store is well again', async () => {
    const store = new MemoryStore();
    const { usage, troubles, clock } = await given(store);
    const batch = store.batch.bind(store);
    store.batch = () => Promise.reject(new Error('disk full'));
    usage.asked('node n1', 'a', FAILED);
    await clock.advanceAsync(MINUTE);
    usage.asked('node n1', 'a', FAILED);
    await clock.advanceAsync(MINUTE);
    assert.deepEqual(troubles, ['usage cannot be written: disk full']);
    store.batch = batch;
    await usage.keepAll();
    assert.equal((await (await given(store)).of('device')).a?.requests, 2);
  });
});

describe('A table of usage', () => {
  it('has a line of names and one for each record; names that a spreadsheet would calculate are text', () => {
    const record = { ...noUsage(), period: '2026-11', kind: 'device' as const, requests: 3, bytesReceived: 12 };
    const table = csvOf([
      { ...record, name: '=cmd|x' },
      { ...record, name: 'say "hi", you' },
    ]);
    assert.deepEqual(table.split('\r\n'), [
      'period,kind,name,requests,failed,reports,bytesSent,bytesReceived,answerMs,onlineMs,devices',
      "2026-11,device,'=cmd|x,3,0,0,0,12,0,0,0",
      '2026-11,device,"say ""hi"", you",3,0,0,0,12,0,0,0',
      '',
    ]);
  });
});
