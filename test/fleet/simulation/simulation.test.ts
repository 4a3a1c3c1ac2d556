/** The simulated fleet against the server of this project, on virtual time. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import type { BootstrapConfiguration } from '../../../src/device/bootstrap';
import type { LifecycleEvent } from '../../../src/device/manager';
import { Catalogue } from '../../../src/device/models/catalogue';
import { DeviceManagementError } from '../../../src/errors';
import { simulatedImage } from '../../../src/fleet/simulation/simulated-image';
import { type SimulatedEvent, Simulation, type SimulationOptions } from '../../../src/fleet/simulation/simulation';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';

const BOOTSTRAP: BootstrapConfiguration = {
  deletes: ['/0', '/1'],
  servers: [
    { shortServerId: 7, uri: 'coap://10.0.0.1', security: { mode: 'none' }, lifetime: 99, binding: 'U', muteSend: false },
  ],
  objects: {},
  verify: false,
};

interface World {
  readonly clock: VirtualClock;
  readonly server: Lwm2mServer;
  readonly simulation: Simulation;
  readonly told: SimulatedEvent[];
  readonly lifecycle: LifecycleEvent[];
  read(device: string, path: string): Promise<unknown>;
  perform: Lwm2mServer['perform'];
}

async function givenFleet(options: Partial<SimulationOptions> = {}): Promise<World> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 2 });
  network.record = false;
  const server = new Lwm2mServer({
    transport: network.transport('10.0.0.1', 5683),
    clock,
    random: testRandom(7),
    admission: 'open',
    bootstrap: () => BOOTSTRAP,
  });
  const told: SimulatedEvent[] = [];
  const lifecycle: LifecycleEvent[] = [];
  server.events.on('lifecycle', (event) => lifecycle.push(event));
  await server.start();
  const simulation = new Simulation({
    count: 6,
    server: { host: '10.0.0.1' },
    clock,
    makeTransport: () => network.transport('10.0.1.1'),
    ...options,
  });
  simulation.events.on('device', (event) => told.push(event));
  simulation.start();
  await clock.advanceAsync(2_000);
  const perform: Lwm2mServer['perform'] = async (device, request, settings) => {
    const result = server.perform(device, request, settings);
    await clock.advanceAsync(100);
    return result;
  };
  return {
    clock,
    server,
    simulation,
    told,
    lifecycle,
    perform,
    read: async (device, path) => (await perform(device, { operation: 'read', path })).values[0]?.value,
  };
}

const names = (events: readonly SimulatedEvent[], device: string): string[] =>
  events.filter((event) => event.device === device).map(({ event }) => event);

describe('a simulated fleet', () => {
  it('registers under its names, in a mix of LwM2M versions', async () => {
    const { server, simulation } = await givenFleet();
    const registered = [...server.registrations()];
    assert.deepEqual(
      registered.map(({ endpoint }) => endpoint),
      ['sim-001', 'sim-002', 'sim-003', 'sim-004', 'sim-005', 'sim-006'],
    );
    assert.deepEqual(new Set(registered.map(({ version }) => version)), new Set(['1.0', '1.1', '1.2']));
    assert.deepEqual(simulation.state, { total: 6, registered: 6, offline: 0 });
  });

  it('fresh from the factory registers where a bootstrap server says, for as long as it says', async () => {
    const { server, told, clock } = await givenFleet({ bootstrap: true });
    await clock.advanceAsync(2_000);
    assert.deepEqual(new Set([...server.registrations()].map(({ lifetime }) => lifetime)), new Set([99]));
    assert.deepEqual(names(told, 'sim-001'), ['bootstrapped', 'registered']);
    assert.deepEqual(
      ['sim-001', 'sim-002', 'sim-003'].map((device) => told.find((event) => event.device === device)?.payload.how),
      ['sequence', 'sequence', 'pack'],
    );
  });

  it('has gateways beside them, whose devices are devices of their own', async () => {
    const { server, simulation, read, perform, told, clock } = await givenFleet({ count: 1, gateways: 2 });
    assert.deepEqual(simulation.state, { total: 3, registered: 3, offline: 0 });
    const behind = [...server.registrations()].filter(({ gateway }) => gateway !== undefined).map(({ endpoint }) => endpoint);
    assert.deepEqual(behind, simulation.names.slice(3));
    assert.deepEqual(behind.slice(0, 3), ['sim-gw-1-d01', 'sim-gw-1-d02', 'sim-gw-1-d03']);
    assert.deepEqual(server.registration('sim-gw-2-d02')?.gateway, { endpoint: 'sim-gw-2', prefix: 'd02' });
    assert.deepEqual(
      ['sim-gw-1', 'sim-gw-2'].map((name) => server.registration(name)?.version),
      ['1.1', '1.2'],
    );
    simulation.setValue(['sim-gw-2-d02'], '/3/0/9', 11);
    assert.equal(await read('sim-gw-2-d02', '/3/0/9'), 11);
    assert.equal(await read('sim-gw-2-d01', '/3/0/9'), 90);
    const before = await read('sim-gw-1-d01', '/3303/0/5700');
    await clock.advanceAsync(120_000);
    assert.notEqual(await read('sim-gw-1-d01', '/3303/0/5700'), before);
    await perform('sim-gw-1-d03', { operation: 'execute', path: '/3/0/4' });
    assert.deepEqual(names(told, 'sim-gw-1-d03'), ['executed', 'rebooted']);
  });

  it('lets what is behind a gateway share its fate', async () => {
    const { server, simulation, lifecycle, clock } = await givenFleet({ count: 1, gateways: 1, lifetime: 60 });
    simulation.offline(['sim-gw-1', 'sim-gw-1-d01']);
    await clock.advanceAsync(200_000);
    assert.equal(server.size, 1);
    assert.ok(lifecycle.some(({ event, device }) => event === 'expired' && device === 'sim-gw-1-d01'));
    simulation.online();
    await clock.advanceAsync(10_000);
    assert.equal(server.size, 5);
    assert.throws(() => simulation.offline(['sim-gw-1-d01']), /sim-gw-1-d01 is behind sim-gw-1: do it to the gateway/);
  });

  it('starts its devices one after the other', async () => {
    const { lifecycle } = await givenFleet();
    const times = lifecycle.map(({ at }) => at);
    assert.equal(new Set(times).size, times.length);
  });

  it('has the objects of a small tracker, every resource readable', async () => {
    const { server, perform } = await givenFleet();
    for (const device of ['sim-001', 'sim-002', 'sim-003']) {
      for (const object of ['1', '3', '4', '5', '6', '3303']) {
        const result = await perform(device, { operation: 'read', path: `/${object}/0` });
        assert.ok(result.values.length > 2, `${device} /${object}/0`);
      }
      assert.ok(server.registration(device)?.objects.includes('/3303/0'));
    }
  });

  it('keeps its registrations alive', async () => {
    const { clock, server, lifecycle } = await givenFleet({ lifetime: 60 });
    await clock.advanceAsync(600_000);
    assert.equal(server.size, 6);
    assert.ok(!lifecycle.some(({ event }) => event === 'expired'));
  });

  it('moves its values: temperature, battery, position, signal', async () => {
    const { clock, read } = await givenFleet();
    const paths = ['/3303/0/5700', '/6/0/0', '/6/0/1'];
    const before: unknown[] = [];
    for (const path of paths) before.push(await read('sim-001', path));
    await clock.advanceAsync(120_000);
    for (const [index, path] of paths.entries()) assert.notEqual(await read('sim-001', path), before[index], path);
    const battery = (await read('sim-001', '/3/0/9')) as number;
    assert.ok(battery > 0 && battery <= 100);
    const signal = (await read('sim-001', '/4/0/2')) as number;
    assert.ok(signal < -40 && signal > -120, String(signal));
  });

  it('is the same again from the same seed, and another from another', async () => {
    const temperatures: unknown[] = [];
    for (const seed of [5, 5, 6]) {
      const { clock, read } = await givenFleet({ seed, count: 1 });
      await clock.advanceAsync(60_000);
      temperatures.push(await read('sim-001', '/3303/0/5700'));
    }
    assert.equal(temperatures[0], temperatures[1]);
    assert.notEqual(temperatures[0], temperatures[2]);
  });

  it('a device that is offline answers nothing, expires, and registers when it is online again', async () => {
    const { clock, server, simulation, perform, lifecycle, told } = await givenFleet({ lifetime: 60 });
    simulation.offline(['sim-002']);
    assert.deepEqual(simulation.state, { total: 6, registered: 5, offline: 1 });
    const asked = server.perform('sim-002', { operation: 'read', path: '/3/0' }).catch((error: unknown) => error);
    await clock.advanceAsync(100_000);
    assert.equal(((await asked) as DeviceManagementError).code, 'timeout');
    await clock.advanceAsync(100_000);
    assert.equal(server.registration('sim-002'), undefined);
    assert.ok(!lifecycle.some(({ event }) => event === 'deregistered'));
    simulation.online(['sim-002']);
    await clock.advanceAsync(1_000);
    assert.equal((await perform('sim-002', { operation: 'read', path: '/3/0/0' })).code, '2.05');
    assert.deepEqual(names(told, 'sim-002'), ['registered', 'offline', 'online', 'registered']);
  });

  it('a device switched off before it ever started registers once it is switched on', async () => {
    const { clock, simulation } = await givenFleet({ count: 100 });
    simulation.offline(['sim-100']);
    await clock.advanceAsync(5_000);
    assert.deepEqual(simulation.state, { total: 100, registered: 99, offline: 1 });
    simulation.online(['sim-100']);
    await clock.advanceAsync(1_000);
    assert.equal(simulation.state.registered, 100);
  });

  it('a device switched off and on before it started registers in its turn', async () => {
    const { clock, simulation } = await givenFleet({ count: 100 });
    simulation.offline(['sim-100']);
    simulation.online(['sim-100']);
    await clock.advanceAsync(5_000);
    assert.equal(simulation.state.registered, 100);
  });

  it('a device that flaps goes and comes until told otherwise', async () => {
    const { clock, simulation, told } = await givenFleet();
    simulation.flap(['sim-003'], 10);
    await clock.advanceAsync(60_000);
    const events = names(told, 'sim-003');
    assert.ok(events.filter((event) => event === 'offline').length >= 3, events.join());
    assert.ok(events.filter((event) => event === 'registered').length >= 3, events.join());
    simulation.online(['sim-003']);
    await clock.advanceAsync(60_000);
    assert.equal(simulation.state.registered, 6);
  });

  it('a low battery shows in level, status and error code, and a reboot ends it', async () => {
    const { clock, simulation, read, perform, told } = await givenFleet();
    simulation.lowBattery(['sim-001']);
    assert.ok(((await read('sim-001', '/3/0/9')) as number) < 10);
    assert.equal(await read('sim-001', '/3/0/20'), 4);
    assert.equal(await read('sim-001', '/3/0/11'), 1);
    await perform('sim-001', { operation: 'execute', path: '/3/0/4' });
    assert.equal(simulation.state.registered, 5);
    await clock.advanceAsync(10_000);
    assert.deepEqual(names(told, 'sim-001'), ['registered', 'executed', 'rebooted', 'registered']);
    assert.ok(((await read('sim-001', '/3/0/9')) as number) > 90);
    assert.equal(await read('sim-001', '/3/0/11'), 0);
  });

  it('a firmware package makes it another version, proved by its new registration', async () => {
    const { clock, read, perform, told } = await givenFleet();
    for (const device of ['sim-001', 'sim-002', 'sim-003']) {
      await perform(device, { operation: 'write', path: '/5/0/0', value: simulatedImage({ version: '2.1.0' }, 3_000) });
      assert.equal(await read(device, '/5/0/3'), 1);
      await clock.advanceAsync(2_000);
      assert.equal(await read(device, '/5/0/3'), 2);
      assert.equal(await read(device, '/5/0/7'), '2.1.0');
      await perform(device, { operation: 'execute', path: '/5/0/2' });
      await clock.advanceAsync(15_000);
      assert.equal(await read(device, '/5/0/3'), 0);
      assert.equal(await read(device, '/5/0/5'), 1);
      assert.equal(await read(device, '/3/0/3'), '2.1.0');
      assert.ok(names(told, device).includes('firmware-updated'));
    }
  });

  it('a device switched off in the middle of an update finishes it when it is back', async () => {
    const { clock, simulation, read, perform } = await givenFleet();
    await perform('sim-001', { operation: 'write', path: '/5/0/0', value: simulatedImage({ version: '1.0.1' }) });
    await clock.advanceAsync(2_000);
    await perform('sim-001', { operation: 'execute', path: '/5/0/2' });
    simulation.offline(['sim-001']);
    await clock.advanceAsync(60_000);
    simulation.online(['sim-001']);
    await clock.advanceAsync(1_000);
    assert.equal(await read('sim-001', '/3/0/3'), '1.0.1');
    assert.equal(await read('sim-001', '/5/0/5'), 1);
  });

  it('setValue reaches every device named', async () => {
    const { simulation, read } = await givenFleet();
    simulation.setValue(['sim-001', 'sim-002'], '/3/0/17', 'freezer');
    assert.equal(await read('sim-001', '/3/0/17'), 'freezer');
    assert.notEqual(await read('sim-003', '/3/0/17'), 'freezer');
  });

  it('a name that is none is refused by saying which there are', async () => {
    const { simulation } = await givenFleet();
    assert.throws(
      () => simulation.offline(['sim-099']),
      (error) => error instanceof DeviceManagementError && error.code === 'invalid-request' && /sim-001/.test(error.message),
    );
  });

  it('tells of a server that refuses, and goes on trying', async () => {
    const { clock, server, told, simulation } = await givenFleet();
    await server.stop();
    await clock.advanceAsync(400_000);
    assert.ok(names(told, 'sim-001').filter((event) => event === 'failed').length >= 2);
    assert.equal(simulation.state.registered, 0);
  });

  it('de-registers when stopped, and leaves no timer behind', async () => {
    const { clock, server, simulation } = await givenFleet();
    simulation.flap(['sim-004'], 5);
    simulation.offline(['sim-005']);
    const stopped = simulation.stop();
    await clock.advanceAsync(10_000);
    await stopped;
    // One was offline, one in the middle of flapping: those expire.
    assert.equal(server.size, 2);
    await clock.advanceAsync(400_000);
    await server.stop();
    assert.equal(clock.pending, 0);
  });
});

describe('a simulated fleet over UDP', function () {
  this.timeout(20_000);

  it('registers from one process, each device with a socket of its own', async () => {
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0 } });
    await server.start();
    const port = server.local?.port as number;
    const catalogue = Catalogue.registry();
    const simulation = new Simulation({ count: 40, server: { host: '127.0.0.1', port }, catalogue });
    const all = new Promise<void>((resolve) => {
      const stop = simulation.events.on('device', () => {
        if (simulation.state.registered < 40) return;
        stop();
        resolve();
      });
    });
    simulation.start();
    await all;
    assert.equal(server.size, 40);
    await simulation.stop();
    assert.equal(server.size, 0);
    await server.stop();
  });
});
