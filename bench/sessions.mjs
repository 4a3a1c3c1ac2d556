/**
 * Bytes per idle DTLS session: devices make a handshake and say one record, in memory, each from an address of its own; what they hold
 * themselves is let go. Time is virtual, so that "idle" can be taken after last flights are forgotten (RFC 6347 §4.2.4, 240 s).
 * Runs in a process of its own: node --expose-gc bench/sessions.mjs COUNT
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pack } from './pack.mjs';
import { keyOf, secureDevice } from './secure-device.mjs';

const AFTER_LAST_FLIGHTS_MS = 360_000;
const COLLECTIONS = 3;
const HELLO = Buffer.from('a first word');
const HOST = '127.0.0.1';
const PORT = 5684;

function collect() {
  for (let round = 0; round < COLLECTIONS; round++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What waits on buffers of Node.js is let go in another turn of the loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function measureHere(sessions) {
  const { VirtualClock } = pack('clock');
  const { DtlsEndpoint } = pack('dtls/dtls');
  const clock = new VirtualClock();
  let answered;
  let heard = 0;
  const server = new DtlsEndpoint({
    clock,
    random: randomBytes,
    credentials: { lookupPsk: keyOf },
    transmit: (datagram) => answered.push(datagram),
    deliver: () => heard++,
  });
  const device = async (index) => {
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const asked = [];
    answered = [];
    let association;
    const { endpoint, connect } = secureDevice(index, {
      clock,
      transmit: (datagram) => asked.push(datagram),
      deliver: () => {},
      connected: ({ id }) => {
        association = id;
      },
      failed: (text) => {
        throw new Error(`device ${index}: ${text}`);
      },
    });
    connect(HOST, PORT);
    for (let step = 0; step < 20 && association === undefined; step++) {
      for (const datagram of asked.splice(0)) server.receive(Buffer.from(datagram), address, PORT);
      await turn();
      for (const datagram of answered.splice(0)) endpoint.receive(Buffer.from(datagram), HOST, PORT);
      await turn();
    }
    if (association === undefined) throw new Error(`device ${index} is not connected`);
    endpoint.send(association, HELLO);
    for (const datagram of asked.splice(0)) server.receive(Buffer.from(datagram), address, PORT);
    // Not told: close_notify would end what is measured.
    endpoint.stop(false);
  };

  const first = Math.min(500, Math.ceil(sessions / 10));
  for (let index = 0; index < first; index++) await device(index);
  // Theirs are not to be taken off those of the others.
  await clock.advanceAsync(AFTER_LAST_FLIGHTS_MS);
  const before = collect();
  for (let index = first; index < sessions; index++) await device(index);
  const fresh = collect();
  await clock.advanceAsync(AFTER_LAST_FLIGHTS_MS);
  const idle = collect();
  const held = server.held();
  if (held.associations !== sessions || heard !== sessions || held.handshakes !== 0) {
    throw new Error(`${held.associations} sessions and ${heard} records instead of ${sessions}`);
  }
  const counted = sessions - first;
  return {
    sessions,
    bytesPerFreshSession: Math.round((fresh - before) / counted),
    bytesPerIdleSession: Math.round((idle - before) / counted),
  };
}

/** @param {number} sessions */
export async function measureSessions(sessions) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    fileURLToPath(import.meta.url),
    String(sessions),
  ]);
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(await measureHere(Number(process.argv[2] ?? 5_000)))}\n`);
}
