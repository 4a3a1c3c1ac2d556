/** Values over time. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import { History, type HistoryQuery } from '../../src/fleet/history';
import { MemoryStore } from '../../src/store/memory';
import { below } from '../../src/store/store';

const TEMPERATURE = '/3303/0/5700';
const SECOND = 1000;
const HOUR = 3_600_000;

async function kept(limits = {}, store = new MemoryStore()) {
  const clock = new VirtualClock();
  const history = new History(clock, limits);
  const troubles: string[] = [];
  await history.restore(store, (reason) => troubles.push(reason));
  const measure = (device: string, value: Value, path = TEMPERATURE): void =>
    history.record(device, [{ path, value }], clock.wall());
  const values = async (query: Partial<HistoryQuery> = {}) =>
    (await history.query({ devices: ['a'], ...query })).map(({ value }) => value);
  return { clock, history, store, troubles, measure, values };
}

async function countOf(store: MemoryStore): Promise<number> {
  let count = 0;
  for await (const _ of store.range(below('history/'))) count++;
  return count;
}

describe('The history', () => {
  it('has the values of several devices for an hour, in order of time', async () => {
    const { clock, history, measure } = await kept();
    const begin = clock.wall();
    for (let minute = 0; minute < 60; minute++) {
      for (const device of ['a', 'b', 'c']) measure(device, minute);
      clock.advance(60 * SECOND);
    }
    measure('a', 99);
    const values = await history.query({
      devices: ['a', 'b', 'c'],
      path: TEMPERATURE,
      from: begin,
      to: begin + HOUR,
      limit: 1000,
    });
    assert.equal(values.length, 180);
    assert.deepEqual(
      values.map(({ value }) => value),
      Array.from({ length: 180 }, (_, index) => Math.floor(index / 3)),
    );
    assert.deepEqual(
      values
        .slice(0, 3)
        .map(({ device }) => device)
        .sort(),
      ['a', 'b', 'c'],
    );
  });

  it('is asked for a resource, or for all below an instance or object', async () => {
    const { measure, values } = await kept();
    measure('a', 1, '/3303/0/5700');
    measure('a', 2, '/3303/1/5700');
    measure('a', 3, '/3304/0/5700');
    assert.deepEqual(await values({ path: '/3303/1/5700' }), [2]);
    assert.deepEqual(new Set(await values({ path: '/3303' })), new Set([1, 2]));
    assert.deepEqual(new Set(await values()), new Set([1, 2, 3]));
    assert.deepEqual(await values({ path: '/330' }), []);
    assert.deepEqual(await values({ devices: ['b'] }), []);
  });

  it('gives the newest when there are more than asked for', async () => {
    const { clock, measure, values } = await kept();
    for (let n = 1; n <= 10; n++) {
      measure('a', n);
      clock.advance(SECOND);
    }
    assert.deepEqual(await values({ limit: 3 }), [8, 9, 10]);
    assert.deepEqual(await values({ limit: 3, to: clock.wall() - 5 * SECOND }), [3, 4, 5]);
  });

  it('takes the time a device says, unless its clock is far ahead', async () => {
    const { clock, history } = await kept();
    const now = clock.wall();
    history.record('a', [{ path: TEMPERATURE, value: 1, at: now - HOUR }], now);
    history.record('a', [{ path: TEMPERATURE, value: 2, at: now + 10 * 86_400_000 }], now);
    assert.deepEqual(
      (await history.query({ devices: ['a'] })).map(({ at }) => at),
      [now - HOUR, now],
    );
  });

  it('keeps numbers, Booleans, times and short texts, and no bytes', async () => {
    const { clock, measure, values } = await kept();
    const time = new Date(0);
    for (const value of [1.5, true, 'ok', time, Buffer.from('key'), 'x'.repeat(300)]) {
      measure('a', value);
      clock.advance(1);
    }
    assert.deepEqual(await values(), [1.5, true, 'ok', time]);
  });

  it('keeps several values of one time, and the same one once', async () => {
    const { measure, values } = await kept();
    for (const value of [1, 2, 2]) measure('a', value);
    assert.deepEqual((await values()).sort(), [1, 2]);
  });

  it('tells names apart that hold a slash', async () => {
    const { measure, values } = await kept();
    measure('a/b', 1);
    measure('a', 2);
    assert.deepEqual(await values({ devices: ['a/b'] }), [1]);
    assert.deepEqual(await values({ devices: ['a'] }), [2]);
  });

  it('is written five seconds later at most, and is there after a restart', async () => {
    const first = await kept();
    first.measure('a', 21);
    await first.clock.advanceAsync(5 * SECOND);
    const second = await kept({}, first.store);
    assert.deepEqual(await second.values(), [21]);
  });

  it('what came before the store was open is not lost', async () => {
    const clock = new VirtualClock();
    const history = new History(clock);
    history.record('a', [{ path: TEMPERATURE, value: 1 }], clock.wall());
    await history.restore(new MemoryStore(), assert.fail);
    assert.equal((await history.query({ devices: ['a'] })).length, 1);
  });

  it('of one series is bounded by count, the oldest going first, also of what an earlier life has left', async () => {
    const first = await kept({ mostValues: 100 });
    const fill = async ({ clock, measure, history }: typeof first, count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        measure('a', n);
        clock.advance(SECOND / 100);
      }
      await history.flush();
    };
    await fill(first, 150);
    assert.equal(await countOf(first.store), 100);
    assert.equal((await first.values({ limit: 1000 }))[0], 50);
    const second = await kept({ mostValues: 60 }, first.store);
    second.clock.advance(HOUR);
    await fill(second, 10);
    assert.equal(await countOf(first.store), 60);
  });

  it('is bounded by age, also of devices that have fallen silent', async () => {
    const { clock, measure, history, store } = await kept({ mostAgeMs: 2 * HOUR });
    measure('a', 1);
    await history.flush();
    await clock.advanceAsync(2 * HOUR);
    measure('b', 2);
    await history.flush();
    assert.equal(await countOf(store), 2);
    await clock.advanceAsync(HOUR);
    assert.equal(await countOf(store), 1);
  });

  it('that cannot be written says so once, and is written when the store is well again', async () => {
    const { measure, history, store, troubles, values } = await kept();
    const batch = store.batch.bind(store);
    store.batch = () => Promise.reject(new DeviceManagementError('store-failed', 'the disk is full'));
    measure('a', 1);
    await history.flush();
    measure('b', 2);
    await history.flush();
    assert.deepEqual(troubles, ['the history cannot be written: the disk is full']);
    store.batch = batch;
    await history.keepAll();
    assert.deepEqual(await values(), [1]);
  });
});
