/** Block2 as a server (RFC 7959 §2.4): any block at any time from one representation, the handler asked once. */
import assert from 'node:assert/strict';
import { decodeBlock, encodeBlock } from '../../../src/coap/block/option';
import { etagOf, type ServedBody, Serving, sliceOf } from '../../../src/coap/block/serving';
import { Code } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { DEFAULT_LIMITS, type LayerLimits } from '../../../src/coap/parameters';
import { datagram } from '../datagram';
import { givenLayer, ScriptedPeer, type World } from '../world';

const BODY = Buffer.from(Array.from({ length: 2_500 }, (_, index) => index % 251));

describe('a slice of a body', () => {
  const slice = (number: number, szx: number, largest = 1_024, asksForSize = false) =>
    sliceOf(BODY, { number, more: false, szx }, largest, asksForSize);

  it('is the first block with the size of the whole where none is asked for', () => {
    const first = sliceOf(BODY, undefined, 1_024, false);
    assert.deepEqual(first, { payload: BODY.subarray(0, 1_024), block2: encodeBlock(0, true, 6), size2: 2_500 });
  });

  it('is any block, with M on all but the last', () => {
    assert.deepEqual(slice(1, 6), { payload: BODY.subarray(1_024, 2_048), block2: encodeBlock(1, true, 6) });
    assert.deepEqual(slice(2, 6), { payload: BODY.subarray(2_048), block2: encodeBlock(2, false, 6) });
    assert.deepEqual(slice(156, 0), { payload: BODY.subarray(2_496), block2: encodeBlock(156, false, 0) });
  });

  it('starts at the byte that is asked for where our blocks are smaller, and counts in ours', () => {
    assert.deepEqual(slice(1, 6, 256), { payload: BODY.subarray(1_024, 1_280), block2: encodeBlock(4, true, 4) });
  });

  it('tells the size of the whole with any block when asked', () => {
    assert.equal(slice(1, 6, 1_024, true)?.size2, 2_500);
  });

  it('is nothing beyond the end', () => {
    assert.equal(slice(3, 6), undefined);
    assert.equal(slice(1_048_575, 6), undefined);
    assert.equal(sliceOf(BODY.subarray(0, 1_024), { number: 1, more: false, szx: 6 }, 1_024, false), undefined);
  });

  it('is a run of blocks on a connection, numbered in blocks of 1024 (BERT)', () => {
    assert.deepEqual(sliceOf(BODY, undefined, 2_048, false), {
      payload: BODY.subarray(0, 2_048),
      block2: encodeBlock(0, true, 7),
      size2: 2_500,
    });
    assert.deepEqual(slice(1, 7, 2_048), { payload: BODY.subarray(1_024), block2: encodeBlock(1, false, 7) });
    assert.deepEqual(slice(1, 6, 2_048), { payload: BODY.subarray(1_024, 2_048), block2: encodeBlock(1, true, 6) });
  });

  it('of an empty body is empty, and the last', () => {
    const first = sliceOf(Buffer.alloc(0), { number: 0, more: false, szx: 2 }, 1_024, false);
    assert.equal(first?.payload.length, 0);
    assert.equal(first?.block2, encodeBlock(0, false, 2));
  });
});

describe('bodies kept to be served', () => {
  const given = (limits: Partial<LayerLimits>): Serving => new Serving({ ...DEFAULT_LIMITS, ...limits });
  const body = (length: number): ServedBody => {
    const bytes = Buffer.alloc(length);
    return { peer: 1, code: Code.Content, contentFormat: 42, body: bytes, etag: etagOf(bytes), touchedAt: 0 };
  };

  for (const [title, limits] of [
    ['in number', { blockTransfers: 3 }],
    ['in bytes', { blockBytes: 30 }],
  ] as const) {
    it(`are bounded ${title}: the longest unused makes room`, () => {
      const table = given(limits);
      for (const key of ['a', 'b', 'c']) table.keep(key, body(10));
      table.find('a', 5);
      table.keep('d', body(10));
      assert.deepEqual(
        ['a', 'b', 'c', 'd'].map((key) => table.find(key, 6) !== undefined),
        [true, false, true, true],
      );
      assert.equal(table.heldBytes, 30);
    });
  }

  it('are not kept where one is larger than all may be', () => {
    const table = given({ blockBytes: 30 });
    table.keep('a', body(10));
    table.keep('b', body(31));
    assert.equal(table.size, 1);
    assert.equal(table.find('b', 0), undefined);
  });

  it('replace one another under the same key', () => {
    const table = given({});
    table.keep('a', body(10));
    table.keep('a', body(20));
    assert.deepEqual([table.size, table.heldBytes], [1, 20]);
  });

  it('are given up when unused', () => {
    const table = given({});
    table.keep('a', body(10));
    table.keep('b', body(10));
    table.find('b', 2_000);
    table.expire(1_000);
    assert.equal(table.find('a', 2_000), undefined);
    assert.deepEqual([table.size, table.heldBytes], [1, 10]);
  });
});

describe('a device that fetches a large body', () => {
  let messageId = 0;

  async function givenBody(options: Parameters<typeof givenLayer>[0] = {}): Promise<World & { device: ScriptedPeer }> {
    const world = await givenLayer({
      onRequest: (request) => request.respond({ code: Code.Content, contentFormat: 42, payload: BODY }),
      ...options,
    });
    return { ...world, device: new ScriptedPeer(world.network, '10.0.0.2') };
  }

  interface Ask {
    readonly code?: number;
    readonly path?: string;
    readonly accept?: number;
    readonly size2?: boolean;
    readonly payload?: string;
    readonly type?: number;
  }

  function get(world: World & { device: ScriptedPeer }, block2: number | undefined, ask: Ask = {}): Message {
    const options: (readonly [number, number | string])[] = [[Option.UriPath, ask.path ?? 'fw']];
    if (ask.accept !== undefined) options.push([Option.Accept, ask.accept]);
    if (block2 !== undefined) options.push([Option.Block2, block2]);
    if (ask.size2 === true) options.push([Option.Size2, 0]);
    const payload = Buffer.from(ask.payload ?? '');
    world.device.send(datagram({ code: ask.code ?? Code.Get, messageId: ++messageId, options, payload }));
    world.clock.advance(50);
    return world.device.last as Message;
  }

  it('gets block 0 of it unasked, with ETag, format and the size of the whole', async () => {
    const world = await givenBody();
    const answer = get(world, undefined);
    assert.equal(answer.uint(Option.Block2), encodeBlock(0, true, 6));
    assert.equal(answer.uint(Option.Size2), 2_500);
    assert.equal(answer.uint(Option.ContentFormat), 42);
    assert.equal(answer.opaque(Option.ETag)?.length, 8);
    assert.equal(answer.payloadLength, 1_024);
  });

  it('gets any block in any order and size from one run of the handler', async () => {
    const world = await givenBody();
    get(world, undefined);
    for (const [number, szx] of [
      [39, 2],
      [1, 6],
      [0x9c, 0],
      [2, 5],
      [1, 6],
    ] as const) {
      const answer = get(world, encodeBlock(number, false, szx));
      const from = number * (16 << szx);
      assert.deepEqual(answer.payload, BODY.subarray(from, from + (16 << szx)));
      assert.deepEqual(decodeBlock(answer.uint(Option.Block2) as number), {
        number,
        more: from + (16 << szx) < BODY.length,
        szx,
      });
    }
    assert.equal(world.requests.length, 1);
  });

  it('gets blocks of the size it asks for in the first request', async () => {
    const world = await givenBody();
    const answer = get(world, encodeBlock(0, false, 2));
    assert.equal(answer.uint(Option.Block2), encodeBlock(0, true, 2));
    assert.equal(answer.payloadLength, 64);
  });

  it('gets the same for M=1, which means nothing in a request', async () => {
    const world = await givenBody();
    assert.equal(get(world, encodeBlock(1, true, 6)).uint(Option.Block2), encodeBlock(1, true, 6));
  });

  it('is told the size of the whole with a later block when it asks', async () => {
    const world = await givenBody();
    get(world, undefined);
    assert.equal(get(world, encodeBlock(1, false, 6)).uint(Option.Size2), undefined);
    assert.equal(get(world, encodeBlock(1, false, 6), { size2: true }).uint(Option.Size2), 2_500);
  });

  for (const [title, block2] of [
    ['beyond the end', encodeBlock(3, false, 6)],
    ['of the reserved size', encodeBlock(0, false, 7)],
  ] as const) {
    it(`gets 4.00 and nothing else for a block ${title}`, async () => {
      const world = await givenBody();
      get(world, undefined);
      const answer = get(world, block2);
      assert.equal(answer.code, Code.BadRequest);
      assert.equal(answer.payloadLength, 0);
      assert.equal(answer.options.length, 0);
    });
  }

  it('gets 4.00 for a block beyond the end of a body that nobody has begun to fetch', async () => {
    const world = await givenBody();
    const answer = get(world, encodeBlock(3, false, 6));
    assert.equal(answer.code, Code.BadRequest);
    assert.equal(answer.options.length, 0);
  });

  it('gets a block without the first, and then the handler is asked', async () => {
    const world = await givenBody();
    assert.deepEqual(get(world, encodeBlock(1, false, 6)).payload, BODY.subarray(1_024, 2_048));
    assert.equal(world.requests.length, 1);
  });

  it('gets a fresh representation with every block 0', async () => {
    let version = 0;
    const world = await givenBody({
      onRequest: (request) => request.respond({ code: Code.Content, payload: Buffer.alloc(2_000, ++version) }),
    });
    get(world, undefined);
    assert.equal(get(world, encodeBlock(1, false, 6)).payload[0], 1);
    get(world, encodeBlock(0, false, 6));
    assert.equal(get(world, encodeBlock(1, false, 6)).payload[0], 2);
  });

  it('leaves nothing behind when it stops, and may ask for the rest after EXCHANGE_LIFETIME all the same', async () => {
    const world = await givenBody();
    get(world, undefined);
    world.clock.advance(260_000);
    assert.deepEqual([world.layer.held().blockTransfers, world.layer.held().blockBytes], [0, 0]);
    get(world, encodeBlock(1, false, 6));
    assert.equal(world.requests.length, 2);
  });

  it('keeps a body alive by fetching from it', async () => {
    const world = await givenBody();
    get(world, undefined);
    for (let turn = 0; turn < 5; turn++) {
      world.clock.advance(200_000);
      get(world, encodeBlock(1, false, 6));
    }
    assert.equal(world.requests.length, 1);
  });

  it('never meets the handler of a POST again: what cannot be served any more is 4.08', async () => {
    const world = await givenBody();
    get(world, undefined, { code: Code.Post });
    assert.deepEqual(get(world, encodeBlock(1, false, 6), { code: Code.Post }).payload, BODY.subarray(1_024, 2_048));
    world.clock.advance(260_000);
    assert.equal(get(world, encodeBlock(1, false, 6), { code: Code.Post }).code, Code.RequestEntityIncomplete);
    assert.equal(world.requests.length, 1);
  });

  for (const [title, differing] of [
    ['path', { path: 'other' }],
    ['Accept', { accept: 112 }],
    ['method', { code: Code.Fetch }],
    ['payload of a FETCH', { code: Code.Fetch, payload: 'other' }],
  ] as const) {
    it(`is not given blocks of what was asked with another ${title}`, async () => {
      const world = await givenBody();
      const first = title.startsWith('payload') ? { code: Code.Fetch, payload: 'one' } : {};
      get(world, undefined, first);
      get(world, encodeBlock(1, false, 6), differing);
      assert.equal(world.requests.length, 2);
    });
  }

  it('may leave out the payload of its FETCH when it asks for the rest of the latest answer, as Californium does', async () => {
    let turn = 0;
    const world = await givenBody({
      onRequest: (request) => request.respond({ code: Code.Content, payload: Buffer.alloc(1_500, ++turn) }),
    });
    get(world, undefined, { code: Code.Fetch, payload: 'one' });
    assert.equal(get(world, encodeBlock(1, false, 6), { code: Code.Fetch }).payload[0], 1);
    get(world, undefined, { code: Code.Fetch, payload: 'two' });
    assert.equal(get(world, encodeBlock(1, false, 6), { code: Code.Fetch }).payload[0], 2);
    assert.equal(get(world, encodeBlock(1, false, 6), { code: Code.Fetch, payload: 'one' }).payload[0], 1);
    assert.equal(world.requests.length, 2);
  });

  it('is not given blocks of what another device fetches', async () => {
    const world = await givenBody();
    get(world, undefined);
    const other = new ScriptedPeer(world.network, '10.0.0.3');
    const options = [[Option.UriPath, 'fw'] as const, [Option.Block2, encodeBlock(1, false, 6)] as const];
    other.send(datagram({ code: Code.Get, messageId: 1, options }));
    world.clock.advance(50);
    assert.equal(world.requests.length, 2);
  });

  it('gets a body that fits as it is', async () => {
    const world = await givenBody({ onRequest: (request) => request.respond({ code: Code.Content, payload: Buffer.alloc(64) }) });
    assert.equal(get(world, undefined).has(Option.Block2), false);
    assert.equal(get(world, encodeBlock(0, false, 2)).payloadLength, 64);
    assert.equal(world.layer.held().blockTransfers, 0);
  });
});
