import assert from 'node:assert/strict';
import { Path } from '../../../src/device/path';
import type { ResourceType, Value } from '../../../src/device/value';
import { cbor } from '../../../src/lwm2m/formats/cbor';
import { at, failure, hex } from './worked-example';

const { decode: peerDecode } = require('cbor-x') as { decode(bytes: Uint8Array): unknown };

const base = Path.parse('/33605/0/1');

function context(type: ResourceType | undefined) {
  return { base, typeOf: () => type, now: 0 };
}

function read(bytes: string, type: ResourceType | undefined): Value | undefined {
  return cbor.decode(hex(bytes), context(type))[0]?.value;
}

describe('CBOR format', () => {
  const BOTH_WAYS: readonly (readonly [ResourceType, string, Value])[] = [
    ['integer', '18 64', 100],
    ['integer', '38 30', -49],
    ['integer', '1B 0020000000000001', '9007199254740993'],
    ['integer', '3B 7FFFFFFFFFFFFFFF', '-9223372036854775808'],
    ['integer', '1B 0000000100000000', 4294967296],
    ['unsigned', '1B FFFFFFFFFFFFFFFF', '18446744073709551615'],
    ['float', 'F9 4D 60', 21.5],
    ['float', 'FB 3F F1 99 99 99 99 99 9A', 1.1],
    ['float', 'FA 40 49 0F D0', 3.141590118408203],
    ['float', 'F9 0001', 2 ** -24],
    ['float', 'F9 7C00', Number.POSITIVE_INFINITY],
    ['string', '61 55', 'U'],
    ['string', '60', ''],
    ['boolean', 'F5', true],
    ['opaque', '42 01 02', Buffer.from([1, 2])],
    ['time', 'C1 1A 65 53 F1 00', new Date(1_700_000_000_000)],
    ['objlnk', '64 31 30 3A 30', '10:0'],
  ];
  for (const [type, bytes, value] of BOTH_WAYS) {
    it(`reads and writes ${type} ${bytes}`, () => {
      assert.deepEqual(read(bytes, type), value);
      assert.deepEqual(cbor.encode([{ path: '/33605/0/1', value }], context(type)), hex(bytes));
    });
  }

  it('reads every other form that devices may choose', () => {
    assert.deepEqual(read('1A 65 53 F1 00', 'time'), new Date(1_700_000_000_000));
    assert.deepEqual(read('C1 1B 00000000 6553F100', 'time'), new Date(1_700_000_000_000));
    assert.deepEqual(read('C1 FB 41D954FC40080000', 'time'), new Date(1_700_000_000_125));
    assert.deepEqual(read('C0 74 323032332D31312D31345432323A31333A32305A', 'time'), new Date(1_700_000_000_000));
    assert.equal(read('C4 82 20 18 2D', 'float'), 4.5);
    assert.equal(read('C5 82 20 03', 'float'), 1.5);
    assert.equal(read('1B 0000000000000005', 'integer'), 5);
    assert.equal(read('7F 62 4143 62 4D45 FF', 'string'), 'ACME');
    assert.deepEqual(read('5F 41 01 41 02 FF', 'opaque'), Buffer.from([1, 2]));
    assert.equal(read('7F FF', 'string'), '');
    assert.equal(read('01', 'boolean'), true);
  });

  it('keeps what the wire says where the model disagrees', () => {
    assert.equal(read('61 55', 'float'), 'U');
    assert.equal(read('F9 4D 60', 'integer'), 21.5);
    assert.equal(read('18 64', undefined), 100);
    // A date text is only one when it is a date: Date.parse takes "1" for one.
    assert.equal(read('C0 61 31', 'time'), '1');
  });

  it('copies bytes out of the datagram', () => {
    const payload = hex('42 01 02');
    const value = cbor.decode(payload, context('opaque'))[0]?.value;
    payload.fill(0);
    assert.deepEqual(value, Buffer.from([1, 2]));
  });

  it('leaves the payload as it was', () => {
    const payload = hex('42 01 02');
    cbor.decode(payload, context('opaque'));
    assert.deepEqual(Object.keys(payload), ['0', '1', '2']);
  });

  for (const [what, bytes, text] of [
    ['nothing', '', /offset 0: expected an item, got the end/],
    ['a truncated integer', '1A 65', /offset 0: expected 4 bytes/],
    ['a truncated string', '65 41', /offset 0: expected 5 bytes of text, got 1 left/],
    ['two items', '01 02', /offset 1: expected the end/],
    ['an array', '81 01', /expected one value, got an array of 1/],
    ['a map', 'A1 01 02', /expected one value, got a map/],
    ['null', 'F6', /expected one value, got null/],
    ['undefined', 'F7', /simple value 23/],
    ['a lone break', 'FF', /got a break/],
    ['a reserved head', '1C', /reserved/],
    ['an unassigned simple value', 'F8 FF', /simple value 24/],
    ['a bignum', 'C2 42 0100', /tag 0, 1, 4 or 5, got tag 2/],
    ['a regular expression (tag 27)', 'D8 1B 82 66 526567457870 61 61', /got tag 27/],
    ['a typed array', 'D8 40 41 01', /got tag 64/],
    ['a set', 'D9 0102 81 01', /got tag 258/],
    ['a fraction of a bignum', 'C4 82 20 C2 41 01', /exponent and mantissa/],
    ['a fraction of one', 'C4 81 01', /exponent and mantissa/],
    ['a string of 4 GiB', '7B 00000001 00000000', /bytes of text/],
    ['an array of 4 GiB', '9A FFFFFFFF', /4294967295 items/],
    ['a text with pieces of bytes', '7F 41 01 FF', /a piece of text/],
    ['pieces in pieces', '7F 7F 61 41 FF FF', /a piece of text/],
    ['an unended text', '7F 61 41', /expected an item, got the end/],
    ['deep nesting', '81'.repeat(50), /at most 8 levels/],
    ['deep tags', 'C1'.repeat(50), /at most 8 levels/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => cbor.decode(hex(bytes), context('integer')), failure('decode-error', text));
    });
  }

  it('gives back what no number can hold of a fraction as it comes, never as an exception', () => {
    assert.equal(read('C4 82 1A 7FFFFFFF 01', 'float'), Number.POSITIVE_INFINITY);
    assert.equal(read('C4 82 3A 7FFFFFFF 01', 'float'), 0);
  });

  it('writes what cbor-x reads', () => {
    for (const [type, value, plain] of [
      ['integer', -4294967297, -4294967297n],
      ['float', 65504, 65504],
      ['float', -0.000061035, -0.000061035],
      ['float', 5e-324, 5e-324],
      ['float', 1e10, 1e10],
      ['string', 'ż'.repeat(300), 'ż'.repeat(300)],
      ['opaque', Buffer.alloc(70_000, 7), Buffer.alloc(70_000, 7)],
    ] as const) {
      assert.deepEqual(peerDecode(cbor.encode([{ path: '/33605/0/1', value }], context(type))), plain);
    }
  });

  it('is for one resource only', () => {
    assert.throws(() => cbor.decode(hex('01'), at('/3/0')), failure('decode-error', /carries one resource/));
    assert.equal(cbor.canEncode([{ path: '/3/0/0', value: 'ACME' }], at('/3/0')), false);
  });
});
