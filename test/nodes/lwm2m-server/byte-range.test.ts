import assert from 'node:assert/strict';
import { byteRange } from '../../../nodes/lwm2m-server/byte-range';

describe('range of an HTTP request (RFC 9110 §14)', () => {
  for (const [header, expected] of [
    ['bytes=0-499', { start: 0, end: 499 }],
    ['bytes=500-', { start: 500, end: 999 }],
    ['bytes=-100', { start: 900, end: 999 }],
    ['bytes=-5000', { start: 0, end: 999 }],
    ['bytes=990-5000', { start: 990, end: 999 }],
    ['Bytes=0-0', { start: 0, end: 0 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=0-1,5-6', undefined],
    ['bytes=-', undefined],
    ['lines=0-1', undefined],
    ['bytes=a-b', undefined],
    [undefined, undefined],
  ] as const)
    it(`${header} of 1000 bytes`, () => assert.deepEqual(byteRange(header, 1000), expected));
});
