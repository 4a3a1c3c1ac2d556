#!/usr/bin/env node
/**
 * The state of a server as one sealed file, while Node-RED does not run; while it does, the HTTP API gives and takes the same file.
 *   device-management-backup export FOLDER FILE
 *   device-management-backup import FOLDER FILE
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asDeviceManagementError } from '../../src/errors';
import { backup, readBackup, replaceAll } from '../../src/store/backup';
import { LevelStore } from '../../src/store/level';
import { replaceSeal, Seal, sealFrom } from '../../src/store/seal';

const PASSPHRASE_VARIABLE = 'DEVICE_MANAGEMENT_BACKUP_PASSPHRASE';

const USAGE = `Usage: device-management-backup export FOLDER FILE
       device-management-backup import FOLDER FILE

FOLDER is where the server keeps its state: device-management/ID in Node-RED's user directory,
with the id of the lwm2m-server node, or what its dialog says. An import takes the place of all
that is there. The passphrase is in ${PASSPHRASE_VARIABLE}.
Node-RED must not run; while it does, use its HTTP API (docs/api.md).`;

/** Beside the folder, as the server has it. */
function keyOf(folder: string): string {
  return `${folder}.key`;
}

const COMMANDS: Readonly<Record<string, (folder: string, file: string, passphrase: string) => Promise<string>>> = {
  async export(folder, file, passphrase) {
    const store = await LevelStore.open({ folder });
    try {
      const parts = backup(store, passphrase, await sealFrom(keyOf(folder)));
      const draft = `${file}.part`;
      await pipeline(Readable.from(parts), createWriteStream(draft, { mode: 0o600 }));
      await rename(draft, file);
      return `${folder} is in ${file}`;
    } finally {
      await store.close();
    }
  },
  async import(folder, file, passphrase) {
    const { entries, key } = await readBackup(createReadStream(file), passphrase);
    const store = await LevelStore.open({ folder });
    try {
      const brought = key === undefined ? undefined : Seal.unwrap(key.wrapped, key.under);
      if (brought !== undefined && !(await sealFrom(keyOf(folder))).isSame(brought)) await replaceSeal(keyOf(folder), brought);
      await replaceAll(store, entries);
      return `${entries.length} records of ${file} are in ${folder}`;
    } finally {
      await store.close();
    }
  },
};

async function run([name = '', folder, file, ...more]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined || folder === undefined || file === undefined || more.length > 0) throw new Error(USAGE);
  const passphrase = process.env[PASSPHRASE_VARIABLE];
  if (passphrase === undefined || passphrase === '')
    throw new Error(`put the passphrase of the backup in ${PASSPHRASE_VARIABLE}`);
  process.stdout.write(`${await command(folder, file, passphrase)}\n`);
}

run(process.argv.slice(2)).catch((caught: unknown) => {
  process.stderr.write(`${asDeviceManagementError(caught).message}\n`);
  process.exitCode = 1;
});
