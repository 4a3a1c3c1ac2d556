/**
 * A server whose process is killed at random instants, while devices over real UDP register, notify, sleep and are asked. Nothing that was
 * acknowledged is lost, nothing is done twice, and no device has to register again. CRASH_CYCLES and CRASH_SEED are for longer runs.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { seededRandom } from '../../src/coap/transports/memory';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { withFolder } from '../store/folder';
import { CRASH_PARAMETERS, type Listening, OBSERVED, type ObservedValue, type Said, type Wish } from './words';

const CYCLES = Number(process.env.CRASH_CYCLES ?? 20);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const DEVICES = 6;
const LONGEST_LIFE_MS = 400;
const AWAKE_MS = 120;
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

/** A device, with what the server has acknowledged to it. */
class Device {
  readonly client: Lwm2mClient;
  registrations = 0;
  lifetime = 3_000;
  /** Of an Update on its way. */
  asked = 3_000;
  updates = 0;
  readonly executed: string[] = [];

  constructor(
    readonly name: string,
    port: number,
    queueMode: boolean,
  ) {
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(
      3,
      0,
      { 0: 'Fleetweave', 15: 'UTC' },
      { 4: { execute: (text) => void this.executed.push(JSON.stringify([...text])) } },
    );
    objects.add(3303, 0, { 5700: 0 });
    this.client = new Lwm2mClient({
      endpoint: name,
      server: { host: '127.0.0.1', port },
      objects,
      lifetime: this.lifetime,
      queueMode,
      awakeMs: AWAKE_MS,
      parameters: CRASH_PARAMETERS,
      confirmableNotifications: true,
    });
    this.client.events.on('registered', () => {
      this.registrations++;
    });
    this.client.events.on('updated', () => {
      this.updates++;
      this.lifetime = this.asked;
    });
  }

  /** Updates with another lifetime, once the Update before is acknowledged. */
  update(): void {
    if (this.registrations === 0 || this.asked !== this.lifetime) return;
    this.asked++;
    this.client.setValue('/1/0/1', this.asked);
  }
}

/** All lives of the server, as the flows see them. */
class Server {
  readonly queued = new Set<number>();
  readonly settled = new Map<number, string[]>();
  /** Devices whose first value has been told: their observation is kept. */
  readonly observed = new Set<string>();
  readonly values = new Map<string, number>();
  readonly mistakes: string[] = [];
  listening: Listening['listening'] | undefined;
  private child: ChildProcess | undefined;

  constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  begin(): void {
    this.listening = undefined;
    const args = [path.join(__dirname, 'process.js'), this.folder, String(this.port), String(AWAKE_MS)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child = child;
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.heard(JSON.parse(line) as Said));
  }

  ask(wish: Wish): void {
    this.child?.stdin?.write(`${JSON.stringify(wish)}\n`);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    // `close` comes when its last word has been read.
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    const [, signal] = await ended;
    this.child = undefined;
    assert.equal(signal, 'SIGKILL', `the server ended by itself (seed ${SEED})`);
  }

  private heard(said: Said): void {
    if ('listening' in said) this.listening = said.listening;
    else if ('queued' in said) this.queued.add(said.queued);
    else if ('settled' in said) this.settled.set(said.settled, [...(this.settled.get(said.settled) ?? []), said.code]);
    else if ('trouble' in said) this.mistakes.push(said.trouble);
    else if ('value' in said) this.valueOf(said);
    else if (said.lifecycle === 'expired') this.mistakes.push(`${said.device} expired`);
  }

  private valueOf({ device, value, initial }: ObservedValue): void {
    if (initial && this.observed.has(device)) this.mistakes.push(`${device} was observed again`);
    if (initial) this.observed.add(device);
    this.values.set(device, value);
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
      const port = await freePort();
      const server = new Server(folder, port);
      const devices = Array.from({ length: DEVICES }, (_, index) => new Device(`dev-${index}`, port, index % 2 === 1));
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
        for (const { name, registrations, executed } of devices) {
          assert.equal(registrations, 1, `${name} had to register again (seed ${SEED})`);
          assert.equal(new Set(executed).size, executed.length, `${name} executed twice: ${executed} (seed ${SEED})`);
        }
      } finally {
        await server.kill().catch(() => undefined);
        await Promise.allSettled(devices.map(({ client }) => client.stop()));
      }
    });
  });
});
