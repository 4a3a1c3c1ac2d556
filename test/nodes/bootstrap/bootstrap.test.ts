/** The bootstrap node in a real runtime: factory-fresh devices over real UDP get their servers from it. */
import assert from 'node:assert/strict';
import type { Message } from '../../../nodes/runtime/flow-host';
import { readDeclaration } from '../../../src/fleet/bootstrap-declaration';
import { Selector } from '../../../src/fleet/selector';
import {
  around,
  deploy,
  device,
  endFlow,
  failureOf,
  freshDevice,
  inbox,
  logged,
  portOf,
  running,
  saying,
  send,
  serverNode,
  serverState,
  statuses,
  thermometer,
} from '../flow';

const BOOTSTRAP = {
  type: 'dm-bootstrap',
  device: '',
  deviceType: 'str',
  uri: '',
  shortServerId: 101,
  lifetime: '120',
  binding: '',
  security: 'auto',
  sends: true,
  storing: false,
  deletes: '/0, /1',
  objects: '{}',
  verify: false,
  wires: [['out']],
};

async function given(properties: Readonly<Record<string, unknown>> = {}): Promise<string> {
  await deploy([serverNode(), ...around({ ...BOOTSTRAP, ...properties })]);
  await serverState('listening');
  return `coap://127.0.0.1:${portOf()}`;
}

/** Once the port is known. */
async function givenDialog(properties: (uri: string) => Readonly<Record<string, unknown>>): Promise<void> {
  const uri = await given();
  await deploy([serverNode(), ...around({ ...BOOTSTRAP, ...properties(uri) })], { type: 'nodes' });
  await serverState('listening');
}

interface Told {
  readonly how?: string;
  readonly version?: string;
  readonly steps: readonly { operation: string; path: string; code?: string }[];
  readonly written: Record<string, unknown>;
  readonly error?: { code: string; message: string };
  readonly refusal?: { reason: string; remedy: string };
}

const told = (message: Message): Told => message.payload as Told;
const finished = (): Promise<Message> => inbox('out').first(({ event }) => event === 'finished');

describe('bootstrap', () => {
  afterEach(endFlow);

  it('gives a device the server of its dialog, and says what it did', async () => {
    await givenDialog((uri) => ({ uri, objects: '{"/3/0/15": "UTC"}' }));
    const client = await freshDevice('fresh-1');
    const started = await inbox('out').next();
    assert.deepEqual([started.topic, started.event, started.device], ['fresh-1', 'started', 'fresh-1']);
    const { topic, event, device: name, payload, dm } = await finished();
    assert.deepEqual([topic, event, name], ['fresh-1', 'finished', 'fresh-1']);
    assert.equal((payload as Told).how, 'sequence');
    assert.equal((payload as Told).version, '1.1');
    assert.equal((payload as Told).steps.at(-1)?.operation, 'finish');
    assert.equal((payload as Told).written['/1/0/1'], 120);
    const { at, ...rest } = dm as { at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'bootstrap' });
    assert.ok(Math.abs(Date.now() - at) < 60_000);
    assert.equal(running().manager.registration('fresh-1')?.lifetime, 120);
    assert.equal(client.objects.get('/3/0/15'), 'UTC');
    assert.equal(client.objects.get('/1/0/23'), false);
    await saying('1 bootstrapped');
  });

  it('gives a device of LwM2M 1.2 everything at once', async () => {
    await givenDialog((uri) => ({ uri }));
    await freshDevice('fresh-1', { objects: thermometer('1.2') });
    assert.equal(told(await finished()).how, 'pack');
  });

  it('gives what messages say, by pattern, until they remove it', async () => {
    const uri = await given();
    send({ action: 'set', device: 'fresh-*', payload: { servers: [{ uri, lifetime: 77 }] }, topic: 'kept' });
    const set = await inbox('out').next();
    assert.deepEqual([set.topic, (set.dm as { operation: string }).operation], ['kept', 'set']);
    await freshDevice('fresh-1');
    assert.equal(running().manager.registration('fresh-1')?.lifetime, 77);
    await finished();
    send({ action: 'list' });
    const { payload } = await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'list');
    assert.deepEqual(payload, [
      {
        device: 'fresh-*',
        servers: [{ uri, shortServerId: 1, lifetime: 77, binding: 'U', security: 'none' }],
        deletes: ['/0', '/1'],
        objects: [],
        verify: false,
      },
    ]);
    send({ action: 'remove', device: 'fresh-*' });
    await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'remove');
    assert.deepEqual(running().bootstrap.ofOwner('node'), []);
    send({ action: 'remove', device: 'fresh-*' });
    assert.match(failureOf(await inbox('caught').next()).message, /no message has set/);
  });

  it('has a registered device bootstrap anew', async () => {
    await givenDialog((uri) => ({ uri, lifetime: 200 }));
    await device('known', { bootstrap: { host: '127.0.0.1', port: portOf() } });
    assert.equal(running().manager.registration('known')?.lifetime, 300);
    send({ action: 'trigger', device: 'known' });
    const { path, dm } = await inbox('out').first((message) => (message.dm as { operation: string }).operation === 'trigger');
    assert.equal(path, '/1/0/9');
    assert.equal((dm as { code: string }).code, '2.04');
    await finished();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (running().manager.registration('known')?.lifetime === 200) resolve();
        else setImmediate(look);
      };
      look();
    });
  });

  it('says why a device cannot be told to bootstrap', async () => {
    await givenDialog((uri) => ({ uri }));
    await device('old', { objects: thermometer('1.0') });
    await device('plain');
    send({ action: 'trigger', device: 'old' });
    assert.equal(failureOf(await inbox('caught').next()).code, 'unsupported');
    send({ action: 'trigger', device: 'nobody' });
    assert.equal(failureOf(await inbox('caught').next()).code, 'not-registered');
    send({ action: 'trigger', device: '*' });
    const failures = [await inbox('caught').next(), await inbox('caught').next()];
    assert.deepEqual(failures.map((message) => message.device).sort(), ['old', 'plain']);
  });

  it('tells of a device that keeps nothing of what it was given', async () => {
    const uri = await given();
    send({ action: 'set', device: 'fresh-1', payload: { servers: [], deletes: [], objects: { '/1/0/5': 3600 } } });
    await inbox('out').next();
    const client = freshDevice('fresh-1');
    const failed = await inbox('out').first(({ event }) => event === 'failed');
    assert.equal(told(failed).error?.code, '4.06');
    assert.deepEqual(told(failed).written, { '/1/0/5': 3600 });
    send({ action: 'set', device: 'fresh-1', payload: { servers: [{ uri }] } });
    await client;
    await statuses().first(({ text }) => /^1 bootstrapped, \d+ failed$/.test(text ?? ''));
  });

  it('tells of a device that nothing is declared for, in a message and in the log', async () => {
    await given();
    const client = freshDevice('stranger').catch(() => undefined);
    const refused = await inbox('out').first(({ event }) => event === 'refused');
    assert.match(told(refused).refusal?.reason ?? '', /no bootstrap configuration is for device stranger/);
    assert.ok(logged('WARN').some((line) => /bootstrap refused: no bootstrap configuration is for device stranger/.test(line)));
    await endFlow();
    await client;
  });

  it('passes on only what is about its devices', async () => {
    const uri = await given({ device: 'mine-*' });
    running().bootstrap.set({
      id: 'other',
      owner: 'other',
      devices: Selector.of('other-1'),
      declaration: readDeclaration({ servers: [{ uri }] }),
    });
    await freshDevice('other-1');
    assert.deepEqual(inbox('out').all, []);
  });

  const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ['without an action', { device: 'a' }, /msg\.action must be set, remove, list, trigger or renew, but it is missing/],
    ['with an unknown action', { action: 'constructor' }, /but it is "constructor"/],
    ['without a device', { action: 'set', payload: { servers: [{ uri: 'coap://a' }] } }, /which devices\? msg\.device is empty/],
    ['without a configuration', { action: 'set', device: 'a' }, /must be an object such as/],
    ['that would leave a device without servers', { action: 'set', device: 'a', payload: {} }, /gives it none/],
    [
      'with one key for many',
      { action: 'set', device: '*', payload: { servers: [{ uri: 'coaps://a', security: { identity: 'x', key: '00ff' } }] } },
      /same key for several devices/,
    ],
  ];
  for (const [title, message, complaint] of wrong) {
    it(`refuses a message ${title}`, async () => {
      await given();
      send(message);
      assert.match(failureOf(await inbox('caught').next()).message, complaint);
    });
  }

  for (const [title, properties, complaint] of [
    ['a key for a plain URI', { uri: 'coap://a', security: 'generated' }, /does not fit security mode 0/],
    ['objects that are no JSON', { uri: 'coap://a', objects: '{' }, /no valid JSON/],
    ['a lifetime that is none', { uri: 'coap://a', lifetime: 'long' }, /lifetime must be a whole number/],
  ] as const) {
    it(`raises what is wrong with its dialog: ${title}`, async () => {
      await given(properties);
      assert.match(failureOf(await inbox('caught').next()).message, complaint);
      assert.deepEqual(running().bootstrap.ofOwner('node'), []);
    });
  }

  it('never lets a key out: not in a message, a list, the log or the status', async () => {
    const uri = await given();
    const key = '000102030405060708090a0b0c0d0e0f';
    const security = { identity: 'dev', key };
    send({ action: 'set', device: 'keyed', payload: { servers: [{ uri }, { uri: 'coaps://127.0.0.1', security }] } });
    await inbox('out').next();
    send({ action: 'set', device: 'made', payload: { servers: [{ uri }, { uri: 'coaps://127.0.0.1' }] } });
    await inbox('out').next();
    await freshDevice('keyed');
    await freshDevice('made');
    await inbox('out').first(({ event, device: name }) => event === 'finished' && name === 'made');
    send({ action: 'list' });
    await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'list');
    const made = running().bootstrap.credentials.issue('made', 2).key;
    const everything = JSON.stringify([inbox('out').all, inbox('caught').all, logged('WARN')]);
    for (const secret of [key, made.toString('hex'), made.toString('base64'), [...made].join()]) {
      assert.equal(everything.includes(secret), false);
    }
  });

  it('makes other keys for a device when asked to', async () => {
    const uri = await given();
    send({ action: 'set', device: '*', payload: { servers: [{ uri }, { uri: 'coaps://127.0.0.1' }] } });
    await inbox('out').next();
    await freshDevice('fresh-1');
    const before = running().bootstrap.credentials.issue('fresh-1', 2);
    send({ action: 'renew', device: 'fresh-1' });
    const { payload } = await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'renew');
    assert.deepEqual(payload, ['fresh-1']);
    assert.notDeepEqual(running().bootstrap.credentials.issue('fresh-1', 2), before);
  });

  it('keeps what messages have set over a deploy, and forgets it when it is removed', async () => {
    const uri = await given();
    send({ action: 'set', device: 'a', payload: { servers: [{ uri }] } });
    await inbox('out').next();
    const server = running();
    await deploy([serverNode(), ...around({ ...BOOTSTRAP, name: 'changed' })]);
    assert.equal(running(), server);
    assert.equal(server.bootstrap.ofOwner('node').length, 1);
    await deploy([serverNode(), { id: 'tab', type: 'tab' }]);
    assert.deepEqual(server.bootstrap.ofOwner('node'), []);
  });

  it('without a server says so, and refuses messages', async () => {
    await deploy(around({ ...BOOTSTRAP, server: '' }));
    await saying('no server');
    send({ action: 'list' });
    assert.equal(failureOf(await inbox('caught').next()).code, 'invalid-request');
  });
});
