import assert from 'node:assert/strict';
import { json } from '../../../src/lwm2m/formats/json';
import { at, EXAMPLE, failure, NOW } from './worked-example';

function read(base: string, text: string) {
  return json.decode(Buffer.from(text), at(base));
}

describe('LwM2M JSON format', () => {
  it('reads and writes an instance', () => {
    const text =
      '{"bn":"/3/0/","e":[{"n":"0","sv":"ACME"},{"n":"3","sv":"1.2.3"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"9","v":100},{"n":"11/0","v":0},{"n":"13","v":1700000000},{"n":"16","sv":"U"}]}';
    assert.deepEqual(read('/3/0', text), EXAMPLE);
    assert.equal(json.encode(EXAMPLE, at('/3/0')).toString(), text);
  });

  it('reads links, Booleans and bytes', () => {
    const text = '{"bn":"/","e":[{"n":"3/0/22/0","ov":"10:0"},{"n":"33605/0/13","bv":true},{"n":"33605/0/10","sv":"AQI="}]}';
    const values = [
      { path: '/3/0/22/0', value: '10:0' },
      { path: '/33605/0/13', value: true },
      { path: '/33605/0/10', value: Buffer.from([1, 2]) },
    ];
    assert.deepEqual(read('/', text), values);
    for (const value of values) assert.deepEqual(read(value.path, json.encode([value], at(value.path)).toString()), [value]);
  });

  it('reads a single resource as Anjay writes it', () => {
    assert.deepEqual(read('/3/0/0', '{"bn":"/3/0/0","e":[{"sv":"anjay"}]}'), [{ path: '/3/0/0', value: 'anjay' }]);
    assert.equal(
      json.encode([{ path: '/3/0/0', value: 'anjay' }], at('/3/0/0')).toString(),
      '{"bn":"/3/0/0","e":[{"sv":"anjay"}]}',
    );
  });

  it('puts the slash between base name and name that coap-node leaves out', () => {
    assert.deepEqual(read('/3', '{"bn":"/3","e":[{"n":"0/9","v":1}]}'), [{ path: '/3/0/9', value: 1 }]);
  });

  it('takes the requested path where the base name is missing', () => {
    assert.deepEqual(read('/3/0', '{"e":[{"n":"9","v":1}]}'), [{ path: '/3/0/9', value: 1 }]);
    assert.deepEqual(read('/3/0/9', '{"e":[{"v":1}]}'), [{ path: '/3/0/9', value: 1 }]);
  });

  it('keeps an integer beyond 2^53 exact', () => {
    assert.deepEqual(read('/33605/0/20', '{"bn":"/33605/0/20","e":[{"v":9223372036854775808}]}'), [
      { path: '/33605/0/20', value: '9223372036854775808' },
    ]);
  });

  it('resolves times: absolute when positive, before now when not', () => {
    const text = '{"bn":"/3303/0/5700","bt":1700000000,"e":[{"v":1,"t":-5},{"v":2}]}';
    assert.deepEqual(
      read('/3303/0/5700', text).map((value) => value.at),
      [1_699_999_995_000, 1_700_000_000_000],
    );
    assert.equal(read('/3303/0/5700', '{"bn":"/3303/0/5700","e":[{"v":1,"t":-5}]}')[0]?.at, NOW - 5000);
    assert.equal(read('/3303/0/5700', '{"bn":"/3303/0/5700","e":[{"v":1,"t":100}]}')[0]?.at, 100_000);
  });

  for (const [what, text, says] of [
    ['an array', '[]', /LwM2M JSON, offset 0: expected an object with an array "e"/],
    ['no entries', '{"bn":"/3/0/"}', /"e" to be an array/],
    ['an entry that is none', '{"e":[1]}', /entry 0: expected an object/],
    ['an entry without value', '{"e":[{"n":"9"}]}', /one of v, sv, bv, ov, got none in \/3\/0\/9/],
    ['an entry with two values', '{"e":[{"n":"9","v":1,"sv":"1"}]}', /one value, got sv as well/],
    ['a value of the wrong kind', '{"e":[{"n":"9","v":"1"}]}', /v to be a number, got "1"/],
    ['a name outside the request', '{"bn":"/3/1/","e":[{"n":"9","v":1}]}', /at or below \/3\/0, got "\/3\/1\/9"/],
    ['a base name that is none', '{"bn":3,"e":[]}', /bn to be text, got number 3/],
    ['half a text', '{"bn":"/3/0/","e":[', /offset 19: expected a value, got the end/],
    ['two texts', '{"e":[]}{}', /offset 8: expected the end, got "{}"/],
    ['a key twice', '{"e":[],"e":[]}', /offset 8: expected each key once, got "e" again/],
    ['leading zeros', '{"e":[{"n":"9","v":01}]}', /a number without leading zeros/],
    ['an escape that is none', '{"bn":"\\x"}', /escapes of RFC 8259/],
    ['an open string', '{"bn', /the closing quote, got the end/],
    ['a line break in a string', '{"b\n"}', /a character of a string/],
    ['deep nesting', '['.repeat(100), /at most 8 levels/],
    ['words', '{"e":nothing}', /expected a value, got "nothing}"/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => read('/3/0', text), failure('decode-error', says));
    });
  }
});
