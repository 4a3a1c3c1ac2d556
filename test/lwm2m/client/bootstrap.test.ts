/** LwM2M Core 1.1.1 §6.1, from the device's side: what a bootstrap server may do to it, and when it asks for one. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { Path } from '../../../src/device/path';
import type { ResourceValue, Value } from '../../../src/device/value';
import { formatOf } from '../../../src/lwm2m/formats/formats';
import { type Answered, friendly, givenClient, SERVER, thermometer, type World, type WorldOptions } from './world';

const BOOTSTRAP = { host: SERVER.address, port: SERVER.port };
const SENML_CBOR = 112;

type Instances = Readonly<Record<string, Readonly<Record<string, Value>>>>;

const NOBODY = Buffer.alloc(0);
const SECURITY = { 0: `coap://${SERVER.address}:${SERVER.port}`, 1: false, 2: 3, 3: NOBODY, 4: NOBODY, 5: NOBODY, 10: 101 };
const SERVER_ACCOUNT = { 0: 101, 1: 60, 6: false, 7: 'U' };

function encoded(instances: Instances, base: string): Buffer {
  const values: ResourceValue[] = Object.entries(instances).flatMap(([path, resources]) =>
    Object.entries(resources).map(([id, value]) => ({ path: `${path}/${id}`, value })),
  );
  return formatOf(SENML_CBOR)?.encode(values, { base: Path.parse(base), typeOf: () => undefined }) as Buffer;
}

function uri(message: Message): string {
  return `/${message.strings(Option.UriPath).join('/')}`;
}

/** A device without servers, and a server that will bootstrap it by hand. */
async function givenFactoryFresh(options: WorldOptions = {}): Promise<World> {
  const world = await givenClient({ factory: false, bootstrap: BOOTSTRAP, registered: false, ...options });
  await world.seconds(0.1);
  return world;
}

async function write({ server }: World, path: string, resources: Readonly<Record<string, Value>>): Promise<string> {
  const payload = encoded({ [path]: resources }, path);
  return codeText((await server.ask(path, { code: Code.Put, contentFormat: SENML_CBOR, payload })).code);
}

async function finish({ server }: World): Promise<string> {
  return codeText((await server.ask('/bs', { code: Code.Post })).code);
}

async function links({ server }: World, path = '/'): Promise<string> {
  return (await server.ask(path === '/' ? '' : path, { accept: 40 })).payload.toString();
}

/** Everything a server needs to manage it. */
async function provision(world: World): Promise<string> {
  await write(world, '/0/1', SECURITY);
  await write(world, '/1/3', SERVER_ACCOUNT);
  return finish(world);
}

describe('a client without a server', () => {
  it('asks at /bs with its name and the format it prefers', async () => {
    const { server, client } = await givenFactoryFresh();
    assert.equal(client.state, 'bootstrapping');
    assert.deepEqual(
      server.asked.map((message) => [uri(message), ...message.strings(Option.UriQuery)]),
      [['/bs', 'ep=dev-1', 'pct=112']],
    );
  });

  it('asks at /bspack first when it speaks LwM2M 1.2, and without pct when it speaks 1.0', async () => {
    const answers = (message: Message): Answered | undefined =>
      uri(message) === '/bspack' ? { code: Code.NotImplemented } : friendly(message);
    const { server } = await givenFactoryFresh({ objects: thermometer('1.2'), answers });
    assert.deepEqual(server.asked.map(uri), ['/bspack', '/bs']);
    assert.equal(server.asked[0]?.uint(Option.Accept), 112);
    const old = await givenFactoryFresh({ objects: thermometer('1.0') });
    assert.deepEqual(old.server.asked[0]?.strings(Option.UriQuery), ['ep=dev-1']);
  });

  it('registers where it was told to, with the lifetime and the binding that were written', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await provision(world), '2.04');
    await world.seconds(1);
    const register = world.server.askedFor('/rd')[0];
    assert.deepEqual(register?.strings(Option.UriQuery), ['ep=dev-1', 'lt=60', 'lwm2m=1.1', 'b=U']);
    assert.match(register?.payload.toString() ?? '', /<\/1\/3>/);
    assert.doesNotMatch(register?.payload.toString() ?? '', /<\/0/);
    assert.deepEqual(world.told, ['bootstrapped', 'registered']);
    assert.equal(world.client.state, 'registered');
  });

  it('lives by the Server object that was written: the lifetime can be changed, Send be allowed, an Update be triggered', async () => {
    const world = await givenFactoryFresh();
    await provision(world);
    await world.seconds(1);
    const { server } = world;
    assert.equal((await server.ask('/1/3/1', { code: Code.Put, contentFormat: 0, payload: '90' })).code, Code.Changed);
    await world.seconds(1);
    assert.deepEqual(server.askedFor('/rd/a1')[0]?.strings(Option.UriQuery), ['lt=90']);
    assert.equal((await server.ask('/1/3/8', { code: Code.Post })).code, Code.Changed);
    await world.seconds(1);
    assert.equal(server.askedFor('/rd/a1').length, 2);
  });

  it('must be given a server or a bootstrap server', async () => {
    await assert.rejects(givenClient({ factory: false, registered: false }), { code: 'invalid-request' });
  });

  it('tries again, later and later, while the bootstrap server refuses', async () => {
    const world = await givenFactoryFresh({
      answers: () => ({ code: Code.BadRequest }),
      backoff: { firstMs: 10_000, longestMs: 100_000 },
    });
    await world.seconds(120);
    assert.ok(world.server.asked.length >= 4 && world.server.asked.length <= 8, String(world.server.asked.length));
    assert.ok(world.told.every((event) => event === 'failed'));
  });
});

describe('a bootstrap server at work', () => {
  it('sees instances, short ids and URIs, and which account is its own', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await links(world), `</>;lwm2m=1.1,</0/0>;uri="coap://${SERVER.address}:5683",</3/0>,</3303/0>`);
    await write(world, '/0/1', SECURITY);
    await write(world, '/1/3', SERVER_ACCOUNT);
    assert.match(await links(world), /<\/0\/1>;ssid=101;uri="coap:\/\/10\.0\.0\.1:5683",<\/1\/3>;ssid=101/);
    assert.equal(await links(world, '/1'), '</>;lwm2m=1.1,</1/3>;ssid=101');
  });

  it('sees the version in front when the client speaks 1.0', async () => {
    const world = await givenFactoryFresh({ objects: thermometer('1.0') });
    assert.equal(await links(world), 'lwm2m="1.0",</0/0>,</3/0>,</3303/0>');
  });

  it('reads objects 1 and 2 and nothing else (int-8)', async () => {
    const world = await givenFactoryFresh();
    await write(world, '/1/3', SERVER_ACCOUNT);
    const read = await world.server.ask('/1', { accept: 110 });
    assert.deepEqual(JSON.parse(read.payload.toString()).length, 4);
    for (const path of ['/0', '/0/0', '/3', '/3/0/0', '/1/3/1']) {
      assert.equal(codeText((await world.server.ask(path, { accept: 110 })).code), '4.00', path);
    }
  });

  it('deletes accounts, but never its own, and not what the device cannot be without', async () => {
    const world = await givenFactoryFresh();
    const { server, tree } = world;
    await write(world, '/0/1', SECURITY);
    await write(world, '/1/3', SERVER_ACCOUNT);
    assert.equal((await server.ask('/0', { code: Code.Delete })).code, Code.Deleted);
    assert.deepEqual(
      tree.instances(0).map(({ id }) => id),
      [0],
    );
    assert.equal((await server.ask('', { code: Code.Delete })).code, Code.Deleted);
    assert.deepEqual(
      [...tree.all()].map(([object, instances]) => `${object}:${instances.length}`),
      ['0:1', '3:1', '3303:0'],
    );
    assert.equal(codeText((await server.ask('/0/0', { code: Code.Delete })).code), '4.00');
    assert.equal(codeText((await server.ask('/3/0', { code: Code.Delete })).code), '4.00');
    assert.equal(codeText((await server.ask('/9/9', { code: Code.Delete })).code), '4.04');
  });

  it('does not overwrite its own account', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await write(world, '/0/0', SECURITY), '4.00');
    assert.equal(world.tree.get('/0/0/1'), true);
  });

  it('writes what a management server may only read', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await write(world, '/3/0', { 0: 'Renamed', 15: 'UTC' }), '2.04');
    assert.equal(world.tree.get('/3/0/0'), 'Renamed');
    assert.equal(world.tree.get('/3/0/9'), 85);
  });

  it('makes an instance anew with each Write, and completes it resource by resource', async () => {
    const world = await givenFactoryFresh();
    await write(world, '/1/3', { ...SERVER_ACCOUNT, 2: 5 });
    await write(world, '/1/3', SERVER_ACCOUNT);
    assert.equal(world.tree.get('/1/3/2'), undefined);
    const one = await world.server.ask('/1/3/3', { code: Code.Put, contentFormat: 0, payload: '600' });
    assert.equal(one.code, Code.Changed);
    assert.equal(world.tree.get('/1/3/3'), 600);
    assert.equal(world.tree.get('/1/3/1'), 60);
  });

  it('is told what is wrong with an inconsistent configuration, and nothing of it stays (int-9)', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await write(world, '/1/3', { 5: 3_600 }), '2.04');
    const answer = await world.server.ask('/bs', { code: Code.Post });
    assert.equal(codeText(answer.code), '4.06');
    assert.match(answer.payload.toString(), /\/1\/3\/0 must be a short server id/);
    assert.deepEqual(world.tree.instances(1), []);
    assert.deepEqual(world.told, ['failed']);
  });

  for (const [title, security] of [
    ['that it has no key for', { ...SECURITY, 0: 'coaps://10.0.0.1', 2: 0, 3: Buffer.from('me'), 5: Buffer.alloc(0) }],
    ['whose key it cannot use', { ...SECURITY, 0: 'coaps://10.0.0.1', 2: 1, 3: NOBODY, 4: NOBODY, 5: Buffer.alloc(16) }],
    ['with a mode it does not know', { ...SECURITY, 0: 'coaps://10.0.0.1', 2: 4, 3: NOBODY, 4: NOBODY, 5: NOBODY }],
    ['over another transport', { ...SECURITY, 0: 'coap+tcp://10.0.0.1' }],
  ] as const) {
    it(`cannot give it a server ${title}`, async () => {
      const world = await givenFactoryFresh();
      await write(world, '/0/1', security);
      await write(world, '/1/3', { ...SERVER_ACCOUNT, 7: 'UT' });
      assert.equal(await finish(world), '4.06');
    });
  }

  it('may fill what an account does not use with nothing, as Leshan does', async () => {
    const world = await givenFactoryFresh();
    assert.equal(await write(world, '/0/1', { ...SECURITY, 6: 3, 7: NOBODY, 8: NOBODY, 9: '', 11: 1, 12: 0 }), '2.04');
    await write(world, '/1/3', SERVER_ACCOUNT);
    assert.equal(await finish(world), '2.04');
  });

  it('that falls silent in the middle leaves nothing behind', async () => {
    const world = await givenFactoryFresh();
    await write(world, '/0/1', SECURITY);
    await write(world, '/3/0', { 15: 'UTC' });
    await world.seconds(246);
    assert.equal(world.tree.get('/3/0/15'), 'UTC');
    await world.seconds(2);
    assert.equal(world.tree.get('/3/0/15'), 'Europe/Berlin');
    assert.deepEqual(
      world.tree.instances(0).map(({ id }) => id),
      [0],
    );
    assert.deepEqual(world.told, ['failed']);
  });

  it('may begin although its 2.04 was lost', async () => {
    const world = await givenFactoryFresh({ answers: (message) => (uri(message) === '/bs' ? undefined : friendly(message)) });
    assert.equal(await provision(world), '2.04');
    await world.seconds(1);
    assert.equal(world.client.state, 'registered');
  });

  it('is not obeyed before it was asked, nor after Finish', async () => {
    const world = await givenFactoryFresh();
    await provision(world);
    await world.seconds(1);
    assert.equal(await write(world, '/0/2', SECURITY), '4.01');
    assert.equal(codeText((await world.server.ask('', { code: Code.Delete })).code), '4.00');
    assert.equal(world.client.state, 'registered');
  });

  it('whatever it asks, the client answers and goes on', async () => {
    const world = await givenFactoryFresh();
    const segment = fc.oneof(
      fc.constantFrom('0', '1', '2', '3', '21', 'bs', '65535', '70000', '-1', ''),
      fc.string({ maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(Code.Get, Code.Put, Code.Delete, Code.Fetch, Code.IPatch),
        fc.array(segment, { maxLength: 5 }),
        fc.option(fc.constantFrom(0, 40, 42, 60, 110, 112, 11542, 11543, 999), { nil: undefined }),
        fc.uint8Array({ maxLength: 64 }),
        async (code, path, contentFormat, payload) => {
          const answer = await world.server.ask(`/${path.join('/')}`, {
            code,
            payload,
            ...(contentFormat !== undefined && { contentFormat, accept: contentFormat }),
          });
          assert.ok(answer.code >= 0x40 && answer.code < 0xa0, `${path} ${codeText(answer.code)}`);
          assert.equal(world.tree.get('/0/0/1'), true);
        },
      ),
      { numRuns: 200 },
    );
    await world.server.ask('', { code: Code.Delete });
    assert.equal(await provision(world), '2.04');
  });

  it('cannot make more instances than the device holds', async () => {
    const world = await givenFactoryFresh();
    const codes = new Map<string, number>();
    for (let id = 0; id < 120; id++) {
      const code = await write(world, `/1/${id}`, SERVER_ACCOUNT);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    assert.deepEqual(
      [...codes],
      [
        ['2.04', 100],
        ['4.00', 20],
      ],
    );
  });
});

describe('a pack', () => {
  const asPack =
    (instances: Instances) =>
    (message: Message): Answered | undefined =>
      uri(message) === '/bspack'
        ? { code: Code.Content, contentFormat: SENML_CBOR, payload: encoded(instances, '/') }
        : friendly(message);

  it('is all a client needs to register (int-12)', async () => {
    const answers = asPack({ '/0/10': SECURITY, '/1/0': SERVER_ACCOUNT, '/3/0': { 15: 'UTC' } });
    const world = await givenFactoryFresh({ objects: thermometer('1.2'), answers });
    await world.seconds(1);
    assert.deepEqual(world.server.asked.map(uri), ['/bspack', '/rd']);
    assert.deepEqual(world.told, ['bootstrapped', 'registered']);
    assert.equal(world.tree.get('/3/0/15'), 'UTC');
    assert.equal(world.tree.get('/0/0/1'), true);
  });

  const useless: readonly (readonly [string, (message: Message) => Answered | undefined])[] = [
    ['that is inconsistent', asPack({ '/1/0': SERVER_ACCOUNT, '/3/0': { 15: 'UTC' } })],
    ['that is for another device', asPack({ '/0/10': SECURITY, '/1/0': SERVER_ACCOUNT, '/77/0': { 1: 1 } })],
    ['that overwrites the bootstrap account', asPack({ '/0/0': SECURITY, '/1/0': SERVER_ACCOUNT })],
    [
      'that is unreadable',
      (message) =>
        uri(message) === '/bspack' ? { code: Code.Content, contentFormat: SENML_CBOR, payload: 'nonsense' } : friendly(message),
    ],
    [
      'in a format nobody knows',
      (message) => (uri(message) === '/bspack' ? { code: Code.Content, contentFormat: 999, payload: 'x' } : friendly(message)),
    ],
    ['that is refused', (message) => (uri(message) === '/bspack' ? { code: Code.NotFound } : friendly(message))],
  ];
  for (const [title, answers] of useless) {
    it(`${title} leaves nothing behind, and the client asks at /bs`, async () => {
      const world = await givenFactoryFresh({ objects: thermometer('1.2'), answers });
      await world.seconds(1);
      assert.deepEqual(world.server.asked.map(uri), ['/bspack', '/bs']);
      assert.equal(world.tree.get('/3/0/15'), 'Europe/Berlin');
      assert.deepEqual(world.tree.instances(1), []);
    });
  }
});

describe('a client with a server and a bootstrap server', () => {
  it('registers first (int-6)', async () => {
    const { server } = await givenClient({ bootstrap: BOOTSTRAP });
    assert.deepEqual(server.asked.map(uri), ['/rd']);
  });

  it('bootstraps when its server says so: Execute 1/x/9 (int-5)', async () => {
    const world = await givenClient({ bootstrap: BOOTSTRAP });
    assert.equal((await world.server.ask('/1/0/9', { code: Code.Post })).code, Code.Changed);
    await world.seconds(0.1);
    assert.equal(world.client.state, 'bootstrapping');
    await world.server.ask('/0', { code: Code.Delete });
    await world.server.ask('/1', { code: Code.Delete });
    await provision(world);
    await world.seconds(1);
    assert.deepEqual(world.server.asked.map(uri), ['/rd', '/bs', '/rd']);
    assert.deepEqual(world.server.asked[2]?.strings(Option.UriQuery).includes('lt=60'), true);
  });

  it('refuses the trigger when it has no bootstrap account', async () => {
    const { server } = await givenClient();
    assert.notEqual((await server.ask('/1/0/9', { code: Code.Post })).code, Code.Changed);
  });

  it('goes back to its server when a bootstrap fails', async () => {
    const world = await givenClient({ bootstrap: BOOTSTRAP });
    await world.server.ask('/1/0/9', { code: Code.Post });
    await world.seconds(0.1);
    await world.server.ask('/1', { code: Code.Delete });
    assert.equal(await finish(world), '4.06');
    await world.seconds(1);
    assert.equal(world.client.state, 'registered');
    assert.deepEqual(world.server.asked.map(uri), ['/rd', '/bs', '/rd']);
    assert.equal(world.tree.get('/1/0/1'), 300);
  });

  it('that is refused with 4.03 bootstraps, but not without end', async () => {
    const answers = (message: Message): Answered | undefined =>
      uri(message) === '/rd' ? { code: Code.Forbidden } : friendly(message);
    const world = await givenClient({ bootstrap: BOOTSTRAP, registered: false, answers });
    await world.seconds(0.1);
    assert.deepEqual(world.server.asked.map(uri), ['/rd', '/bs']);
    for (let round = 0; round < 5; round++) {
      if (world.client.state === 'bootstrapping') await provision(world).catch(() => undefined);
      await world.seconds(2);
    }
    assert.ok(world.server.askedFor('/bs').length <= 2, String(world.server.askedFor('/bs').length));
  });

  it('whose server is silent bootstraps after as many tries as it shall make (int-7)', async () => {
    const answers = (message: Message): Answered | undefined => (uri(message) === '/rd' ? undefined : friendly(message));
    const world = await givenClient({
      bootstrap: BOOTSTRAP,
      registered: false,
      answers,
      backoff: { firstMs: 1_000, longestMs: 1_000 },
    });
    // A silent peer is asked at PROBING_RATE (RFC 7252 §4.7).
    await world.seconds(5 * 95 + 200);
    assert.equal(world.server.askedFor('/rd').length, 5);
    assert.equal(world.server.askedFor('/bs').length, 1);
  });
});

describe('the Security object', () => {
  it('is seen by no management server, whatever it tries', async () => {
    const { server, tree, client } = await givenClient({ bootstrap: BOOTSTRAP });
    assert.equal(tree.instances(0).length, 2);
    for (const path of ['/0', '/0/0', '/0/1/0', '/0/1/5']) {
      assert.equal(codeText((await server.ask(path)).code), '4.01', path);
      assert.equal(codeText((await server.ask(path, { accept: 40 })).code), '4.01', path);
      assert.equal(codeText((await server.ask(path, { observe: 0 })).code), '4.01', path);
      assert.equal(codeText((await server.ask(path, { code: Code.Put, contentFormat: 0, payload: 'x' })).code), '4.01', path);
      assert.equal(codeText((await server.ask(path, { code: Code.Delete })).code), '4.01', path);
    }
    assert.doesNotMatch(server.askedFor('/rd')[0]?.payload.toString() ?? '', /<\/0/);
    await server.ask('/1/0/23', { code: Code.Put, contentFormat: 0, payload: '0' });
    await assert.rejects(client.send(['/0/1']), { code: 'invalid-path' });
  });
});
