/**
 * The process of the crash test: a server that keeps everything, one policy that observes, and nodes that ask. Tells on its output, line by
 * line, what a flow would be told; takes requests on its input. Killed at any instant.
 *   node process.js <folder> <port> <awake ms>
 */
import { createInterface } from 'node:readline';
import { RunningServer } from '../../nodes/runtime/running-server';
import { SystemClock } from '../../src/clock';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { Selector } from '../../src/fleet/selector';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { LevelStore } from '../../src/store/level';
import { CRASH_PARAMETERS, OBSERVED, type Said, type Wish } from './words';

function say(said: Said): void {
  // Synchronous to a pipe: what is said before the end has been said.
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function run(folder: string, port: number, awakeMs: number): Promise<void> {
  const clock = new SystemClock();
  const manager = new Lwm2mServer({
    listen: { host: '127.0.0.1', port },
    admission: 'open',
    parameters: CRASH_PARAMETERS,
    awakeMs,
    clock,
  });
  const log = { warn: (text: string) => say({ trouble: text }), info: () => undefined };
  const server = new RunningServer('server', manager, clock, log, { openStore: () => LevelStore.open({ folder }) });
  const { policies, requests } = server.fleet;
  policies.listen('observer', {
    value: ({ device, values, initial }) => say({ value: values[0]?.value as number, device, initial }),
    refused: ({ message }) => say({ trouble: message }),
  });
  policies.set({ id: 'policy', owner: 'observer', devices: Selector.everyone, paths: [OBSERVED], attributes: {} });
  const settled = ({ kept }: Order, outcome: Outcome): void =>
    say({ settled: Number(kept?._msgid), code: 'result' in outcome ? outcome.result.code : outcome.error.code });
  requests.outcomes.succeed('asker', settled);
  manager.events.on('lifecycle', ({ event, device }) => say({ lifecycle: event, device }));
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { number, device, request } = JSON.parse(line) as Wish;
    const order: Order = { owner: 'asker', device, request, whenAsleep: 'queue', kept: { _msgid: String(number) } };
    requests.submit(order, {
      queued: () => say({ queued: number }),
      settled: (outcome) => settled(order, outcome),
    });
  });
  server.release();
  await server.begin((error) => error);
  say({ listening: [...manager.registrations()].map(({ endpoint, lifetime }) => ({ endpoint, lifetime })) });
}

void run(process.argv[2] as string, Number(process.argv[3]), Number(process.argv[4]));
