import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import { MemoryStore } from '../../src/store/memory';
import { RecoveringStore } from '../../src/store/recovering';
import type { Change } from '../../src/store/store';
import { conformance } from './conformance';

conformance('the store that comes back', async () => ({
  store: await RecoveringStore.open(async () => new MemoryStore(), new VirtualClock(), {
    failed: () => assert.fail('nothing failed'),
    recovered: () => assert.fail('nothing failed'),
  }),
}));

const FULL = new DeviceManagementError('store-failed', 'the disk is full: make room');

/** A disk that may be full, and a log on it that must not be written on after it was. */
async function givenStore() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const disk = { isFull: false, opened: 0 };
  class Log extends MemoryStore {
    private torn = false;
    override async batch(changes: readonly Change[]): Promise<void> {
      assert.equal(this.torn, false, 'written on a torn log');
      this.torn = disk.isFull;
      if (disk.isFull) throw FULL;
      return super.batch(changes);
    }
  }
  const open = async (): Promise<Log> => {
    disk.opened++;
    if (disk.isFull) throw FULL;
    return new Log();
  };
  const store = await RecoveringStore.open(open, clock, {
    failed: ({ message }) => told.push(message),
    recovered: () => told.push('recovered'),
  });
  return { clock, told, disk, store };
}

describe('a store that cannot be written to', () => {
  it('is told of once, and refuses what comes without another try', async () => {
    const { store, disk, told } = await givenStore();
    disk.isFull = true;
    for (let tries = 0; tries < 3; tries++) await assert.rejects(store.put('a', Buffer.of(1)), FULL);
    assert.deepEqual(told, [FULL.message]);
  });

  it('is opened anew every half minute, until it can be written to', async () => {
    const { store, disk, told, clock } = await givenStore();
    disk.isFull = true;
    await assert.rejects(store.put('a', Buffer.of(1)));
    await clock.advanceAsync(60_000);
    assert.equal(disk.opened, 3);
    disk.isFull = false;
    await clock.advanceAsync(30_000);
    assert.deepEqual(told, [FULL.message, 'recovered']);
    await store.put('b', Buffer.of(2));
    assert.deepEqual(await store.get('b'), Buffer.of(2));
    await clock.advanceAsync(60_000);
    assert.equal(disk.opened, 4);
  });

  it('that was closed is not opened again', async () => {
    const { store, disk, clock } = await givenStore();
    disk.isFull = true;
    await assert.rejects(store.put('a', Buffer.of(1)));
    await store.close();
    await clock.advanceAsync(90_000);
    assert.equal(disk.opened, 1);
    assert.equal(clock.pending, 0);
  });

  it('is not what refused a key that is none', async () => {
    const { store, told } = await givenStore();
    await assert.rejects(store.put('', Buffer.of(1)), { code: 'invalid-value' });
    assert.deepEqual(told, []);
    await store.put('a', Buffer.of(1));
  });
});
