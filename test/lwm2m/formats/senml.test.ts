/** Both representations of SenML: the same records, the same rules. */
import assert from 'node:assert/strict';
import type { ResourceType, ResourceValue, Value } from '../../../src/device/value';
import { senmlCbor } from '../../../src/lwm2m/formats/senml-cbor';
import { senmlJson } from '../../../src/lwm2m/formats/senml-json';
import { at, EXAMPLE, failure, hex, NOW } from './worked-example';

/** An independent peer for CBOR. */
const { decode: peerDecode, Encoder } = require('cbor-x') as {
  decode(bytes: Uint8Array): unknown;
  Encoder: new (options: object) => { encode(value: unknown): Buffer };
};
const peer = new Encoder({ mapsAsObjects: false, useRecords: false });

const EXAMPLE_JSON =
  '[{"bn":"/3/0/","n":"0","vs":"ACME"},{"n":"3","vs":"1.2.3"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"9","v":100},{"n":"11/0","v":0},{"n":"13","v":1700000000},{"n":"16","vs":"U"}]';
const EXAMPLE_CBOR = hex(`
  88 A3 21 65 2F 33 2F 30 2F 00 61 30 03 64 41 43 4D 45 A2 00 61 33 03 65 31 2E 32 2E 33 A2 00 63 36 2F 30 02 01
  A2 00 63 36 2F 31 02 05 A2 00 61 39 02 18 64 A2 00 64 31 31 2F 30 02 00 A2 00 62 31 33 02 1A 65 53 F1 00 A2 00 62 31 36 03 61 55`);

function fromJson(base: string, text: string): ResourceValue[] {
  return senmlJson.decode(Buffer.from(text), at(base));
}

function fromCbor(base: string, bytes: string): ResourceValue[] {
  return senmlCbor.decode(hex(bytes), at(base));
}

function values(...entries: [string, Value, number?][]): ResourceValue[] {
  return entries.map(([path, value, time]) => (time === undefined ? { path, value } : { path, value, at: time }));
}

describe('SenML', () => {
  it('reads and writes an instance in JSON', () => {
    assert.deepEqual(fromJson('/3/0', EXAMPLE_JSON), EXAMPLE);
    assert.equal(senmlJson.encode(EXAMPLE, at('/3/0')).toString(), EXAMPLE_JSON);
  });

  it('reads and writes an instance in CBOR', () => {
    assert.deepEqual(senmlCbor.decode(EXAMPLE_CBOR, at('/3/0')), EXAMPLE);
    assert.deepEqual(senmlCbor.encode(EXAMPLE, at('/3/0')), EXAMPLE_CBOR);
  });

  const BOTH_WAYS: readonly (readonly [string, string, string, string, ResourceValue[]])[] = [
    [
      'a single resource',
      '/3/0/9',
      '[{"bn":"/3/0/9","v":100}]',
      '81 A2 21 66 2F 33 2F 30 2F 39 02 18 64',
      values(['/3/0/9', 100]),
    ],
    [
      'an object link by its full name',
      '/',
      '[{"n":"/3/0/22/0","vlo":"10:0"}]',
      '81 A2 00 69 2F 33 2F 30 2F 32 32 2F 30 63 76 6C 6F 64 31 30 3A 30',
      values(['/3/0/22/0', '10:0']),
    ],
    [
      'a Send',
      '/',
      '[{"n":"/4/0/2","v":-49},{"n":"/6/0/0","v":43.61092},{"n":"/6/0/1","v":3.87723}]',
      '83 A2 00 66 2F 34 2F 30 2F 32 02 38 30 A2 00 66 2F 36 2F 30 2F 30 02 FB 40 45 CE 32 A0 66 3C 75 A2 00 66 2F 36 2F 30 2F 31 02 FB 40 0F 04 91 29 88 8F 86',
      values(['/4/0/2', -49], ['/6/0/0', 43.61092], ['/6/0/1', 3.87723]),
    ],
    [
      'a history',
      '/3303/0/5700',
      '[{"bn":"/3303/0/5700","bt":1700000000,"v":21.5},{"t":60,"v":21.7},{"t":120,"v":21.9}]',
      '83 A3 21 6C 2F333330332F302F35373030 22 1A6553F100 02 F94D60 A2 06 183C 02 FB4035B33333333333 A2 06 1878 02 FB4035E66666666666',
      values(
        ['/3303/0/5700', 21.5, 1_700_000_000_000],
        ['/3303/0/5700', 21.7, 1_700_000_060_000],
        ['/3303/0/5700', 21.9, 1_700_000_120_000],
      ),
    ],
    ['an empty object', '/33605', '[]', '80', []],
    [
      'an empty string',
      '/31024/10/5',
      '[{"bn":"/31024/10/5","vs":""}]',
      '81 A2 21 6B 2F33313032342F31302F35 03 60',
      values(['/31024/10/5', '']),
    ],
    [
      'bytes',
      '/33605/0/10',
      '[{"bn":"/33605/0/10","vd":"-_8A"}]',
      '81 A2 21 6B 2F33333630352F302F3130 08 43 FBFF00',
      values(['/33605/0/10', Buffer.from([0xfb, 0xff, 0])]),
    ],
    [
      'a Boolean',
      '/33605/0/13',
      '[{"bn":"/33605/0/13","vb":true}]',
      '81 A2 21 6B 2F33333630352F302F3133 04 F5',
      values(['/33605/0/13', true]),
    ],
    [
      'an integer beyond 2^53',
      '/33605/0/20',
      '[{"bn":"/33605/0/20","v":9223372036854775808}]',
      '81 A2 21 6B 2F33333630352F302F3230 02 1B 8000000000000000',
      values(['/33605/0/20', '9223372036854775808']),
    ],
  ];
  for (const [what, base, json, cbor, expected] of BOTH_WAYS) {
    it(`reads and writes ${what}`, () => {
      assert.deepEqual(fromJson(base, json), expected);
      assert.deepEqual(fromCbor(base, cbor), expected);
      assert.equal(senmlJson.encode(expected, at(base)).toString(), json);
      assert.deepEqual(senmlCbor.encode(expected, at(base)), hex(cbor));
    });
  }

  it('writes CBOR that cbor-x reads as the same records', () => {
    const records = peerDecode(senmlCbor.encode(EXAMPLE, at('/3/0'))) as Record<string, unknown>[];
    assert.deepEqual(records[0], { '-2': '/3/0/', 0: '0', 3: 'ACME' });
    assert.equal(records.length, EXAMPLE.length);
  });

  it('reads CBOR that cbor-x writes, with integers as doubles', () => {
    const pack = [
      new Map<unknown, unknown>([
        [-2, '/3/0/'],
        [0, '13'],
        [2, 3_162_671_671_000],
      ]),
    ];
    assert.deepEqual(senmlCbor.decode(peer.encode(pack), at('/3/0')), values(['/3/0/13', new Date(3_162_671_671_000_000)]));
  });

  it('reads what real clients send', () => {
    // Wakaama: base name with a slash, floats as short as possible, an empty string.
    assert.deepEqual(
      fromCbor(
        '/31024',
        '89a321672f33313032342f006431302f310214a2006431302f3302f9cf80a2006431302f350360a2006431312f310215a2006431312f3302fbc03cfd70a3d70a3da2006431312f35036149a2006431322f310216a2006431322f3302fbc03bfae147ae147ba2006431322f3503624949',
      ),
      values(
        ['/31024/10/1', 20],
        ['/31024/10/3', -30],
        ['/31024/10/5', ''],
        ['/31024/11/1', 21],
        ['/31024/11/3', -28.99],
        ['/31024/11/5', 'I'],
        ['/31024/12/1', 22],
        ['/31024/12/3', -27.98],
        ['/31024/12/5', 'II'],
      ),
    );
    // Anjay: names with a leading slash, object links under a text key, base times as doubles.
    assert.deepEqual(
      fromCbor('/33605/0/3', '83a3216a2f33333630352f302f3300622f300201a200622f3102190200a200642f333030021a01000000'),
      values(['/33605/0/3/0', 1], ['/33605/0/3/1', 512], ['/33605/0/3/300', 16777216]),
    );
    assert.deepEqual(fromCbor('/33605/0/16', '81a2216b2f33333630352f302f313663766c6f63333a30'), values(['/33605/0/16', '3:0']));
    assert.deepEqual(
      fromCbor('/33605/0/14', '81a2216b2f33333630352f302f313402fa40490fd0'),
      values(['/33605/0/14', 3.141590118408203]),
    );
    assert.deepEqual(
      fromJson('/33605/0/14', '[{"n":"/33605/0/14","v":3.1415901184082031}]'),
      values(['/33605/0/14', 3.141590118408203]),
    );
    assert.deepEqual(
      fromCbor(
        '/3303/0',
        '86a421672f333330332f3000652f3536303122fb41dac011b0c00a4a02fa41500000a200652f3536303202fa421c0000a200652f3536303302fa00000000a200652f3536303402fa42280000a200652f3537303002fa421c0000a200652f35373031036343656c',
      ),
      values(
        ['/3303/0/5601', 13, 1_795_180_227_001],
        ['/3303/0/5602', 39, 1_795_180_227_001],
        ['/3303/0/5603', 0, 1_795_180_227_001],
        ['/3303/0/5604', 42, 1_795_180_227_001],
        ['/3303/0/5700', 39, 1_795_180_227_001],
        ['/3303/0/5701', 'Cel', 1_795_180_227_001],
      ),
    );
    // Leshan: a new base name in the middle of a composite answer.
    assert.deepEqual(
      fromJson('/', '[{"bn":"/3/0/","n":"9","v":1},{"n":"16","vs":"U"},{"bn":"/1/0/","n":"1","v":300}]'),
      values(['/3/0/9', 1], ['/3/0/16', 'U'], ['/1/0/1', 300]),
    );
  });

  it('reads the text of Anjay, which writes UTF-8 bytes one by one, by the rules of JSON', () => {
    const text = '[{"n":"/33605/0/15","vs":"\\u00c5\\u00bc\\u00c3\\u00b3\\u00c5\\u0082\\u00c4\\u0087"}]';
    assert.deepEqual(fromJson('/33605/0/15', text), values(['/33605/0/15', Buffer.from('żółć').toString('latin1')]));
  });

  it('joins strings that a device streamed in pieces', () => {
    assert.deepEqual(
      fromCbor('/3/0/0', '81 A2 21 7F 63 2F332F 63 302F30 FF 03 7F 62 4143 62 4D45 FF'),
      values(['/3/0/0', 'ACME']),
    );
    assert.deepEqual(fromCbor('/3/0/0', '9F BF 21 66 2F332F302F30 03 64 41434D45 FF FF'), values(['/3/0/0', 'ACME']));
  });

  it('resolves times against the base time, and small ones against now', () => {
    const [absolute, relative, past, now] = fromJson(
      '/3303/0/5700',
      '[{"bn":"/3303/0/5700","bt":1700000000.25,"v":1},{"bt":0,"t":-5,"v":2},{"bt":-60,"t":-0.5,"v":3},{"bt":0,"v":4}]',
    );
    assert.equal(absolute?.at, 1_700_000_000_250);
    assert.equal(relative?.at, NOW - 5000);
    assert.equal(past?.at, NOW - 60_500);
    assert.equal(now?.at, NOW);
    assert.equal(fromJson('/3303/0/5700', '[{"n":"/3303/0/5700","t":268435455,"v":1}]')[0]?.at, NOW + 268_435_455_000);
    assert.equal(fromJson('/3303/0/5700', '[{"n":"/3303/0/5700","t":268435456,"v":1}]')[0]?.at, 268_435_456_000);
    assert.equal('at' in (fromJson('/3303/0/5700', '[{"n":"/3303/0/5700","v":1}]')[0] ?? {}), false);
  });

  it('adds base values, whatever the order of the fields', () => {
    assert.deepEqual(
      fromJson('/3303/0', '[{"v":1.5,"bv":20,"bn":"/3303/0/","n":"5700"},{"n":"5601","v":2},{"n":"5701","vs":"Cel"}]'),
      [
        { path: '/3303/0/5700', value: 21.5 },
        { path: '/3303/0/5601', value: 22 },
        { path: '/3303/0/5701', value: 'Cel' },
      ],
    );
    const large = '[{"bn":"/33605/0/20","bv":9007199254740992,"v":1}]';
    assert.deepEqual(fromJson('/33605/0/20', large), values(['/33605/0/20', '9007199254740993']));
  });

  it('passes over what LwM2M does not use', () => {
    const text = '[{"bn":"/3303/0/5700","bu":"Cel","bs":1,"bver":10,"u":"K","s":3,"ut":5,"v":1,"vendor":{"a":[1]}}]';
    assert.deepEqual(fromJson('/3303/0/5700', text), values(['/3303/0/5700', 1]));
    assert.deepEqual(fromCbor('/3/0/9', '81 A3 21 66 2F332F302F39 02 01 61 78 81 02'), values(['/3/0/9', 1]));
  });

  it('takes bytes in both alphabets of base64, padded or not', () => {
    for (const text of ['-_8A', '+/8A', '-_8=', '+_8']) {
      const value = fromJson('/33605/0/10', `[{"n":"/33605/0/10","vd":"${text}"}]`)[0]?.value;
      assert.deepEqual(value, Buffer.from(text, 'base64'));
    }
  });

  it('writes the null link as the TS has it, and reads its hex form', () => {
    assert.deepEqual(fromJson('/3/0/22', '[{"n":"/3/0/22","vlo":"FFFF:FFFF"}]'), values(['/3/0/22', '65535:65535']));
    assert.equal(
      senmlJson.encode(values(['/3/0/22', '65535:65535']), at('/3/0/22')).toString(),
      '[{"bn":"/3/0/22","vlo":"65535:65535"}]',
    );
  });

  it('keeps what the wire says where the model does not know or disagrees', () => {
    assert.deepEqual(fromJson('/9/0', '[{"bn":"/9/0/","n":"1","v":1},{"n":"2","vs":"a"},{"n":"3","vb":true}]'), [
      { path: '/9/0/1', value: 1 },
      { path: '/9/0/2', value: 'a' },
      { path: '/9/0/3', value: true },
    ]);
    assert.deepEqual(fromJson('/3/0/9', '[{"n":"/3/0/9","vs":"full"}]'), values(['/3/0/9', 'full']));
  });

  it('leaves the times of a mixture absolute, for a base time would be inherited', () => {
    const mixed = values(['/3/0/9', 1], ['/3/0/9', 2, 1_700_000_000_500]);
    const text = senmlJson.encode(mixed, at('/3/0/9')).toString();
    assert.equal(text, '[{"bn":"/3/0/9","v":1},{"t":1700000000.5,"v":2}]');
    assert.deepEqual(fromJson('/3/0/9', text), mixed);
  });

  for (const [what, base, text, says] of [
    ['no array', '/3/0', '{"n":"/3/0/9","v":1}', /SenML JSON, offset 0: expected an array of records, got a map/],
    ['a record that is none', '/3/0', '[1]', /record 0: expected a map of fields, got number 1/],
    [
      'a name that does not begin with a slash',
      '/3/0',
      '[{"n":"3/0/9","v":1}]',
      /the name of a resource at or below \/3\/0, got "3\/0\/9"/,
    ],
    ['base name and name that do not fit together', '/3/0', '[{"bn":"/3/0","n":"9","v":1}]', /got "\/3\/09"/],
    ['a name outside the request', '/3/0', '[{"n":"/3/1/9","v":1}]', /at or below \/3\/0, got "\/3\/1\/9"/],
    ['a name that only begins like the request', '/3/0/1', '[{"n":"/3/0/11","v":1}]', /got "\/3\/0\/11"/],
    ['the name of an instance', '/3/0', '[{"n":"/3/0","v":1}]', /got "\/3\/0"/],
    ['a name of five ids', '/3/0', '[{"n":"/3/0/9/1/2","v":1}]', /the name of a resource/],
    ['an id beyond 65535', '/', '[{"n":"/3/0/65536","v":1}]', /the name of a resource/],
    ['an id with leading zeros', '/3/0', '[{"n":"/3/0/09","v":1}]', /the name of a resource/],
    ['a name with a slash at its end', '/3/0', '[{"n":"/3/0/9/","v":1}]', /the name of a resource/],
    ['a name of a kilobyte', '/3/0', `[{"n":"/3/0/${'9'.repeat(1000)}","v":1}]`, /characters\)$/],
    ['no value', '/3/0', '[{"n":"/3/0/9"}]', /record 0: expected one value, got 0 in \/3\/0\/9/],
    ['two values', '/3/0', '[{"n":"/3/0/9","v":1,"vs":"1"}]', /got 2 in/],
    ['null', '/3/0', '[{"n":"/3/0/9","v":null}]', /expected v to be a number, got null/],
    ['a number in quotes', '/3/0', '[{"n":"/3/0/9","v":"1"}]', /v to be a number, got "1"/],
    ['a Boolean in quotes', '/3/0', '[{"n":"/3/0/9","vb":"true"}]', /vb to be true or false/],
    ['bytes that are none', '/3/0', '[{"n":"/3/0/9","vd":"a*"}]', /vd to be bytes, got "a\*"/],
    ['a link that is none', '/3/0', '[{"n":"/3/0/22","vlo":"3"}]', /vlo to be an object link such as "3:0", got "3"/],
    ['a time beyond all dates', '/3/0', '[{"n":"/3/0/9","t":1e300,"v":1}]', /a time within 270,000 years/],
    ['a field that must be understood', '/3/0', '[{"n":"/3/0/9","v":1,"sign_":1}]', /only fields we understand, got "sign_"/],
    ['a version of another standard', '/3/0', '[{"bver":64,"n":"/3/0/9","v":1}]', /bver to be a version up to 10/],
    ['a key twice', '/3/0', '[{"n":"/3/0/9","v":1,"v":2}]', /offset 21: expected each key once, got "v" again/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => fromJson(base, text), failure('decode-error', says));
    });
  }

  for (const [what, bytes, says] of [
    ['a key twice', '81 A3 00 66 2F332F302F39 02 01 02 02', /each key of a map once/],
    ['a key twice, once in a longer head', '81 A3 00 66 2F332F302F39 02 01 18 02 02', /each key of a map once/],
    ['a key of 64 bits', '81 A2 00 66 2F332F302F39 1B 0000000000000002 01', /offset 10: expected a key/],
    ['an array as a key', '81 A1 81 00 01', /a key: text, or an integer/],
    ['text for bytes', '81 A2 00 66 2F332F302F39 08 61 41', /vd to be bytes, got "A"/],
    ['bytes for a name', '81 A2 00 46 2F332F302F39 02 01', /n to be text, got 6 bytes/],
    ['a field that must be understood', '81 A3 00 66 2F332F302F39 02 01 62 785F 01', /only fields we understand/],
  ] as const) {
    it(`refuses ${what} in CBOR`, () => {
      assert.throws(() => fromCbor('/3/0', bytes), failure('decode-error', says));
    });
  }

  it('writes nothing its resource cannot hold', () => {
    const write = (value: Value, type: ResourceType) =>
      senmlJson.encode(values(['/3/0/9', value]), { ...at('/3/0/9'), typeOf: () => type });
    assert.throws(
      () => write('full', 'integer'),
      failure('invalid-value', /\/3\/0\/9: expected a value of type integer, got "full"/),
    );
    assert.throws(() => write(-1, 'unsigned'), failure('invalid-value', /unsigned, got number -1/));
    assert.throws(() => write(new Date(Number.NaN), 'time'), failure('invalid-value', /time, got Date invalid/));
    assert.throws(() => write(Number.POSITIVE_INFINITY, 'float'), failure('invalid-value', /cannot carry Infinity/));
    assert.throws(() => senmlCbor.encode(values(['/3/1/9', 1]), at('/3/0')), failure('invalid-value', /no place for \/3\/1\/9/));
  });
});
