import assert from 'node:assert/strict';
import type { Message } from '../../../nodes/runtime/flow-host';
import { simulatedImage } from '../../../src/fleet/simulation/simulated-image';
import {
  around,
  deploy,
  device,
  endFlow,
  failureOf,
  inbox,
  lifecycle,
  logged,
  portOn,
  running,
  saying,
  send,
  serverNode,
  serverState,
} from '../flow';

const SIMULATOR = { type: 'dm-simulator', count: 3, prefix: 'sim-', lifetime: 60, interval: 3600, wires: [['out']] };

/** Until each of them knows that it is registered. */
async function fleetOf(count: number): Promise<void> {
  for (let index = 1; index <= count; index++) await inbox('out').first(of('registered', `sim-00${index}`));
}

/** Until it is registered, now or later. */
async function lifecycleOf(device: string): Promise<void> {
  const registered = lifecycle('registered', device);
  if (running().manager.registration(device) === undefined) await registered;
}

const of = (event: string, device: string) => (message: Message) => message.event === event && message.device === device;

describe('simulator', () => {
  afterEach(endFlow);

  it('registers its devices at its server over UDP and tells of each', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    for (const name of ['sim-001', 'sim-002', 'sim-003']) {
      const message = await inbox('out').first(of('registered', name));
      assert.equal(message.topic, name);
      assert.match((message.payload as { location: string }).location, /^\/rd\//);
      const { server, operation, at } = message.dm as { server: string; operation: string; at: number };
      assert.deepEqual([server, operation, typeof at], ['server', 'simulate', 'number']);
    }
    await saying('3 of 3 online');
    assert.deepEqual([...running().manager.registrations()].map(({ version }) => version).sort(), ['1.0', '1.1', '1.2']);
  });

  it('speaks to loopback where its server listens on every address', async () => {
    await deploy([serverNode({ host: '' }), ...around({ ...SIMULATOR, count: 1 })]);
    await fleetOf(1);
    assert.match(running().manager.registration('sim-001')?.address ?? '', /^127\.0\.0\.1:/);
  });

  it('a device goes offline, and registers anew when it comes online', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    send({ action: 'offline', device: 'sim-002' });
    await inbox('out').first(of('offline', 'sim-002'));
    await saying('2 of 3 online');
    const back = lifecycle('registered', 'sim-002');
    send({ action: 'online', device: 'sim-002' });
    await back;
    await inbox('completed').next();
    await inbox('completed').next();
    assert.deepEqual(inbox('caught').all, []);
  });

  it('flaps by the period of the message until it is told to be online', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, count: 1 })]);
    await fleetOf(1);
    send({ action: 'flap', period: 0.05 });
    await inbox('out').first(of('offline', 'sim-001'));
    await inbox('out').first(of('online', 'sim-001'));
    send({ action: 'online' });
    await inbox('completed').next();
    await inbox('completed').next();
  });

  it('a low battery is a value to read, for the devices a pattern chooses', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    send({ action: 'low-battery', device: 'sim-00*' });
    await inbox('completed').next();
    const { values } = await running().manager.perform('sim-003', { operation: 'read', path: '/3/0/9' });
    assert.ok(Number(values[0]?.value) < 10);
  });

  it('has gateways, and takes values for what is behind them', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, count: 1, gateways: 1 })]);
    await inbox('out').first(of('registered', 'sim-gw-1'));
    await lifecycleOf('sim-gw-1-d03');
    await saying('2 of 2 online');
    send({ action: 'set-value', device: 'sim-gw-1-d02', path: '/3303/0/5700', payload: 35 });
    await inbox('completed').next();
    const { values } = await running().manager.perform('sim-gw-1-d02', { operation: 'read', path: '/3303/0/5700' });
    assert.equal(values[0]?.value, 35);
  });

  it('takes a value by message', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    send({ action: 'set-value', device: ['sim-001'], path: '/3303/0/5700', payload: -40 });
    await inbox('completed').next();
    const { values } = await running().manager.perform('sim-001', { operation: 'read', path: '/3303/0/5700' });
    assert.equal(values[0]?.value, -40);
  });

  const mistakes: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ['no action', {}, 'invalid-request', /^msg\.action must be offline, online, .* or set-value, but it is missing$/],
    ['an action that is none', { action: 'toString' }, 'invalid-request', /but it is "toString"$/],
    [
      'a device that is none',
      { action: 'offline', device: 'sim-9' },
      'invalid-request',
      /^"sim-9" is no simulated device: use a name such as sim-001/,
    ],
    [
      'a pattern without a match',
      { action: 'offline', device: 'pump-*' },
      'invalid-request',
      /^no simulated device matches "pump-\*"/,
    ],
    ['a senseless period', { action: 'flap', period: 'often' }, 'invalid-value', /above 0 seconds/],
    [
      'a value of the wrong type',
      { action: 'set-value', path: '/3303/0/5700', payload: 'warm' },
      'invalid-value',
      /takes a number/,
    ],
    ['a value without a path', { action: 'set-value', payload: 1 }, 'invalid-path', /^which path\?/],
  ];
  it('says what is wrong with a message', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    for (const [name, message, code, text] of mistakes) {
      send(message);
      const { error } = await inbox('caught').next();
      assert.equal((error as { code?: string }).code, code, name);
      assert.match((error as { message: string }).message, text, name);
    }
    assert.deepEqual(inbox('completed').all, []);
    assert.equal(running().manager.size, 3);
  });

  it('a deploy leaves its devices alone', async () => {
    const flow = [serverNode(), ...around(SIMULATOR)];
    await deploy(flow);
    await fleetOf(3);
    const before = [...running().manager.registrations()];
    for (let time = 0; time < 5; time++) await deploy(flow);
    send({ action: 'offline', device: 'sim-001' });
    await inbox('out').first(of('offline', 'sim-001'));
    assert.deepEqual([...running().manager.registrations()], before);
  });

  it('other settings replace its devices: the old ones leave first', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    const left: string[] = [];
    running().manager.events.on('lifecycle', ({ event, device }) => left.push(`${event} ${device}`));
    await deploy([serverNode(), ...around({ ...SIMULATOR, count: 1 })]);
    await lifecycle('registered', 'sim-001');
    assert.deepEqual(left.slice(0, 3).sort(), ['deregistered sim-001', 'deregistered sim-002', 'deregistered sim-003']);
    assert.equal(running().manager.size, 1);
  });

  it('its devices leave when the node is removed', async () => {
    await deploy([serverNode(), ...around(SIMULATOR)]);
    await fleetOf(3);
    const left = Promise.all(['sim-001', 'sim-002', 'sim-003'].map((name) => lifecycle('deregistered', name)));
    await deploy([serverNode(), ...around(SIMULATOR).filter(({ id }) => id !== 'node')]);
    await left;
    assert.equal(running().manager.size, 0);
  });

  it('speaks the version it is told to, and sleeps where it is told to', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, lwm2m: '1.2', asleep: '34', lifetime: 3600 })]);
    await fleetOf(3);
    const all = [...running().manager.registrations()];
    assert.deepEqual(all.map(({ endpoint, version, queueMode }) => [endpoint, version, queueMode]).sort(), [
      ['sim-001', '1.2', false],
      ['sim-002', '1.2', false],
      ['sim-003', '1.2', true],
    ]);
  });

  it('speaks TCP to a server that has a port for it', async () => {
    await deploy([serverNode({ tcpPort: 0 }), ...around({ ...SIMULATOR, over: 'tcp' })]);
    await fleetOf(3);
    assert.deepEqual([...running().manager.registrations()].map(({ binding }) => binding).sort(), ['T', 'T', 'T']);
  });

  for (const [over, server] of [
    ['dtls', { securePort: 0 }],
    ['tls', { tlsPort: 0 }],
  ] as const) {
    it(`secured over ${over}, each device has a key of its own, which is good as long as the device is`, async () => {
      await deploy([serverNode({ ...server, admission: 'listed' }), ...around({ ...SIMULATOR, over })]);
      await fleetOf(3);
      const { manager, provisioning } = running();
      assert.deepEqual(
        [...manager.registrations()].map(({ security }) => security),
        ['psk', 'psk', 'psk'],
      );
      const names = ['sim-001', 'sim-002', 'sim-003'];
      const keys = names.map((name) => provisioning.keyOf(name)?.toString('hex'));
      assert.equal(new Set(keys).size, 3);
      assert.ok(!keys.includes(undefined));
      const told = JSON.stringify([inbox('out').all, logged('WARN'), ...names.map((name) => manager.registration(name))]);
      assert.ok(keys.every((key) => !told.includes(key as string)));
      const ended = new Promise<void>((resolve) => {
        provisioning.events.on('ended', ({ device }) => device === 'sim-003' && resolve());
      });
      await deploy([serverNode({ ...server, admission: 'listed' })]);
      await ended;
      assert.deepEqual(
        names.map((name) => provisioning.keyOf(name)),
        [undefined, undefined, undefined],
      );
      assert.ok(!provisioning.isSecured('sim-001'));
    });
  }

  it('its name is nobody else’s while a simulated device is secured', async () => {
    await deploy([serverNode({ securePort: 0, admission: 'open' }), ...around({ ...SIMULATOR, over: 'dtls' })]);
    await fleetOf(3);
    const refused = lifecycle('refused', 'sim-001');
    device('sim-001').catch(() => undefined);
    assert.match((await refused).refusal?.reason as string, /unsecured, although it has credentials/);
  });

  it('comes unsecured, and says so, where the server has no port for DTLS', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, over: 'dtls' })]);
    await fleetOf(3);
    await saying('3 of 3 online, no DTLS');
    assert.equal(running().manager.registration('sim-001')?.security, 'none');
  });

  it('fresh from the factory and secured, its devices are given other keys, and register with those', async () => {
    const simulator = { ...SIMULATOR, over: 'dtls', bootstrap: true };
    await deploy([serverNode({ securePort: 0 }), ...around(simulator)]);
    await serverState('listening');
    const uri = `coaps://127.0.0.1:${portOn('dtls')}`;
    const bootstrap = {
      id: 'bootstrap',
      z: 'tab',
      type: 'dm-bootstrap',
      server: 'server',
      device: '',
      deviceType: 'str',
      uri,
      shortServerId: 1,
      lifetime: 90,
      binding: '',
      security: 'auto',
      sends: true,
      storing: false,
      deletes: '/0, /1',
      objects: '',
      verify: false,
      wires: [['bootstraps']],
    };
    await deploy([
      serverNode({ securePort: 0 }),
      bootstrap as never,
      { id: 'bootstraps', type: 'inbox', z: 'tab', wires: [] },
      ...around(simulator),
    ]);
    await fleetOf(3);
    const { manager, provisioning } = running();
    assert.deepEqual(
      [...manager.registrations()].map(({ security }) => security),
      ['psk', 'psk', 'psk'],
    );
    assert.ok(provisioning.generated.isProved('sim-001'), 'with the key it was given');
    const finished = await inbox('bootstraps').first(({ event }) => event === 'finished');
    const { key } = provisioning.generated.issue('sim-001', 1);
    assert.ok(!JSON.stringify([inbox('bootstraps').all, inbox('out').all, finished]).includes(key.toString('hex')));
  });

  it('says so where the server has no port for TCP', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, over: 'tcp' })]);
    await saying('no TCP port');
    send({ action: 'offline' });
    const { error } = await inbox('caught').next();
    assert.match((error as { message: string }).message, /speak TCP, and their server has no TCP port/);
  });

  it('without a server it says so', async () => {
    await deploy(around({ ...SIMULATOR, server: '' }));
    send({ action: 'offline' });
    const { error } = await inbox('caught').next();
    assert.match((error as { message: string }).message, /this node has no LwM2M server/);
    await saying('no server');
  });

  it('its devices fetch an image over DTLS, and fail as they are told to', async () => {
    await deploy([serverNode({ securePort: 0 }), ...around({ ...SIMULATOR, over: 'dtls', faults: 'sim-002=corrupt' })]);
    await fleetOf(3);
    const { fleet, manager } = running();
    const { id } = await fleet.images.add(simulatedImage({ version: '2.0.0' }, 50_000), { name: 'sim', version: '2.0.0' });
    send({ action: 'firmware-faults', device: 'sim-003', payload: 'wrong-type' });
    const ends = await Promise.all(
      ['sim-001', 'sim-002', 'sim-003'].map(async (device) => {
        const { urls } = await fleet.imageServing.offer(id, { devices: [device] });
        assert.deepEqual(Object.keys(urls), ['coaps']);
        await manager.perform(device, { operation: 'write', path: '/5/0/1', value: urls.coaps });
        for (;;) {
          const { values } = await manager.perform(device, { operation: 'read', path: '/5/0' });
          const at = (path: string): unknown => values.find((value) => value.path === path)?.value;
          if (at('/5/0/3') !== 1) return [at('/5/0/3'), at('/5/0/5')];
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }),
    );
    assert.deepEqual(ends, [[2, 0], [0, 5], [0, 6]]); // biome-ignore format: a table
    send({ action: 'firmware-faults', payload: 'explodes' });
    assert.match(failureOf(await inbox('caught').next()).message, /"explodes" is no fault of a firmware update/);
  });

  it('a plan of faults that is none is told when the flow starts', async () => {
    await deploy([serverNode(), ...around({ ...SIMULATOR, faults: 'sim-001=explodes' })]);
    assert.match(logged('ERROR').join(), /"explodes" is no fault/);
  });
});
