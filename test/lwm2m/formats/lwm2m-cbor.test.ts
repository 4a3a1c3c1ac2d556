import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Path } from '../../../src/device/path';
import type { ResourceValue, Value } from '../../../src/device/value';
import { lwm2mCbor } from '../../../src/lwm2m/formats/lwm2m-cbor';
import { single, timeOfValue, typeOf as typeOfAny } from './resource-values';
import { at, EXAMPLE, failure, hex } from './worked-example';

function read(base: string, bytes: string, more = {}): ResourceValue[] {
  return lwm2mCbor.decode(hex(bytes), { ...at(base), ...more });
}

function values(...entries: [string, Value][]): ResourceValue[] {
  return entries.map(([path, value]) => ({ path, value }));
}

describe('LwM2M CBOR', () => {
  const BOTH_WAYS: readonly (readonly [string, string, string, ResourceValue[]])[] = [
    ['one resource', '/3/0/9', 'A1 83 03 00 09 18 64', values(['/3/0/9', 100])],
    [
      'resources of two objects',
      '/',
      'A2 83 03 00 09 18 64 83 01 00 01 1A 00 01 51 80',
      values(['/3/0/9', 100], ['/1/0/1', 86400]),
    ],
    ['a resource instance', '/3/0/11/0', 'A1 84 03 00 0B 00 00', values(['/3/0/11/0', 0])],
    ['an object link as text', '/3/0/22', 'A1 83 03 00 16 64 31 30 3A 30', values(['/3/0/22', '10:0'])],
    ['bytes', '/5/0/0', 'A1 83 05 00 00 42 01 02', values(['/5/0/0', Buffer.from([1, 2])])],
    [
      'an instance',
      '/3/0',
      'A1 82 03 00 A7 00 64 41 43 4D 45 03 65 31 2E 32 2E 33 06 A2 00 01 01 05 09 18 64 0B A1 00 00 0D 1A 65 53 F1 00 10 61 55',
      [...EXAMPLE],
    ],
    ['nothing', '/3/0', 'A0', []],
  ];
  for (const [what, base, bytes, expected] of BOTH_WAYS) {
    it(`reads ${what}`, () => assert.deepEqual(read(base, bytes), expected));
  }

  it('writes the same, with one key for what has one way down', () => {
    for (const [, base, bytes, expected] of BOTH_WAYS) {
      // The worked vector keeps the one instance of /3/0/11 in a map; a path of two ids in one key is a byte shorter.
      const shorter = bytes.replace('0B A1 00 00', '82 0B 00 00');
      assert.deepEqual(lwm2mCbor.encode(expected, at(base)), hex(shorter));
    }
  });

  it('reads every other way to cut paths into keys, and indefinite lengths', () => {
    for (const bytes of [
      'A1 03 A1 00 A1 09 18 64',
      'BF 83 03 00 09 18 64 FF',
      'BF 03 BF 00 BF 09 18 64 FF FF FF',
      'A1 9F 03 00 09 FF 18 64',
      'A1 82 03 00 A1 81 09 18 64',
      'A1 83 19 0003 18 00 09 18 64',
    ]) {
      assert.deepEqual(read('/3/0', bytes), values(['/3/0/9', 100]), bytes);
    }
    assert.deepEqual(read('/3/0', 'BF FF'), []);
  });

  it('reads values in every form that devices may choose', () => {
    assert.deepEqual(read('/3/0/13', 'A1 83 03 00 0D C1 1A 65 53 F1 00'), values(['/3/0/13', new Date(1_700_000_000_000)]));
    assert.deepEqual(read('/3/0/0', 'A1 83 03 00 00 7F 62 4143 62 4D45 FF'), values(['/3/0/0', 'ACME']));
    assert.deepEqual(read('/3303/0/5700', 'A1 83 19 0CE7 00 19 1644 C4 82 20 18 2D'), values(['/3303/0/5700', 4.5]));
    assert.deepEqual(
      read('/33605/0/20', 'A1 83 19 8345 00 14 1B 8000000000000000'),
      values(['/33605/0/20', '9223372036854775808']),
    );
  });

  it('reads what Anjay sends', () => {
    assert.deepEqual(read('/33605/0/14', 'bf83198345000efa40490fd0ff'), values(['/33605/0/14', 3.141590118408203]));
    assert.deepEqual(
      read('/33605/0/3', 'bf831983450003bf00010119020019012c1a01000000ffff'),
      values(['/33605/0/3/0', 1], ['/33605/0/3/1', 512], ['/33605/0/3/300', 16777216]),
    );
    assert.deepEqual(
      read('/1/1', 'bf820101bf000101183c06f50761550e0010f5110512183c131a00015180140117f4ffff').map(({ path }) => path),
      [0, 1, 6, 7, 14, 16, 17, 18, 19, 20, 23].map((resource) => `/1/1/${resource}`),
    );
    assert.deepEqual(
      read(
        '/',
        'bf03bf00bf0065616e6a617907bf00197e10ffffff190ce7bf00bf1915e1fa415000001915e2fa421c00001915e3fa000000001915e4fa42280000191644fa421c00001916456343656cffffff',
      ),
      values(
        ['/3/0/0', 'anjay'],
        ['/3/0/7/0', 32272],
        ['/3303/0/5601', 13],
        ['/3303/0/5602', 39],
        ['/3303/0/5603', 0],
        ['/3303/0/5604', 42],
        ['/3303/0/5700', 39],
        ['/3303/0/5701', 'Cel'],
      ),
    );
  });

  describe('behind a gateway', () => {
    const flat = 'A1 84 63 64 30 31 19 0C E7 00 19 16 44 F9 4D 60';
    const outer = 'A1 63 64 30 31 A1 83 19 0C E7 00 19 16 44 F9 4D 60';

    it('tells the prefix where any may come', () => {
      for (const bytes of [flat, outer])
        assert.deepEqual(read('/', bytes), [{ prefix: 'd01', path: '/3303/0/5700', value: 21.5 }]);
    });

    it('takes off the prefix that was asked for, and no other', () => {
      for (const bytes of [flat, outer]) {
        assert.deepEqual(read('/3303/0', bytes, { prefix: 'd01' }), values(['/3303/0/5700', 21.5]));
        assert.throws(() => read('/3303/0', bytes, { prefix: 'd02' }), failure('decode-error', /got "\/d01\/3303\/0\/5700"/));
        assert.throws(() => read('/3303/0', bytes), failure('decode-error', /at or below \/3303\/0, got "\/d01/));
      }
      assert.throws(
        () => read('/3303/0', 'A1 83 19 0CE7 00 19 1644 01', { prefix: 'd01' }),
        failure('decode-error', /got "\/3303/),
      );
    });

    it('writes it as the first part of a key', () => {
      const value = { path: '/3303/0/5700', value: 21.5 };
      assert.deepEqual(lwm2mCbor.encode([value], { ...at('/3303/0'), prefix: 'd01' }), hex(flat));
      assert.deepEqual(lwm2mCbor.encode([{ ...value, prefix: 'd01' }], at('/')), hex(flat));
    });
  });

  it('reads paths from the target on where a Write may leave it out', () => {
    const relative = { mayBeRelative: true };
    assert.deepEqual(read('/3/0', 'A1 09 18 64', relative), values(['/3/0/9', 100]));
    assert.deepEqual(read('/3/0/6', 'A2 00 01 01 05', relative), values(['/3/0/6/0', 1], ['/3/0/6/1', 5]));
    assert.deepEqual(read('/3/0', 'A1 83 03 00 09 18 64', relative), values(['/3/0/9', 100]));
    assert.throws(() => read('/3/0', 'A1 09 18 64'), failure('decode-error', /path of a resource at or below \/3\/0, got "\/9"/));
  });

  for (const [what, base, bytes, says] of [
    ['an array', '/3/0', '81 01', /LwM2M CBOR, offset 0: expected a map of paths, got an array of 1/],
    ['a bare value', '/3/0/9', '18 64', /a map of paths, got number 100/],
    ['an id beyond 65535', '/', 'A1 83 03 00 1A 00010000 01', /expected an id, at most four in a path, got number 65536/],
    ['a negative id', '/', 'A1 83 03 00 20 01', /an id, at most four in a path, got number -1/],
    ['five ids', '/', 'A1 85 03 00 06 00 00 01', /an id, at most four/],
    ['five ids over two levels', '/', 'A1 83 03 00 06 A1 82 00 00 01', /an id, at most four/],
    ['six parts in a key', '/', 'A1 86 61 61 03 00 06 00 00 01', /a path of at most 5 parts, got 6/],
    ['endless parts in a key', '/', 'A1 9F 03 00 06 00 00 00 00', /a path of at most 5 parts, got more/],
    ['a key of no parts', '/', 'A1 80 01', /expected an id, got none/],
    ['a prefix behind an id', '/', 'A1 84 03 61 61 00 09 01', /an id, at most four in a path, got "a"/],
    ['two prefixes', '/', 'A1 85 61 61 61 62 03 00 09 01', /an id, at most four in a path, got "b"/],
    ['a prefix that is a number', '/', 'A1 84 61 33 03 00 09 01', /an id, at most four in a path, got "3"/],
    ['a prefix with a slash', '/', 'A1 84 63 612F62 03 00 09 01', /an id, at most four/],
    ['the path of an instance', '/3', 'A1 82 03 00 01', /the path of a resource at or below \/3, got "\/3\/0"/],
    ['a path outside the request', '/3/0', 'A1 83 03 01 09 01', /at or below \/3\/0, got "\/3\/1\/9"/],
    ['null', '/3/0', 'A1 83 03 00 09 F6', /\/3\/0\/9: expected a value, got null/],
    ['an array of values', '/3/0', 'A1 83 03 00 09 81 01', /expected a value, got an array of 1/],
    ['a path twice', '/3/0', 'A2 83 03 00 09 01 03 A1 82 00 09 02', /\/3\/0\/9: expected each path once/],
    ['a key twice', '/3/0', 'A1 82 03 00 A2 09 01 09 02', /each key of a map once/],
    ['bytes as a key', '/3/0', 'A1 41 03 01', /a key: text, or an integer/],
    ['a map in a key', '/3/0', 'A1 81 A0 01', /a key: text, or an integer/],
    ['maps without end', '/3', 'A1 03 '.repeat(9), /at most 8 levels/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => read(base, bytes), failure('decode-error', says)));
  }

  it('has no place for times, nor for one path twice, and says so', () => {
    const timed = [{ path: '/3/0/9', value: 1, at: 1_700_000_000_000 }];
    assert.equal(lwm2mCbor.canEncode(timed, at('/3/0')), false);
    assert.throws(() => lwm2mCbor.encode(timed, at('/3/0')), failure('invalid-value', /the time of \/3\/0\/9/));
    const twice = values(['/3/0/9', 1], ['/3/0/9', 2]);
    assert.throws(() => lwm2mCbor.encode(twice, at('/3/0')), failure('invalid-value', /\/3\/0\/9 twice/));
    const both = values(['/3/0/6', 1], ['/3/0/6/1', 2]);
    assert.throws(() => lwm2mCbor.encode(both, at('/3/0')), failure('invalid-value', /\/3\/0\/6\/1 twice/));
    assert.throws(() => lwm2mCbor.encode(values(['/3/1/9', 1]), at('/3/0')), failure('invalid-value', /no place for \/3\/1\/9/));
  });

  it('reads what it writes, whatever the paths below the root and the prefixes', () => {
    const prefixed = fc.tuple(single, fc.option(fc.constantFrom('d01', 'ż', 'a.b'), { nil: undefined }));
    fc.assert(
      fc.property(fc.array(prefixed, { maxLength: 8 }), timeOfValue, (entries, now) => {
        const distinct = new Map(
          entries.map(([entry, prefix]) => [
            `${prefix} ${entry.path.split('/').slice(0, 4).join('/')}`,
            prefix === undefined ? entry : { prefix, ...entry },
          ]),
        );
        const given = [...distinct.values()];
        const context = { base: Path.root, typeOf: typeOfAny, now };
        const back = lwm2mCbor.decode(lwm2mCbor.encode(given, context), context);
        const key = (entry: ResourceValue) => `${entry.prefix ?? ''}${entry.path}`;
        const sorted = (all: readonly ResourceValue[]) => [...all].sort((a, b) => (key(a) < key(b) ? -1 : 1));
        assert.deepEqual(sorted(back), sorted(given));
      }),
      { numRuns: 300 },
    );
  });
});
