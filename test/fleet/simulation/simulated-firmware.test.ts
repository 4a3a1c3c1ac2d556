/** Simulated devices fail a firmware update in every way there is, pushed and pulled: one switch, one end. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import { readFaultPlan } from '../../../src/fleet/simulation/fault-plan';
import { judge, simulatedImage } from '../../../src/fleet/simulation/simulated-image';
import { type SimulatedEvent, Simulation } from '../../../src/fleet/simulation/simulation';
import { FIRMWARE_FAULTS, type FirmwareFault, readFaults } from '../../../src/lwm2m/client/firmware-faults';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';
import { refusal } from '../firmware/refusal';

const DEVICE = 'sim-001';
const MODEL = 'TempTrack 2';
const URI = 'coap://10.0.0.1/fw/token';
const IMAGE = simulatedImage({ version: '2.0.0', model: MODEL, name: 'tracker' }, 30_000);

interface Bench {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly server: Lwm2mServer;
  readonly simulation: Simulation;
  readonly told: SimulatedEvent[];
  /** Bytes that were served, in order. */
  readonly served: number[];
  write(path: string, value: unknown): Promise<string>;
  execute(path: string): Promise<string>;
  /** [state, result, version] */
  shown(): Promise<unknown[]>;
}

async function given(faults: string | readonly string[] = '', version = '1.2', image = IMAGE): Promise<Bench> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 2 });
  network.record = false;
  const server = new Lwm2mServer({
    transport: network.transport('10.0.0.1', 5683),
    clock,
    random: testRandom(7),
    admission: 'open',
  });
  const served: number[] = [];
  server.downloadSource = (token) =>
    token === 'token'
      ? {
          size: image.length,
          etag: Buffer.from('01', 'hex'),
          peek: (offset, length) => image.subarray(offset, offset + length),
          read: async (offset, length) => image.subarray(offset, offset + length),
          served: (offset) => served.push(offset),
        }
      : undefined;
  await server.start();
  const simulation = new Simulation({
    count: 1,
    version,
    server: { host: '10.0.0.1' },
    clock,
    makeTransport: () => network.transport('10.0.1.1'),
    faultsOf: () => readFaults(faults),
  });
  const told: SimulatedEvent[] = [];
  simulation.events.on('device', (event) => told.push(event));
  simulation.start();
  await clock.advanceAsync(1_000);
  const answer = async (work: Promise<{ code: string }>): Promise<string> => {
    const code = work.then(
      (result) => result.code,
      (error: { code: string }) => error.code,
    );
    await clock.advanceAsync(3_000);
    return code;
  };
  const read = async (path: string): Promise<unknown> => {
    const result = server.perform(DEVICE, { operation: 'read', path }).then(
      ({ values }) => values[0]?.value,
      (error: { code: string }) => error.code,
    );
    await clock.advanceAsync(200);
    return result;
  };
  return {
    clock,
    network,
    server,
    simulation,
    told,
    served,
    write: (path, value) => answer(server.perform(DEVICE, { operation: 'write', path, value })),
    execute: (path) => answer(server.perform(DEVICE, { operation: 'execute', path }, { timeoutMs: 2_000 })),
    shown: async () => [await read('/5/0/3'), await read('/5/0/5'), await read('/3/0/3')],
  };
}

describe('firmware of simulated devices', () => {
  it('is fetched from a URI in blocks, checked, installed, and shown by the new registration', async () => {
    const { write, execute, shown, clock, served, server, told } = await given();
    assert.equal(await write('/5/0/1', URI), '2.04');
    assert.deepEqual(served.slice(0, 3), [0, 1024, 2048]);
    await clock.advanceAsync(2_000);
    assert.deepEqual(await shown(), [2, 0, '1.0.0']);
    const before = server.registration(DEVICE)?.registeredAt ?? 0;
    assert.equal(await execute('/5/0/2'), '2.04');
    await clock.advanceAsync(15_000);
    assert.deepEqual(await shown(), [0, 1, '2.0.0']);
    assert.ok((server.registration(DEVICE)?.registeredAt ?? 0) > before);
    assert.deepEqual(told.find(({ event }) => event === 'firmware-updated')?.payload, { version: '2.0.0' });
  });

  for (const version of ['1.0', '1.1', '1.2']) {
    it(`is pushed in blocks to a device of LwM2M ${version}`, async () => {
      const { write, execute, shown, clock } = await given('', version);
      assert.equal(await write('/5/0/0', IMAGE), '2.04');
      await clock.advanceAsync(2_000);
      assert.deepEqual(await shown(), [2, 0, '1.0.0']);
      await execute('/5/0/2');
      await clock.advanceAsync(15_000);
      assert.deepEqual(await shown(), [0, 1, '2.0.0']);
    });
  }

  it('goes on at the byte where it stood, after the network was gone for minutes', async () => {
    const { write, clock, served, network, shown } = await given('slow:1');
    await write('/5/0/1', URI);
    await clock.advanceAsync(10_000);
    const last = served.at(-1) ?? 0;
    network.faults = { loss: 1 };
    await clock.advanceAsync(150_000);
    network.faults = { delayMs: 2 };
    await clock.advanceAsync(150_000);
    assert.deepEqual((await shown()).slice(0, 2), [2, 0]);
    const after = served.slice(served.lastIndexOf(last) + 1);
    assert.equal(after[0], last + 1024);
    assert.equal(new Set(after).size, Math.ceil((IMAGE.length - last) / 1024) - 1);
  });

  describe('that goes wrong', () => {
    /** What is shown after the download, and after Execute where it comes to that. */
    const ENDS: readonly (readonly [fault: string, downloaded: readonly unknown[], executed?: readonly unknown[]])[] = [
      ['no-space', [0, 2]],
      ['out-of-memory', [0, 3]],
      ['connection-lost:5000', [0, 4]],
      ['corrupt', [0, 5]],
      ['wrong-type', [0, 6]],
      ['bad-uri', [0, 7]],
      ['unsupported-protocol', [0, 9]],
      ['cancelled', [0, 10]],
      ['aborts', [0, 0]],
      ['install-fails', [2, 0], [0, 8, '1.0.0']],
      ['defers', [2, 0], [2, 11, '1.0.0']],
      ['stuck', [2, 0], [3, 0, '1.0.0']],
      ['silent', [2, 0], ['not-registered', 'not-registered', 'not-registered']],
      ['old-version', [2, 0], [0, 8, '1.0.0']],
      ['claims-success', [2, 0], [0, 1, '1.0.0']],
      ['no-state-3', [2, 0], [0, 1, '2.0.0']],
      ['unacknowledged', [2, 0], [0, 1, '2.0.0']],
      ['erases-uri', [2, 0], [0, 1, '2.0.0']],
      ['other-port', [2, 0], [0, 1, '2.0.0']],
      ['sleeps:30', [2, 0], [0, 1, '2.0.0']],
      ['slow:2', [2, 0], [0, 1, '2.0.0']],
      ['keeps-result', [2, 0], [0, 1, '2.0.0']],
      ['refuses-reset', [2, 0], [0, 1, '2.0.0']],
    ];

    it('there is an end here for every fault', () => {
      assert.deepEqual(ENDS.map(([fault]) => fault.split(':')[0]).sort(), Object.keys(FIRMWARE_FAULTS).sort());
    });

    for (const [fault, downloaded, executed] of ENDS) {
      it(`${fault}: ${FIRMWARE_FAULTS[fault.split(':')[0] as FirmwareFault].does}`, async () => {
        const { write, execute, shown, clock } = await given(fault);
        await write('/5/0/1', URI);
        await clock.advanceAsync(90_000);
        assert.deepEqual((await shown()).slice(0, 2), downloaded);
        if (executed === undefined) return;
        await execute('/5/0/2');
        await clock.advanceAsync(240_000);
        assert.deepEqual(await shown(), executed);
      });
    }

    it('5/1.0 keeps the package when it cannot be installed', async () => {
      const { write, execute, shown, clock } = await given('install-fails', '1.1');
      await write('/5/0/0', IMAGE);
      await clock.advanceAsync(2_000);
      await execute('/5/0/2');
      assert.deepEqual(await shown(), [2, 8, '1.0.0']);
    });

    it('sleeps: nothing is fetched meanwhile, and then the rest', async () => {
      const { write, clock, served } = await given('sleeps:60');
      await write('/5/0/1', URI);
      const before = served.length;
      await clock.advanceAsync(50_000);
      assert.equal(served.length, before);
      await clock.advanceAsync(15_000);
      assert.equal(served.length, Math.ceil(IMAGE.length / 1024));
    });

    it('unacknowledged: the server hears nothing of its Execute', async () => {
      const { write, execute, clock } = await given('unacknowledged');
      await write('/5/0/1', URI);
      await clock.advanceAsync(5_000);
      assert.equal(await execute('/5/0/2'), 'timeout');
    });

    it('refuses-reset: the NUL byte is refused, an empty URI is not', async () => {
      const { write, shown, clock } = await given('refuses-reset');
      await write('/5/0/0', IMAGE);
      await clock.advanceAsync(2_000);
      assert.equal(await write('/5/0/0', Buffer.alloc(1)), '4.00');
      assert.equal(await write('/5/0/1', ''), '2.04');
      assert.deepEqual((await shown()).slice(0, 2), [0, 0]);
    });

    it('keeps-result: success stays when it is reset, until the next download', async () => {
      const { write, execute, shown, clock } = await given('keeps-result');
      await write('/5/0/0', IMAGE);
      await clock.advanceAsync(2_000);
      await execute('/5/0/2');
      await clock.advanceAsync(15_000);
      await write('/5/0/1', '');
      assert.deepEqual((await shown()).slice(0, 2), [0, 1]);
      await write('/5/0/0', IMAGE);
      assert.deepEqual((await shown())[1], 0);
    });

    it('defers: at the second Execute it goes on, or when it can be put off no longer (5/0/13)', async () => {
      const { write, execute, shown, clock } = await given('defers');
      await write('/5/0/13', 60);
      await write('/5/0/0', IMAGE);
      await clock.advanceAsync(2_000);
      await execute('/5/0/2');
      assert.deepEqual((await shown()).slice(0, 2), [2, 11]);
      await clock.advanceAsync(80_000);
      assert.deepEqual(await shown(), [0, 1, '2.0.0']);
    });
  });

  it('a URI of nothing, of another protocol, or that is none ends with result 7 or 9', async () => {
    for (const [uri, result] of [
      ['coap://10.0.0.1/fw/guessed', 7],
      ['https://10.0.0.1/image', 9],
      ['coaps://10.0.0.1/fw/token', 9],
      ['no uri at all', 7],
    ] as const) {
      const { write, shown } = await given();
      assert.equal(await write('/5/0/1', uri), '2.04');
      assert.deepEqual((await shown()).slice(0, 2), [0, result], uri);
    }
  });

  it('a message switches faults, and none of them off again', async () => {
    const { simulation, write, shown, clock } = await given('corrupt');
    simulation.failFirmware([DEVICE], readFaults(undefined));
    await write('/5/0/0', IMAGE);
    await clock.advanceAsync(2_000);
    assert.deepEqual((await shown()).slice(0, 2), [2, 0]);
  });

  describe('packages', () => {
    it('for another model, or of another kind, are refused with 6; changed ones with 5', () => {
      const changed = Buffer.from(IMAGE);
      changed[20_000] = 0;
      assert.equal(judge(IMAGE, MODEL).result, 1);
      assert.equal(judge(IMAGE, 'RoomSense').result, 6);
      assert.equal(judge(changed, MODEL).result, 5);
      for (const other of ['MZ\u0090', '', 'simulated-firmware {"version":5}\n', 'simulated-firmware {"model":"x"}\n'])
        assert.equal(judge(Buffer.from(other), MODEL).result, 6, other);
      assert.equal(judge(Buffer.from('simulated-firmware {"vers\n'), MODEL).result, 5);
      assert.equal(judge(Buffer.from('simulated-firmware null\n'), MODEL).result, 6);
    });

    it('may be written by hand: the version alone is needed', () => {
      assert.deepEqual(judge(Buffer.from('simulated-firmware {"version":"3.0"}\nwhatever'), MODEL).version, '3.0');
    });

    it('may bring their faults with them', async () => {
      const { write, execute, shown, clock } = await given('', '1.2', IMAGE);
      await write('/5/0/0', simulatedImage({ version: '6.6.6', faults: 'old-version' }));
      await clock.advanceAsync(2_000);
      await execute('/5/0/2');
      await clock.advanceAsync(15_000);
      assert.deepEqual(await shown(), [0, 8, '1.0.0']);
    });
  });

  describe('faults by name', () => {
    it('have numbers, and say what there is', () => {
      assert.deepEqual([...readFaults('slow:2, corrupt')], [['slow', 2], ['corrupt', 0]]); // biome-ignore format: a table
      assert.deepEqual([...readFaults(['sleeps'])], [['sleeps', 60]]);
      assert.equal(readFaults('none').size, 0);
      assert.match(refusal(() => readFaults('explodes')).message, /"explodes" is no fault .*: there are no-space, out-of-memory/);
      assert.match(refusal(() => readFaults('slow:fast')).message, /slow takes a number of seconds/);
    });

    it('are planned for devices by name and pattern', () => {
      const plan = readFaultPlan('sim-001=corrupt; sim-00*=slow:2,defers;');
      assert.deepEqual(
        ['sim-001', 'sim-002', 'sim-010'].map((name) => [...plan(name).keys()]),
        [['corrupt'], ['slow', 'defers'], []],
      );
      assert.match(refusal(() => readFaultPlan('corrupt')).message, /says no fault: write device=fault/);
      assert.match(refusal(() => readFaultPlan('a=explodes')).message, /is no fault/);
    });
  });
});
