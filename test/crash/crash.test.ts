/**
 * A server whose process is killed at random instants, while devices over real UDP and DTLS register, notify, sleep and are asked. Nothing that
 * was acknowledged is lost, nothing is done twice, no device has to register or to shake hands again, and no DTLS record number is used
 * twice. CRASH_CYCLES and CRASH_SEED are for longer runs.
 */
import path from 'node:path';
import { SystemClock } from '../../src/clock';
import { seededRandom } from '../../src/coap/transports/memory';
import { UdpTransport } from '../../src/coap/transports/udp';
import { freeUdpPort } from '../free-port';
import { withFolder } from '../store/folder';
import { Device, type DeviceWorld } from './device';
import { Lives } from './lives';
import { Ordeal } from './ordeal';
import { Wire } from './wire';
import { Witness } from './witness';
import { DEVICES } from './words';

const CYCLES = Number(process.env.CRASH_CYCLES ?? 20);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const HOST = '127.0.0.1';
/** On a machine that does other things too. */
const PATIENCE_MS = 20_000;

describe('a server killed at any instant', () => {
  it(`keeps what it has acknowledged, over ${CYCLES} lives`, async function () {
    this.timeout(CYCLES * 10_000 + 4 * PATIENCE_MS);
    await withFolder(async (folder) => {
      const [plain, securePort] = [await freeUdpPort(), await freeUdpPort()];
      const wire = new Wire(securePort);
      const world: DeviceWorld = {
        clock: new SystemClock(),
        host: HOST,
        plain,
        secure: await wire.open(),
        carrier: () => new UdpTransport({ host: HOST, port: 0 }),
      };
      const witness = new Witness();
      const lives = new Lives(path.join(folder, 'store'), [plain, securePort], witness);
      const devices = DEVICES.map((name, index) => new Device(name, world, index % 2 === 1));
      const ordeal = new Ordeal({
        cycles: CYCLES,
        seed: SEED,
        random: seededRandom(SEED),
        devices,
        witness,
        watch: wire.watch,
        begin: () => lives.begin(),
        kill: () => lives.kill(),
        ask: (wish) => lives.ask(wish),
        now: () => Date.now(),
        pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        patienceMs: PATIENCE_MS,
      });
      try {
        await ordeal.run();
        await ordeal.end();
      } finally {
        await lives.kill().catch(() => undefined);
        await Promise.allSettled(devices.map(({ client }) => client.stop()));
        wire.close();
      }
    });
  });
});
