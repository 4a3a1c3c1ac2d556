/** The whole state of the server as one sealed file, out and in. The passphrase is a credential of the node, and never a message's. */
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DeviceManagementError } from '../../src/errors';
import { readBackup } from '../../src/store/backup';
import type { ActionContext, Actions } from './devices-action';

export const BACKUP: Actions = {
  export: async (context) => {
    const { server, actor } = context;
    const file = fileOf(context);
    // Whoever reads the file has all of it, and never a half.
    const beside = `${file}.part`;
    try {
      const handle = await open(beside, 'w', 0o600);
      let bytes = 0;
      try {
        for await (const part of await server.kept.backup(passphraseOf(context))) {
          await handle.write(part);
          bytes += part.length;
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(beside, file);
      server.audit({ actor, action: 'make a backup', outcome: 'done', detail: file });
      return { file, bytes };
    } catch (caught) {
      await rm(beside, { force: true });
      throw caught instanceof DeviceManagementError ? caught : unwritten(file, caught);
    }
  },
  import: async (context) => {
    const { server, actor } = context;
    const file = fileOf(context);
    const restorable = await readBackup(createReadStream(file) as AsyncIterable<Buffer>, passphraseOf(context));
    await server.kept.takeIn(restorable);
    server.audit({ actor, action: 'take in a backup', outcome: 'done', detail: file });
    return { file, records: restorable.entries.length, takenUp: 'at the next start: restart the flows, or Node-RED' };
  },
};

function fileOf({ message: { filename }, folder }: ActionContext): string {
  if (typeof filename === 'string' && filename.trim() !== '') return path.resolve(folder, filename);
  throw new DeviceManagementError('invalid-request', 'which file? send its name in msg.filename');
}

function passphraseOf({ passphrase }: ActionContext): string {
  if (passphrase !== '') return passphrase;
  throw new DeviceManagementError('invalid-request', 'a backup is sealed with a passphrase: set one in the node');
}

function unwritten(file: string, caught: unknown): DeviceManagementError {
  const reason = caught instanceof Error ? caught.message : String(caught);
  return new DeviceManagementError('store-failed', `the backup could not be written to ${file}: ${reason}`, { cause: caught });
}
