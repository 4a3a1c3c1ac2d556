/**
 * What keeping devices costs: bytes written per device and day, and how long a start takes. Devices register over a transport that only hands
 * bytes over and update for a day of virtual time, into a real store on disk; bytes are what the process gave to the system (Linux).
 *   node bench/keeping.mjs [devices] [seconds between Updates]
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LINKS } from './bodies.mjs';
import { AT_MESSAGE_ID, locationOf, locationRequest, registerRequest } from './coap-bytes.mjs';
import { pack } from './pack.mjs';

const DAY_S = 86_400;
const CHANGED = 2;
const IO = '/proc/self/io';

function writtenBytes() {
  return existsSync(IO) ? Number(/^wchar: (\d+)$/m.exec(readFileSync(IO, 'utf8'))?.[1]) : Number.NaN;
}

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

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function measure(devices, everySeconds) {
  const { Lwm2mServer } = pack('lwm2m/server/server');
  const { DeviceKeeper } = pack('lwm2m/server/device-keeper');
  const { LevelStore } = pack('store/level');
  const { VirtualClock } = pack('clock');
  const folder = mkdtempSync(path.join(tmpdir(), 'keeping-'));
  const clock = new VirtualClock();
  const fail = (reason) => {
    throw new Error(reason);
  };

  const begin = async () => {
    const store = await LevelStore.open({ folder });
    const keeper = new DeviceKeeper(store, clock, fail);
    const transport = new DirectTransport();
    const server = new Lwm2mServer({ transport, clock, admission: 'open' });
    const startedAt = performance.now();
    await server.restore(keeper);
    const loadMs = performance.now() - startedAt;
    await server.start();
    const end = async () => {
      await server.stop();
      await keeper.flush();
      await store.close();
    };
    return { server, transport, keeper, loadMs, end };
  };
  const send = (transport, datagram, index, messageId) => {
    datagram.writeUInt16BE(messageId & 0xffff, AT_MESSAGE_ID);
    transport.receiver.received(datagram, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 40_000);
  };

  try {
    const life = await begin();
    const before = writtenBytes();
    const locations = [];
    for (let index = 0; index < devices; index++) {
      const endpoint = `urn:dev:os:bench-${String(index).padStart(6, '0')}`;
      const links = LINKS[index % LINKS.length];
      send(life.transport, registerRequest({ endpoint, version: '1.1', lifetime: DAY_S, links }), index, 1);
      // The answer waits for its commit.
      clock.advance(5);
      while (life.transport.answer === undefined) await turn();
      locations.push(locationOf(life.transport.answer));
      life.transport.answer = undefined;
    }
    const registered = writtenBytes();
    const updates = Math.floor(DAY_S / everySeconds);
    // Spread over the time between two Updates, as devices are.
    const stepMs = (everySeconds * 1000) / devices;
    for (let count = 0; count < updates; count++) {
      for (let index = 0; index < devices; index++) {
        send(life.transport, locationRequest(CHANGED, locations[index]), index, 2 + count);
        clock.advance(stepMs);
        if (index % 16 === 0) await turn();
      }
    }
    await life.keeper.flush();
    const updated = writtenBytes();
    await life.end();
    const next = await begin();
    if (next.server.size !== devices) fail(`${next.server.size} registrations instead of ${devices}`);
    await next.end();
    return {
      devices,
      updatesPerDeviceAndDay: updates,
      bytesPerRegistration: Math.round((registered - before) / devices),
      bytesPerUpdate: Math.round((updated - registered) / devices / updates),
      bytesPerDeviceAndDay: Math.round((updated - registered) / devices),
      loadMs: Math.round(next.loadMs),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [devices = 500, everySeconds = 300] = process.argv.slice(2).map(Number);
process.stdout.write(`${JSON.stringify(await measure(devices, everySeconds))}\n`);
