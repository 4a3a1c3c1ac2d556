import assert from 'node:assert/strict';
import { backup, readBackup } from '../../src/store/backup';
import { MemoryStore } from '../../src/store/memory';
import { Seal } from '../../src/store/seal';
import { stage, takeUp } from '../../src/store/staged';
import { below, type Change, type Store } from '../../src/store/store';

const PASSPHRASE = 'twelve words or so';
const THERE = new Seal(Buffer.alloc(32, 1));
const HERE = new Seal(Buffer.alloc(32, 2));

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.range(below(''))) keys.push(key);
  return keys;
}

async function givenStaged() {
  const other = new MemoryStore();
  await other.batch([
    { key: 'a', value: Buffer.of(1) },
    { key: 'b', value: THERE.seal(Buffer.from('secret'), 'b') },
  ]);
  const restorable = await readBackup(backup(other, PASSPHRASE, THERE), PASSPHRASE);
  const store = new MemoryStore();
  await store.put('c', Buffer.of(3));
  await stage(store, restorable, HERE);
  let inUse = HERE;
  const open = (): Promise<boolean> =>
    takeUp(
      store,
      async () => inUse,
      async (brought) => {
        inUse = brought;
      },
    );
  return { store, restorable, open, seal: () => inUse };
}

describe('a backup that waits to be taken up', () => {
  it('changes nothing before, and everything then, with the key of its secrets', async () => {
    const { store, open, seal } = await givenStaged();
    assert.deepEqual(await store.get('c'), Buffer.of(3));
    assert.equal(await open(), true);
    assert.deepEqual(await keysOf(store), ['a', 'b']);
    assert.deepEqual(seal().open((await store.get('b')) as Buffer, 'b'), Buffer.from('secret'));
    assert.equal(await open(), false);
    assert.deepEqual(await keysOf(store), ['a', 'b']);
  });

  it('is taken up by the next start where this one ended after it had changed the key', async () => {
    const { store, open, seal } = await givenStaged();
    const batch = store.batch;
    store.batch = () => Promise.reject(new Error('the end'));
    await assert.rejects(open(), /the end/);
    assert.ok(seal().isSame(THERE));
    store.batch = batch;
    assert.equal(await open(), true);
    assert.ok(seal().isSame(THERE));
    assert.deepEqual(await keysOf(store), ['a', 'b']);
  });

  it('that was not written to its end is nothing, and is cleared away', async () => {
    const { store, restorable, open } = await givenStaged();
    const batch = store.batch.bind(store);
    store.batch = (changes: readonly Change[]) =>
      changes.some(({ key }) => key.endsWith('complete') && changes.length > 1)
        ? Promise.reject(new Error('the end'))
        : batch(changes);
    await assert.rejects(stage(store, restorable, HERE), /the end/);
    assert.equal(await open(), false);
    assert.deepEqual(await keysOf(store), ['c']);
  });

  it('is no part of another backup', async () => {
    const { store } = await givenStaged();
    const { entries } = await readBackup(backup(store, PASSPHRASE, HERE), PASSPHRASE);
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['c'],
    );
  });
});
