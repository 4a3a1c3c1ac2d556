/** What a server node keeps over deploys and from one machine to another, in a real Node-RED runtime and on a real disk. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import helper from 'node-red-node-test-helper';
import { withFolder } from '../../store/folder';
import { around, deploy, device, endFlow, lifecycle, logged, running, saying, serverNode, serverState } from '../flow';

const OBSERVE = {
  type: 'dm-observe',
  device: '*',
  deviceType: 'str',
  what: 'paths',
  path: '/3303/0/5700',
  pathType: 'str',
};
const PASSPHRASE = 'correct horse battery';

const devices = (id = 'server'): string[] => [...running(id).manager.registrations()].map(({ endpoint }) => endpoint);

function backupOf(id = 'server', passphrase = PASSPHRASE) {
  return helper
    .request()
    .get(`/device-management/servers/${id}/backup`)
    .set('Backup-Passphrase', passphrase)
    .buffer(true)
    .parse((response, done) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => done(null, Buffer.concat(pieces)));
    });
}

function takeIn(bytes: Buffer, id = 'server', passphrase = PASSPHRASE) {
  return helper
    .request()
    .post(`/device-management/servers/${id}/backup`)
    .set('Backup-Passphrase', passphrase)
    .set('Content-Type', 'application/octet-stream')
    .send(bytes);
}

describe('a server node that keeps its state', () => {
  afterEach(endFlow);

  it('has devices and observations after a deploy that changes it', async () => {
    await withFolder(async (folder) => {
      const flow = (ackTimeout: number, port = 0) => [
        serverNode({ store: 'level', storePath: path.join(folder, 'state'), ackTimeout, port }),
        ...around(OBSERVE),
      ];
      await deploy(flow(2));
      await device('dev-1');
      await saying('1 observed');
      const before = running();
      await deploy(flow(3, before.manager.local?.port));
      await serverState('listening');
      assert.notEqual(running(), before);
      assert.deepEqual(devices(), ['dev-1']);
      assert.deepEqual(running().manager.observations('dev-1'), ['/3303/0/5700']);
      await endFlow();
    });
  });

  const MOVES: readonly [string, (folder: string) => object, (folder: string) => object][] = [
    ['other settings, in memory', () => ({ store: 'memory' }), () => ({ store: 'memory', ackTimeout: 3 })],
    ['memory to a folder', () => ({ store: 'memory' }), (folder) => ({ store: 'level', storePath: path.join(folder, 'state') })],
    ['a folder to memory', (folder) => ({ store: 'level', storePath: path.join(folder, 'state') }), () => ({ store: 'memory' })],
    [
      'one folder to another',
      (folder) => ({ store: 'level', storePath: path.join(folder, 'one') }),
      (folder) => ({ store: 'level', storePath: path.join(folder, 'other') }),
    ],
  ];
  for (const [move, before, after] of MOVES) {
    it(`has devices, observations, waiting requests and keys after a change from ${move}`, async () => {
      await withFolder(async (folder) => {
        const key = Buffer.alloc(16, 7);
        const reboot = { id: 'reboot', z: 'tab', type: 'dm-execute', server: 'server', device: 'sleeper', deviceType: 'str' };
        const flow = (settings: object) => [
          serverNode({ ackTimeout: 0.05, ...settings }),
          ...around(OBSERVE),
          { ...reboot, path: '/3/0/4', pathType: 'str', arguments: '', argumentsType: 'none' },
        ];
        await deploy(flow(before(folder)));
        await device('dev-1');
        await saying('1 observed');
        const sleeper = await device('sleeper', { queueMode: true });
        sleeper.cutOff();
        await lifecycle('asleep', 'sleeper');
        helper.getNode('reboot').receive({});
        while (running().fleet.requests.waiting() === 0) await new Promise(setImmediate);
        await running().provisioning.provision({ endpoint: 'secured', security: { mode: 'psk', identity: 'secured', key } });

        const was = running();
        // Where devices find it again, when they say goodbye.
        await deploy(flow({ ...after(folder), port: was.manager.local?.port }));
        await serverState('listening');
        assert.notEqual(running(), was);
        assert.deepEqual(devices().sort(), ['dev-1', 'sleeper']);
        assert.deepEqual(running().manager.observations('dev-1'), ['/3303/0/5700']);
        assert.equal(running().fleet.requests.waiting(), 1);
        assert.deepEqual(running().provisioning.keyOf('secured'), key);
        sleeper.comeBack();
        await endFlow();
      });
    });
  }

  it('goes on from what a folder has already, and says so', async () => {
    await withFolder(async (folder) => {
      const flow = (name: string, port = 0) => [serverNode({ store: 'level', storePath: path.join(folder, name), port })];
      await deploy(flow('one'));
      await device('first');
      const port = running().manager.local?.port;
      await deploy(flow('other', port));
      await serverState('listening');
      await device('second');
      await deploy(flow('one', port));
      await serverState('listening');
      assert.deepEqual(devices(), ['first']);
      assert.match(logged('WARN').join('\n'), /there is a state in this place already/);
      await endFlow();
    });
  });

  it('that is in memory tells who waits when it is deleted', async () => {
    await deploy([serverNode({ store: 'memory', ackTimeout: 0.05 })]);
    await serverState('listening');
    (await device('sleeper', { queueMode: true })).cutOff();
    await lifecycle('asleep', 'sleeper');
    const told: string[] = [];
    running().fleet.submit(
      { owner: 'somebody', device: 'sleeper', request: { operation: 'read', path: '/3/0/9' }, whenAsleep: 'queue' },
      { queued: () => told.push('queued'), settled: (outcome) => told.push('error' in outcome ? outcome.error.code : 'done') },
    );
    while (told.length === 0) await new Promise(setImmediate);
    await running().end();
    assert.deepEqual(told, ['queued', 'cancelled']);
  });

  it('says so where its folder is no folder, and serves devices all the same', async () => {
    await withFolder(async (folder) => {
      await writeFile(path.join(folder, 'state'), 'a file');
      await deploy([serverNode({ store: 'level', storePath: path.join(folder, 'state') }), ...around(OBSERVE)]);
      await saying('state cannot be saved');
      await device('dev-1');
      assert.deepEqual(devices(), ['dev-1']);
      assert.match(logged('WARN').join('\n'), /it is a file, not a folder: choose another; the server goes on from memory/);
      await endFlow();
    });
  });

  it('says so where another server has its folder', async () => {
    await withFolder(async (folder) => {
      const storePath = path.join(folder, 'state');
      const second = serverNode({ id: 'second', store: 'level', storePath });
      const node = { ...OBSERVE, server: 'second' };
      await deploy([serverNode({ store: 'level', storePath }), second, ...around(node)]);
      await serverState('listening', 'second');
      await saying('state cannot be saved');
      assert.match(logged('WARN').join('\n'), /another process or server uses it: choose a folder for each/);
      await endFlow();
    });
  });

  it('moves to another machine as one file, and is taken up there when the flows start next', async () => {
    await withFolder(async (folder) => {
      await deploy([serverNode({ store: 'level', storePath: path.join(folder, 'here') })]);
      await device('dev-1');
      await device('dev-2');
      const { status, type, body } = await backupOf();
      assert.deepEqual([status, type], [200, 'application/octet-stream']);
      await endFlow();

      const there = [serverNode({ store: 'level', storePath: path.join(folder, 'there') })];
      await deploy(there);
      await device('other');
      const taken = await takeIn(body as Buffer);
      assert.equal(taken.status, 200, taken.text);
      assert.equal((taken.body as { records: number }).records, 4, 'a registration and what is known of it, of each');
      assert.deepEqual(devices(), ['other'], 'not before');
      await deploy(there);
      await serverState('listening');
      assert.deepEqual(devices(), ['dev-1', 'dev-2']);
      await endFlow();
    });
  });

  it('tells what is wrong with a backup, and keeps what it has', async () => {
    await withFolder(async (folder) => {
      const flow = [serverNode({ store: 'level', storePath: path.join(folder, 'state') })];
      await deploy(flow);
      await device('dev-1');
      const { body } = await backupOf();
      const wrong = await takeIn(body as Buffer, 'server', 'another passphrase');
      assert.equal(wrong.status, 400);
      assert.match((wrong.body as { detail: string }).detail, /the passphrase is another/);
      assert.equal((await takeIn((body as Buffer).subarray(0, -1))).status, 400);
      assert.equal((await backupOf('server', 'short')).status, 400);
      assert.equal((await helper.request().get('/device-management/servers/server/backup')).status, 400);
      assert.equal((await backupOf('nobody')).status, 404);
      await deploy(flow);
      assert.deepEqual(devices(), ['dev-1']);
      await endFlow();
    });
  });

  it('has nothing to give where it is in memory', async () => {
    await deploy([serverNode({ store: 'memory' })]);
    await serverState('listening');
    const { status } = await backupOf();
    assert.equal(status, 409);
  });
});
