/** Block1 as a client (RFC 7959 §2.5): what an answer to a block means, and the same through the layer against a scripted device. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeBlock, encodeBlock } from '../../../src/coap/block/option';
import { Upload, type UploadStep } from '../../../src/coap/block/upload';
import { Code } from '../../../src/coap/codes';
import { type Message, MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { datagram, received } from '../datagram';
import { ask, givenLayer, type Outcome, ScriptedPeer, type World } from '../world';

type BlockOf = readonly [number: number, more: boolean, szx: number];

function answer(code: number, block?: BlockOf, maxAge?: number): Message {
  const options: (readonly [number, number])[] = [];
  if (maxAge !== undefined) options.push([Option.MaxAge, maxAge]);
  if (block !== undefined) options.push([Option.Block1, encodeBlock(...block)]);
  return received({ type: MessageType.Acknowledgement, code, messageId: 1, options });
}

const bodyOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => index & 255));

/** NUM, M and SZX of the block that goes out now, and its first byte. */
function blockOf(upload: Upload): { number: number; more: boolean; szx: number; from: number | undefined } {
  const { block1, payload } = upload.block();
  const block = decodeBlock(block1);
  assert.ok(block !== undefined);
  return { ...block, from: payload[0] };
}

describe('an upload', () => {
  it('sends block after block, Size1 with the first alone, and M with all but the last', () => {
    const body = bodyOf(130);
    const upload = new Upload(body, 64);
    const seen: unknown[] = [];
    const chunks: Uint8Array[] = [];
    for (let number = 0; number < 3; number++) {
      const { block1, payload, size1 } = upload.block();
      seen.push([block1 >> 4, (block1 & 8) !== 0, block1 & 7, size1]);
      chunks.push(payload);
      const step = upload.answered(answer(number < 2 ? Code.Continue : Code.Changed, [number, number < 2, 2]));
      assert.equal(step.kind, number < 2 ? 'next' : 'done');
    }
    assert.deepEqual(seen, [
      [0, true, 2, 130],
      [1, true, 2, undefined],
      [2, false, 2, undefined],
    ]);
    assert.deepEqual(Buffer.concat(chunks), body);
  });

  it('has no empty last block where the body is a multiple of the size', () => {
    const upload = new Upload(bodyOf(128), 64);
    upload.block();
    upload.answered(answer(Code.Continue, [0, true, 2]));
    assert.deepEqual(blockOf(upload), { number: 1, more: false, szx: 2, from: 64 });
  });

  it('goes on at the same byte with the smaller size of the peer, who echoes the number it was sent (RFC 7959 §3.2)', () => {
    const upload = new Upload(bodyOf(500), 128);
    assert.deepEqual(blockOf(upload), { number: 0, more: true, szx: 3, from: 0 });
    upload.answered(answer(Code.Continue, [0, true, 1]));
    assert.deepEqual(blockOf(upload), { number: 4, more: true, szx: 1, from: 128 });
    upload.answered(answer(Code.Continue, [4, true, 1]));
    assert.deepEqual(blockOf(upload), { number: 5, more: true, szx: 1, from: 160 });
  });

  it('does not follow a peer to larger blocks', () => {
    const upload = new Upload(bodyOf(500), 128);
    upload.block();
    assert.equal(upload.answered(answer(Code.Continue, [0, true, 6])).kind, 'next');
    assert.deepEqual(blockOf(upload), { number: 1, more: true, szx: 3, from: 128 });
  });

  it('arrives whole whatever sizes the peer asks for on the way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(6), fc.array(fc.nat(6)), (length, szx, wishes) => {
        const body = bodyOf(length);
        const upload = new Upload(body, 16 << szx);
        const chunks: Uint8Array[] = [];
        for (let count = 0; count <= 400; count++) {
          const { block1, payload } = upload.block();
          chunks.push(payload);
          const { number, more, szx: used } = decodeBlock(block1) as { number: number; more: boolean; szx: number };
          assert.equal(number * (16 << used), Buffer.concat(chunks).length - payload.length);
          const step = upload.answered(answer(more ? Code.Continue : Code.Changed, [number, more, wishes[count] ?? used]));
          if (!more) {
            assert.equal(step.kind, 'done');
            break;
          }
        }
        assert.deepEqual(Buffer.concat(chunks), body);
      }),
    );
  });

  const inTheMiddle = (): Upload => {
    const upload = new Upload(bodyOf(500), 128);
    upload.block();
    upload.answered(answer(Code.Continue, [0, true, 3]));
    assert.equal(blockOf(upload).number, 1);
    return upload;
  };

  describe('answered 4.13', () => {
    it('begins again with the size that is named', () => {
      const upload = inTheMiddle();
      assert.equal(upload.answered(answer(Code.RequestEntityTooLarge, [1, true, 1])).kind, 'next');
      assert.deepEqual(blockOf(upload), { number: 0, more: true, szx: 1, from: 0 });
      assert.equal(upload.block().size1, 500);
    });

    it('without a size begins again with half of ours, down to 16 bytes, and then reports it', () => {
      const upload = new Upload(bodyOf(500), 128);
      const sizes: number[] = [];
      let step: UploadStep;
      do {
        sizes.push(16 << blockOf(upload).szx);
        step = upload.answered(answer(Code.RequestEntityTooLarge));
      } while (step.kind === 'next');
      assert.deepEqual(sizes, [128, 64, 32, 16]);
      assert.equal(step.kind, 'done');
    });

    it('naming our own size or a larger one reports it: to begin again would change nothing', () => {
      for (const szx of [3, 4]) {
        assert.equal(inTheMiddle().answered(answer(Code.RequestEntityTooLarge, [1, true, szx])).kind, 'done');
      }
    });

    it('asking for so small blocks that their numbers end says so', () => {
      const upload = new Upload(Buffer.alloc(16 * 1_048_576 + 1), 1_024);
      upload.block();
      assert.equal(upload.answered(answer(Code.RequestEntityTooLarge, [0, true, 0])).kind, 'failed');
    });
  });

  it('answered 4.08 begins again, once', () => {
    const upload = inTheMiddle();
    assert.equal(upload.answered(answer(Code.RequestEntityIncomplete)).kind, 'next');
    assert.deepEqual(blockOf(upload), { number: 0, more: true, szx: 3, from: 0 });
    assert.equal(upload.answered(answer(Code.RequestEntityIncomplete)).kind, 'failed');
  });

  describe('answered 5.03 in the middle', () => {
    for (const [title, maxAge, seconds] of [
      ['Max-Age', 7, 7],
      ['the usual time', undefined, 5],
      ['a minute at most', 3_600, 60],
    ] as const) {
      it(`waits for ${title} and begins again, once`, () => {
        const upload = inTheMiddle();
        assert.deepEqual(upload.answered(answer(Code.ServiceUnavailable, undefined, maxAge)), { kind: 'wait', seconds });
        assert.equal(blockOf(upload).number, 0);
        upload.answered(answer(Code.Continue, [0, true, 3]));
        upload.block();
        assert.equal(upload.answered(answer(Code.ServiceUnavailable)).kind, 'done');
      });
    }
  });

  for (const [title, block] of [
    ['with a Block1 option', [1, true, 3] as const],
    ['without one', undefined],
  ] as const) {
    for (const code of [Code.BadRequest, Code.Unauthorized, Code.NotFound, Code.MethodNotAllowed, Code.InternalServerError]) {
      it(`stops at an error ${title} and reports it (0x${code.toString(16)})`, () => {
        assert.equal(inTheMiddle().answered(answer(code, block)).kind, 'done');
      });
    }
  }

  it('goes on after 2.04 with M=0 in the middle: a server without state acts on each block and expects the rest (RFC 7959 §2.3)', () => {
    const upload = inTheMiddle();
    assert.equal(upload.answered(answer(Code.Changed, [1, false, 3])).kind, 'next');
    assert.equal(blockOf(upload).number, 2);
  });

  for (const [title, code, block, reason] of [
    ['2.04 with M=1', Code.Changed, [1, true, 3], /asked for more/],
    ['2.04 without Block1', Code.Changed, undefined, /without a Block1 option/],
    ['2.31 without Block1', Code.Continue, undefined, /without a Block1 option/],
    ['2.31 for another block', Code.Continue, [2, true, 3], /block 2 where block 1/],
    ['2.31 with the reserved size', Code.Continue, [1, true, 7], /without a Block1 option/],
  ] as const) {
    it(`stops at ${title}`, () => {
      const step = inTheMiddle().answered(answer(code, block));
      assert.equal(step.kind, 'failed');
      assert.match((step as { reason: string }).reason, reason);
    });
  }

  describe('at its last block', () => {
    const atTheEnd = (): Upload => {
      const upload = new Upload(bodyOf(200), 128);
      upload.block();
      upload.answered(answer(Code.Continue, [0, true, 3]));
      upload.block();
      return upload;
    };

    it('takes a success without a Block1 option', () => {
      assert.equal(atTheEnd().answered(answer(Code.Changed)).kind, 'done');
    });

    for (const [title, code, block] of [
      ['2.31: there is no more', Code.Continue, [1, false, 3]],
      ['a success for another block', Code.Changed, [0, false, 3]],
    ] as const) {
      it(`stops at ${title}`, () => {
        assert.equal(atTheEnd().answered(answer(code, block)).kind, 'failed');
      });
    }
  });

  it('says plainly that a peer does not support block-wise writes when it answers the first block alone', () => {
    const upload = new Upload(bodyOf(500), 128);
    upload.block();
    const step = upload.answered(answer(Code.Changed));
    assert.match((step as { reason: string }).reason, /does not support block-wise/);
  });
});

const DEVICE = '10.0.0.2';

interface Put extends World {
  readonly device: ScriptedPeer;
  readonly outcome: Outcome;
}

async function givenPut(
  react: (message: Message, block: { number: number; more: boolean; szx: number } | undefined, peer: ScriptedPeer) => void,
  payload: Buffer,
  blockSize?: number,
): Promise<Put> {
  const world = await givenLayer();
  const device = new ScriptedPeer(world.network, DEVICE, 5683, (message, peer) => {
    const raw = message.uint(Option.Block1);
    if (message.code === Code.Put) react(message, raw === undefined ? undefined : decodeBlock(raw), peer);
  });
  const spec = { code: Code.Put, path: ['5', '0', '0'], contentFormat: 42, payload };
  const outcome = ask(world.layer, world.layer.endpoint(DEVICE, 5683), spec, blockSize === undefined ? {} : { blockSize });
  return { ...world, device, outcome };
}

function reply(peer: ScriptedPeer, { messageId, token }: Message, code: number, block?: BlockOf, maxAge?: number): void {
  const options: (readonly [number, number])[] = [];
  if (maxAge !== undefined) options.push([Option.MaxAge, maxAge]);
  if (block !== undefined) options.push([Option.Block1, encodeBlock(...block)]);
  peer.send(datagram({ type: MessageType.Acknowledgement, code, messageId, token, options }));
}

describe('a request with a large body', () => {
  it('carries path, format and a token of its own with each block, and brings the code of the last', async () => {
    const { clock, device, outcome, layer } = await givenPut(
      (message, block, peer) => {
        const { number, more, szx } = block as { number: number; more: boolean; szx: number };
        reply(peer, message, more ? Code.Continue : Code.Changed, [number, more, szx]);
      },
      bodyOf(300),
      64,
    );
    clock.advance(1_000);
    assert.equal(outcome.response?.code, Code.Changed);
    assert.equal(device.inbox.length, 5);
    assert.deepEqual(Buffer.concat(device.inbox.map(({ payload }) => payload)), bodyOf(300));
    assert.equal(new Set(device.inbox.map(({ token }) => token.toString('hex'))).size, 5);
    for (const message of device.inbox) {
      assert.deepEqual(message.strings(Option.UriPath), ['5', '0', '0']);
      assert.equal(message.uint(Option.ContentFormat), 42);
    }
    assert.equal(layer.held().tokens, 0);
  });

  it('waits out a 5.03 in the middle and begins again', async () => {
    let refusals = 0;
    const { clock, outcome, device } = await givenPut(
      (message, block, peer) => {
        const { number, more, szx } = block as { number: number; more: boolean; szx: number };
        if (number === 1 && refusals++ === 0) return reply(peer, message, Code.ServiceUnavailable, undefined, 30);
        reply(peer, message, more ? Code.Continue : Code.Changed, [number, more, szx]);
      },
      bodyOf(200),
      64,
    );
    clock.advance(29_000);
    assert.equal(device.inbox.length, 2);
    assert.deepEqual(outcome, {});
    clock.advance(2_000);
    assert.equal((outcome as Outcome).response?.code, Code.Changed);
  });

  it('is cancelled while it waits', async () => {
    const { layer, clock, network } = await givenLayer();
    const device = new ScriptedPeer(network, DEVICE, 5683, (message, peer) => {
      if (message.uint(Option.Block1) === encodeBlock(0, true, 2)) reply(peer, message, Code.Continue, [0, true, 2]);
      else reply(peer, message, Code.ServiceUnavailable, undefined, 30);
    });
    const codes: unknown[] = [];
    const spec = { code: Code.Put, path: ['x'], payload: bodyOf(200) };
    const request = layer.request(layer.endpoint(DEVICE, 5683), spec, { blockSize: 64 }, (error) => codes.push(error?.code));
    clock.advance(1_000);
    request.cancel();
    clock.advance(100_000);
    assert.deepEqual(codes, ['cancelled']);
    assert.equal(device.inbox.length, 2);
  });

  it('restarts its response timer with every block: an idle limit, not one for the whole', async () => {
    const { clock, outcome } = await givenPut(
      (message, block, peer) => {
        const { number, more, szx } = block as { number: number; more: boolean; szx: number };
        peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.Empty, messageId: message.messageId }));
        later.push(() => {
          const options = [[Option.Block1, encodeBlock(number, more, szx)] as const];
          const code = more ? Code.Continue : Code.Changed;
          peer.send(datagram({ code, messageId: 0x7000 + number, token: message.token, options }));
        });
      },
      bodyOf(300),
      64,
    );
    for (let block = 0; block < 5; block++) {
      clock.advance(80_000);
      later.shift()?.();
    }
    clock.advance(1_000);
    assert.equal(outcome.response?.code, Code.Changed);
  });

  const later: (() => void)[] = [];
});

describe('a request with a small body that is refused with 4.13', () => {
  for (const [title, named, sizes] of [
    ['and the size of the peer', 2, [100, 64, 36]],
    ['and no size', undefined, [100, 64, 36]],
  ] as const) {
    it(`${title} is sent again in blocks`, async () => {
      const { clock, device, outcome } = await givenPut((message, block, peer) => {
        if (block === undefined) {
          return reply(peer, message, Code.RequestEntityTooLarge, named === undefined ? undefined : [0, false, named]);
        }
        reply(peer, message, block.more ? Code.Continue : Code.Changed, [block.number, block.more, block.szx]);
      }, bodyOf(100));
      clock.advance(1_000);
      assert.equal(outcome.response?.code, Code.Changed);
      assert.deepEqual(
        device.inbox.map(({ payload }) => payload.length),
        sizes,
      );
    });
  }

  it('is reported when it fits the smallest block', async () => {
    const { clock, device, outcome } = await givenPut(
      (message, _block, peer) => reply(peer, message, Code.RequestEntityTooLarge),
      bodyOf(16),
    );
    clock.advance(1_000);
    assert.equal(outcome.response?.code, Code.RequestEntityTooLarge);
    assert.equal(device.inbox.length, 1);
  });
});
