import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { around, deploy, device, endFlow, inbox, lifecycle, logged, running, send, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
const KEY = '00112233445566778899aabbccddeeff';
const PSK = { mode: 'psk', identity: 'key-7', key: KEY };
const DEVICES = 'servers/server/devices';

async function given(properties: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await deploy([serverNode({ store: 'memory', ...properties }), ...around(READ)]);
  await serverState('listening');
}

const provision = (body: unknown) => call('post', DEVICES, body);

describe('admin HTTP API: who may come', () => {
  afterEach(endFlow);

  it('provisions a device: 201, and what is known of it, without its key', async () => {
    await given();
    const { status, body } = await provision({ endpoint: 'dev/1', tags: ['a'], security: PSK });
    const { since, ...rest } = body as { since: number };
    assert.deepEqual(
      [status, rest],
      [
        201,
        {
          endpoint: 'dev/1',
          tags: ['a'],
          level: 'normal',
          origin: 'provisioned',
          security: { mode: 'psk', identity: 'key-7' },
        },
      ],
    );
    assert.ok(Math.abs(Date.now() - since) < 60_000);
    assert.deepEqual(running().provisioning.keyOf('key-7'), Buffer.from(KEY, 'hex'));
  });

  it('changes what is said of it and leaves the rest: 200', async () => {
    await given();
    await provision({ endpoint: 'dev', security: PSK });
    const access = { times: [{ from: '08:00', to: '18:00' }], timeZone: 'Europe/Berlin' };
    const { status, body } = await provision({ endpoint: 'dev', level: 'low', blockedUntil: true, access });
    assert.deepEqual([status, body.level, body.blockedUntil, body.access], [200, 'low', true, access]);
    assert.deepEqual(body.security, { mode: 'psk', identity: 'key-7' });
  });

  it('shows it before it has come; lists those that are provisioned, a page at a time', async () => {
    await given();
    for (const endpoint of ['c', 'a', 'b']) await provision({ endpoint });
    const one = await call('get', `${DEVICES}/a`);
    assert.deepEqual(
      [one.status, one.body.presence, (one.body.provisioned as { origin: string }).origin],
      [200, 'gone', 'provisioned'],
    );
    const page = await call<{ devices: { endpoint: string; presence: string }[]; cursor: string }>(
      'get',
      `${DEVICES}?provisioned=true&limit=2`,
    );
    assert.deepEqual(
      page.body.devices.map(({ endpoint, presence }) => [endpoint, presence]),
      [
        ['a', 'gone'],
        ['b', 'gone'],
      ],
    );
    const rest = await call<{ devices: { endpoint: string }[] }>('get', `${DEVICES}?provisioned=true&cursor=${page.body.cursor}`);
    assert.deepEqual(
      rest.body.devices.map(({ endpoint }) => endpoint),
      ['c'],
    );
    assert.deepEqual((await call<{ devices: object[] }>('get', DEVICES)).body.devices, [], 'nobody is registered');
    assert.equal((await call('get', `${DEVICES}?provisioned=maybe`)).status, 400);
  });

  it('a device with credentials is refused where nothing is proved; with them taken from it, it comes in', async () => {
    await given();
    await provision({ endpoint: 'dev', security: PSK });
    const refused = lifecycle('refused', 'dev');
    device('dev').catch(() => {});
    assert.match((await refused).refusal?.reason ?? '', /dev from 127\.0\.0\.1 refused: unsecured, although it has credentials/);
    await provision({ endpoint: 'dev', security: { mode: 'none' } });
    await device('dev');
    assert.equal(running().manager.registration('dev')?.security, 'none');
  });

  it('admits its list only when it is told to; a pairing lets devices onto it', async () => {
    await given({ admission: 'listed' });
    const refused = lifecycle('refused', 'esp');
    device('esp').catch(() => {});
    assert.match((await refused).refusal?.reason ?? '', /this server admits devices of its list only/);
    const { status, body } = await call('post', 'servers/server/permit', { minutes: 5 });
    assert.equal(status, 200);
    assert.ok((body.permittedUntil as number) > Date.now());
    await device('esp-2');
    assert.equal(running().provisioning.devices.get('esp-2')?.origin, 'paired');
    const [server] = (await call<{ permittedUntil?: number; provisioned: number }[]>('get', 'servers')).body;
    assert.deepEqual([server?.permittedUntil !== undefined, server?.provisioned], [true, 1]);
    assert.deepEqual((await call('delete', 'servers/server/permit')).body, { permittedUntil: null });
    assert.equal((await call('post', 'servers/server/permit', { minutes: 61 })).status, 400);
  });

  it('retires a device: its registration ends, what waits is taken back, and it does not come back by itself', async () => {
    await given();
    const client = await device('t-1');
    client.cutOff();
    const left = lifecycle('deregistered', 't-1');
    assert.deepEqual((await call('delete', `${DEVICES}/t-1`)).body, { retired: 't-1' });
    assert.equal((await left).registration?.endpoint, 't-1');
    const refused = lifecycle('refused', 't-1');
    device('t-1').catch(() => {});
    assert.match((await refused).refusal?.reason ?? '', /it was retired on/);
    assert.ok('retiredAt' in (await call('get', `${DEVICES}/t-1`)).body);
    assert.equal((await call('delete', `${DEVICES}/never-seen`)).status, 404);
  });

  it('a block ends the registration at once, and what is taken back lets the device in', async () => {
    await given();
    await device('t-1');
    const left = lifecycle('deregistered', 't-1');
    await provision({ endpoint: 't-1', blockedUntil: true });
    await left;
    await provision({ endpoint: 't-1', blockedUntil: null });
    await device('t-1');
  });

  it('outside its area the registration ends as soon as it says where it is', async () => {
    await given();
    await provision({ endpoint: 't-1', access: { area: { latitude: 52.5, longitude: 13.4, radius: 1000 } } });
    const client = await device('t-1');
    client.objects.add(6, 0, { 0: 52.5, 1: 13.4, 5: new Date(0) });
    await client.send(['/6/0/0', '/6/0/1']);
    assert.equal(running().manager.registration('t-1')?.endpoint, 't-1');
    const left = lifecycle('deregistered', 't-1');
    client.setValue('/6/0/0', 53.5);
    await client.send(['/6/0/0', '/6/0/1']);
    await left;
    assert.match(logged('WARN').join('\n'), /device 't-1' has left its area/);
  });

  describe('many at once, as a table', () => {
    const table = (text: string) => call('post', DEVICES, text, { type: 'text/csv' });

    it('provisions each line', async () => {
      await given();
      const { status, body } = await table(`endpoint,identity,key,tags\na,ida,${KEY},x;y\nb,idb,${KEY},\n`);
      assert.deepEqual([status, body], [200, { provisioned: 2 }]);
      assert.deepEqual(running().provisioning.devices.get('a')?.tags, ['x', 'y']);
      assert.equal(running().provisioning.devices.size, 2);
    });

    it('or none, with what is wrong by line', async () => {
      await given();
      const { status, body } = await table(`endpoint,identity,key\na,ida,${KEY}\nb,idb,xyz\n`);
      const { detail, mistakes } = body as unknown as ToldProblem & { mistakes: object[] };
      assert.equal(status, 400);
      assert.equal(detail, 'nothing was provisioned. Line 3: security.key must be 1 to 64 bytes in hexadecimal, two digits each');
      assert.equal(mistakes.length, 1);
      const twice = await table(`endpoint,identity,key\na,same,${KEY}\nb,same,${KEY}\n`);
      assert.match(String(twice.body.detail), /devices 'a' and 'b' have the same credentials/);
      assert.equal(running().provisioning.devices.size, 0);
    });

    it('of bounded size', async () => {
      await given();
      const { status } = await table(`endpoint,tags\na,${'x'.repeat(21 * 1024 * 1024)}`);
      assert.equal(status, 413);
    });
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{}, /^endpoint must be/],
    [{ endpoint: 'a', security: { mode: 'psk', identity: 'x', key: 'zz-secret' } }, /^security\.key must be/],
    [{ endpoint: 'a', secret: 'zz-secret' }, /^there is no property "secret"/],
    [[], /^send a JSON object/],
  ];
  for (const [body, expected] of wrong) {
    it(`refuses ${JSON.stringify(body)}, and repeats no secret`, async () => {
      await given();
      const { status, type, body: told } = await provision(body);
      assert.deepEqual([status, type], [400, 'application/problem+json']);
      assert.match(String(told.detail), expected);
      assert.ok(!JSON.stringify(told).includes('zz-secret'));
    });
  }

  it('warns of a key that can be guessed', async () => {
    await given();
    const { body } = await provision({ endpoint: 'dev', security: { ...PSK, key: '1234' } });
    assert.match(String(body.warning), /its key has 2 bytes and can be guessed/);
  });

  it('survives a restart of Node-RED, sealed: the key file is for its owner alone, and no file shows a key', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'dm-api-'));
    try {
      const storePath = path.join(folder, 'state');
      await given({ store: 'level', storePath });
      await provision({ endpoint: 'dev', security: PSK });
      const made = await call<{ token: string }>('post', 'servers/server/tokens', {
        name: 'app',
        select: ['*'],
        operations: ['view'],
      });
      await endFlow();
      assert.equal(statSync(`${storePath}.key`).mode & 0o777, 0o600);
      const files = readdirSync(storePath).map((name) => readFileSync(path.join(storePath, name)));
      for (const secret of [Buffer.from(KEY, 'hex'), Buffer.from(KEY), Buffer.from(made.body.token)]) {
        assert.ok(files.every((bytes) => !bytes.includes(secret)));
      }
      await given({ store: 'level', storePath });
      assert.deepEqual(running().provisioning.keyOf('key-7'), Buffer.from(KEY, 'hex'));
      assert.equal((await call('get', DEVICES, undefined, { token: made.body.token })).status, 200);
    } finally {
      await endFlow();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('no key is in an answer, a message, the log or the status', async () => {
    await given();
    const answers: unknown[] = [await provision({ endpoint: 't-1', security: PSK })];
    device('t-1').catch(() => {});
    await lifecycle('refused', 't-1');
    for (const route of ['servers', DEVICES, `${DEVICES}/t-1`, `${DEVICES}?provisioned=true`])
      answers.push(await call('get', route));
    send({ device: 't-1', path: '/3/0/0' });
    await inbox('caught').next();
    const everything = JSON.stringify([answers, inbox('caught').all, logged('WARN')]);
    for (const form of [KEY, Buffer.from(KEY, 'hex').toString('base64')]) assert.ok(!everything.includes(form));
    assert.match(logged('WARN').join('\n'), /t-1 from 127\.0\.0\.1 refused/);
  });
});
