import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { Lwm2mClient } from '../../../src/lwm2m/client/client';
import {
  around,
  deploy,
  device,
  endFlow,
  failureOf,
  inbox,
  lifecycle,
  logged,
  portOf,
  running,
  saying,
  send,
  serverNode,
  serverState,
  thermometer,
} from '../flow';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg', timeout: '2' };
const REGISTER = { id: 'register', z: 'tab', type: 'dm-register', server: 'server', device: '', events: [], wires: [['failed']] };

/** @throws when it is taken */
function bind(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, '127.0.0.1', () => resolve(socket));
  });
}

async function free(port: number): Promise<boolean> {
  try {
    const socket = await bind(port);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    return true;
  } catch {
    return false;
  }
}

describe('lwm2m-server: lifetime', () => {
  afterEach(endFlow);

  it('50 full deploys under traffic lose no exchange, and the socket is bound once', async function () {
    this.timeout(60_000);
    const observe = {
      id: 'observe',
      z: 'tab',
      type: 'dm-observe',
      server: 'server',
      device: '',
      path: '/3303/0/5700',
      wires: [['values']],
    };
    const flow = (name: string) => [
      serverNode({ name }),
      ...around(READ),
      observe,
      { id: 'values', type: 'inbox', z: 'tab', wires: [] },
    ];
    await deploy(flow('first'));
    const client = await device('t-1', { confirmableNotifications: true });
    const server = running();
    const port = portOf();
    const states: string[] = [];
    server.onState(({ name }) => states.push(name));
    const failures: unknown[] = [];
    client.events.on('failed', ({ error }) => failures.push(error));

    // The device updates as soon as the last Update was answered, notifies with each, and is asked all the time.
    let value = 100;
    let updates = 0;
    client.events.on('updated', () => {
      updates++;
      client.setValue('/3303/0/5700', ++value);
      client.update();
    });
    client.update();
    let asked = 0;
    for (let time = 0; time < 50; time++) {
      const before = updates;
      for (let more = 0; more < 5; more++) send({ _msgid: String(asked++), device: 't-1', path: '/3/0/9' });
      await deploy(flow(`deploy ${time}`));
      assert.equal(running(), server);
      while (updates === before) await lifecycle('updated');
      // What Node-RED has under way between two nodes ends with a deploy, so the next one waits for it.
      await inbox('out').count(asked);
    }
    assert.deepEqual(
      new Set(inbox('out').all.map(({ _msgid }) => Number(_msgid))),
      new Set(Array.from({ length: asked }, (_, index) => index)),
    );
    assert.equal(inbox('out').all.length, asked);
    assert.ok(inbox('out').all.every(({ payload }) => payload === 85));
    assert.deepEqual([inbox('caught').all, failures, states], [[], [], []]);
    assert.equal(portOf(), port);
    // Values are never older than the one before, and the newest comes.
    const newest = value;
    await inbox('values').first(({ payload }) => Number(payload) >= newest);
    const values = inbox('values').all.map(({ payload }) => Number(payload));
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
    );
  });

  it('a device keeps its registration while the flows are deployed in part', async () => {
    await deploy([serverNode(), ...around(READ)]);
    await device('t-1');
    const { registeredAt } = running().manager.registration('t-1') ?? {};
    for (const [type, keys] of [
      ['nodes', 'name'],
      ['flows', 'path'],
    ] as const) {
      await deploy([serverNode({ admission: 'open' }), ...around({ ...READ, keys })], { type });
      assert.equal(running().manager.registration('t-1')?.registeredAt, registeredAt);
    }
  });

  it('removing the node frees the port before the deploy has ended', async () => {
    await deploy([serverNode(), ...around(READ)]);
    await serverState('listening');
    const port = portOf();
    assert.equal(await free(port), false);
    await deploy(around({ ...READ, server: '' }));
    assert.equal(await free(port), true);
  });

  it('disabling the node does too', async () => {
    await deploy([serverNode(), ...around(READ)]);
    await serverState('listening');
    const server = running();
    const port = portOf();
    const stopped = new Promise<void>((resolve) => server.onState(({ name }) => name === 'stopped' && resolve()));
    await deploy([serverNode({ d: true }), ...around(READ)]);
    await stopped;
    while (!(await free(port)));
  });

  it('other listen settings free the old port and take the new one', async () => {
    await deploy([serverNode(), ...around(READ)]);
    await serverState('listening');
    const before = portOf();
    const probe = await bind(0);
    const { port } = probe.address();
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    await deploy([serverNode({ port }), ...around(READ)]);
    await serverState('listening');
    assert.equal(portOf(), port);
    assert.equal(await free(before), true);
  });

  it('what was asked when the node is removed ends: nothing hangs, and close is told', async () => {
    await deploy([serverNode(), ...around(READ)]);
    const client = await device('t-1');
    client.cutOff();
    send({ device: 't-1', path: '/3/0/9' });
    await saying('1 in flight');
    await deploy(around({ ...READ, server: '' }));
    await saying('no server');
    assert.equal(inbox('out').all.length, 0);
  });
});

describe('lwm2m-server: what stands in its way', () => {
  afterEach(endFlow);

  it('two nodes on one port: the second names the first', async () => {
    await deploy([serverNode({ name: 'hall' }), ...around(READ)]);
    await serverState('listening');
    await deploy([
      serverNode({ name: 'hall' }),
      serverNode({ id: 'second', port: portOf() }),
      ...around({ ...READ, server: 'second' }),
    ]);
    await serverState('failed', 'second');
    await saying('port in use');
    send({ device: 't-1', path: '/3/0/9' });
    const failure = failureOf(await inbox('caught').next());
    assert.equal(failure.code, 'server-unavailable');
    assert.match(
      failure.message,
      /^the LwM2M server is not running: UDP port \d+ is in use by the lwm2m-server node "hall": let one node serve both, or give this one another port\.$/,
    );
    assert.equal(logged('WARN').filter((line) => line.includes('[lwm2m-server:second]')).length, 1);
  });

  it('also when both come with the same deploy', async () => {
    const probe = await bind(0);
    const { port } = probe.address();
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    await deploy([serverNode({ port }), serverNode({ id: 'second', port }), ...around({ ...READ, server: 'second' })]);
    await serverState('listening');
    await serverState('failed', 'second');
    send({ device: 't-1', path: '/3/0/9' });
    assert.match(failureOf(await inbox('caught').next()).message, /is in use by the lwm2m-server node server: let one node/);
  });

  it('a port that another program has: choose another, or stop the other', async () => {
    const other = await bind(0);
    try {
      await deploy([serverNode({ port: other.address().port }), ...around(READ)]);
      await serverState('failed');
      await saying('port in use');
      send({ device: 't-1', path: '/3/0/9' });
      assert.match(
        failureOf(await inbox('caught').next()).message,
        /in use by another program or another lwm2m-server node: choose another port, or stop the other one/,
      );
    } finally {
      other.close();
    }
  });

  it('an address this machine does not have', async () => {
    await deploy([serverNode({ host: '192.0.2.1' }), ...around(READ)]);
    await serverState('failed');
    await saying('server not running');
    send({ device: 't-1', path: '/3/0/9' });
    assert.match(
      failureOf(await inbox('caught').next()).message,
      /192\.0\.2\.1 is not an address of this machine: leave the host empty/,
    );
  });

  it('a vendor definition that is wrong is named with its line, and the others are loaded', async () => {
    const models = path.join(process.cwd(), 'test/fixtures/ddf-vendor');
    await deploy([serverNode({ models }), ...around(READ)]);
    await serverState('listening');
    const lines = logged('WARN').filter((line) => line.includes('[lwm2m-server:server] object definition'));
    assert.ok(
      lines.some((line) => /zz-wrong\.xml, line \d+: /.test(line)),
      lines.join('\n'),
    );
  });
});

describe('lwm2m-server: admission', () => {
  afterEach(endFlow);

  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

  /** A device that comes from the network: it speaks to, and so from, an address that is not loopback. */
  function stranger(): Lwm2mClient {
    return new Lwm2mClient({
      endpoint: 'stranger',
      server: { host: outside as string, port: portOf() },
      objects: thermometer(),
      backoff: { firstMs: 30, longestMs: 30 },
    });
  }

  it('an unsecured device from the network is refused: a message, a status and one line in the log say what to do', async function () {
    if (outside === undefined) return this.skip();
    await deploy([serverNode({ host: '' }), ...around(READ), REGISTER]);
    await serverState('listening');
    const client = stranger();
    let tries = 0;
    const refusals = new Promise<void>((resolve) => client.events.on('failed', () => ++tries === 3 && resolve()));
    client.start().catch(() => undefined);
    await refusals;
    await client.stop();
    const message = await inbox('failed').next();
    assert.deepEqual([message.event, message.device, message.topic], ['refused', 'stranger', 'stranger']);
    const { reason, remedy, count } = message.payload as { reason: string; remedy: string; count: number };
    assert.equal(
      reason,
      `stranger from ${outside} refused: unsecured, and this server admits unsecured devices from its own machine only`,
    );
    assert.match(remedy, /set "Admit" of the LwM2M server to "every device that reaches this port"/);
    assert.equal(count, 1);
    await saying('0 registered, 3 refused', 'register');
    assert.equal(inbox('failed').all.length, 1);
    assert.deepEqual(
      logged('WARN').filter((line) => line.includes('[lwm2m-server:server]')),
      [`[lwm2m-server:server] ${reason}. ${remedy}`],
    );
    assert.equal(running().manager.size, 0);
  });

  it('an open server admits it; the change needs no new socket', async function () {
    if (outside === undefined) return this.skip();
    await deploy([serverNode({ host: '' }), ...around(READ)]);
    await serverState('listening');
    const port = portOf();
    await deploy([serverNode({ host: '', admission: 'open' }), ...around(READ)]);
    assert.equal(portOf(), port);
    const client = stranger();
    await client.start();
    assert.equal(running().manager.registration('stranger')?.address, `${outside}:${client.local?.port}`);
    await client.stop();
  });
});
