/** Block2 as a client (RFC 7959 §2.4): the rest is asked for, checked and joined; and the same through the layer. */
import assert from 'node:assert/strict';
import { Download } from '../../../src/coap/block/download';
import { decodeBlock, encodeBlock } from '../../../src/coap/block/option';
import { Code } from '../../../src/coap/codes';
import type { RequestOptions, RequestSpec } from '../../../src/coap/layer';
import { type Message, MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { datagram, received } from '../datagram';
import { ask, givenLayer, type Outcome, ScriptedPeer } from '../world';

type BlockOf = readonly [number: number, more: boolean, szx: number];

interface Part {
  readonly block?: BlockOf;
  readonly length?: number;
  readonly fill?: number;
  readonly etag?: string;
  readonly format?: number;
  readonly code?: number;
}

function part({ block, length, fill = 1, etag, format = 110, code = Code.Content }: Part): Message {
  const options: (readonly [number, number | string])[] = [];
  if (etag !== undefined) options.push([Option.ETag, etag]);
  options.push([Option.ContentFormat, format]);
  if (block !== undefined) options.push([Option.Block2, encodeBlock(...block)]);
  const payload = Buffer.alloc(length ?? 16 << (block?.[2] ?? 0), fill);
  return received({ type: MessageType.Acknowledgement, code, messageId: 1, options, payload });
}

const given = (mostBytes = 100_000): Download => new Download(mostBytes);

describe('an answer', () => {
  for (const [title, block, isPart] of [
    ['without Block2', undefined, false],
    ['that is block 0 and the last', [0, false, 6], false],
    ['that is block 0 of several', [0, true, 6], true],
    ['that is a later block, though the last', [5, false, 6], true],
  ] as const) {
    it(`${title} is ${isPart ? 'a part of' : ''} the body`, () => {
      assert.equal(Download.isPart(part({ length: 10, ...(block !== undefined && { block }) })), isPart);
    });
  }
});

describe('a download', () => {
  it('asks for block after block in the size of the peer, and joins them', () => {
    const download = given();
    const asked: number[] = [];
    for (let number = 0; number < 3; number++) {
      assert.equal(download.add(part({ block: [number, true, 1], fill: number })).kind, 'next');
      asked.push(download.block2);
    }
    assert.equal(download.add(part({ block: [3, false, 1], fill: 3, length: 5 })).kind, 'done');
    assert.deepEqual(asked, [encodeBlock(1, false, 1), encodeBlock(2, false, 1), encodeBlock(3, false, 1)]);
    assert.equal(download.body().toString('hex'), ['00', '01', '02'].map((byte) => byte.repeat(32)).join('') + '03'.repeat(5));
  });

  it('follows the peer to smaller and to larger blocks at the same byte', () => {
    const download = given();
    download.add(part({ block: [0, true, 2] }));
    assert.equal(download.add(part({ block: [4, true, 0] })).kind, 'next');
    assert.equal(download.block2, encodeBlock(5, false, 0));
    assert.equal(download.add(part({ block: [5, true, 0] })).kind, 'next');
    assert.equal(download.add(part({ block: [3, false, 1], length: 3 })).kind, 'done');
    assert.equal(download.body().length, 64 + 16 + 16 + 3);
  });

  it('takes an empty last block', () => {
    const download = given();
    download.add(part({ block: [0, true, 0] }));
    assert.equal(download.add(part({ block: [1, false, 0], length: 0 })).kind, 'done');
    assert.equal(download.body().length, 16);
  });

  for (const [title, wrong, reason] of [
    ['another number', { block: [2, true, 0] }, /block 2 of 16 bytes/],
    ['the same again', { block: [0, true, 0] }, /block 0 of 16 bytes/],
    ['a size that does not start at its byte', { block: [1, true, 1] }, /byte 16/],
    ['the reserved size', { block: [1, true, 7], length: 16 }, /reserved/],
    ['no Block2 option', { length: 16 }, /without a Block2/],
    ['less than its size though more follows', { block: [1, true, 0], length: 15 }, /15 bytes/],
    ['more than its size', { block: [1, false, 0], length: 17 }, /17 bytes/],
  ] as const) {
    it(`fails when a block comes with ${title}`, () => {
      const download = given();
      download.add(part({ block: [0, true, 0] }));
      const step = download.add(part(wrong as Part));
      assert.equal(step.kind, 'failed');
      assert.match((step as { reason: string }).reason, reason);
    });
  }

  for (const [title, first, then] of [
    ['ETag', { etag: 'one' }, { etag: 'two' }],
    ['Content-Format', { format: 110 }, { format: 112 }],
  ] as const) {
    it(`begins again, once, when the ${title} changes: the representation is another`, () => {
      const download = given();
      download.add(part({ block: [0, true, 0], fill: 1, ...first }));
      assert.equal(download.add(part({ block: [1, false, 0], ...then })).kind, 'next');
      assert.equal(download.block2, encodeBlock(0, false, 0));
      download.add(part({ block: [0, true, 0], fill: 7, ...then }));
      assert.equal(download.add(part({ block: [1, false, 0], fill: 8, length: 2, ...then })).kind, 'done');
      assert.equal(download.body().toString('hex'), `${'07'.repeat(16)}0808`);
    });

    it(`fails when the ${title} changes again`, () => {
      const download = given();
      download.add(part({ block: [0, true, 0], ...first }));
      download.add(part({ block: [1, true, 0], ...then }));
      download.add(part({ block: [0, true, 0], ...then }));
      assert.equal(download.add(part({ block: [1, true, 0], ...first })).kind, 'failed');
    });
  }

  it('does not mind an ETag that only some blocks have', () => {
    const download = given();
    download.add(part({ block: [0, true, 0], etag: 'one' }));
    assert.equal(download.add(part({ block: [1, false, 0] })).kind, 'done');
  });

  it('ends with the error of the peer in the middle', () => {
    const download = given();
    download.add(part({ block: [0, true, 0] }));
    assert.equal(download.add(part({ code: Code.NotFound })).kind, 'error');
  });

  it('ends beyond its bytes', () => {
    const download = given(40);
    download.add(part({ block: [0, true, 0] }));
    download.add(part({ block: [1, true, 0] }));
    assert.deepEqual(download.add(part({ block: [2, true, 0] })).kind, 'too-large');
  });

  it('ends beyond 65,536 blocks, whatever bytes it may have', () => {
    const download = given(Number.MAX_SAFE_INTEGER);
    let number = 0;
    while (download.add(part({ block: [number, true, 0] })).kind === 'next') number++;
    assert.equal(number, 65_536);
  });
});

const DEVICE = '10.0.0.2';
const GET: RequestSpec = { code: Code.Get, path: ['3'], query: ['a=b'], accept: 110 };
const BODY = Buffer.from(Array.from({ length: 150 }, (_, index) => index));

interface Fetch {
  readonly asked: Message[];
  readonly outcome: Outcome;
}

/** Asks a device that serves BODY in blocks of at most `szx`. */
async function fetched(szx: number, spec: RequestSpec, options: RequestOptions = {}): Promise<Fetch> {
  const { layer, clock, network } = await givenLayer();
  const device = new ScriptedPeer(network, DEVICE, 5683, (message, peer) => {
    const { messageId, token } = message;
    const raw = message.uint(Option.Block1);
    const upload = raw === undefined ? undefined : decodeBlock(raw);
    if (upload?.more) {
      const options = [[Option.Block1, raw as number] as const];
      return peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.Continue, messageId, token, options }));
    }
    const wanted = decodeBlock(message.uint(Option.Block2) ?? szx) ?? { number: 0, szx };
    const used = Math.min(wanted.szx, szx);
    const from = wanted.number * (16 << wanted.szx);
    const block = encodeBlock(from / (16 << used), from + (16 << used) < BODY.length, used);
    const reply: (readonly [number, number])[] = [[Option.ContentFormat, 110]];
    reply.push([Option.Block2, block]);
    if (upload !== undefined) reply.push([Option.Block1, raw as number]);
    const payload = BODY.subarray(from, from + (16 << used));
    peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.Content, messageId, token, options: reply, payload }));
  });
  const outcome = ask(layer, layer.endpoint(DEVICE, 5683), spec, options);
  clock.advance(5_000);
  assert.equal(layer.held().tokens, 0);
  return { asked: device.inbox, outcome };
}

describe('a request with a large answer', () => {
  it('asks for the rest with the same path, query and Accept, and a token of its own each time', async () => {
    const { asked, outcome } = await fetched(1, GET);
    assert.deepEqual(outcome.response?.payload, BODY);
    assert.equal(outcome.response?.contentFormat, 110);
    assert.deepEqual(
      asked.map((message) => message.uint(Option.Block2)),
      [undefined, ...[1, 2, 3, 4].map((number) => encodeBlock(number, false, 1))],
    );
    assert.equal(new Set(asked.map(({ token }) => token.toString('hex'))).size, 5);
    for (const message of asked) {
      assert.deepEqual(message.strings(Option.UriQuery), ['a=b']);
      assert.equal(message.uint(Option.Accept), 110);
    }
  });

  it('names its size in the first request where one is set (early negotiation)', async () => {
    const { asked, outcome } = await fetched(6, GET, { blockSize: 64 });
    assert.deepEqual(outcome.response?.payload, BODY);
    assert.deepEqual(
      asked.map((message) => message.uint(Option.Block2)),
      [0, 1, 2].map((number) => encodeBlock(number, false, 2)),
    );
  });

  it('repeats the payload of a FETCH (RFC 8132 §2)', async () => {
    const { asked } = await fetched(2, { ...GET, code: Code.Fetch, contentFormat: 320, payload: Buffer.from('[]') });
    assert.deepEqual(
      asked.map(({ payload }) => payload.toString()),
      ['[]', '[]', '[]'],
    );
  });

  it('leaves out Block1, body and format of a request that went up in blocks (RFC 7959 §2.7)', async () => {
    const spec = { ...GET, code: Code.Fetch, contentFormat: 320, payload: Buffer.alloc(40) };
    const { asked, outcome } = await fetched(2, spec, { blockSize: 16 });
    assert.deepEqual(outcome.response?.payload, BODY);
    const rest = asked.slice(3);
    assert.ok(rest.length > 0);
    for (const message of rest) {
      assert.deepEqual(
        [Option.Block1, Option.ContentFormat, Option.Size1].map((number) => message.has(number)),
        [false, false, false],
      );
      assert.equal(message.payloadLength, 0);
    }
  });

  it('ends with `too-large` beyond what its caller takes', async () => {
    const { outcome, asked } = await fetched(0, GET, { maxBodyBytes: 40 });
    assert.equal(outcome.error?.code, 'too-large');
    assert.equal(asked.length, 3);
  });

  it('brings an error of the device in the middle as the answer', async () => {
    const { layer, clock, network } = await givenLayer();
    new ScriptedPeer(network, DEVICE, 5683, ({ messageId, token, ...message }, peer) => {
      const isFirst = !peer.inbox.some((earlier) => earlier.messageId !== messageId);
      const options = isFirst ? [[Option.Block2, encodeBlock(0, true, 0)] as const] : [];
      const code = isFirst ? Code.Content : Code.NotFound;
      const payload = isFirst ? Buffer.alloc(16) : Buffer.alloc(0);
      assert.equal(message.code, Code.Get);
      peer.send(datagram({ type: MessageType.Acknowledgement, code, messageId, token, options, payload }));
    });
    const outcome = ask(layer, layer.endpoint(DEVICE, 5683), GET);
    clock.advance(1_000);
    assert.equal(outcome.response?.code, Code.NotFound);
  });

  it('does not take the last block of a body for all of it', async () => {
    const { layer, clock, network } = await givenLayer();
    new ScriptedPeer(network, DEVICE, 5683, ({ messageId, token }, peer) => {
      const options = [[Option.Block2, encodeBlock(3, false, 0)] as const];
      const payload = Buffer.alloc(4);
      peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.Content, messageId, token, options, payload }));
    });
    const outcome = ask(layer, layer.endpoint(DEVICE, 5683), GET);
    clock.advance(1_000);
    assert.equal(outcome.error?.code, 'protocol-error');
  });

  for (const [title, value] of [
    ['4 bytes', Buffer.alloc(4)],
    ['the reserved size and M=1', Buffer.of(0x0f)],
  ] as const) {
    it(`fails at a Block2 option of ${title}, at once`, async () => {
      const { layer, clock, network } = await givenLayer();
      new ScriptedPeer(network, DEVICE, 5683, ({ messageId, token }, peer) => {
        const options = [[Option.Block2, value] as const];
        peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.Content, messageId, token, options, payload: 'x' }));
      });
      const outcome = ask(layer, layer.endpoint(DEVICE, 5683), GET);
      clock.advance(1_000);
      assert.equal(outcome.error?.code, 'protocol-error');
      assert.equal(layer.held().tokens, 0);
    });
  }
});
