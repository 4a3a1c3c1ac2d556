import assert from 'node:assert/strict';
import { isNewer } from '../../src/coap/observation';

const TOP = 2 ** 24 - 1;

describe('the order of notifications (RFC 7641 §3.4)', () => {
  const cases: readonly [string, number, number, number, boolean][] = [
    ['a higher number is newer', 5, 6, 0, true],
    ['a lower number is older', 6, 5, 0, false],
    ['an equal number is a duplicate', 5, 5, 0, false],
    ['a number after the wrap is newer', TOP, 0, 0, true],
    ['a number before the wrap is older', 0, TOP, 0, false],
    ['half the range ahead cannot be told, and is not newer', 0, 2 ** 23, 0, false],
    ['just below half the range ahead is newer', 0, 2 ** 23 - 1, 0, true],
    ['a lower number is older within 128 s', 6, 5, 128_000, false],
    ['a lower number is newer after 128 s: the device has begun to count anew', 6, 1, 128_001, true],
    ['an equal number is newer after 128 s', 6, 6, 128_001, true],
  ];
  for (const [name, first, second, later, expected] of cases) {
    it(name, () => assert.equal(isNewer(first, 1000, second, 1000 + later), expected));
  }
});
