/** The management objects of simulated devices, asked by the server of this project on virtual time. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import type { OperationRequest } from '../../../src/device/operation';
import { asDeviceManagementError } from '../../../src/errors';
import { type SimulatedEvent, Simulation, type SimulationOptions } from '../../../src/fleet/simulation/simulation';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';

/** The fourth model has Wi-Fi, the others a modem. */
const WIFI = 'sim-004';
const MODEM = 'sim-001';

class World {
  readonly told: SimulatedEvent[] = [];

  private constructor(
    readonly clock: VirtualClock,
    readonly server: Lwm2mServer,
    readonly simulation: Simulation,
  ) {
    simulation.events.on('device', (event) => this.told.push(event));
  }

  static async begin(options: Partial<SimulationOptions> = {}): Promise<World> {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock, { delayMs: 2 });
    network.record = false;
    const transport = network.transport('10.0.0.1', 5683);
    const server = new Lwm2mServer({ transport, clock, random: testRandom(7), admission: 'open' });
    await server.start();
    const server1 = { host: '10.0.0.1' };
    const makeTransport = () => network.transport('10.0.1.1');
    const world = new World(clock, server, new Simulation({ count: 4, server: server1, clock, makeTransport, ...options }));
    world.simulation.start();
    await clock.advanceAsync(2_000);
    return world;
  }

  /** @returns the value, the code of what has none, or what went wrong */
  async ask(device: string, request: OperationRequest): Promise<unknown> {
    const asked = this.server.perform(device, request).then(
      ({ values, code }) => (request.operation === 'read' ? values[0]?.value : code),
      (error: unknown) => asDeviceManagementError(error).code,
    );
    await this.clock.advanceAsync(100);
    return asked;
  }

  read(device: string, path: string): Promise<unknown> {
    return this.ask(device, { operation: 'read', path });
  }

  write(device: string, path: string, value: unknown): Promise<unknown> {
    return this.ask(device, { operation: 'write', path, value });
  }

  execute(device: string, path: string): Promise<unknown> {
    return this.ask(device, { operation: 'execute', path });
  }

  events(name: string): unknown[] {
    return this.told.filter(({ event }) => event === name).map(({ payload }) => payload);
  }

  isRegistered(device: string): boolean {
    return this.simulation.device(device)?.isRegistered === true;
  }
}

describe('a simulated device', () => {
  it('announces the management objects, in each version of LwM2M, by the way it is connected', async () => {
    const { server } = await World.begin();
    for (const { endpoint, objects } of server.registrations()) {
      for (const path of ['/7/0', '/8/0', '/9/0', '/15/0', '/15/1', '/16/0', '/20/0']) assert.ok(objects.includes(path), path);
      assert.equal(objects.includes('/12/0'), endpoint === WIFI);
      assert.equal(objects.includes('/10/0') && objects.includes('/11/0'), endpoint !== WIFI);
    }
  });

  it('locked, can be read but not changed, until it is unlocked', async () => {
    const world = await World.begin();
    assert.equal(await world.write(MODEM, '/8/0/0', 2), '2.04');
    assert.equal(await world.read(MODEM, '/8/0/5'), 2);
    assert.equal(typeof (await world.read(MODEM, '/3303/0/5700')), 'number');
    for (const path of ['/3/0/4', '/3303/0/5605', '/9/0/11', '/15/0/6', '/20/0/4011']) {
      assert.equal(await world.execute(MODEM, path), '4.05', path);
    }
    for (const [path, value] of [
      ['/3/0/15', 'Europe/Berlin'],
      ['/11/0/1', 'iot.example'],
      ['/10/0/4', 60],
    ] as const) {
      assert.equal(await world.write(MODEM, path, value), '4.05', path);
    }
    assert.equal(await world.write(MODEM, '/8/0/0', 0), '2.04');
    assert.equal(await world.execute(MODEM, '/3303/0/5605'), '2.04');
  });

  it('partially locked, refuses what was named, and no other', async () => {
    const world = await World.begin();
    assert.equal(await world.write(MODEM, '/8/0/1', ['sensor', 'cellar']), '4.00');
    await world.write(MODEM, '/8/0/1', ['sensor']);
    await world.write(MODEM, '/8/0/0', 1);
    assert.equal(await world.execute(MODEM, '/3303/0/5605'), '4.05');
    assert.equal(await world.execute(MODEM, '/15/0/6'), '2.04');
  });

  it('wiped, has forgotten what was named, or everything', async () => {
    const world = await World.begin();
    await world.execute(MODEM, '/20/0/4011');
    await world.write(MODEM, '/3/0/15', 'Europe/Berlin');
    world.simulation.setValue([MODEM], '/3303/0/5602', 80);
    assert.match(String(await world.read(MODEM, '/20/0/4014')), /written/);
    await world.write(MODEM, '/8/0/4', ['event log']);
    assert.equal(await world.execute(MODEM, '/8/0/3'), '2.04');
    assert.doesNotMatch(String(await world.read(MODEM, '/20/0/4014')), /written/);
    assert.equal(await world.read(MODEM, '/3303/0/5602'), 80);
    assert.equal(await world.execute(MODEM, '/8/0/3'), '2.04');
    assert.equal(await world.read(MODEM, '/8/0/5'), 4);
    assert.notEqual(await world.read(MODEM, '/3303/0/5602'), 80);
    assert.deepEqual(world.events('wiped'), [{ targets: ['event log'] }, { targets: ['measurements', 'event log'] }]);
  });

  it('logs what happens to it while it is told to', async () => {
    const world = await World.begin();
    assert.equal(await world.read(MODEM, '/20/0/4013'), 0);
    await world.execute(MODEM, '/20/0/4011');
    await world.write(MODEM, '/3/0/15', 'Europe/Berlin');
    assert.equal(await world.read(MODEM, '/20/0/4013'), 3);
    for (let time = 0; time < 100; time++) await world.write(MODEM, '/3/0/15', `Zone/${time}`);
    const log = (await world.read(MODEM, '/20/0/4014')) as Buffer;
    assert.ok(log.length > 1_000 && log.length <= 2_048, String(log.length));
    assert.match(log.toString(), /^\d{4}-\d\d-\d\dT[^\n]+Z written\n/);
    await world.execute(MODEM, '/20/0/4012');
    assert.equal(await world.read(MODEM, '/20/0/4013'), 2);
  });

  it('counts its traffic while it is told to', async () => {
    const world = await World.begin();
    await world.clock.advanceAsync(60_000);
    assert.equal(await world.read(MODEM, '/7/0/2'), 0);
    await world.execute(MODEM, '/7/0/6');
    await world.clock.advanceAsync(60_000);
    const counted = await world.read(MODEM, '/7/0/2');
    assert.ok(Number(counted) > 0);
    await world.execute(MODEM, '/7/0/7');
    await world.clock.advanceAsync(60_000);
    assert.equal(await world.read(MODEM, '/7/0/2'), counted);
  });

  it('measures nothing while its sensor is off', async () => {
    const world = await World.begin();
    assert.equal(await world.read(MODEM, '/15/0/0'), 'temperature sensor');
    await world.execute(MODEM, '/15/0/6');
    assert.equal(await world.read(MODEM, '/15/0/4'), false);
    const before = await world.read(MODEM, '/3303/0/5700');
    await world.clock.advanceAsync(60_000);
    assert.equal(await world.read(MODEM, '/3303/0/5700'), before);
    await world.execute(MODEM, '/15/0/5');
    await world.clock.advanceAsync(60_000);
    assert.notEqual(await world.read(MODEM, '/3303/0/5700'), before);
  });

  it('has software that is deactivated, uninstalled, and installed anew from a package', async () => {
    const world = await World.begin();
    assert.equal(await world.execute(MODEM, '/9/0/4'), '4.05');
    await world.execute(MODEM, '/9/0/11');
    assert.equal(await world.read(MODEM, '/9/0/12'), false);
    assert.equal(await world.write(MODEM, '/9/0/2', Buffer.from('filter 2.0.1')), '4.00');
    await world.execute(MODEM, '/9/0/6');
    assert.equal(await world.execute(MODEM, '/9/0/10'), '4.05');
    assert.equal(await world.write(MODEM, '/9/0/2', Buffer.from('filter 2.0.1')), '2.04');
    await world.execute(MODEM, '/9/0/4');
    await world.execute(MODEM, '/9/0/10');
    assert.equal(await world.read(MODEM, '/9/0/1'), '2.0.1');
    assert.equal(await world.read(MODEM, '/9/0/7'), 4);
    assert.equal(await world.read(MODEM, '/9/0/12'), true);
  });

  it('keeps a clock that was set', async () => {
    const world = await World.begin();
    await world.write(MODEM, '/3/0/13', new Date(1_000_000_000_000));
    await world.clock.advanceAsync(10_000);
    const now = (await world.read(MODEM, '/3/0/13')) as Date;
    assert.ok(now.getTime() >= 1_000_000_010_000 && now.getTime() < 1_000_000_012_000, now.toISOString());
  });
});

describe('a simulated device whose network is changed', () => {
  it('moves to a Wi-Fi that takes it, and registers there', async () => {
    const world = await World.begin();
    const value = { 5: 'workshop', 18: 'blue ladder 77' };
    assert.equal(await world.ask(WIFI, { operation: 'write', path: '/12/0', value, mode: 'update' }), '2.04');
    await world.clock.advanceAsync(2_000);
    assert.equal(world.isRegistered(WIFI), false);
    await world.clock.advanceAsync(5_000);
    assert.equal(world.isRegistered(WIFI), true);
    assert.equal(await world.read(WIFI, '/12/0/3'), 1);
    assert.deepEqual(world.events('network-changed'), [{ works: true }]);
  });

  const wrong: readonly [string, string, Record<number, string>][] = [
    ['a Wi-Fi that is not there', WIFI, { 5: 'nowhere' }],
    ['a Wi-Fi with a wrong key', WIFI, { 5: 'workshop', 18: 'a wrong key' }],
    ['an APN that its operator does not know', MODEM, { 1: 'elsewhere.example' }],
    ['an APN with a wrong secret', MODEM, { 1: 'telemetry.example', 6: 'a wrong secret' }],
  ];
  for (const [name, device, value] of wrong) {
    it(`to ${name}, is gone until it falls back, and tries again until it is told otherwise`, async () => {
      const world = await World.begin();
      const path = device === WIFI ? '/12/0' : '/11/0';
      await world.ask(device, { operation: 'write', path, value, mode: 'update' });
      await world.clock.advanceAsync(40_000);
      assert.equal(world.isRegistered(device), false);
      await world.clock.advanceAsync(10_000);
      assert.equal(world.isRegistered(device), true);
      if (device === WIFI) assert.equal(await world.read(WIFI, '/12/0/3'), 2);
      await world.clock.advanceAsync(200_000);
      assert.equal(world.isRegistered(device), false);
      await world.clock.advanceAsync(30_000);
      const old = device === WIFI ? { 5: 'plant-floor', 18: 'copper kettle 12' } : { 1: 'iot.example', 6: 'seven sparrows' };
      assert.equal(await world.ask(device, { operation: 'write', path, value: old, mode: 'update' }), '2.04');
      await world.clock.advanceAsync(10_000);
      assert.equal(world.isRegistered(device), true);
      await world.clock.advanceAsync(400_000);
      assert.deepEqual(world.events('network-changed'), [{ works: false }, { works: false }, { works: true }]);
    });
  }

  it('keeps its keys to itself', async () => {
    const world = await World.begin();
    assert.equal(await world.read(WIFI, '/12/0/18'), '4.05');
    assert.equal(await world.read(MODEM, '/11/0/6'), '4.04');
    assert.equal(await world.write(WIFI, '/12/0/18', 'short'), '4.00');
  });

  it('switched off meanwhile, is not back before it is switched on', async () => {
    const world = await World.begin();
    await world.write(WIFI, '/12/0/5', 'nowhere');
    world.simulation.offline([WIFI]);
    await world.clock.advanceAsync(300_000);
    assert.equal(world.isRegistered(WIFI), false);
    world.simulation.online([WIFI]);
    await world.clock.advanceAsync(1_000);
    assert.equal(world.isRegistered(WIFI), true);
  });

  it('leaves no timer behind when it is stopped', async () => {
    const world = await World.begin();
    await world.write(WIFI, '/12/0/5', 'nowhere');
    await world.clock.advanceAsync(50_000);
    const stopped = world.simulation.stop();
    await world.clock.advanceAsync(10_000);
    await stopped;
    await world.clock.advanceAsync(400_000);
    await world.server.stop();
    assert.equal(world.clock.pending, 0);
  });
});

describe('a simulated fleet', () => {
  it('speaks one version of LwM2M when it is told to', async () => {
    const { server } = await World.begin({ version: '1.0' });
    assert.deepEqual([...new Set([...server.registrations()].map(({ version }) => version))], ['1.0']);
  });

  it('has as many sleepers as it is told to, spread over it, which sleep between their exchanges', async () => {
    const world = await World.begin({ count: 8, asleepShare: 0.25, lifetime: 3_600 });
    const sleepers = [...world.server.registrations()].filter(({ queueMode }) => queueMode).map(({ endpoint }) => endpoint);
    assert.deepEqual(sleepers, ['sim-004', 'sim-008']);
    assert.equal(world.server.presence('sim-004'), 'reachable');
    await world.clock.advanceAsync(120_000);
    assert.equal(world.server.presence('sim-004'), 'asleep');
    assert.equal(world.server.presence('sim-001'), 'reachable');
  });
});

describe('a simulated fleet over TCP', function () {
  this.timeout(20_000);

  it('registers, each device with a connection of its own', async () => {
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0, tcpPort: 0 } });
    await server.start();
    const port = server.listening.find(({ transport }) => transport === 'tcp')?.port as number;
    const simulation = new Simulation({ count: 10, server: { host: '127.0.0.1', port }, over: 'tcp' });
    await new Promise<void>((resolve) => {
      simulation.events.on('device', () => {
        if (simulation.state.registered === 10) resolve();
      });
      simulation.start();
    });
    assert.equal(server.size, 10);
    await simulation.stop();
    await server.stop();
  });
});
