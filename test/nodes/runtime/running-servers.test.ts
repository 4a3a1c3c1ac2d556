import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { RunningServers, type ServerSettings } from '../../../nodes/runtime/running-servers';
import { VirtualClock } from '../../../src/clock';
import { DeviceManagementError } from '../../../src/errors';
import { settled } from '../../fleet/fake-manager';
import { FakeServer } from './fake-host';

const SETTINGS: ServerSettings = {
  name: '',
  host: '',
  port: 5683,
  mayLackSecurePort: false,
  keyFile: '',
  certificateFile: '',
  authoritiesFile: '',
  certificateName: 'common-name',
  cbc: false,
  models: '',
  ackTimeoutMs: 2000,
  store: 'memory',
  storePath: '',
  durability: 'process' as const,
  admission: 'secured',
  asksNewDevices: false,
  largestImage: 64 * 1024 * 1024,
  imageSignersFile: '',
  publicHost: '',
  imageBaseUrl: '',
};

function setup() {
  const events = new EventEmitter();
  const clock = new VirtualClock();
  const made: FakeServer[] = [];
  const admissions: (() => string)[] = [];
  const log: string[] = [];
  const busy = new Set<number>();
  const table = new RunningServers({
    events,
    clock,
    make: (settings) => {
      const server = new FakeServer();
      if (busy.has(settings().port))
        server.failure = new DeviceManagementError('port-in-use', `UDP port ${settings().port} is in use`);
      made.push(server);
      admissions.push(() => settings().admission);
      return { server };
    },
    log: () => ({ warn: (text) => log.push(text), info: (text) => log.push(text) }),
  });
  const started = async (): Promise<void> => {
    events.emit('flows:started');
    await settled();
  };
  return { events, clock, table, made, admissions, log, busy, started };
}

describe('running servers', () => {
  it('a server begins to receive after the flows have started', async () => {
    const { table, made, started } = setup();
    const server = table.attach('s', SETTINGS);
    assert.equal(made[0]?.starts, 0);
    await started();
    assert.equal(made[0]?.starts, 1);
    assert.equal(server.state.name, 'listening');
  });

  it('50 full deploys leave it alone', async () => {
    const { table, made, events, started } = setup();
    const first = table.attach('s', SETTINGS);
    await started();
    for (let deploy = 0; deploy < 50; deploy++) {
      events.emit('flows:stopping');
      await table.detach('s', false);
      assert.equal(table.attach('s', { ...SETTINGS, name: `name ${deploy}` }), first);
      await started();
    }
    assert.equal(made.length, 1);
    assert.equal(made[0]?.starts, 1);
    assert.equal(made[0]?.stops, 0);
    assert.equal(first.state.name, 'listening');
  });

  it('removal frees the port before the node has closed', async () => {
    const { table, made, started } = setup();
    table.attach('s', SETTINGS);
    await started();
    await table.detach('s', true);
    assert.equal(made[0]?.stops, 1);
    assert.equal(table.get('s'), undefined);
  });

  it('a node that does not come back within 5 s is taken for removed', async () => {
    const { table, made, started, clock } = setup();
    table.attach('s', SETTINGS);
    await started();
    await table.detach('s', false);
    clock.advance(4_999);
    assert.equal(made[0]?.stops, 0);
    clock.advance(2);
    await settled();
    assert.equal(made[0]?.stops, 1);
  });

  it('a node that is not among the started flows is taken for removed at once', async () => {
    const { table, made, started } = setup();
    table.attach('s', SETTINGS);
    await started();
    await table.detach('s', false);
    await started();
    assert.equal(made[0]?.stops, 1);
  });

  it('other listen settings bind anew, when the old port is free', async () => {
    const { table, made, started } = setup();
    table.attach('s', SETTINGS);
    await started();
    let free: () => void = () => {};
    (made[0] as FakeServer).whileStopping = () =>
      new Promise((resolve) => {
        free = resolve;
      });
    await table.detach('s', false);
    table.attach('s', { ...SETTINGS, port: 5783 });
    await started();
    assert.equal(made[1]?.starts, 0);
    free();
    await settled();
    assert.equal(made[0]?.stops, 1);
    assert.equal(made[1]?.starts, 1);
  });

  it('two nodes may exchange their ports in one deploy', async () => {
    const { table, made, started } = setup();
    table.attach('a', SETTINGS);
    table.attach('b', { ...SETTINGS, port: 5783 });
    await started();
    await table.detach('a', false);
    await table.detach('b', false);
    table.attach('a', { ...SETTINGS, port: 5783 });
    table.attach('b', SETTINGS);
    await started();
    assert.deepEqual(
      made.map(({ starts, stops }) => [starts, stops]),
      [
        [1, 1],
        [1, 1],
        [1, 0],
        [1, 0],
      ],
    );
  });

  it('admission changes while it runs', async () => {
    const { table, made, admissions, started } = setup();
    table.attach('s', SETTINGS);
    await started();
    await table.detach('s', false);
    table.attach('s', { ...SETTINGS, admission: 'open' });
    assert.equal(made.length, 1);
    assert.equal(admissions[0]?.(), 'open');
  });

  it('closing ends in time although the socket does not', async () => {
    const { table, made, started, clock } = setup();
    table.attach('s', SETTINGS);
    await started();
    (made[0] as FakeServer).whileStopping = () => new Promise(() => {});
    let closed = false;
    void table.detach('s', true).then(() => {
      closed = true;
    });
    await clock.advanceAsync(10_001);
    assert.ok(closed);
  });

  it('a port in use is a state, one line in the log, and tried again', async () => {
    const { table, made, busy, log, started, clock } = setup();
    busy.add(5683);
    const server = table.attach('s', SETTINGS);
    await started();
    assert.equal(server.state.name, 'failed');
    assert.match(server.obstacle?.message ?? '', /^the LwM2M server is not running: UDP port 5683 is in use/);
    await clock.advanceAsync(30_000);
    assert.equal(log.length, 1);
    (made[0] as FakeServer).failure = undefined;
    await clock.advanceAsync(10_000);
    assert.equal(server.state.name, 'listening');
  });

  it('of two nodes with one port the second is told which has it', async () => {
    const { table, busy, started } = setup();
    table.attach('a', { ...SETTINGS, name: 'garage' });
    await started();
    busy.add(5683);
    const second = table.attach('b', SETTINGS);
    await started();
    assert.equal(
      second.state.name === 'failed' && second.state.error.message,
      'UDP port 5683 is in use by the lwm2m-server node "garage": let one node serve both, or give this one another port.',
    );
  });

  it('a TCP port is named as such, and only over TCP is it the same', async () => {
    const { table, made, busy, started } = setup();
    table.attach('a', { ...SETTINGS, name: 'garage', tcpPort: 5683 });
    (made[0] as FakeServer).tcpPort = 5683;
    await started();
    busy.add(5690);
    const second = table.attach('b', { ...SETTINGS, port: 5690, tcpPort: 5683 });
    const third = table.attach('c', { ...SETTINGS, port: 5690, tcpPort: 5691 });
    await started();
    assert.equal(
      second.state.name === 'failed' && second.state.error.message,
      'TCP port 5683 is in use by the lwm2m-server node "garage": let one node serve both, or give this one another port.',
    );
    assert.equal(third.state.name === 'failed' && third.state.error.message, 'UDP port 5690 is in use');
  });

  it('another TCP port binds anew', async () => {
    const { table, made, started } = setup();
    const first = table.attach('s', SETTINGS);
    await started();
    assert.equal(table.attach('s', { ...SETTINGS, name: 'x' }), first);
    assert.notEqual(table.attach('s', { ...SETTINGS, tcpPort: 5683 }), first);
    await started();
    assert.deepEqual([made[0]?.stops, made[1]?.starts], [1, 1]);
  });

  it('one line for each refusal the server tells, with what to do', async () => {
    const { table, made, log, started } = setup();
    table.attach('s', SETTINGS);
    await started();
    const refusal = { reason: 'x refused: unsecured', remedy: 'Set Admission to "open".', address: '10.0.0.1:5683', count: 1 };
    made[0]?.events.emit('lifecycle', { event: 'refused', device: 'x', refusal, at: 0 });
    made[0]?.events.emit('lifecycle', { event: 'refused', device: 'x', refusal: { ...refusal, count: 12 }, at: 0 });
    assert.deepEqual(log, [
      'x refused: unsecured. Set Admission to "open".',
      'x refused: unsecured. Set Admission to "open". (12 times so far)',
    ]);
  });
});
