/**
 * The state of a server as one sealed file, out and in, while it runs (docs/api.md). Behind the permission to write, both of them: the
 * file has everything, and opens with the passphrase.
 */
import type { NodeAPI } from 'node-red';
import { readBackup } from '../../src/store/backup';
import type { RunningServer } from '../runtime/running-server';
import type { RunningServers } from '../runtime/running-servers';
import { refuse } from './admin-api';
import type { Request, Response } from './api-request';
import { callerOf } from './caller';
import { Problem, problemOf } from './problem';

/** What is needed of Express to write a file as fast as it is taken. */
interface FileResponse extends Response {
  write(bytes: Buffer): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
}

type Handler = (servers: RunningServers, request: Request, response: FileResponse) => Promise<void>;

/** Not in the URL, which is logged. */
const PASSPHRASE_HEADER = 'Backup-Passphrase';

export function serveBackups(red: NodeAPI, servers: RunningServers): void {
  const mayWrite = red.auth.needsPermission('device-management.write');
  const route = '/device-management/servers/:id/backup';
  const answering = (handler: Handler) => (request: Request, response: unknown) => {
    const answer = response as FileResponse;
    handler(servers, request, answer).catch((caught) => refuse(answer, problemOf(caught)));
  };
  red.httpAdmin.get(route, mayWrite, answering(give));
  red.httpAdmin.post(route, mayWrite, answering(take));
}

async function give(servers: RunningServers, request: Request, response: FileResponse): Promise<void> {
  const server = keepingServer(servers, request);
  const parts = (await server.kept.backup(passphraseOf(request)))[Symbol.asyncIterator]();
  // What can be wrong shows with the first part, when a problem can still be told.
  let part = await parts.next();
  response.set('Content-Disposition', 'attachment; filename="state.backup"');
  response.type('application/octet-stream');
  server.audit({ actor: callerOf(request).name, action: 'make a backup', outcome: 'done' });
  try {
    for (; part.done !== true; part = await parts.next()) {
      if (response.destroyed) return;
      if (!response.write(part.value)) await drained(response);
    }
    response.end();
  } catch {
    // Whoever reads it sees that its end is missing, and so does an import.
    response.destroy();
  }
}

async function take(servers: RunningServers, request: Request, response: FileResponse): Promise<void> {
  const server = keepingServer(servers, request);
  const passphrase = passphraseOf(request);
  const restorable = await readBackup(request, passphrase);
  await server.kept.takeIn(restorable);
  server.audit({ actor: callerOf(request).name, action: 'take in a backup', outcome: 'done' });
  response.json({ records: restorable.entries.length, takenUp: 'at the next start: restart the flows, or Node-RED' });
}

function drained(response: FileResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

function passphraseOf(request: Request): string {
  const passphrase = request.headers[PASSPHRASE_HEADER.toLowerCase()];
  if (typeof passphrase === 'string' && passphrase !== '') return passphrase;
  throw new Problem(400, 'Bad request', `send the passphrase of the backup in the header ${PASSPHRASE_HEADER}`);
}

function keepingServer(servers: RunningServers, { params: { id } }: Request): RunningServer {
  const server = servers.get(id ?? '');
  if (server === undefined) throw new Problem(404, 'Not deployed', `no LwM2M server ${id} is deployed: deploy it first`);
  if (server.kept.isKept) return server;
  throw new Problem(
    409,
    'Nothing is kept',
    `LwM2M server ${id} keeps its state in memory only: choose to keep it on disk, or see why it cannot (store.trouble)`,
  );
}
