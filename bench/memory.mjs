/**
 * Heap per idle device: devices register and update once over a transport that only hands bytes over, each from an address of its own.
 * Time is virtual, so that the figure "idle" can be taken after deduplication has forgotten (EXCHANGE_LIFETIME, 247 s).
 * Runs in a process of its own: node --expose-gc bench/memory.mjs COUNT
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LINKS } from './bodies.mjs';
import { AT_MESSAGE_ID, locationOf, locationRequest, registerRequest } from './coap-bytes.mjs';
import { pack } from './pack.mjs';

const LIFETIME_S = 86_400;
const AFTER_DEDUPLICATION_MS = 300_000;
const CREATED = 0x41;
const CHANGED = 0x44;
/** Node 20 needs more than its default for nothing here; this only keeps collections from setting in late. */
const COLLECTIONS = 3;

/** Hands datagrams over in memory and keeps the last answer. */
class DirectTransport {
  name = 'direct';
  local = { address: '127.0.0.1', port: 5683 };

  async open(receiver) {
    this.receiver = receiver;
  }

  send(bytes) {
    this.answer = bytes;
  }

  async close() {}
}

function collect() {
  for (let round = 0; round < COLLECTIONS; round++) globalThis.gc();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { held: heapUsed + arrayBuffers, rss };
}

async function measureHere(devices) {
  const { Lwm2mServer } = pack('lwm2m/server/server');
  const { VirtualClock } = pack('clock');
  const clock = new VirtualClock();
  const transport = new DirectTransport();
  const server = new Lwm2mServer({ transport, clock, admission: 'open' });
  await server.start();

  const exchange = (datagram, index, messageId, code) => {
    datagram.writeUInt16BE(messageId, AT_MESSAGE_ID);
    transport.answer = undefined;
    transport.receiver.received(datagram, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 40_000 + (index % 20_000));
    if (transport.answer?.[1] !== code) throw new Error(`device ${index} was not answered with ${code}`);
    return transport.answer;
  };
  const device = (index) => {
    const endpoint = `urn:dev:os:bench-${String(index).padStart(6, '0')}`;
    const links = LINKS[index % LINKS.length];
    const answer = exchange(registerRequest({ endpoint, version: '1.1', lifetime: LIFETIME_S, links }), index, 1, CREATED);
    exchange(locationRequest(2, locationOf(answer)), index, 2, CHANGED);
  };

  // The first devices load models and code; they are not counted.
  const first = Math.min(1000, Math.ceil(devices / 20));
  for (let index = 0; index < first; index++) device(index);
  const before = collect();
  for (let index = first; index < devices; index++) device(index);
  const fresh = collect();
  clock.advance(AFTER_DEDUPLICATION_MS);
  const idle = collect();
  if (server.size !== devices) throw new Error(`${server.size} registrations instead of ${devices}`);
  const counted = devices - first;
  return {
    devices,
    bytesPerFreshDevice: Math.round((fresh.held - before.held) / counted),
    bytesPerIdleDevice: Math.round((idle.held - before.held) / counted),
    rssMegabytes: Math.round(idle.rss / 1e6),
  };
}

/** @param {number} devices */
export async function measureMemory(devices) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    fileURLToPath(import.meta.url),
    String(devices),
  ]);
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(await measureHere(Number(process.argv[2] ?? 20_000)))}\n`);
}
