/** Block1 as a server (RFC 7959 §2.5): joined in order, bounded in every direction, whatever a peer sends. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeBlock } from '../../../src/coap/block/option';
import { Reassembly, type ReceivedBlock } from '../../../src/coap/block/reassembly';
import { Code } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { DEFAULT_LIMITS, type LayerLimits } from '../../../src/coap/parameters';
import { datagram } from '../datagram';
import { givenLayer, ScriptedPeer, type World } from '../world';

function given(limits: Partial<LayerLimits> = {}): Reassembly {
  return new Reassembly({ ...DEFAULT_LIMITS, ...limits });
}

function block(number: number, more: boolean, szx = 0, rest: Partial<ReceivedBlock> = {}): ReceivedBlock {
  const payload = Buffer.alloc(more ? 16 << szx : 5, number + 1);
  return { key: 'k', peer: 1, block: { number, more, szx }, payload, contentFormat: 42, size1: undefined, ...rest };
}

const CONTINUE = { kind: 'continue' };
const INCOMPLETE = { kind: 'refused', code: Code.RequestEntityIncomplete };

describe('a body that comes in blocks', () => {
  it('is joined', () => {
    const table = given();
    assert.deepEqual(table.receive(block(0, true), 0), CONTINUE);
    assert.deepEqual(table.receive(block(1, true), 0), CONTINUE);
    const result = table.receive(block(2, false), 0);
    assert.equal(result.kind, 'complete');
    const expected = `${'01'.repeat(16)}${'02'.repeat(16)}${'03'.repeat(5)}`;
    assert.equal(result.kind === 'complete' && result.body.toString('hex'), expected);
    assert.equal(table.size, 0);
    assert.equal(table.heldBytes, 0);
  });

  it('is joined whatever its length and the size of its blocks', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4_000 }), fc.nat(6), (bytes, szx) => {
        const table = given();
        const size = 16 << szx;
        for (let number = 0; number * size < bytes.length; number++) {
          const payload = Buffer.from(bytes.subarray(number * size, (number + 1) * size));
          const more = (number + 1) * size < bytes.length;
          const result = table.receive(block(number, more, szx, { payload }), 0);
          if (more) assert.deepEqual(result, CONTINUE);
          else assert.deepEqual(result.kind === 'complete' && Buffer.from(result.body), Buffer.from(bytes));
        }
      }),
    );
  });

  it('does not keep what its datagrams were: a payload may change afterwards', () => {
    const table = given();
    const first = block(0, true);
    table.receive(first, 0);
    first.payload.fill(0xee);
    const result = table.receive(block(1, false), 0);
    assert.equal(result.kind === 'complete' && result.body[0], 1);
  });

  it('is complete with its first block where that is the last', () => {
    const result = given().receive(block(0, false), 0);
    assert.equal(result.kind, 'complete');
  });

  it('takes a block again that it has just taken, and adds it once', () => {
    const table = given();
    table.receive(block(0, true), 0);
    for (let copy = 0; copy < 3; copy++) assert.deepEqual(table.receive(block(1, true), 0), CONTINUE);
    const result = table.receive(block(2, false), 0);
    assert.equal(result.kind === 'complete' && result.body.length, 37);
  });

  it('is refused when a block comes again with other bytes', () => {
    const table = given();
    table.receive(block(0, true), 0);
    table.receive(block(1, true), 0);
    assert.deepEqual(table.receive(block(1, true, 0, { payload: Buffer.alloc(16, 0xff) }), 0), INCOMPLETE);
    assert.equal(table.size, 0);
  });

  it('is refused out of order, and then forgotten', () => {
    const table = given();
    table.receive(block(0, true), 0);
    assert.deepEqual(table.receive(block(2, true), 0), INCOMPLETE);
    assert.deepEqual(table.receive(block(1, true), 0), INCOMPLETE);
  });

  it('is refused without its beginning', () => {
    assert.deepEqual(given().receive(block(3, true), 0), INCOMPLETE);
  });

  it('begins anew with block 0', () => {
    const table = given();
    table.receive(block(0, true), 0);
    table.receive(block(1, true), 0);
    table.receive(block(0, true, 0, { payload: Buffer.alloc(16, 9) }), 0);
    const result = table.receive(block(1, false), 0);
    assert.equal(result.kind === 'complete' && result.body.toString('hex'), `${'09'.repeat(16)}${'02'.repeat(5)}`);
  });

  it('may go on with smaller blocks at the same byte', () => {
    const table = given();
    table.receive(block(0, true, 2), 0);
    assert.deepEqual(table.receive(block(4, true, 0), 0), CONTINUE);
    assert.deepEqual(table.receive(block(2, true, 0), 0), INCOMPLETE);
  });

  it('is refused when its format changes (RFC 7959 §2.9.2)', () => {
    const table = given();
    table.receive(block(0, true), 0);
    assert.deepEqual(table.receive(block(1, true, 0, { contentFormat: 110 }), 0), INCOMPLETE);
  });

  for (const [title, payload, more] of [
    ['short though more follows', 15, true],
    ['empty though more follows', 0, true],
    ['longer than its size', 17, true],
    ['last and longer than its size', 17, false],
  ] as const) {
    it(`is refused with 4.00 for a block that is ${title}`, () => {
      const table = given();
      const result = table.receive(block(0, more, 0, { payload: Buffer.alloc(payload) }), 0);
      assert.deepEqual(result, { kind: 'refused', code: Code.BadRequest });
      assert.equal(table.heldBytes, 0);
    });
  }
});

describe('what bodies in blocks may take', () => {
  const TOO_LARGE = { kind: 'refused', code: Code.RequestEntityTooLarge, size1: 64 };

  it('is bounded for each: 4.13 with the limit, at once where Size1 is beyond it', () => {
    const table = given({ requestBodyBytes: 64 });
    assert.deepEqual(table.receive(block(0, true, 0, { size1: 65 }), 0), TOO_LARGE);
    for (let number = 0; number < 4; number++) assert.deepEqual(table.receive(block(number, true), 0), CONTINUE);
    assert.deepEqual(table.receive(block(4, true), 0), TOO_LARGE);
    assert.equal(table.size, 0);
    assert.deepEqual(table.receive(block(0, false, 6, { payload: Buffer.alloc(65) }), 0), TOO_LARGE);
  });

  it('follows from bytes that came, never from a Size1', () => {
    const table = given();
    table.receive(block(0, true, 0, { size1: 1_000_000 }), 0);
    assert.ok(table.heldBytes <= 64);
  });

  it('is at most twice what came, in the smallest blocks too', () => {
    const table = given();
    for (let number = 0; number < 5_000; number++) table.receive(block(number, true), 0);
    assert.ok(table.heldBytes >= 80_000 && table.heldBytes <= 160_000, `${table.heldBytes} bytes`);
  });

  it('is bounded in number for a peer: 5.03 for one more, while others are served', () => {
    const table = given({ blockTransfersPerEndpoint: 2 });
    for (const key of ['a', 'b']) assert.deepEqual(table.receive(block(0, true, 0, { key }), 0), CONTINUE);
    assert.deepEqual(table.receive(block(0, true, 0, { key: 'c' }), 0), { kind: 'refused', code: Code.ServiceUnavailable });
    assert.deepEqual(table.receive(block(0, true, 0, { key: 'd', peer: 2 }), 0), CONTINUE);
    // One that is begun anew is no other.
    assert.deepEqual(table.receive(block(0, true, 0, { key: 'a' }), 0), CONTINUE);
  });

  for (const [title, limits] of [
    ['in number', { blockTransfers: 3 }],
    ['in bytes', { blockBytes: 48 }],
  ] as const) {
    it(`is bounded ${title} for all: the longest idle makes room`, () => {
      const table = given(limits);
      ['a', 'b', 'c'].forEach((key, peer) => {
        table.receive(block(0, true, 0, { key, peer }), peer);
      });
      // Touched, though it adds nothing.
      table.receive(block(0, true, 0, { key: 'a', peer: 0 }), 5);
      assert.deepEqual(table.receive(block(0, true, 0, { key: 'd', peer: 9 }), 6), CONTINUE);
      assert.equal(table.size, 3);
      assert.ok(table.heldBytes <= 48);
      assert.deepEqual(table.receive(block(1, false, 0, { key: 'b', peer: 1 }), 7), INCOMPLETE);
      assert.equal(table.receive(block(1, false, 0, { key: 'a', peer: 0, payload: Buffer.alloc(0) }), 7).kind, 'complete');
    });
  }

  it('is refused with 5.03 where even an empty table has no room', () => {
    const table = given({ blockBytes: 40 });
    table.receive(block(0, true, 0), 0);
    assert.deepEqual(table.receive(block(1, true), 0), CONTINUE);
    assert.deepEqual(table.receive(block(2, true), 0), { kind: 'refused', code: Code.ServiceUnavailable });
    assert.equal(table.heldBytes, 0);
  });

  it('is given back when a transfer has been idle', () => {
    const table = given();
    table.receive(block(0, true, 0, { key: 'old' }), 1_000);
    table.receive(block(0, true, 0, { key: 'new' }), 2_000);
    table.expire(1_500);
    assert.equal(table.size, 1);
    assert.deepEqual(table.receive(block(1, true, 0, { key: 'old' }), 2_000), INCOMPLETE);
    assert.deepEqual(table.receive(block(1, true, 0, { key: 'new' }), 2_000), CONTINUE);
  });

  it('stays within every cap for any sequence of blocks, and is nothing after all have expired', () => {
    const limits = { requestBodyBytes: 300, blockBytes: 1_000, blockTransfers: 6, blockTransfersPerEndpoint: 2 };
    const blocks = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      peer: fc.nat(5),
      number: fc.oneof(fc.nat(4), fc.nat(1_048_575)),
      more: fc.boolean(),
      szx: fc.nat(3),
      length: fc.oneof(fc.constant(-1), fc.nat(200)),
      size1: fc.option(fc.nat(500), { nil: undefined }),
      contentFormat: fc.constantFrom(undefined, 42),
    });
    fc.assert(
      fc.property(fc.array(blocks, { maxLength: 200 }), (sequence) => {
        const table = given(limits);
        sequence.forEach(({ key, peer, number, more, szx, length, size1, contentFormat }, now) => {
          const payload = Buffer.alloc(length < 0 ? 16 << szx : length);
          const result = table.receive(
            // The peer is part of the key, as it is in the layer.
            { key: `${peer}${key}`, peer, block: { number, more, szx }, payload, contentFormat, size1 },
            now,
          );
          if (result.kind === 'complete') assert.ok(result.body.length <= limits.requestBodyBytes);
          assert.ok(table.size <= limits.blockTransfers);
          assert.ok(table.heldBytes <= limits.blockBytes);
        });
        table.expire(Number.POSITIVE_INFINITY);
        assert.deepEqual([table.size, table.heldBytes], [0, 0]);
      }),
    );
  });
});

describe('a device that sends a body in blocks', () => {
  const given2 = async (): Promise<World & { device: ScriptedPeer }> => {
    const world = await givenLayer({
      onRequest: (request) => request.respond({ code: Code.Created, locationPath: ['rd', '7'] }),
    });
    return { ...world, device: new ScriptedPeer(world.network, '10.0.0.2') };
  };
  let messageId = 0;

  function send(
    device: ScriptedPeer,
    number: number,
    more: boolean,
    options: { query?: string; tag?: Buffer; echo?: boolean; path?: string; code?: number; token?: Buffer } = {},
  ): void {
    const list: (readonly [number, number | string | Uint8Array])[] = [[Option.UriPath, options.path ?? 'rd']];
    if (options.query !== undefined) list.push([Option.UriQuery, options.query]);
    list.push([Option.Block1, encodeBlock(number, more, 0)]);
    if (options.echo === true) list.push([Option.Echo, Buffer.from('echo')]);
    if (options.tag !== undefined) list.push([Option.RequestTag, options.tag]);
    const payload = Buffer.alloc(more ? 16 : 5, number + 1);
    const token = options.token ?? Buffer.alloc(0);
    device.send(datagram({ code: options.code ?? Code.Post, messageId: ++messageId, token, options: list, payload }));
  }

  it('gets 2.31 with NUM, M and SZX as it sent them, and the real code with M=0 at the end', async () => {
    const { device, clock } = await given2();
    for (let number = 0; number < 3; number++) {
      send(device, number, number < 2);
      clock.advance(50);
    }
    assert.deepEqual(
      device.inbox.map((message) => [message.type, message.code, message.uint(Option.Block1)]),
      [
        [MessageType.Acknowledgement, Code.Continue, encodeBlock(0, true, 0)],
        [MessageType.Acknowledgement, Code.Continue, encodeBlock(1, true, 0)],
        [MessageType.Acknowledgement, Code.Created, encodeBlock(2, false, 0)],
      ],
    );
    assert.deepEqual(device.last?.strings(Option.LocationPath), ['rd', '7']);
  });

  for (const [title, differing] of [
    ['the query', { query: 'ep=b' }],
    ['the path', { path: 'dp' }],
    ['the method', { code: Code.Put }],
    ['the Request-Tag (RFC 9175 §3)', { tag: Buffer.of(2) }],
  ] as const) {
    it(`may have another transfer under way that differs in ${title}`, async () => {
      const { device, clock, requests } = await given2();
      const first = { query: 'ep=a', tag: Buffer.of(1) };
      const second = { ...first, ...differing };
      send(device, 0, true, first);
      send(device, 0, true, second);
      send(device, 1, true, first);
      send(device, 1, false, second);
      send(device, 2, false, first);
      clock.advance(50);
      assert.deepEqual(
        requests.map(({ payload }) => payload.length),
        [21, 37],
      );
    });
  }

  it('is one with itself whatever tokens and other options its blocks have, and never with another device', async () => {
    const { device, clock, network, requests } = await given2();
    const other = new ScriptedPeer(network, '10.0.0.3');
    send(device, 0, true, { token: Buffer.of(1) });
    send(device, 1, true, { token: Buffer.of(2), echo: true });
    send(other, 2, false);
    send(device, 2, false, { token: Buffer.of(3) });
    clock.advance(50);
    assert.equal(other.last?.code, Code.RequestEntityIncomplete);
    assert.equal(requests.length, 1);
    assert.equal(requests[0]?.payload.length, 37);
  });

  it('loses a transfer that it leaves for EXCHANGE_LIFETIME', async () => {
    const { device, clock, layer } = await given2();
    send(device, 0, true);
    clock.advance(240_000);
    assert.equal(layer.held().blockTransfers, 1);
    clock.advance(20_000);
    assert.deepEqual([layer.held().blockTransfers, layer.held().blockBytes], [0, 0]);
    send(device, 1, true);
    clock.advance(50);
    assert.equal(device.last?.code, Code.RequestEntityIncomplete);
  });
});
