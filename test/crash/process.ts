/**
 * The process of the crash test. Tells on its output, line by line, what a flow would be told; takes requests on its input. Killed at any
 * instant.
 *   node process.js <folder> <port> <secure port>
 */
import { createInterface } from 'node:readline';
import { secureTransports } from '../../nodes/lwm2m-server/secure-transports';
import { SystemClock } from '../../src/clock';
import { LevelStore } from '../../src/store/level';
import { sealFrom } from '../../src/store/seal';
import { CrashServer } from './server';
import type { Wish } from './words';

const HOST = '127.0.0.1';
const [folder = '', port, securePort] = process.argv.slice(2);
const clock = new SystemClock();
const settings = {
  host: HOST,
  securePort: Number(securePort),
  mayLackSecurePort: false,
  files: { key: '', certificate: '', made: `${folder}.pem` },
  authorities: '',
};
const server = new CrashServer({
  clock,
  carriers: { listen: { host: HOST, port: Number(port) } },
  secure: (provisioning, warn) => secureTransports(settings, provisioning, clock, warn),
  openStore: () => LevelStore.open({ folder }),
  openSeal: () => sealFrom(`${folder}.key`, ''),
  // Synchronous to a pipe: what is said before the end has been said.
  say: (said) => process.stdout.write(`${JSON.stringify(said)}\n`),
});
createInterface({ input: process.stdin }).on('line', (line) => server.ask(JSON.parse(line) as Wish));
void server.begin();
