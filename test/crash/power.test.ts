/**
 * A machine whose power is cut at random instants: what its disk has not synced is gone. With `durability: power` all holds that holds when a
 * process is killed; without it at least no DTLS record number is used twice. POWER_CYCLES and CRASH_SEED are for longer runs.
 */
import assert from 'node:assert/strict';
import type { SecureTransports } from '../../nodes/lwm2m-server/secure-transports';
import { VirtualClock } from '../../src/clock';
import type { Receiver, Transport } from '../../src/coap/transport';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { MemoryNetwork, seededRandom } from '../../src/coap/transports/memory';
import type { Provisioning } from '../../src/fleet/provisioning';
import { credentialDigests, dtlsCredentials } from '../../src/lwm2m/server/dtls-credentials';
import { SecuredState } from '../../src/lwm2m/server/secured-state';
import type { Durability } from '../../src/store/level';
import { Seal } from '../../src/store/seal';
import { testRandom } from '../coap/world';
import { Device, type DeviceWorld } from './device';
import { Disk } from './disk';
import { Ordeal } from './ordeal';
import { RecordWatch } from './record-watch';
import { CrashServer } from './server';
import { Witness } from './witness';
import { DEVICES, type Wish } from './words';

const CYCLES = Number(process.env.POWER_CYCLES ?? 200);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const HOST = '10.0.0.1';
const PLAIN = 5683;
const SECURE = 5684;
/** Virtual. */
const PATIENCE_MS = 200_000;
const STEP_MS = 1;

/** The socket of a server, until its machine has no power. */
class Socket implements Transport {
  readonly name = 'memory';
  private isPowered = true;

  constructor(
    private readonly inner: Transport,
    private readonly watch?: RecordWatch,
  ) {}

  get local(): Transport['local'] {
    return this.inner.local;
  }

  open(receiver: Receiver): Promise<void> {
    return this.inner.open({
      received: (datagram, address, port) => {
        this.watch?.look(`${address}:${port}`, 'device', datagram);
        receiver.received(datagram, address, port);
      },
    });
  }

  send(datagram: Buffer, address: string, port: number): void {
    if (!this.isPowered) return;
    this.watch?.look(`${address}:${port}`, 'server', datagram);
    this.inner.send(datagram, address, port);
  }

  /** Its place is free for the next life from the first call on. */
  async close(): Promise<void> {
    if (this.isPowered) await this.inner.close();
    this.isPowered = false;
  }
}

class Machine {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly network = new MemoryNetwork(this.clock, { delayMs: 1 });
  readonly watch = new RecordWatch();
  readonly witness = new Witness();
  readonly disk: Disk;
  private readonly seal = new Seal(Buffer.alloc(32, 7));
  private seed: number;
  private server: CrashServer | undefined;
  private sockets: Socket[] = [];

  constructor(durability: Durability, seed: number) {
    this.seed = seed;
    this.disk = new Disk(this.clock, durability, seededRandom(seed));
    this.network.record = false;
  }

  begin(): void {
    const { clock, network, watch, witness, disk, seal } = this;
    witness.listening = undefined;
    const plain = new Socket(network.transport(HOST, PLAIN));
    const carrier = new Socket(network.transport(HOST, SECURE), watch);
    this.sockets = [plain, carrier];
    const server = new CrashServer({
      clock,
      carriers: { transport: plain, random: testRandom(this.seed++) },
      secure: (provisioning) => this.secure(carrier, provisioning),
      openStore: async () => disk.open(),
      openSeal: async () => seal,
      say: (said) => {
        if (this.server === server) witness.heard(said);
      },
    });
    this.server = server;
    void server.begin();
  }

  async cut(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    for (const socket of this.sockets) void socket.close();
    await this.disk.cut();
    const buried = server.bury();
    await this.clock.advanceAsync(20);
    await buried;
  }

  ask(wish: Wish): void {
    this.server?.ask(wish);
  }

  private secure(carrier: Transport, provisioning: Provisioning): SecureTransports {
    const { clock } = this;
    const known = {
      keyOf: (identity: string) => provisioning.keyOf(identity),
      holderOf: (identity: Parameters<Provisioning['holderOf']>[0]) => provisioning.holderOf(identity),
      authorities: [],
      now: () => clock.wall(),
    };
    const random = testRandom(this.seed++);
    const transport = new DtlsTransport({
      carrier,
      clock,
      random: (length) => random.bytes(length),
      credentials: dtlsCredentials(known),
    });
    const state = new SecuredState({ endpoint: transport.endpoint, clock, digests: async () => credentialDigests(known) });
    return { transports: [transport], state };
  }
}

function givenOrdeal(durability: Durability, seed: number) {
  const machine = new Machine(durability, seed);
  const { clock, network, watch, witness } = machine;
  let devices = 0;
  const world: DeviceWorld = {
    clock,
    host: HOST,
    plain: PLAIN,
    secure: SECURE,
    carrier: () => network.transport(`10.0.1.${++devices}`, 40_000),
    random: testRandom(seed + 1_000_000),
  };
  const made = DEVICES.map((name, index) => new Device(name, world, index % 2 === 1));
  const ordeal = new Ordeal({
    cycles: CYCLES,
    seed,
    random: seededRandom(seed + 1),
    devices: made,
    witness,
    watch,
    mayForget: durability === 'process',
    begin: () => machine.begin(),
    kill: () => machine.cut(),
    ask: (wish) => machine.ask(wish),
    now: () => clock.wall(),
    pause: (ms) => clock.advanceAsync(Math.max(ms, STEP_MS)),
    patienceMs: PATIENCE_MS,
  });
  return { ordeal, machine };
}

describe('a machine whose power is cut at any instant', () => {
  it(`keeps what it has acknowledged with durability "power", over ${CYCLES} cuts`, async function () {
    this.timeout(CYCLES * 1_000);
    const { ordeal, machine } = givenOrdeal('power', SEED);
    await ordeal.run();
    await ordeal.end();
    assert.ok(machine.disk.lost > 0, 'nothing was ever lost');
    await machine.cut();
  });

  it(`uses no DTLS record number twice with durability "process" either, over ${CYCLES} cuts`, async function () {
    this.timeout(CYCLES * 1_000);
    const { ordeal, machine } = givenOrdeal('process', SEED);
    await ordeal.run();
    assert.deepEqual(machine.watch.mistakes, [], `seed ${SEED}`);
    assert.ok(machine.watch.records > CYCLES, 'little was said over DTLS');
    assert.ok(machine.disk.lost > CYCLES / 10, 'hardly anything was ever lost');
    await machine.cut();
  });
});
