/**
 * A server whose process is killed at random instants, while devices over real UDP and DTLS register, notify, sleep and are asked. Nothing that was
 * acknowledged is lost, nothing is done twice, no device has to register or to shake hands again, and no DTLS record number is used twice. CRASH_CYCLES and CRASH_SEED are for longer runs.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { seededRandom } from '../../src/coap/transports/memory';
import { withFolder } from '../store/folder';
import { Device } from './device';
import { Lives } from './lives';
import { Wire } from './wire';
import { OBSERVED, SECURED, type Wish } from './words';

const CYCLES = Number(process.env.CRASH_CYCLES ?? 20);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const DEVICES = 6;
const LONGEST_LIFE_MS = 400;
/** For what must come sooner or later, on a machine that does other things too. */
const PATIENCE_MS = 20_000;

const random = seededRandom(SEED);

function below(limit: number): number {
  return Math.floor(random() * limit);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isSo(); await pause(10)) {
    if (Date.now() > end) throw new Error(`did not come true: ${what} (seed ${SEED})`);
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

describe('a server killed at any instant', () => {
  it(`keeps what it has acknowledged, over ${CYCLES} lives`, async function () {
    this.timeout(CYCLES * 10_000 + 4 * PATIENCE_MS);
    await withFolder(async (folder) => {
      const [plain, securePort] = [await freePort(), await freePort()];
      const wire = new Wire(securePort);
      const ports = { plain, secure: await wire.open() };
      const server = new Lives(path.join(folder, 'store'), [plain, securePort], 'process');
      const devices = Array.from({ length: DEVICES }, (_, index) => new Device(`dev-${index}`, ports, index % 2 === 1));
      const asked = new Map<number, Wish>();
      let number = 0;
      let value = 0;

      const act = (): void => {
        const device = devices[below(DEVICES)] as Device;
        const deeds = [
          () => device.client.setValue(OBSERVED, ++value),
          () => device.update(),
          () => {
            number++;
            const request =
              number % 2 === 0
                ? ({ operation: 'execute', path: '/3/0/4', arguments: `0='${number}'` } as const)
                : ({ operation: 'write', path: '/3/0/15', value: `zone ${number}` } as const);
            const wish = { number, device: device.name, request };
            asked.set(number, wish);
            server.ask(wish);
          },
        ];
        deeds[below(deeds.length)]?.();
      };

      try {
        // Half of them are there from the start, the others come in the middle of it.
        const [early, late] = [devices.slice(0, DEVICES / 2), devices.slice(DEVICES / 2)];
        server.begin();
        for (const { client } of early) client.start().catch(() => undefined);
        await eventually('the first are observed', () => early.every(({ name }) => server.observed.has(name)));
        await server.kill();
        for (let cycle = 0; cycle < CYCLES; cycle++) {
          if (cycle % 3 === 0)
            late
              .pop()
              ?.client.start()
              .catch(() => undefined);
          const known = devices.filter(({ registrations }) => registrations > 0);
          server.begin();
          // Some are killed while they begin.
          if (random() < 0.2) {
            await pause(below(400));
            await server.kill();
            continue;
          }
          await eventually('the server listens', () => server.listening !== undefined);
          for (const { name, lifetime, asked: pending } of known) {
            const kept = server.listening?.find(({ endpoint }) => endpoint === name);
            assert.ok(kept !== undefined, `${name} was lost in life ${cycle} (seed ${SEED})`);
            assert.ok(
              [lifetime, pending].includes(kept.lifetime),
              `${name} was told ${lifetime}, not ${kept.lifetime} (seed ${SEED})`,
            );
          }
          const end = Date.now() + below(LONGEST_LIFE_MS);
          while (Date.now() < end) {
            act();
            await pause(below(15));
          }
          await server.kill();
        }

        server.begin();
        await eventually('all have registered', () => devices.every(({ registrations }) => registrations > 0));
        await eventually('all are observed', () => devices.every(({ name }) => server.observed.has(name)));
        for (const device of devices) {
          await eventually('the Update on its way is acknowledged', () => device.lifetime === device.asked);
          device.update();
          await eventually(`an Update of ${device.name}`, () => device.lifetime === device.asked);
          device.client.setValue(OBSERVED, ++value);
          const last = value;
          await eventually(`a notification of ${device.name}`, () => server.values.get(device.name) === last);
        }
        for (const waited of server.queued) {
          await eventually(`an outcome of ${JSON.stringify(asked.get(waited))}`, () => server.settled.has(waited));
        }
        assert.ok(server.queued.size > 0 && devices.some(({ executed }) => executed.length > 0), 'nothing was tried');
        assert.deepEqual(server.mistakes, [], `seed ${SEED}`);
        assert.deepEqual(wire.mistakes, [], `seed ${SEED}`);
        assert.ok(wire.records > CYCLES, 'little was said over DTLS');
        for (const { name, registrations, handshakes, executed } of devices) {
          assert.equal(registrations, 1, `${name} had to register again (seed ${SEED})`);
          assert.equal(handshakes, SECURED.includes(name) ? 1 : 0, `${name} had to shake hands again (seed ${SEED})`);
          assert.equal(new Set(executed).size, executed.length, `${name} executed twice: ${executed} (seed ${SEED})`);
        }
      } finally {
        await server.kill().catch(() => undefined);
        await Promise.allSettled(devices.map(({ client }) => client.stop()));
        wire.close();
      }
    });
  });
});
