import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LevelStore } from '../../src/store/level';
import { conformance } from './conformance';
import { withFolder } from './folder';

describe('the store in a folder', () => {
  const folders: string[] = [];

  after(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  for (const durability of ['process', 'power'] as const) {
    conformance(`the store in a folder (${durability})`, async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'store-'));
      folders.push(folder);
      const open = (): Promise<LevelStore> => LevelStore.open({ folder, durability });
      return { store: await open(), reopen: open };
    });
  }

  it('waits for the disk where that is asked for, and always where it was opened so', async () => {
    const waits: boolean[] = [];
    for (const durability of ['process', 'power'] as const) {
      await withFolder(async (folder) => {
        const store = await LevelStore.open({ folder, durability });
        const { level } = store as unknown as {
          level: { batch(operations: unknown, options: { sync: boolean }): Promise<void> };
        };
        const write = level.batch.bind(level);
        level.batch = (operations, options) => {
          waits.push(options.sync);
          return write(operations, options);
        };
        await store.batch([{ key: 'a', value: Buffer.of(1) }]);
        await store.batch([{ key: 'a' }], { synced: true });
        await store.close();
      });
    }
    assert.deepEqual(waits, [false, true, true, true]);
  });

  it('makes its folder, for this user alone', async function () {
    if (process.platform === 'win32') return this.skip();
    await withFolder(async (parent) => {
      const folder = path.join(parent, 'a', 'b');
      const store = await LevelStore.open({ folder });
      assert.equal((await stat(folder)).mode & 0o077, 0);
      await store.close();
    });
  });

  it('is opened once: the second is told to take another folder', async () => {
    await withFolder(async (folder) => {
      const store = await LevelStore.open({ folder });
      await assert.rejects(LevelStore.open({ folder }), {
        code: 'store-failed',
        message: `the store in ${folder} failed: another process or server uses it: choose a folder for each`,
      });
      await store.close();
    });
  });

  it('says that its place is a file', async () => {
    await withFolder(async (parent) => {
      const file = path.join(parent, 'file');
      await writeFile(file, '');
      await assert.rejects(LevelStore.open({ folder: file }), { code: 'store-failed', message: /it is a file, not a folder/ });
    });
  });

  it('says that it may not write there', async function () {
    if (process.platform === 'win32' || process.getuid?.() === 0) return this.skip();
    await withFolder(async (folder) => {
      await chmod(folder, 0o500);
      await assert.rejects(LevelStore.open({ folder }), { code: 'store-failed', message: /this user may not write there/ });
    });
  });

  it('mends what is damaged, says so, and has what the damage left', async () => {
    await withFolder(async (folder) => {
      const store = await LevelStore.open({ folder });
      await store.put('a', Buffer.from('1'));
      await store.close();
      const repaired: string[] = [];
      // The file that says which files belong to the store.
      for (const name of await readdir(folder)) if (name.startsWith('MANIFEST')) await writeFile(path.join(folder, name), 'torn');
      const again = await LevelStore.open({ folder, onRepaired: (reason) => repaired.push(reason) });
      assert.equal(repaired.length, 1);
      assert.deepEqual(await again.get('a'), Buffer.from('1'));
      await again.close();
    });
  });
});
