/** Strangers: what they can make the server do, hold, and tell. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code, codeText } from '../../../src/coap/codes';
import { MessageWriter } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { ObjectLists, readObjectLinks } from '../../../src/lwm2m/server/announced-objects';
import { Mistake } from '../../../src/lwm2m/server/mistake';
import { DEFAULT_RULES, readRegistrationQuery } from '../../../src/lwm2m/server/registration-query';
import { givenServer, ScriptedDevice, SERVER } from './world';

const register = (query: readonly string[], payload: string | Uint8Array = '</1/0>') => ({
  code: Code.Post,
  path: ['rd'],
  query: ['lwm2m=1.1', ...query],
  contentFormat: 40,
  payload,
});

describe('a stranger', () => {
  it('who announces more than 1000 links gets 4.13', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const links = (count: number): string => Array.from({ length: count }, (_, index) => `</${index}>`).join(',');
    assert.equal(codeText((await device.request(register(['ep=a'], links(5000)))).code), '4.13');
    assert.equal(codeText((await device.request(register(['ep=b'], links(1000)))).code), '2.01');
  });

  it('who takes thousands of names is held to the number of registrations', async () => {
    const world = await givenServer({ limits: { registrations: 100 } });
    const device = new ScriptedDevice(world);
    for (let index = 0; index < 1000; index++) {
      const writer = new MessageWriter().begin(0, Code.Post, index, Buffer.from([1]));
      writer.strings(Option.UriPath, ['rd']).uint(Option.ContentFormat, 40);
      writer.strings(Option.UriQuery, [`ep=n${index}`, 'lwm2m=1.1']).payload(Buffer.from('</1/0>'));
      device.peer.send(writer.finish(), SERVER.address, SERVER.port);
    }
    await world.settle();
    assert.equal(world.server.size, 100);
    assert.equal(world.server.refused, 900);
    const refusals = world.lifecycle.filter(({ event }) => event === 'refused').length;
    assert.ok(refusals <= 300, `${refusals} told`);
  });

  it('who is refused again and again is told of once a minute, with the count', async () => {
    const world = await givenServer({ admission: 'secured' });
    const device = new ScriptedDevice(world);
    for (let index = 0; index < 20; index++) await device.request(register(['ep=a']));
    assert.deepEqual(
      world.lifecycle.map(({ refusal }) => refusal?.count),
      [1],
    );
    await world.settle(60_000);
    await device.request(register(['ep=a']));
    assert.deepEqual(
      world.lifecycle.map(({ refusal }) => refusal?.count),
      [1, 21],
    );
  });

  it('who sends names that are not UTF-8 gets 4.00', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const writer = new MessageWriter().begin(0, Code.Post, 1, Buffer.from([1])).strings(Option.UriPath, ['rd']);
    writer.opaque(Option.UriQuery, Buffer.from([0x65, 0x70, 0x3d, 0xff, 0xfe])).string(Option.UriQuery, 'lwm2m=1.1');
    device.peer.send(writer.payload(Buffer.from('</1/0>')).finish(), SERVER.address, SERVER.port);
    await world.settle();
    assert.equal(codeText(device.inbox[0]?.code ?? 0), '4.00');
  });

  it('who names a parameter __proto__ changes no prototype', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).request(register(['ep=__proto__', '__proto__=x', 'constructor=y']));
    const registration = world.server.registration('__proto__');
    assert.deepEqual(Object.entries(registration?.parameters ?? {}), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    assert.equal(({} as { x?: unknown }).x, undefined);
    assert.equal(world.server.registration('constructor'), undefined);
  });

  it('who sends a hundred unknown parameters gets 4.00', async () => {
    const world = await givenServer();
    const query = Array.from({ length: 100 }, (_, index) => `p${index}=${index}`);
    assert.equal(codeText((await new ScriptedDevice(world).request(register(['ep=a', ...query]))).code), '4.00');
  });

  it('who guesses ids ends no registration', async () => {
    const world = await givenServer();
    const id = await new ScriptedDevice(world).register('dev-1');
    const stranger = new ScriptedDevice(world, '10.0.0.66');
    for (const guess of ['1', 'a1', '', '%', id.slice(0, -1), `${id}x`, id.toUpperCase() === id ? 'x' : id.toUpperCase()]) {
      assert.equal(codeText((await stranger.deregister(guess)).code), '4.04');
    }
    assert.equal(world.server.size, 1);
  });

  it('who sends a Send of a thousand objects gets an answer at once', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    await device.register('dev-1');
    const records = Array.from({ length: 1000 }, (_, index) => `{"n":"/${index}/0/0","v":1}`).join(',');
    const sent = { code: Code.Post, path: ['dp'], contentFormat: 110, payload: `[${records}]` };
    assert.equal(codeText((await device.request(sent)).code), '4.04');
  });

  it('can send any bytes as query and object list, and gets a registration or a mistake', () => {
    const known = fc.constantFrom('ep=', 'lt=', 'lwm2m=', 'b=', 'Q', 'pid=', 'x=');
    const item = fc.tuple(known, fc.string({ unit: 'binary' })).map(([key, value]) => key + value);
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), (query) => {
        const read = readRegistrationQuery(query, DEFAULT_RULES);
        if (read instanceof Mistake) assert.ok(read.code >= 0x80);
        else if (read.lifetime !== undefined) assert.ok(Number.isSafeInteger(read.lifetime) && read.lifetime >= 0);
      }),
      { numRuns: 500 },
    );
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      ';',
      ',',
      '"',
      '\\',
      '=',
      'ct',
      'rt',
      'ver',
      'oma.lwm2m',
      '0',
      '3',
      '65536',
      ' ',
      '</3/0>',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const list = readObjectLinks(Buffer.from(pieces.join('')));
        if (list instanceof Mistake) return;
        assert.ok(list.objects.length > 0);
        for (const path of list.objects) assert.match(path, /^\/\d{1,5}(\/\d{1,5})?$/);
        assert.ok(list.rootPath === undefined || list.rootPath === '' || /^\/[^/]/.test(list.rootPath));
      }),
      { numRuns: 1000 },
    );
  });

  it('can send any datagram at all, and nothing is thrown', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 60 }), fc.constantFrom(0x41, 0x51), (bytes, first) => {
        device.peer.send(Buffer.from([first, 2, 0, 0, 0, 0xb2, 0x72, 0x64, ...bytes]), SERVER.address, SERVER.port);
        device.peer.send(Buffer.from(bytes), SERVER.address, SERVER.port);
        world.clock.advance(2);
      }),
      { numRuns: 500 },
    );
  });
});

describe('equal object lists', () => {
  it('are one value, whoever sends them', () => {
    const lists = new ObjectLists();
    const payload = '</>;ct=112,</1/0>,</3/0>';
    assert.equal(lists.read(Buffer.from(payload)), lists.read(Buffer.from(payload)));
    assert.notEqual(lists.read(Buffer.from(payload)), lists.read(Buffer.from(`${payload},</5/0>`)));
  });

  it('are remembered while they are met, though thousands of others come', () => {
    const lists = new ObjectLists();
    const first = lists.read(Buffer.from('</1/0>,</3/0>'));
    for (let index = 0; index < 20_000; index++) {
      lists.read(Buffer.from(`</1/${index}>`));
      if (index % 1000 === 0) assert.equal(lists.read(Buffer.from('</1/0>,</3/0>')), first);
    }
  });

  it('cannot be changed by who gets them', () => {
    const list = new ObjectLists().read(Buffer.from('</1>;ver=1.1,</1/0>'));
    assert.ok(!(list instanceof Mistake));
    assert.throws(() => (list.objects as string[]).push('/9'));
    assert.throws(() => {
      (list.versions as Record<string, string>)['1'] = '9.9';
    });
  });
});
