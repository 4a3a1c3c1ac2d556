/** Every operation of the device management interface, with the code of every refusal (LwM2M Core 1.1.1 §6.3). */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { Option } from '../../../src/coap/options';
import { Path } from '../../../src/device/path';
import type { ExecuteArguments } from '../../../src/lwm2m/client/execute-arguments';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { badRequest } from '../../../src/lwm2m/client/refusal';
import { decode } from '../../../src/lwm2m/formats/formats';
import { ScriptedPeer } from '../../coap/world';
import { type Asked, givenClient, textOf, thermometer, type World } from './world';

const { Get, Post, Put, Delete, Fetch, IPatch } = Code;

async function code(world: World, path: string, request: Asked = {}): Promise<string> {
  return codeText((await world.server.ask(path, request)).code);
}

async function values(world: World, path: string, accept?: number): Promise<Record<string, unknown>> {
  const answer = await world.server.ask(path, accept === undefined ? {} : { accept });
  assert.equal(answer.code, Code.Content, textOf(answer));
  const decoded = decode(answer.uint(Option.ContentFormat), answer.payload, {
    base: Path.parse(path),
    typeOf: world.tree.model.typeOf,
    now: 0,
  });
  return Object.fromEntries(decoded.map(({ path: at, value }) => [at, value]));
}

describe('Read', () => {
  it('gives one resource as text where no format is asked for, and bytes as opaque', async () => {
    const world = await givenClient();
    const answer = await world.server.ask('/3303/0/5700');
    assert.equal(answer.uint(Option.ContentFormat), 0);
    assert.equal(textOf(answer), '20');
    world.tree.add(19, 0, { 0: [Buffer.from([1, 2])] });
    const bytes = await world.server.ask('/19/0/0/0');
    assert.equal(bytes.uint(Option.ContentFormat), 42);
    assert.deepEqual([...bytes.payload], [1, 2]);
  });

  it('gives more than one value as SenML CBOR, in 1.0 as TLV', async () => {
    const newer = await givenClient();
    assert.equal((await newer.server.ask('/3/0')).uint(Option.ContentFormat), 112);
    const older = await givenClient({ objects: thermometer('1.0') });
    assert.equal((await older.server.ask('/3/0')).uint(Option.ContentFormat), 11542);
    assert.equal((await older.server.ask('/3/0/7')).uint(Option.ContentFormat), 11542);
  });

  for (const accept of [110, 112, 11542, 11543, 1542, 1543]) {
    it(`gives objects, instances and multiple resources in format ${accept}`, async () => {
      const world = await givenClient();
      assert.deepEqual(await values(world, '/3303', accept), { '/3303/0/5700': 20, '/3303/0/5701': 'Cel' });
      assert.deepEqual(await values(world, '/3303/0', accept), { '/3303/0/5700': 20, '/3303/0/5701': 'Cel' });
      assert.deepEqual(await values(world, '/3/0/7', accept), { '/3/0/7/0': 3800, '/3/0/7/1': 5000 });
    });
  }

  for (const accept of [0, 60, 110, 112, 11542, 11543]) {
    it(`gives a resource and a resource instance in format ${accept}`, async () => {
      const world = await givenClient();
      assert.deepEqual(await values(world, '/3/0/9', accept), { '/3/0/9': 85 });
      assert.deepEqual(await values(world, '/3/0/7/1', accept), { '/3/0/7/1': 5000 });
    });
  }

  it('leaves out what cannot be read', async () => {
    const world = await givenClient();
    assert.ok(!('/3/0/4' in (await values(world, '/3/0'))));
  });

  it('computes what has a read handler each time', async () => {
    const tree = thermometer();
    let reads = 0;
    tree.add(3201, 0, {}, { 5550: { read: () => ++reads % 2 === 1 } });
    const world = await givenClient({ objects: tree });
    assert.equal(textOf(await world.server.ask('/3201/0/5550')), '1');
    assert.equal(textOf(await world.server.ask('/3201/0/5550')), '0');
  });

  it('answers 4.04 for what is absent, 4.05 for what is not readable, 4.06 for a format that cannot carry it', async () => {
    const world = await givenClient();
    for (const path of ['/9', '/9/0', '/3/1', '/3/0/13', '/3/0/7/5', '/3/0/9/0', '/bs', '/3/x', '/03', '/65536', '/3/0/0/0/0'])
      assert.equal(await code(world, path), '4.04', path);
    assert.equal(await code(world, '/3/0/4'), '4.05');
    for (const accept of [0, 42, 60, 11544, 50, 12345])
      assert.equal(await code(world, '/3/0', { accept }), '4.06', String(accept));
    assert.equal(await code(world, '/3/0/9', { accept: 42 }), '4.06');
  });

  it('in 1.0 knows neither SenML nor resource instances', async () => {
    const world = await givenClient({ objects: thermometer('1.0') });
    for (const accept of [60, 110, 112]) assert.equal(await code(world, '/3/0/9', { accept }), '4.06');
    assert.equal(await code(world, '/3/0/7/0'), '4.05');
  });

  it('shows no server what holds keys', async () => {
    const tree = thermometer();
    tree.add(0, 0, { 0: 'coap://10.0.0.1', 5: Buffer.from('secret') });
    const world = await givenClient({ objects: tree });
    for (const path of ['/0', '/0/0', '/0/0/5', '/21/0']) assert.equal(await code(world, path), '4.01', path);
    assert.equal(await code(world, '/0', { accept: 40 }), '4.01');
    assert.equal(await code(world, '/0/0', { code: Delete }), '4.01');
    assert.doesNotMatch(textOf(world.server.asked[0] as never), /<\/0/);
  });

  it('answers its server only', async () => {
    const world = await givenClient();
    const stranger = new ScriptedPeer(world.network, '10.0.0.9', 5683);
    stranger.send('40 01 12 34 B1 33 01 30 01 39', '10.0.0.2', 56830);
    await world.seconds(1);
    assert.deepEqual(
      stranger.inbox.map((message) => codeText(message.code)),
      ['4.01'],
    );
  });
});

describe('Write', () => {
  it('replaces a resource', async () => {
    const world = await givenClient();
    assert.equal(await code(world, '/3/0/14', { code: Put, contentFormat: 0, payload: '+05:00' }), '2.04');
    assert.equal(world.tree.get('/3/0/14'), '+05:00');
    assert.deepEqual(world.told.slice(-1), ['written']);
  });

  it('takes a payload without a content format as text, an empty one with it as an empty text', async () => {
    const world = await givenClient();
    assert.equal(await code(world, '/3/0/14', { code: Put, payload: '+01:00' }), '2.04');
    assert.equal(await code(world, '/3/0/15', { code: Put, contentFormat: 0 }), '2.04');
    assert.equal(world.tree.get('/3/0/15'), '');
  });

  it('replaces an instance: what is not named and need not be there goes', async () => {
    const world = await givenClient();
    const payload = '[{"bn":"/3/0/","n":"15","vs":"Europe/Rome"}]';
    assert.equal(await code(world, '/3/0', { code: Put, contentFormat: 110, payload }), '2.04');
    assert.equal(world.tree.get('/3/0/15'), 'Europe/Rome');
    assert.equal(world.tree.get('/3/0/14'), undefined);
    assert.equal(world.tree.get('/3/0/9'), 85);
  });

  it('keeps what is mandatory when an instance is replaced', async () => {
    const world = await givenClient();
    const payload = '[{"bn":"/1/0/","n":"2","v":5}]';
    assert.equal(await code(world, '/1/0', { code: Put, contentFormat: 110, payload }), '2.04');
    assert.equal(world.tree.get('/1/0/1'), 300);
    assert.equal(world.tree.get('/1/0/23'), undefined);
  });

  it('updates an instance: what is not named stays', async () => {
    const world = await givenClient();
    const payload = '[{"bn":"/3/0/","n":"15","vs":"Europe/Rome"}]';
    assert.equal(await code(world, '/3/0', { code: Post, contentFormat: 110, payload }), '2.04');
    assert.equal(world.tree.get('/3/0/15'), 'Europe/Rome');
    assert.equal(world.tree.get('/3/0/14'), '+02:00');
  });

  it('replaces a multiple resource by PUT, adds to it by POST, writes one of its instances alone', async () => {
    const world = await givenClient();
    // Binary App Data Container (19): a writable multiple resource.
    world.tree.add(19, 0, { 0: { 0: Buffer.from('a'), 1: Buffer.from('b') } });
    const data = (): string[] => [...(world.tree.get('/19/0/0') as Map<number, Buffer>)].map(([id, bytes]) => `${id}${bytes}`);
    const record = (id: number, text: string): string =>
      `[{"bn":"/19/0/0/${id}","vd":"${Buffer.from(text).toString('base64url')}"}]`;
    assert.equal(await code(world, '/19/0/0', { code: Post, contentFormat: 110, payload: record(7, 'c') }), '2.04');
    assert.deepEqual(data(), ['0a', '1b', '7c']);
    assert.equal(await code(world, '/19/0/0/1', { code: Put, contentFormat: 42, payload: 'B' }), '2.04');
    assert.deepEqual(data(), ['0a', '1B', '7c']);
    assert.equal(await code(world, '/19/0/0/2', { code: Put, contentFormat: 42, payload: 'x' }), '4.04');
    assert.equal(await code(world, '/19/0/0', { code: Put, contentFormat: 110, payload: record(3, 'z') }), '2.04');
    assert.deepEqual(data(), ['3z']);
    assert.equal(await code(world, '/19/0/0/3', { code: Post, contentFormat: 42, payload: 'x' }), '4.05');
  });

  it('refuses with the code that says why, and changes nothing', async () => {
    const world = await givenClient();
    const put = (contentFormat: number, payload: string): Asked => ({ code: Put, contentFormat, payload });
    assert.equal(await code(world, '/3/0/9', put(0, '5')), '4.05');
    assert.equal(await code(world, '/3/0/4', put(0, '5')), '4.05');
    assert.equal(await code(world, '/3/0/13', put(0, '5')), '4.04');
    assert.equal(await code(world, '/3/1', put(110, '[]')), '4.04');
    assert.equal(await code(world, '/3', put(110, '[]')), '4.05');
    assert.equal(await code(world, '/3/0/14', put(50, '{}')), '4.15');
    assert.equal(await code(world, '/3/0/14', put(110, '{"x":')), '4.00');
    assert.equal(await code(world, '/1/0/1', put(0, 'many')), '4.00');
    assert.equal(await code(world, '/3/0/9', { code: Post, contentFormat: 0, payload: '5' }), '4.05');
    assert.equal(await code(world, '/3/0/14', { code: Post, contentFormat: 0, payload: 'x' }), '4.05');
    const mixed = '[{"bn":"/3/0/","n":"14","vs":"+09:00"},{"n":"9","v":1}]';
    assert.equal(await code(world, '/3/0', { code: Post, contentFormat: 110, payload: mixed }), '4.05');
    assert.equal(world.tree.get('/3/0/14'), '+02:00');
  });

  it('lets a resource refuse the whole write', async () => {
    const tree = thermometer();
    tree.add(
      3306,
      0,
      { 5850: false, 5851: 10, 5853: 0 },
      {
        5851: {
          check: (content) => {
            if ((content as number) > 50) throw badRequest('too bright');
          },
        },
      },
    );
    const world = await givenClient({ objects: tree });
    const payload = '[{"bn":"/3306/0/","n":"5850","vb":true},{"n":"5851","v":90}]';
    const answer = await world.server.ask('/3306/0', { code: Post, contentFormat: 110, payload });
    assert.equal(codeText(answer.code), '4.00');
    assert.equal(textOf(answer), 'too bright');
    assert.equal(tree.get('/3306/0/5850'), false);
  });

  it('in 1.0 knows no SenML', async () => {
    const world = await givenClient({ objects: thermometer('1.0') });
    assert.equal(await code(world, '/3/0/14', { code: Put, contentFormat: 110, payload: '[]' }), '4.15');
  });
});

describe('Write-Attributes', () => {
  const put = (...query: string[]): Asked => ({ code: Put, query });

  it('attaches to every level, and takes away by the bare name', async () => {
    const world = await givenClient();
    for (const path of ['/3', '/3/0', '/3/0/9', '/3/0/7/0'])
      assert.equal(await code(world, path, put('pmin=1', 'pmax=60')), '2.04');
    assert.equal(await code(world, '/3/0/9', put('gt=50', 'lt=20', 'st=5')), '2.04');
    assert.equal(textOf(await world.server.ask('/3/0/9', { accept: 40 })), '</3/0/9>;pmin=1;pmax=60;gt=50;lt=20;st=5');
    assert.equal(await code(world, '/3/0/9', put('gt', 'pmin')), '2.04');
    assert.equal(await code(world, '/3/0', put('pmin')), '2.04');
    assert.equal(await code(world, '/3', put('pmin')), '2.04');
    assert.equal(textOf(await world.server.ask('/3/0/9', { accept: 40 })), '</3/0/9>;pmax=60;lt=20;st=5');
  });

  it('takes a pmax below pmin without complaint, to ignore it', async () => {
    const world = await givenClient();
    assert.equal(await code(world, '/3/0/9', put('pmin=60', 'pmax=10')), '2.04');
  });

  for (const [query, why] of [
    [['gt=10', 'lt=20'], 'lt above gt'],
    [['gt=20', 'lt=10', 'st=5'], 'no room for a step between lt and gt'],
    [['st=-1'], 'a negative step'],
    [['pmin=-1'], 'a negative period'],
    [['pmin=1.5'], 'a broken second'],
    [['pmin=soon'], 'no number'],
    [['pmin='], 'no value'],
    [['epmin=5', 'epmax=5'], 'epmin not below epmax'],
    [['wibble=1'], 'an unknown attribute'],
    [['pmin=1', 'pmin=2'], 'one twice'],
    [[], 'none at all'],
  ] as const) {
    it(`answers 4.00 to ${why}`, async () => {
      const world = await givenClient();
      assert.equal(await code(world, '/3/0/9', put(...query)), '4.00');
      assert.equal(textOf(await world.server.ask('/3/0/9', { accept: 40 })), '</3/0/9>');
    });
  }

  it('answers 4.00 to thresholds where there is no number, and to what 1.0 does not know', async () => {
    const world = await givenClient();
    for (const path of ['/3', '/3/0', '/3/0/14']) assert.equal(await code(world, path, put('gt=1')), '4.00', path);
    const older = await givenClient({ objects: thermometer('1.0') });
    assert.equal(await code(older, '/3/0/9', put('epmin=1')), '4.00');
  });

  it('checks new attributes against those already there', async () => {
    const world = await givenClient();
    assert.equal(await code(world, '/3/0/9', put('gt=20')), '2.04');
    assert.equal(await code(world, '/3/0/9', put('lt=30')), '4.00');
  });

  it('answers 4.04 where nothing is', async () => {
    const world = await givenClient();
    for (const path of ['/9', '/3/1', '/3/0/13', '/3/0/7/9']) assert.equal(await code(world, path, put('pmin=1')), '4.04', path);
  });
});

describe('Execute', () => {
  async function givenExecutable(): Promise<{ world: World; calls: ExecuteArguments[]; order: string[] }> {
    const calls: ExecuteArguments[] = [];
    const order: string[] = [];
    const tree = new ObjectTree({ version: '1.1' });
    tree.add(
      3,
      0,
      { 0: 'Acme', 11: [0] },
      {
        4: {
          execute: (executed) => {
            calls.push(executed);
            order.push('executed');
            return () => order.push('afterwards');
          },
        },
        5: {
          execute: () => {
            throw new Error('a bug');
          },
        },
      },
    );
    return { world: await givenClient({ objects: tree }), calls, order };
  }

  it('runs, with its arguments, and finishes when the answer has left', async () => {
    const { world, calls, order } = await givenExecutable();
    assert.equal(await code(world, '/3/0/4', { code: Post }), '2.04');
    assert.equal(await code(world, '/3/0/4', { code: Post, contentFormat: 0, payload: "0='a,b',3,1=''" }), '2.04');
    assert.deepEqual(
      calls.map((executed) => [...executed]),
      [
        [],
        [
          [0, 'a,b'],
          [3, true],
          [1, ''],
        ],
      ],
    );
    assert.deepEqual(order, ['executed', 'afterwards', 'executed', 'afterwards']);
  });

  it('answers 4.00 to arguments outside the grammar, 4.15 to those in another format, and does not run', async () => {
    const { world, calls } = await givenExecutable();
    for (const payload of ['x', '0=', "0='", "0='a'b", '0,0', "10='a'", '0,', "0='a b'", ',', '0="a"'])
      assert.equal(await code(world, '/3/0/4', { code: Post, contentFormat: 0, payload }), '4.00', payload);
    assert.equal(await code(world, '/3/0/4', { code: Post, contentFormat: 112, payload: '0' }), '4.15');
    assert.deepEqual(calls, []);
  });

  it('answers 4.05 to what is not executable, 4.04 to what is absent', async () => {
    const { world } = await givenExecutable();
    assert.equal(await code(world, '/3/0/0', { code: Post }), '4.05');
    assert.equal(await code(world, '/3/0/12', { code: Post }), '4.04');
    assert.equal(await code(world, '/9/0/0', { code: Post }), '4.04');
  });

  it('a bug in a handler is a 5.00, and the client lives on', async () => {
    const { world } = await givenExecutable();
    const warnings: Error[] = [];
    const listen = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', listen);
    assert.equal(await code(world, '/3/0/5', { code: Post }), '5.00');
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('warning', listen);
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['a bug'],
    );
    assert.equal(await code(world, '/3/0/0'), '2.05');
  });
});

describe('Create and Delete', () => {
  const post = (payload: string, contentFormat = 110): Asked => ({ code: Post, contentFormat, payload });

  it('creates with the id of the payload, and says where', async () => {
    const world = await givenClient();
    const answer = await world.server.ask('/3303', post('[{"bn":"/3303/4/","n":"5700","v":1.5}]'));
    assert.equal(codeText(answer.code), '2.01');
    assert.deepEqual(answer.strings(Option.LocationPath), ['3303', '4']);
    assert.equal(world.tree.get('/3303/4/5700'), 1.5);
    assert.deepEqual(world.told.slice(-2), ['created', 'updated']);
  });

  it('creates with an id of its own where bare resources come', async () => {
    const world = await givenClient();
    // TLV: resource 5701 "Cel", not wrapped in an instance.
    const answer = await world.server.ask('/3303', {
      code: Post,
      contentFormat: 11542,
      payload: Buffer.from('e3164543656c', 'hex'),
    });
    assert.deepEqual(answer.strings(Option.LocationPath), ['3303', '1']);
    assert.equal(world.tree.get('/3303/1/5701'), 'Cel');
    const empty = await world.server.ask('/3303', { code: Post });
    assert.deepEqual(empty.strings(Option.LocationPath), ['3303', '2']);
  });

  it('refuses: an id that exists, two instances, a missing mandatory resource, an object that takes none', async () => {
    const tree = thermometer();
    tree.permit(3308, { create: true });
    const world = await givenClient({ objects: tree });
    assert.equal(await code(world, '/3303', post('[{"bn":"/3303/0/","n":"5700","v":1}]')), '4.00');
    assert.equal(await code(world, '/3303', post('[{"n":"/3303/1/5700","v":1},{"n":"/3303/2/5700","v":1}]')), '4.00');
    assert.equal(await code(world, '/3303', post('[{"bn":"/3303/1/","n":"1","v":1}]')), '4.04');
    // Set Point Value (3308/x/5900) is mandatory and writable.
    assert.equal(await code(world, '/3308', post('[{"bn":"/3308/0/","n":"5701","vs":"Cel"}]')), '4.00');
    assert.equal(await code(world, '/3', post('[{"bn":"/3/1/","n":"14","vs":"x"}]')), '4.05');
    assert.equal(await code(world, '/9', post('[{"bn":"/9/0/","n":"0","vs":"x"}]')), '4.04');
    assert.equal(await code(world, '/3303', post('[', 110)), '4.00');
    assert.equal(await code(world, '/3303', post('', 60_000)), '4.15');
  });

  it('takes only so many instances', async () => {
    const tree = thermometer();
    tree.permit(3303, { create: true, most: 3 });
    const world = await givenClient({ objects: tree });
    for (const expected of ['2.01', '2.01', '4.05']) assert.equal(await code(world, '/3303', { code: Post }), expected);
  });

  it('deletes an instance with the attributes on it', async () => {
    const world = await givenClient();
    await world.server.ask('/3303/0/5700', { code: Put, query: ['pmin=5'] });
    assert.equal(await code(world, '/3303/0', { code: Delete }), '2.02');
    assert.equal(await code(world, '/3303/0'), '4.04');
    await world.server.ask('/3303', post('[{"bn":"/3303/0/","n":"5700","v":1}]'));
    assert.equal(textOf(await world.server.ask('/3303/0/5700', { accept: 40 })), '</3303/0/5700>');
  });

  it('answers 4.05 where deletion is not meant, 4.04 where nothing is', async () => {
    const world = await givenClient();
    for (const path of ['/3', '/3/0', '/1/0', '/3/0/14', '/3/0/7/0'])
      assert.equal(await code(world, path, { code: Delete }), '4.05', path);
    assert.equal(await code(world, '/3303/9', { code: Delete }), '4.04');
  });

  it('from 1.2 on deletes a writable resource instance', async () => {
    const tree = thermometer('1.2');
    tree.add(19, 0, { 0: { 0: Buffer.from('a'), 1: Buffer.from('b') } });
    const world = await givenClient({ objects: tree });
    assert.equal(await code(world, '/19/0/0/0', { code: Delete }), '2.02');
    assert.deepEqual([...(tree.get('/19/0/0') as Map<number, Buffer>).keys()], [1]);
    assert.equal(await code(world, '/19/0/0/0', { code: Delete }), '4.04');
    assert.equal(await code(world, '/3/0/7/0', { code: Delete }), '4.05');
  });
});

describe('what is no operation here', () => {
  it('FETCH and iPATCH are answered 4.05 in 1.0 and anywhere but at the root, a Read of the root 4.00', async () => {
    const world = await givenClient();
    for (const method of [Fetch, IPatch]) {
      const request = { code: method, contentFormat: 110, payload: '[{"n":"/3/0/14","vs":"x"}]' };
      assert.equal(await code(world, '/3/0', request), '4.05');
      assert.equal(await code(await givenClient({ objects: thermometer('1.0') }), '', request), '4.05');
    }
    assert.equal(await code(world, '', { code: Get }), '4.00');
  });
});
