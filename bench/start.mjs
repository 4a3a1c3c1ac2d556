/**
 * A start with many devices in the store: how long it takes, how long the event loop is held up at a time, what memory it takes. The devices have
 * registered over a transport that only hands bytes over.
 *   node bench/start.mjs [devices]
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LINKS } from './bodies.mjs';
import { registerRequest } from './coap-bytes.mjs';
import { pack } from './pack.mjs';

const OUTSTANDING = 64;
const LIFETIME_S = 86_400;
const fail = (reason) => {
  throw new Error(reason);
};

class DirectTransport {
  name = 'direct';
  local = { address: '127.0.0.1', port: 5683 };
  answered = () => {};

  async open(receiver) {
    this.receiver = receiver;
  }

  send() {
    this.answered();
  }

  async close() {}
}

async function serverWith(folder) {
  const { Lwm2mServer } = pack('lwm2m/server/server');
  const { SystemClock } = pack('clock');
  const clock = new SystemClock();
  const transport = new DirectTransport();
  const server = new Lwm2mServer({ transport, clock, admission: 'open' });
  const { DeviceKeeper } = pack('lwm2m/server/device-keeper');
  const { LevelStore } = pack('store/level');
  const store = await LevelStore.open({ folder });
  const keeper = new DeviceKeeper(store, clock, fail);
  await server.restore(keeper);
  const end = async () => {
    await server.stop();
    await keeper.flush();
    await store.close();
  };
  return { server, transport, end };
}

/** So many at a time, as from devices that wait for their answers. */
async function register({ server, transport }, count) {
  await server.start();
  await new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const next = () => {
      const index = sent++;
      const endpoint = `urn:dev:os:bench-${String(index).padStart(6, '0')}`;
      const datagram = registerRequest({ endpoint, version: '1.1', lifetime: LIFETIME_S, links: LINKS[index % LINKS.length] });
      const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
      setImmediate(() => transport.receiver.received(datagram, address, 40_000));
    };
    transport.answered = () => {
      if (++answered === count) resolve();
      else if (sent < count) next();
    };
    for (let index = 0; index < OUTSTANDING; index++) next();
  });
}

/** In a process of its own: nothing else is in its memory. */
async function load(folder) {
  // What is loaded once, whatever the number of devices.
  for (const module of ['lwm2m/server/server', 'lwm2m/server/device-keeper', 'store/level', 'clock']) pack(module);
  await new Promise((resolve) => setTimeout(resolve, 50));
  let longest = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - 1);
    last = performance.now();
  }, 1);
  const begun = performance.now();
  const life = await serverWith(folder);
  const ms = performance.now() - begun;
  await new Promise((resolve) => setTimeout(resolve, 50));
  clearInterval(watch);
  process.send({
    devices: life.server.size,
    loadMs: Math.round(ms),
    longestBlockMs: Math.round(longest),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  });
  await life.end();
}

async function measure(devices) {
  const folder = mkdtempSync(path.join(tmpdir(), 'start-'));
  try {
    const state = path.join(folder, 'state');
    const life = await serverWith(state);
    await register(life, devices);
    await life.end();
    const child = fork(fileURLToPath(import.meta.url), ['load', state]);
    return await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', () => reject(new Error('the loading process ended')));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first = '100000', folder] = process.argv.slice(2);
// Timers of the pack keep no process alive, and there is no socket.
const awake = setInterval(() => {}, 1000);
if (first === 'load') await load(folder);
else process.stdout.write(`${JSON.stringify(await measure(Number(first)))}\n`);
clearInterval(awake);
