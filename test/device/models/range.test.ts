import assert from 'node:assert/strict';
import { isInRange, parseRange } from '../../../src/device/models/range';

function allows(text: string, value: number | string): boolean {
  const range = parseRange(text);
  assert.ok(range, `${text} is readable`);
  return isInRange(value, range);
}

describe('ranges of the registry', () => {
  const readable: readonly [string, readonly (number | string)[], readonly (number | string)[]][] = [
    ['0..100', [0, 50.5, 100], [-1, 100.01]],
    ['0-7', [0, 7], [8, -1]],
    ['1...15', [1, 15], [0, 16]],
    ['-1..1', [-1, 0, 1], [-2, 2]],
    ['-140..-44', [-140, -44], [-141, -43]],
    ['-30..-120', [-30, -120, -31], [-29, -121]],
    ['0.000001..1.0', [0.000001, 1], [0, 1.1]],
    ['0; 3.8..20.5', [0, 3.8, 20.5], [1, 20.6]],
    ['0..247, 255', [0, 247, 255], [248, 256]],
    ['5, 10, 15, 20', [5, 20], [6]],
    ['0..18446744073709551615', ['18446744073709551615', 0], ['18446744073709551616', -1]],
    ['0..9223372036854775807', ['9223372036854775807'], ['9223372036854775808']],
    ['0..255 bytes', [0, 255], [256]],
    ['1..64 Bytes', [1, 64], [0, 65]],
    ['0 or 26 Bytes', [0, 26], [25]],
    ['32 bytes', [32], [31, 33]],
    ['16,32,48', [16, 32, 48], [17]],
  ];
  for (const [text, good, bad] of readable) {
    it(`"${text}" is understood`, () => {
      for (const value of good) assert.equal(allows(text, value), true, `${value}`);
      for (const value of bad) assert.equal(allows(text, value), false, `${value}`);
    });
  }

  const prose = [
    '',
    '255',
    '8-Bits',
    '8 bit',
    '2 Instances',
    '[1:4]',
    '<7 to >12.5',
    'ON;OFF',
    '0: RELEASE 1: CLICK',
    'see 5.3.1.1',
    '..',
    '1..',
    'bytes',
  ];
  for (const text of prose) {
    it(`"${text}" permits everything, because its meaning is not sure`, () => assert.equal(parseRange(text), undefined));
  }
});
