/** Composite operations and the attributes of LwM2M 1.2, as the client answers them (LwM2M Core 1.1.1 §6.3.8, §6.3.9, 1.2 §7.3). */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { Path } from '../../../src/device/path';
import type { ObjectTree } from '../../../src/lwm2m/client/objects';
import { badRequest } from '../../../src/lwm2m/client/refusal';
import { decode } from '../../../src/lwm2m/formats/formats';
import { type Asked, givenClient, thermometer, type World } from './world';

const { Fetch, IPatch, Put } = Code;

function valuesOf(world: World, message: Message | undefined): [string, unknown][] {
  assert.equal(message?.code, Code.Content, message?.payload.toString());
  const context = { base: Path.root, typeOf: world.tree.model.typeOf, now: 0 };
  return decode(message.uint(Option.ContentFormat), message.payload, context).map(({ path, value }) => [path, value]);
}

const list = (...paths: string[]): Asked => ({
  code: Fetch,
  contentFormat: 110,
  payload: JSON.stringify(paths.map((n) => ({ n }))),
});
const changes = (payload: string, contentFormat = 110): Asked => ({ code: IPatch, contentFormat, payload });

async function given(version = '1.1', tree: ObjectTree = thermometer(version)): Promise<World> {
  tree.add(16, 0, { 0: { 0: 'a', 1: 'b' } });
  return givenClient({ objects: tree });
}

describe('Read-Composite', () => {
  it('gives what is there of a list, each value once', async () => {
    const world = await given();
    const answer = await world.server.ask('', list('/3/0/9', '/3303/0', '/3303/0/5700', '/3/0/99', '/5', '/3/0/4'));
    assert.deepEqual(valuesOf(world, answer), [
      ['/3/0/9', 85],
      ['/3303/0/5700', 20],
      ['/3303/0/5701', 'Cel'],
    ]);
    assert.equal(answer.uint(Option.ContentFormat), 110, 'in the representation of the list');
    assert.deepEqual(valuesOf(world, await world.server.ask('', list('/5'))), []);
  });

  it('of the root gives everything but keys', async () => {
    const world = await given();
    assert.ok(world.tree.has(0), 'there are keys to be left out');
    const objects = new Set(valuesOf(world, await world.server.ask('', list('/'))).map(([path]) => path.split('/')[1]));
    assert.deepEqual([...objects], ['1', '3', '16', '3303']);
    assert.deepEqual(valuesOf(world, await world.server.ask('', list('/0'))), []);
  });

  it('answers in what is accepted, LwM2M CBOR from 1.2 on', async () => {
    for (const [version, accept, code] of [
      ['1.1', 112, '2.05'],
      ['1.1', 11544, '4.06'],
      ['1.2', 11544, '2.05'],
      ['1.2', 322, '4.06'],
      ['1.2', 0, '4.06'],
      ['1.2', 11542, '4.06'],
    ] as const) {
      const world = await given(version);
      const answer = await world.server.ask('', { ...list('/3/0/9', '/3303/0/5700'), accept });
      assert.equal(codeText(answer.code), code, `${version} ${accept}`);
      if (code === '2.05') assert.equal(valuesOf(world, answer).length, 2);
    }
  });

  it('takes lists in SenML, from 1.2 on in SenML-ETCH, and refuses what is no list', async () => {
    const world = await given('1.2');
    for (const [payload, contentFormat, code] of [
      ['[{"n":"/3/0/9"}]', 320, '2.05'],
      ['[{"n":"/3/0/9"}]', 11543, '4.15'],
      ['[{"n":"/3/0/9","v":1}]', 110, '4.00'],
      ['[]', 110, '4.00'],
      ['[', 110, '4.00'],
      ['[{"n":"/d01/3/0/9"}]', 110, '4.04'],
    ] as const) {
      assert.equal(codeText((await world.server.ask('', { code: Fetch, contentFormat, payload })).code), code, payload);
    }
    const older = await given('1.1');
    assert.equal(
      codeText((await older.server.ask('', { code: Fetch, contentFormat: 320, payload: '[{"n":"/3"}]' })).code),
      '4.15',
    );
  });
});

describe('Write-Composite', () => {
  it('writes into several objects at once, leaving alone what it does not name', async () => {
    const world = await given();
    const payload =
      '[{"n":"/3/0/14","vs":"+01:00"},{"n":"/1/0/1","v":900},{"n":"/16/0/0/1","vs":"B"},{"n":"/16/0/0/7","vs":"H"}]';
    assert.equal(codeText((await world.server.ask('', changes(payload))).code), '2.04');
    assert.equal(world.tree.get('/3/0/14'), '+01:00');
    assert.equal(world.tree.get('/1/0/1'), 900);
    assert.deepEqual(
      [...(world.tree.get('/16/0/0') as Map<number, unknown>)],
      [
        [0, 'a'],
        [1, 'B'],
        [7, 'H'],
      ],
    );
    assert.ok(world.told.includes('written'));
  });

  it('takes what Anjay takes in LwM2M CBOR', async () => {
    const world = await given('1.2');
    const payload = Buffer.from('a203a100a10e662b31323a303001a100a1011884', 'hex');
    assert.equal(codeText((await world.server.ask('', { code: IPatch, contentFormat: 11544, payload })).code), '2.04');
    assert.equal(world.tree.get('/3/0/14'), '+12:00');
    assert.equal(world.tree.get('/1/0/1'), 132);
  });

  for (const [what, record, code] of [
    ['a read-only resource', '{"n":"/3/0/9","v":1}', '4.05'],
    ['a resource that is not there', '{"n":"/3/0/99","v":1}', '4.04'],
    ['an instance that is not there', '{"n":"/3303/5/5700","v":1}', '4.04'],
    ['a value that does not fit', '{"n":"/1/0/2","vs":"soon"}', '4.00'],
    ['a value its resource refuses', '{"n":"/1/0/1","v":0}', '4.00'],
    ['an object that holds keys', '{"n":"/0/0/0","vs":"coap://10.0.0.9"}', '4.04'],
    ['a device behind it', '{"n":"/d01/3/0/14","vs":"x"}', '4.04'],
    ['a removal in plain SenML', '{"n":"/16/0/0/1","v":null}', '4.00'],
  ] as const) {
    it(`with ${what} among its values writes none of them: ${code}`, async () => {
      const world = await given();
      const answer = await world.server.ask('', changes(`[{"n":"/3/0/14","vs":"+01:00"},${record}]`));
      assert.equal(codeText(answer.code), code, answer.payload.toString());
      assert.equal(world.tree.get('/3/0/14'), '+02:00');
    });
  }

  it('removes a resource instance with null in SenML-ETCH', async () => {
    const world = await given('1.2');
    const both = '[{"n":"/16/0/0/1","v":null},{"n":"/16/0/0/2","vs":"c"}]';
    assert.equal(codeText((await world.server.ask('', changes(both, 320))).code), '2.04');
    assert.deepEqual(
      [...(world.tree.get('/16/0/0') as Map<number, unknown>)],
      [
        [0, 'a'],
        [2, 'c'],
      ],
    );
    for (const [path, code] of [
      ['/16/0/0/9', '4.04'],
      ['/3/0/14', '4.00'],
    ]) {
      assert.equal(codeText((await world.server.ask('', changes(`[{"n":"${path}","v":null}]`, 320))).code), code, path);
    }
  });

  it('is refused in formats without full names, and without any values', async () => {
    const world = await given('1.2');
    assert.equal(codeText((await world.server.ask('', changes('x', 0))).code), '4.15');
    assert.equal(codeText((await world.server.ask('', changes('[]'))).code), '4.00');
  });

  it('relative paths in LwM2M CBOR are for a plain Write', async () => {
    const world = await given('1.2');
    const payload = Buffer.from('a10e662b30333a3030', 'hex');
    assert.equal(codeText((await world.server.ask('/3/0', { code: Code.Post, contentFormat: 11544, payload })).code), '2.04');
    assert.equal(world.tree.get('/3/0/14'), '+03:00');
    assert.equal(codeText((await world.server.ask('', { code: IPatch, contentFormat: 11544, payload })).code), '4.00');
  });
});

describe('Observe-Composite', () => {
  const observing = (...paths: string[]): Asked => ({ ...list(...paths), observe: 0, token: 'cmp' });

  it('tells all values when one of them changes, and ends with its cancel', async () => {
    const world = await given();
    const first = await world.server.ask('', observing('/3/0/14', '/3303/0'));
    assert.equal(first.uint(Option.Observe), 0);
    assert.deepEqual(world.client.observations, ['/3/0/14,/3303/0']);
    world.client.setValue('/3303/0/5700', 21);
    await world.seconds(1);
    assert.equal(world.server.notified.length, 1);
    assert.deepEqual(valuesOf(world, world.server.notified[0]), [
      ['/3/0/14', '+02:00'],
      ['/3303/0/5700', 21],
      ['/3303/0/5701', 'Cel'],
    ]);
    world.client.setValue('/3/0/9', 1);
    await world.seconds(1);
    assert.equal(world.server.notified.length, 1, 'what is not observed is not told');
    const last = await world.server.ask('', { ...observing('/3/0/14', '/3303/0'), observe: 1 });
    assert.equal(last.code, Code.Content);
    assert.deepEqual(world.client.observations, []);
  });

  it('goes by the periods of each path: pmax of one has all of them told (int-304, int-310)', async () => {
    const world = await given();
    await world.server.ask('/1/0/1', { code: Put, query: ['pmin=30', 'pmax=45'] });
    await world.server.ask('', observing('/1/0/1', '/3/0/11', '/3/0/16'));
    await world.seconds(46);
    assert.equal(world.server.notified.length, 1);
    assert.equal(valuesOf(world, world.server.notified[0]).length, 3);
    await world.server.ask('/3', { code: Put, query: ['pmax=5'] });
    await world.seconds(20);
    assert.ok(world.server.notified.length >= 4, `${world.server.notified.length}`);
  });

  it('goes by the conditions of each path', async () => {
    const world = await given();
    await world.server.ask('/3303/0/5700', { code: Put, query: ['gt=30'] });
    await world.server.ask('', observing('/3303/0/5700', '/3/0/14'));
    world.client.setValue('/3303/0/5700', 25);
    await world.seconds(1);
    assert.equal(world.server.notified.length, 0);
    world.client.setValue('/3303/0/5700', 31);
    await world.seconds(1);
    assert.equal(world.server.notified.length, 1);
    world.client.setValue('/3/0/14', '+09:00');
    await world.seconds(1);
    assert.equal(world.server.notified.length, 2);
  });

  it('tells instances that come and go below what it observes (int-308, int-309)', async () => {
    const world = await given();
    await world.server.ask('', observing('/3303', '/3/0/14'));
    world.tree.add(3303, 4, { 5700: 7 });
    await world.seconds(1);
    assert.ok(valuesOf(world, world.server.notified[0]).some(([path]) => path === '/3303/4/5700'));
    world.tree.remove(3303, 4);
    await world.seconds(1);
    assert.ok(!valuesOf(world, world.server.notified[1]).some(([path]) => path === '/3303/4/5700'));
  });

  it('takes pmin, pmax, epmin, epmax and con in its query from 1.2 on, and nothing else', async () => {
    const newer = await given('1.2');
    assert.equal(codeText((await newer.server.ask('', { ...observing('/3/0/14'), query: ['pmax=5', 'con=1'] })).code), '2.05');
    await newer.seconds(6);
    assert.equal(newer.server.notified[0]?.type, MessageType.Confirmable);
    assert.equal(codeText((await newer.server.ask('', { ...observing('/3/0/9'), query: ['gt=5'] })).code), '4.00');
    const older = await given('1.1');
    assert.equal(codeText((await older.server.ask('', { ...observing('/3/0/14'), query: ['pmax=5'] })).code), '4.00');
  });
});

describe('attributes of 1.2', () => {
  function door(): ObjectTree {
    const tree = thermometer('1.2');
    tree.add(3342, 0, { 5500: false });
    return tree;
  }
  const observe: Asked = { observe: 0, token: 'edg' };

  it('edge tells one way of a Boolean only', async () => {
    for (const [edge, expected] of [
      [1, ['1', '1']],
      [0, ['0', '0']],
    ] as const) {
      const world = await given('1.2', door());
      await world.server.ask('/3342/0/5500', { code: Put, query: [`edge=${edge}`] });
      await world.server.ask('/3342/0/5500', observe);
      for (const value of [true, false, true, false]) {
        world.client.setValue('/3342/0/5500', value);
        await world.seconds(1);
      }
      assert.deepEqual(
        world.server.notified.map(({ payload }) => payload.toString()),
        expected,
      );
    }
  });

  it('con makes notifications confirmable', async () => {
    const world = await given('1.2');
    await world.server.ask('/3303/0/5700', observe);
    world.client.setValue('/3303/0/5700', 21);
    await world.seconds(1);
    await world.server.ask('/3303/0/5700', { code: Put, query: ['con=1'] });
    world.client.setValue('/3303/0/5700', 22);
    await world.seconds(1);
    assert.deepEqual(
      world.server.notified.map(({ type }) => type),
      [MessageType.NonConfirmable, MessageType.Confirmable],
    );
  });

  it('hqmax keeps what happens while a notification waits for its ACK, the newest of it, where the server wants that (1/x/6)', async () => {
    const world = await given('1.2');
    world.client.setValue('/1/0/6', true);
    await world.server.ask('/3303/0/5700', { code: Put, query: ['con=1', 'hqmax=2'] });
    await world.server.ask('/3303/0/5700', { ...observe, accept: 110 });
    world.server.reaction = 'silence';
    for (const value of [21, 22, 23, 24]) {
      world.client.setValue('/3303/0/5700', value);
      await world.seconds(1);
    }
    world.server.reaction = 'acknowledge';
    await world.seconds(30);
    const context = { base: Path.root, typeOf: world.tree.model.typeOf, now: 0 };
    const told = world.server.notified.map(({ payload }) => decode(110, payload, context).map(({ value }) => value));
    assert.deepEqual(told, [[21], [23, 24]]);
    const times = decode(110, world.server.notified[1]?.payload ?? Buffer.alloc(0), context).map(({ at }) => at as number);
    assert.equal((times[1] as number) - (times[0] as number), 1000);
  });

  it('stand in Discover, and are refused before 1.2', async () => {
    const world = await given('1.2', door());
    await world.server.ask('/3342/0/5500', { code: Put, query: ['edge=1', 'con=0', 'hqmax=9'] });
    const answer = await world.server.ask('/3342/0/5500', { accept: 40 });
    assert.equal(answer.payload.toString(), '</3342/0/5500>;edge=1;con=0;hqmax=9');
    const older = await given('1.1');
    assert.equal(codeText((await older.server.ask('/3/0/9', { code: Put, query: ['con=1'] })).code), '4.00');
    assert.equal(codeText((await world.server.ask('/3303/0/5700', { code: Put, query: ['edge=1'] })).code), '4.00');
  });
});

describe('what a resource throws in a Write-Composite', () => {
  it('refuses the whole of it', async () => {
    const tree = thermometer();
    tree.add(
      3311,
      0,
      { 5850: false, 5851: 50 },
      {
        5851: {
          check: () => {
            throw badRequest('too bright');
          },
        },
      },
    );
    const world = await given('1.1', tree);
    const answer = await world.server.ask('', changes('[{"n":"/3311/0/5850","vb":true},{"n":"/3311/0/5851","v":60}]'));
    assert.equal(codeText(answer.code), '4.00');
    assert.equal(world.tree.get('/3311/0/5850'), false);
  });
});
