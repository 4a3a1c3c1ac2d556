import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { LevelStore } from '../../../src/store/level';
import { sealFrom } from '../../../src/store/seal';
import { withFolder } from '../../store/folder';

const COMMAND = path.join(__dirname, '../../../nodes/commands/backup.js');
const PASSPHRASE = 'correct horse battery';

async function run(args: readonly string[], passphrase = PASSPHRASE) {
  const env = { PATH: process.env.PATH, DEVICE_MANAGEMENT_BACKUP_PASSPHRASE: passphrase };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [COMMAND, ...args], { env })) };
  } catch (caught) {
    return caught as { code: number; stdout: string; stderr: string };
  }
}

async function inStore<Result>(folder: string, work: (store: LevelStore) => Promise<Result>): Promise<Result> {
  const store = await LevelStore.open({ folder });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

describe('the command device-management-backup', () => {
  it('moves a state with its secrets from one folder to another', async () => {
    await withFolder(async (folder) => {
      const [here, there, file] = ['here', 'there', 'file'].map((name) => path.join(folder, name)) as [string, string, string];
      const secret = (await sealFrom(`${here}.key`, '')).seal(Buffer.from('secret'), 'psk/dev-1');
      await inStore(here, (store) => store.put('device/dev-1', secret));
      await inStore(there, (store) => store.put('device/other', Buffer.of(1)));
      await sealFrom(`${there}.key`, '');

      assert.deepEqual(await run(['export', here, file]), { code: 0, stdout: `${here} is in ${file}\n`, stderr: '' });
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await run(['import', there, file])).stdout, `1 records of ${file} are in ${there}\n`);

      const sealed = await inStore(there, async (store) => {
        assert.equal(await store.get('device/other'), undefined);
        return (await store.get('device/dev-1')) as Buffer;
      });
      assert.deepEqual((await sealFrom(`${there}.key`, '')).open(sealed, 'psk/dev-1'), Buffer.from('secret'));
    });
  });

  it('says what is wrong, and leaves everything as it is', async () => {
    await withFolder(async (folder) => {
      const state = path.join(folder, 'state');
      const file = path.join(folder, 'file');
      await writeFile(file, 'no backup at all');
      await inStore(state, async (store) => {
        await store.put('a', Buffer.of(1));
        assert.match((await run(['export', state, file])).stderr, /another process or server uses it/);
      });
      assert.match((await run(['import', state, file])).stderr, /it is not a backup/);
      assert.match((await run(['import', state, file], '')).stderr, /put the passphrase/);
      assert.match((await run(['export', state])).stderr, /^Usage/);
      assert.equal((await run(['toString', state, file])).code, 1);
      assert.deepEqual(await inStore(state, (store) => store.get('a')), Buffer.of(1));
    });
  });
});
