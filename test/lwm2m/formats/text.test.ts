import assert from 'node:assert/strict';
import { Path } from '../../../src/device/path';
import type { ResourceType, Value } from '../../../src/device/value';
import { text } from '../../../src/lwm2m/formats/text';
import { at, failure } from './worked-example';

const base = Path.parse('/33605/0/1');

function context(type: ResourceType | undefined) {
  return { base, typeOf: () => type, now: 0 };
}

describe('text format', () => {
  const BOTH_WAYS: readonly (readonly [ResourceType, string, Value])[] = [
    ['string', 'ACME', 'ACME'],
    ['string', '', ''],
    ['string', 'żółć', 'żółć'],
    ['integer', '-49', -49],
    ['integer', '9007199254740993', '9007199254740993'],
    ['integer', '-9223372036854775808', '-9223372036854775808'],
    ['unsigned', '18446744073709551615', '18446744073709551615'],
    ['float', '21.5', 21.5],
    ['float', '1e+300', 1e300],
    ['boolean', '1', true],
    ['boolean', '0', false],
    ['time', '1700000000', new Date(1_700_000_000_000)],
    ['objlnk', '10:0', '10:0'],
    ['objlnk', '65535:65535', '65535:65535'],
    ['opaque', 'AQI=', Buffer.from([1, 2])],
    ['opaque', '', Buffer.alloc(0)],
    ['corelnk', '</3/0>', '</3/0>'],
  ];
  for (const [type, content, value] of BOTH_WAYS) {
    it(`reads and writes ${type} "${content}"`, () => {
      assert.deepEqual(text.decode(Buffer.from(content), context(type)), [{ path: '/33605/0/1', value }]);
      assert.equal(text.encode([{ path: '/33605/0/1', value }], context(type)).toString(), content);
    });
  }

  it('reads what clients print of floats', () => {
    for (const [content, value] of [
      ['3.1415901184082031', 3.141590118408203],
      ['1.0000000000000001e+300', 1e300],
      ['20.0', 20],
      ['-1E5', -1e5],
    ] as const) {
      assert.deepEqual(text.decode(Buffer.from(content), context('float'))[0]?.value, value);
    }
  });

  it('keeps a resource that the model does not know as string', () => {
    assert.equal(text.decode(Buffer.from('41'), context(undefined))[0]?.value, '41');
  });

  for (const [type, content] of [
    ['integer', ''],
    ['integer', '1.5'],
    ['integer', '0x10'],
    ['integer', ' 1'],
    ['integer', '123456789012345678901'],
    ['unsigned', '-1'],
    ['float', 'NaN'],
    ['float', '1e'],
    ['float', '.'],
    ['boolean', 'true'],
    ['objlnk', '3:'],
    ['objlnk', '70000:1'],
    ['opaque', 'A'],
    ['opaque', 'A*=='],
  ] as const) {
    it(`refuses "${content}" as ${type}`, () => {
      assert.throws(
        () => text.decode(Buffer.from(content), context(type)),
        failure('decode-error', new RegExp(`text, offset 0: expected a value of type ${type} for /33605/0/1, got "`)),
      );
    });
  }

  it('says of an answer for an instance that text carries one resource', () => {
    assert.throws(
      () => text.decode(Buffer.from('[object Object]'), at('/3/0')),
      failure('decode-error', /carries one resource.*\/3\/0/),
    );
  });

  it('writes nothing its resource cannot hold', () => {
    const entry = (value: Value) => [{ path: '/33605/0/1', value }];
    assert.throws(
      () => text.encode(entry('warm'), context('float')),
      failure('invalid-value', /\/33605\/0\/1: expected a value of type float, got "warm"/),
    );
    assert.throws(() => text.encode(entry(1.5), context('integer')), failure('invalid-value', /type integer, got number 1\.5/));
    assert.throws(() => text.encode(entry(Number.NaN), context('float')), failure('invalid-value', /NaN/));
    assert.throws(() => text.encode(entry('9223372036854775808'), context('integer')), failure('invalid-value', /integer/));
    assert.throws(() => text.encode(entry(true), context('none')), failure('invalid-value', /type none/));
    assert.throws(
      () => text.encode([...entry(1), ...entry(2)], context('integer')),
      failure('invalid-value', /exactly one resource/),
    );
  });
});
