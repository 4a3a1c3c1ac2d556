/** The registry of options (RFC 7252 §5.10, RFC 7641, 7959, 7967, 9175): which are critical, which repeat, and how long each may be. */
import assert from 'node:assert/strict';
import { isCritical, isUnderstood, Option } from '../../src/coap/options';

type Row = readonly [name: keyof typeof Option, number: number, shortest: number, longest: number, repeats: boolean];

const REGISTRY: readonly Row[] = [
  ['IfMatch', 1, 0, 8, true],
  ['UriHost', 3, 1, 255, false],
  ['ETag', 4, 1, 8, true],
  ['IfNoneMatch', 5, 0, 0, false],
  ['Observe', 6, 0, 3, false],
  ['UriPort', 7, 0, 2, false],
  ['LocationPath', 8, 0, 255, true],
  ['UriPath', 11, 0, 255, true],
  ['ContentFormat', 12, 0, 2, false],
  ['MaxAge', 14, 0, 4, false],
  ['UriQuery', 15, 0, 255, true],
  ['HopLimit', 16, 1, 1, false],
  ['Accept', 17, 0, 2, false],
  ['LocationQuery', 20, 0, 255, true],
  ['Block2', 23, 0, 3, false],
  ['Block1', 27, 0, 3, false],
  ['Size2', 28, 0, 4, false],
  ['ProxyUri', 35, 1, 1_034, false],
  ['ProxyScheme', 39, 1, 255, false],
  ['Size1', 60, 0, 4, false],
  ['Echo', 252, 1, 40, false],
  ['NoResponse', 258, 0, 1, false],
  ['RequestTag', 292, 0, 8, true],
];

describe('an option', () => {
  for (const [name, number, shortest, longest, repeats] of REGISTRY) {
    it(`${number} is ${name}: ${shortest} to ${longest} bytes, ${repeats ? 'any number of times' : 'once'}`, () => {
      assert.equal(Option[name], number);
      assert.deepEqual(
        [shortest - 1, shortest, longest, longest + 1].map((length) => isUnderstood(number, length, false)),
        [false, true, true, false],
      );
      assert.equal(isUnderstood(number, shortest, true), repeats);
    });
  }

  it('of any other number is unknown', () => {
    const known = new Set(REGISTRY.map(([, number]) => number));
    assert.equal(known.size, Object.keys(Option).length);
    for (let number = 0; number <= 65_535; number++) {
      if (!known.has(number)) assert.equal(isUnderstood(number, 1, false), false, String(number));
    }
  });

  it('is critical when its number is odd', () => {
    assert.deepEqual([Option.Block1, Option.Accept, 9, 65_001].map(isCritical), [true, true, true, true]);
    assert.deepEqual([Option.Observe, Option.ContentFormat, 65_000].map(isCritical), [false, false, false]);
  });
});
