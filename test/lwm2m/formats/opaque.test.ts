import assert from 'node:assert/strict';
import { opaque } from '../../../src/lwm2m/formats/opaque';
import { at, failure } from './worked-example';

describe('opaque format', () => {
  it('carries bytes both ways, as a copy', () => {
    const payload = Buffer.from([1, 2, 0xff]);
    const [entry] = opaque.decode(payload, at('/5/0/0'));
    assert.deepEqual(entry, { path: '/5/0/0', value: Buffer.from([1, 2, 0xff]) });
    payload[0] = 9;
    assert.deepEqual(entry?.value, Buffer.from([1, 2, 0xff]));
    assert.deepEqual(opaque.encode([{ path: '/5/0/0', value: Buffer.from([7]) }], at('/5/0/0')), Buffer.from([7]));
    assert.deepEqual(opaque.decode(Buffer.alloc(0), at('/5/0/0')), [{ path: '/5/0/0', value: Buffer.alloc(0) }]);
  });

  it('takes bytes that went through a structured clone', () => {
    const value = structuredClone(Buffer.from([7, 8]));
    assert.deepEqual(opaque.encode([{ path: '/5/0/0', value: value as Buffer }], at('/5/0/0')), Buffer.from([7, 8]));
  });

  it('is for one opaque resource only', () => {
    assert.throws(() => opaque.decode(Buffer.from([1]), at('/5/0')), failure('decode-error', /carries one resource/));
    assert.throws(() => opaque.encode([{ path: '/3/0/0', value: 'ACME' }], at('/3/0/0')), failure('invalid-value', /bytes only/));
    assert.equal(opaque.canEncode([{ path: '/3/0/0', value: 'ACME' }], at('/3/0/0')), false);
    assert.equal(opaque.canEncode([{ path: '/5/0/0', value: Buffer.alloc(1) }], at('/5/0/0')), true);
  });
});
