import assert from 'node:assert/strict';
import type { OpenStore } from '../../../nodes/runtime/kept-state';
import { OperationNode } from '../../../nodes/runtime/operation-node';
import { operationSettings } from '../../../nodes/runtime/operation-settings';
import { RunningServer } from '../../../nodes/runtime/running-server';
import { VirtualClock } from '../../../src/clock';
import { DeviceManagementError } from '../../../src/errors';
import { LevelStore } from '../../../src/store/level';
import { MemoryStore } from '../../../src/store/memory';
import { settled } from '../../fleet/fake-manager';
import { withFolder } from '../../store/folder';
import { FakeHost, FakeServer } from './fake-host';

const SETTINGS = { server: 'server-1', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };

/** Node-RED from its start: a server, and one node that reads. */
async function start(openStore: OpenStore, id = 'node-1') {
  const manager = new FakeServer();
  const clock = new VirtualClock();
  const log: string[] = [];
  const told = { warn: (text: string) => void log.push(text), info: (text: string) => void log.push(text) };
  const server = new RunningServer('server-1', manager, clock, told, { openStore });
  const host = new FakeHost(id);
  const node = new OperationNode(host, server, operationSettings(SETTINGS), {
    request: (path) => ({ operation: 'read', path }),
    payload: ({ values }) => values[0]?.value ?? null,
  });
  await server.begin((error) => error);
  server.sweep();
  server.release();
  manager.behaviour = () => ({ values: [{ path: '/3/0/9', value: 85 }] });
  return { manager, clock, server, host, node, log };
}

type Life = Awaited<ReturnType<typeof start>>;

async function askSleeper({ manager, node, host }: Life): Promise<void> {
  manager.register('sim-001', { queueMode: true });
  manager.sleep('sim-001');
  void node.input({ _msgid: 'm1', topic: 'battery', other: 1, device: 'sim-001', path: '/3/0/9' }, host.send, () => {});
  await settled();
}

async function restart({ node, server }: Life, openStore: OpenStore, id?: string): Promise<Life> {
  node.close(false);
  await server.end();
  return start(openStore, id);
}

describe('a restart', () => {
  it('answers what waited from the same node, with what was kept of its message', async () => {
    await withFolder(async (folder) => {
      const open: OpenStore = () => LevelStore.open({ folder });
      const before = await start(open);
      await askSleeper(before);
      const after = await restart(before, open);
      assert.equal(after.server.fleet.requests.waiting('node-1'), 1);
      after.manager.register('sim-001', { queueMode: true });
      await settled();
      assert.deepEqual(after.host.sent, [
        [
          {
            _msgid: 'm1',
            topic: 'battery',
            device: 'sim-001',
            path: '/3/0/9',
            payload: 85,
            dm: { server: 'server-1', operation: 'read', code: '2.05', rtt: 1, at: 1000, resumed: true },
          },
        ],
      ]);
      const later = await restart(after, open);
      assert.equal(later.server.fleet.requests.waiting(), 0);
      await later.server.end();
    });
  });

  it('asks for a node that is gone too, and tells the log what came of it', async () => {
    await withFolder(async (folder) => {
      const open: OpenStore = () => LevelStore.open({ folder });
      const before = await start(open);
      await askSleeper(before);
      const after = await restart(before, open, 'another');
      after.manager.register('sim-001', { queueMode: true });
      await settled();
      after.server.sweep();
      assert.deepEqual(after.log, [
        "read /3/0/9 of device 'sim-001' was answered 2.05, but node node-1, which had asked, is gone",
      ]);
      await after.server.end();
    });
  });

  it('has everything before the first device is heard', async () => {
    await withFolder(async (folder) => {
      const open: OpenStore = () => LevelStore.open({ folder });
      const before = await start(open);
      await askSleeper(before);
      const manager = new FakeServer();
      await before.server.end();
      const server = new RunningServer(
        'server-1',
        manager,
        new VirtualClock(),
        { warn: () => {}, info: () => {} },
        { openStore: open },
      );
      manager.start = async () => {
        assert.equal(server.fleet.requests.waiting(), 1);
        manager.starts++;
      };
      await server.begin((error) => error);
      assert.equal(manager.starts, 1);
      await server.end();
    });
  });
});

describe('a server whose store cannot be opened', () => {
  it('says why, and goes on from memory', async () => {
    const life = await start(() => Promise.reject(new DeviceManagementError('store-failed', 'the disk is read-only')));
    assert.equal(life.server.state.name, 'listening');
    assert.deepEqual(life.log, [
      'the disk is read-only; the server goes on from memory, and with the process it forgets its devices and what waits for them',
    ]);
    assert.equal(life.server.kept.isKept, false);
    assert.equal(life.server.kept.trouble, life.log[0]);
    await life.clock.advanceAsync(1_000);
    assert.deepEqual(life.host.statuses.at(-1), { fill: 'yellow', shape: 'ring', text: 'runtime.not-kept' });
    await askSleeper(life);
    life.manager.wake('sim-001');
    await settled();
    assert.equal(life.host.sent.length, 1);
    await life.server.end();
  });

  it('has what waits written once it can be, and says so', async () => {
    const kept = new MemoryStore();
    let failure: DeviceManagementError | undefined;
    const open: OpenStore = async () => {
      if (failure !== undefined) throw failure;
      return {
        get: (key) => kept.get(key),
        put: (key, value) => kept.put(key, value),
        delete: (key) => kept.delete(key),
        range: (range) => kept.range(range),
        batch: (changes) => (failure === undefined ? kept.batch(changes) : Promise.reject(failure)),
        close: async () => {},
      };
    };
    const life = await start(open);
    failure = new DeviceManagementError('store-failed', 'the disk is full: make room');
    await askSleeper(life);
    await life.clock.advanceAsync(1_000);
    assert.equal(life.server.kept.isKept, false);
    assert.equal(life.host.statuses.at(-1)?.text, 'runtime.not-kept');
    failure = undefined;
    await life.clock.advanceAsync(31_000);
    assert.equal(life.server.kept.isKept, true);
    assert.equal(life.log.at(-1), 'the store can be written to again, and has everything that is known now');
    assert.equal(life.host.statuses.at(-1)?.text, 'runtime.queued{"n":1}');
    const after = await restart(life, open);
    assert.equal(after.server.fleet.requests.waiting('node-1'), 1);
    await after.server.end();
  });

  it('that was ended while its store was being opened leaves it free', async () => {
    await withFolder(async (folder) => {
      const manager = new FakeServer();
      const server = new RunningServer(
        's',
        manager,
        new VirtualClock(),
        { warn: () => {}, info: () => {} },
        {
          openStore: () => LevelStore.open({ folder }),
        },
      );
      const beginning = server.begin((error) => error);
      await server.end();
      await beginning;
      assert.equal(manager.starts, 0);
      await (await LevelStore.open({ folder })).close();
    });
  });
});
