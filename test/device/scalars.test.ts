import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { coerce, type Subject } from '../../src/device/scalars';
import type { ResourceType, Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';

const SUBJECT: Subject = { path: '/3/0/9', name: 'Battery Level' };

function refusal(value: unknown, type: ResourceType | undefined, subject: Subject = SUBJECT): string {
  try {
    const coerced = coerce(value, type, subject);
    return `accepted as ${String(coerced)}`;
  } catch (error) {
    assert.ok(error instanceof DeviceManagementError);
    assert.equal(error.code, 'invalid-value');
    assert.equal(error.path, subject.path);
    return error.message;
  }
}

const bytes = (...list: number[]): Buffer => Buffer.from(list);
const NEW_YEAR = new Date('2026-01-01T00:00:00Z');

const ACCEPTED: Readonly<Record<Exclude<ResourceType, 'none'>, readonly (readonly [unknown, Value])[]>> = {
  string: [
    ['', ''],
    ['Grüße 🙂', 'Grüße 🙂'],
    [85, '85'],
    [true, 'true'],
    [10n ** 20n, '100000000000000000000'],
  ],
  integer: [
    [85, 85],
    [-0, 0],
    [' 85 ', 85],
    ['+85', 85],
    ['-00085', -85],
    ['85.0', 85],
    ['1e3', 1000],
    [9007199254740991, 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['-9223372036854775808', '-9223372036854775808'],
    [9223372036854775807n, '9223372036854775807'],
    [5n, 5],
  ],
  unsigned: [
    [0, 0],
    ['18446744073709551615', '18446744073709551615'],
  ],
  float: [
    [21.5, 21.5],
    ['21.5', 21.5],
    ['-.5', -0.5],
    ['1e-7', 1e-7],
    [2n ** 60n, 2 ** 60],
    ['1152921504606846976', 2 ** 60],
  ],
  boolean: [
    [true, true],
    [false, false],
    ['TRUE', true],
    ['false', false],
    ['1', true],
    [0, false],
  ],
  opaque: [
    [bytes(1, 2), bytes(1, 2)],
    [new Uint8Array([1, 2, 3]).subarray(1), bytes(2, 3)],
    [new Uint8Array([1, 2]).buffer, bytes(1, 2)],
    [[0, 255], bytes(0, 255)],
    [[], bytes()],
    [JSON.parse(JSON.stringify(bytes(1, 2))), bytes(1, 2)],
    ['', bytes()],
    ['hex:01 fF', bytes(1, 255)],
    ['base64:AQI=', bytes(1, 2)],
    ['base64:-_8', bytes(0xfb, 0xff)],
    ['utf8:ü', Buffer.from('ü')],
  ],
  time: [
    [NEW_YEAR, NEW_YEAR],
    [NEW_YEAR.getTime(), NEW_YEAR],
    [NEW_YEAR.getTime() / 1000, NEW_YEAR],
    [String(NEW_YEAR.getTime()), NEW_YEAR],
    ['2026-01-01T00:00:00Z', NEW_YEAR],
    ['2026-01-01', NEW_YEAR],
    ['2026-01-01T01:30:00.000+01:30', NEW_YEAR],
    [0, new Date(0)],
    [-86400, new Date(-86400_000)],
  ],
  objlnk: [
    ['3:0', '3:0'],
    [' 03:00 ', '3:0'],
    ['/3/0', '3:0'],
    ['65535:65535', '65535:65535'],
  ],
  corelnk: [
    ['</3/0>,</5/0>', '</3/0>,</5/0>'],
    ['', ''],
  ],
};

const REFUSED: Readonly<Record<Exclude<ResourceType, 'none'>, readonly unknown[]>> = {
  string: [Number.NaN, Infinity, NEW_YEAR, bytes(65), {}, [], '\ud800'],
  integer: [
    '',
    ' ',
    'abc',
    '0x10',
    1.5,
    '1.5',
    '4503599627370496.1',
    2 ** 53,
    NaN,
    true,
    'true',
    NEW_YEAR,
    '9223372036854775808',
    2n ** 63n,
    {},
    [1],
  ],
  unsigned: [-1, '-1', '18446744073709551616', 2 ** 53],
  float: ['', 'NaN', 'Infinity', '1,5', NaN, Infinity, '1e999', '9007199254740993', 2n ** 60n + 1n, true, NEW_YEAR],
  boolean: ['', 'yes', 'on', 2, '01', {}, bytes(1)],
  opaque: ['text', 'hex:0', 'hex:0g', 'base64:A', 'base64:!', 5, [256], [1.5], ['1'], true, { type: 'Buffer' }],
  time: ['', 'tomorrow', '2026-01-01T00:00', '2026-13-01', '01/02/2026', new Date(Number.NaN), 1e20, NaN, true, {}],
  objlnk: ['3', '3:0:1', '65536:0', '3:-1', 3, {}, '/3', '/3/0/1'],
  corelnk: ['/3/0', 5, {}],
};

describe('coerce', () => {
  for (const [type, cases] of Object.entries(ACCEPTED) as [ResourceType, readonly (readonly [unknown, Value])[]][]) {
    it(`converts to ${type} where nothing is lost`, () => {
      for (const [given, expected] of cases) assert.deepEqual(coerce(given, type, SUBJECT), expected);
    });
  }

  for (const [type, cases] of Object.entries(REFUSED) as [ResourceType, readonly unknown[]][]) {
    it(`refuses as ${type} what would lose or guess something`, () => {
      for (const given of cases)
        assert.match(refusal(given, type), /^Battery Level \(\/3\/0\/9\) takes .* came: pass .*\.$/, String(given));
    });
  }

  it('refuses no value at all, for every type', () => {
    for (const type of [...Object.keys(ACCEPTED), undefined] as (ResourceType | undefined)[]) {
      for (const nothing of [undefined, null]) assert.match(refusal(nothing, type), /cannot be written: no value came/);
    }
  });

  it('sends whoever writes an executable resource to Execute', () => {
    assert.equal(
      refusal(1, 'none', { path: '/3/0/4', name: 'Reboot' }),
      'Reboot (/3/0/4) holds no value: it is executed, not written. Use Execute.',
    );
  });

  it('says type expected, what came and what to do, never at length', () => {
    assert.equal(
      refusal('abc', 'integer'),
      'Battery Level (/3/0/9) takes an integer, but the string "abc" came: pass a whole number such as 85, or a decimal string beyond 2^53.',
    );
    assert.equal(
      refusal('2026-01-31T12:00', 'time', { path: '/3/0/13' }),
      '/3/0/13 takes a time, but the string "2026-01-31T12:00" came: pass a Date, milliseconds, or an ISO string with its zone such as "2026-01-31T12:00:00Z".',
    );
    assert.ok(refusal('x'.repeat(100_000), 'integer').length < 250);
    assert.ok(refusal(Buffer.alloc(100_000), 'integer').length < 250);
  });

  it('takes a bare number below 1e11 as seconds, from there on as milliseconds', () => {
    assert.deepEqual(coerce(1e11 - 1, 'time', SUBJECT), new Date((1e11 - 1) * 1000));
    assert.deepEqual(coerce(1e11, 'time', SUBJECT), new Date(1e11));
  });

  it('takes values of a function node, which come from another realm', () => {
    const foreign = (code: string): unknown => runInNewContext(code);
    assert.deepEqual(coerce(foreign('new Date(0)'), 'time', SUBJECT), new Date(0));
    assert.deepEqual(coerce(foreign('new Date(0)'), undefined, SUBJECT), new Date(0));
    assert.deepEqual(coerce(foreign('new Uint8Array([1, 2])'), 'opaque', SUBJECT), bytes(1, 2));
    assert.deepEqual(coerce(foreign('new ArrayBuffer(2)'), 'opaque', SUBJECT), bytes(0, 0));
    assert.deepEqual(coerce(foreign('[1, 2]'), 'opaque', SUBJECT), bytes(1, 2));
    assert.deepEqual(coerce(foreign('({type: "Buffer", data: [1]})'), 'opaque', SUBJECT), bytes(1));
  });

  it('lets the value decide where no model knows the resource', () => {
    for (const value of ['85', 85, true, bytes(1), NEW_YEAR]) assert.deepEqual(coerce(value, undefined, SUBJECT), value);
    assert.deepEqual(coerce(2n ** 60n, undefined, SUBJECT), '1152921504606846976');
    assert.match(
      refusal({}, undefined),
      /is in no model, and an object does not say its type: .* add the definition of object 3/,
    );
    assert.match(refusal(NaN, undefined), /is in no model/);
  });

  describe('ranges', () => {
    it('hold for numbers, with both bounds', () => {
      const percent = { ...SUBJECT, range: '0..100' };
      assert.equal(coerce(100, 'integer', percent), 100);
      assert.equal(
        refusal(101, 'integer', percent),
        'Battery Level (/3/0/9) takes an integer in the range 0..100, but the number 101 came.',
      );
      assert.match(refusal('-1', 'float', percent), /in the range 0\.\.100, but the number -1 came/);
    });

    it('are lengths in bytes for strings and opaque values', () => {
      const length = { ...SUBJECT, range: '1..3 bytes' };
      assert.equal(coerce('abc', 'string', length), 'abc');
      assert.match(refusal('äö', 'string', length), /in the range 1\.\.3 bytes, but 4 bytes came/);
      assert.match(refusal('', 'opaque', length), /but 0 bytes came/);
    });

    it('are passed over where their meaning is not sure', () => {
      for (const range of ['8-Bits', '255', '2 Instances', '1 bytes'])
        assert.equal(coerce(1000, 'integer', { ...SUBJECT, range }), 1000);
      assert.equal(coerce(true, 'boolean', { ...SUBJECT, range: '0..65535' }), true);
      assert.deepEqual(coerce(5, 'time', { ...SUBJECT, range: '0..1' }), new Date(5000));
    });
  });

  describe('properties', () => {
    const canonical: Readonly<Record<Exclude<ResourceType, 'none' | 'corelnk'>, fc.Arbitrary<Value>>> = {
      string: fc.string({ unit: 'grapheme' }),
      integer: fc.maxSafeInteger(),
      unsigned: fc.nat(),
      float: fc.double({ noNaN: true, noDefaultInfinity: true }),
      boolean: fc.boolean(),
      opaque: fc.uint8Array().map((list) => Buffer.from(list)),
      time: fc.date({ noInvalidDate: true }),
      objlnk: fc.tuple(fc.nat(65535), fc.nat(65535)).map(([object, instance]) => `${object}:${instance}`),
    };
    for (const [type, arbitrary] of Object.entries(canonical) as [ResourceType, fc.Arbitrary<Value>][]) {
      it(`a ${type} in its own form stays as it is, also when coerced again`, () => {
        fc.assert(
          fc.property(arbitrary, (value) => {
            const once = coerce(value, type, SUBJECT);
            assert.deepEqual(once, Object.is(value, -0) && type !== 'float' ? 0 : value);
            assert.deepEqual(coerce(once, type, SUBJECT), once);
          }),
        );
      });
    }

    it('every 64-bit integer survives as bigint and as decimal string', () => {
      fc.assert(
        fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
          assert.equal(BigInt(coerce(value, 'integer', SUBJECT) as string), value);
          assert.equal(BigInt(coerce(value.toString(), 'integer', SUBJECT) as string), value);
        }),
      );
    });

    it('every number survives as text', () => {
      fc.assert(
        fc.property(
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          (value) => value === coerce(String(value), 'float', SUBJECT),
        ),
      );
    });

    it('bytes survive as hex and base64', () => {
      fc.assert(
        fc.property(fc.uint8Array(), (list) => {
          const buffer = Buffer.from(list);
          for (const encoding of ['hex', 'base64'] as const) {
            assert.deepEqual(coerce(`${encoding}:${buffer.toString(encoding)}`, 'opaque', SUBJECT), buffer);
          }
        }),
      );
    });

    it('anything at all is either converted or refused in words', () => {
      const types = fc.constantFrom<ResourceType | undefined>(...(Object.keys(ACCEPTED) as ResourceType[]), 'none', undefined);
      fc.assert(
        fc.property(
          fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withNullPrototype: true }),
          types,
          (value, type) => {
            try {
              const coerced = coerce(value, type, SUBJECT);
              assert.ok(
                ['string', 'number', 'boolean'].includes(typeof coerced) || Buffer.isBuffer(coerced) || coerced instanceof Date,
              );
            } catch (error) {
              assert.ok(error instanceof DeviceManagementError, String(error));
            }
          },
        ),
        { numRuns: 1000 },
      );
    });
  });
});
