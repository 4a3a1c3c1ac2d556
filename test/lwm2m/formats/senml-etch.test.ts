import assert from 'node:assert/strict';
import { Path } from '../../../src/device/path';
import type { ResourceChange } from '../../../src/device/value';
import { canRemove, decodeChanges, encodeChanges, senmlEtchCbor, senmlEtchJson } from '../../../src/lwm2m/formats/senml-etch';
import { decodePathList, encodePathList, isPathListFormat } from '../../../src/lwm2m/formats/senml-paths';
import { at, failure, hex } from './worked-example';

const CHANGES: readonly ResourceChange[] = [
  { path: '/3/0/9', value: 100 },
  { path: '/16/0/0/1', value: null },
];
const CHANGES_JSON = '[{"n":"/3/0/9","v":100},{"n":"/16/0/0/1","v":null}]';
const CHANGES_CBOR = '82 A2 00 66 2F332F302F39 02 18 64 A2 00 69 2F31362F302F302F31 02 F6';

describe('SenML-ETCH', () => {
  it('reads and writes values like SenML', () => {
    const values = [{ path: '/3/0/9', value: 100 }];
    assert.deepEqual(senmlEtchJson.decode(Buffer.from('[{"n":"/3/0/9","v":100}]'), at('/')), values);
    assert.deepEqual(senmlEtchCbor.encode(values, at('/')), hex('81 A2 00 66 2F332F302F39 02 18 64'));
  });

  it('reads and writes that a resource instance is to be removed', () => {
    assert.deepEqual(decodeChanges(320, Buffer.from(CHANGES_JSON), at('/')), CHANGES);
    assert.deepEqual(decodeChanges(322, hex(CHANGES_CBOR), at('/')), CHANGES);
    assert.equal(encodeChanges(320, CHANGES, at('/')).toString(), CHANGES_JSON);
    assert.deepEqual(encodeChanges(322, CHANGES, at('/')), hex(CHANGES_CBOR));
    assert.deepEqual([110, 112, 320, 322, 11544].map(canRemove), [false, false, true, true, false]);
  });

  it('refuses null anywhere but in a change, and a change with null and a value', () => {
    assert.throws(
      () => senmlEtchJson.decode(Buffer.from(CHANGES_JSON), at('/')),
      failure('decode-error', /ETCH JSON, record 1.*got null/),
    );
    assert.throws(
      () => senmlEtchCbor.decode(hex(CHANGES_CBOR), at('/')),
      failure('decode-error', /ETCH CBOR, record 1.*got null/),
    );
    const both = Buffer.from('[{"n":"/16/0/0/1","v":null,"vs":"a"}]');
    assert.throws(() => decodeChanges(320, both, at('/')), failure('decode-error', /one value, got 2/));
  });

  it('is for composite requests only', () => {
    assert.equal(senmlEtchCbor.canEncode([], at('/3/0')), false);
    assert.equal(senmlEtchCbor.canEncode([], at('/')), true);
  });
});

describe('path lists', () => {
  const paths = ['/3/0/9', '/1/0/1'].map((path) => ({ path: Path.parse(path) }));
  const textsOf = (contentFormat: number, payload: Buffer) =>
    decodePathList(contentFormat, payload).map(({ path, prefix }) => [prefix, path.toString()]);
  const texts = paths.map(({ path }) => [undefined, path.toString()]);

  it('read and write names without values', () => {
    const cbor = hex('82 A1 00 66 2F 33 2F 30 2F 39 A1 00 66 2F 31 2F 30 2F 31');
    const json = '[{"n":"/3/0/9"},{"n":"/1/0/1"}]';
    for (const contentFormat of [112, 322]) {
      assert.deepEqual(textsOf(contentFormat, cbor), texts);
      assert.deepEqual(encodePathList(contentFormat, paths), cbor);
    }
    for (const contentFormat of [110, 320]) {
      assert.deepEqual(textsOf(contentFormat, Buffer.from(json)), texts);
      assert.equal(encodePathList(contentFormat, paths).toString(), json);
    }
    assert.deepEqual([110, 112, 320, 322, 11544, 0, undefined].map(isPathListFormat), [
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('may name anything: the root, an object, an instance, and what is behind a gateway', () => {
    const payload = '[{"n":"/"},{"n":"/3"},{"bn":"/4/","n":"0"},{"bn":"","n":"/d01/3303/0"},{"n":"/d01/"}]';
    assert.deepEqual(textsOf(110, Buffer.from(payload)), [
      [undefined, '/'],
      [undefined, '/3'],
      [undefined, '/4/0'],
      ['d01', '/3303/0'],
      ['d01', '/'],
    ]);
    const gateway = [{ prefix: 'd01', path: Path.parse('/3303/0') }];
    assert.deepEqual(textsOf(112, encodePathList(112, gateway)), [['d01', '/3303/0']]);
  });

  for (const [what, text, code, says] of [
    ['no list', '{}', 'decode-error', /an array of records, got a map/],
    ['a value', '[{"n":"/3/0/9","v":1}]', 'decode-error', /record 0: expected a name only, got a value for \/3\/0\/9/],
    ['no name', '[{}]', 'decode-error', /the name of a path, got ""/],
    ['a relative name', '[{"n":"3/0"}]', 'decode-error', /the name of a path, got "3\/0"/],
    ['five ids', '[{"n":"/3/0/9/1/2"}]', 'decode-error', /the name of a path/],
    ['an id beyond 65535', '[{"n":"/3/0/65536"}]', 'decode-error', /the name of a path/],
    ['leading zeros', '[{"n":"/03"}]', 'decode-error', /the name of a path/],
    ['a name of a megabyte', `[{"n":"${'/a'.repeat(500_000)}"}]`, 'decode-error', /characters\)$/],
    ['more paths than anybody asks for', `[${'{"n":"/3"},'.repeat(256)}{"n":"/3"}]`, 'too-large', /more than 256 paths/],
  ] as const) {
    it(`refuse ${what}`, () => assert.throws(() => decodePathList(110, Buffer.from(text)), failure(code, says)));
  }
});
