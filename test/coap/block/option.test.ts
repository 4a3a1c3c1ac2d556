/** The value of a Block option, with the worked values of RFC 7959 §2.2 and of captured transfers. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { blockSize, decodeBlock, encodeBlock, fits, szxFor, szxHolding, szxOrBert } from '../../../src/coap/block/option';
import { Code } from '../../../src/coap/codes';
import { Option } from '../../../src/coap/options';
import { datagram, received } from '../datagram';

const VECTORS = [
  { title: 'NUM 0, M 0, SZX 0: no bytes at all', hex: '', number: 0, more: false, szx: 0 },
  { title: 'NUM 4, M 1, SZX 1', hex: '49', number: 4, more: true, szx: 1 },
  { title: 'NUM 0, M 1, SZX 6', hex: '0e', number: 0, more: true, szx: 6 },
  { title: 'NUM 16, M 0, SZX 6', hex: '0106', number: 16, more: false, szx: 6 },
  { title: 'NUM 1,048,575, M 1, SZX 6', hex: 'fffffe', number: 1_048_575, more: true, szx: 6 },
] as const;

describe('a Block option', () => {
  for (const { title, hex, number, more, szx } of VECTORS) {
    it(`is read and written: ${title}`, () => {
      const options = [[Option.Block1, encodeBlock(number, more, szx)] as const];
      const bytes = datagram({ code: Code.Put, messageId: 1, options });
      // 27 = 13 + 14: one byte of extension before the value.
      assert.equal(bytes.subarray(6).toString('hex'), hex);
      const value = received({ code: Code.Put, messageId: 1, options }).uint(Option.Block1);
      assert.deepEqual(decodeBlock(value as number), { number, more, szx });
    });
  }

  it('reads back whatever it wrote', () => {
    fc.assert(
      fc.property(fc.nat(1_048_575), fc.boolean(), fc.nat(6), (number, more, szx) => {
        assert.deepEqual(decodeBlock(encodeBlock(number, more, szx)), { number, more, szx });
      }),
    );
  });

  it('with the size that is reserved on UDP is none', () => {
    assert.equal(decodeBlock(7), undefined);
    assert.equal(decodeBlock(encodeBlock(5, true, 7)), undefined);
    assert.deepEqual(decodeBlock(encodeBlock(5, true, 7), true), { number: 5, more: true, szx: 7 });
  });
});

describe('the size of a block', () => {
  it('is 16 to 1024 bytes', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map(blockSize), [16, 32, 64, 128, 256, 512, 1_024]);
  });

  for (const [bytes, largest, holding] of [
    [1, 0, 0],
    [16, 0, 0],
    [17, 0, 1],
    [64, 2, 2],
    [100, 2, 3],
    [1_024, 6, 6],
    [5_000, 6, 6],
  ] as const) {
    it(`for ${bytes} bytes is at most SZX ${largest}, and SZX ${holding} to hold them`, () => {
      assert.equal(szxFor(bytes), largest);
      assert.equal(szxHolding(bytes), holding);
    });
  }

  it('beyond 1024 bytes is a run of blocks where the peer knows them', () => {
    assert.deepEqual([16, 1_024, 2_047, 2_048, 65_536].map(szxOrBert), [0, 6, 6, 7, 7]);
  });

  it('limits a body: there are 1,048,576 numbers', () => {
    assert.ok(fits(16 * 1_048_576, 0));
    assert.ok(!fits(16 * 1_048_576 + 1, 0));
    assert.ok(fits(16 * 1_048_576 + 1, 1));
  });
});
