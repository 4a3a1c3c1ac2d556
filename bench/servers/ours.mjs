/** The whole server of this pack: lifetimes, admission, models, decoding and events on, with a listener for each event. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { OBSERVED_PATH, VALUE_RANGE } from '../bodies.mjs';
import { serve } from '../control.mjs';
import { pack } from '../pack.mjs';
import { drive } from './drive.mjs';

const { Lwm2mServer } = pack('lwm2m/server/server');

const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0 }, admission: 'open' });
const counts = { registered: 0, updated: 0, deregistered: 0, expired: 0, replaced: 0, refused: 0, notified: 0, wrong: 0 };

server.events.on('lifecycle', ({ event }) => counts[event]++);
server.events.on('notification', ({ values }) => {
  counts.notified++;
  check(values);
});

function check(values) {
  const temperature = values[0]?.value;
  if (
    !(
      values.length === 1 &&
      temperature >= VALUE_RANGE.least &&
      temperature < VALUE_RANGE.least + VALUE_RANGE.steps * VALUE_RANGE.step
    )
  ) {
    counts.wrong++;
  }
}

const endpoints = () => Array.from(server.registrations(), ({ endpoint }) => endpoint);

function ask(operation) {
  return (device, done) => {
    server.perform(device, { operation, path: OBSERVED_PATH }).then(
      ({ values }) => {
        check(values);
        done();
      },
      () => {
        counts.wrong++;
        done();
      },
    );
  };
}

/** In a folder that goes with the process. */
async function keep() {
  const { DeviceKeeper } = pack('lwm2m/server/device-keeper');
  const { LevelStore } = pack('store/level');
  const { SystemClock } = pack('clock');
  const folder = mkdtempSync(path.join(tmpdir(), 'kept-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const wrong = () => counts.wrong++;
  await server.restore(new DeviceKeeper(await LevelStore.open({ folder }), new SystemClock(), wrong));
}

serve({
  listen: async () => {
    if (process.env.BENCH_KEPT !== undefined) await keep();
    await server.start();
    return { port: server.local.port };
  },
  counts: () => ({ ...counts, registrations: server.size }),
  read: ({ seconds }) => drive(endpoints(), { seconds }, ask('read')),
  observe: () => drive(endpoints(), { once: true }, ask('observe')),
});
