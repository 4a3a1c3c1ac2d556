import assert from 'node:assert/strict';
import { decode, FORMATS, formatOf, oldestFirst } from '../../../src/lwm2m/formats/formats';
import { at, EXAMPLE, failure, hex } from './worked-example';

describe('the table of formats', () => {
  it('knows each format by its number, and old numbers still in use', () => {
    assert.deepEqual(
      FORMATS.map((format) => [format.contentFormat, format.name]),
      [
        [0, 'text'],
        [42, 'opaque'],
        [60, 'CBOR'],
        [110, 'SenML JSON'],
        [112, 'SenML CBOR'],
        [320, 'SenML-ETCH JSON'],
        [322, 'SenML-ETCH CBOR'],
        [11542, 'TLV'],
        [11543, 'LwM2M JSON'],
        [11544, 'LwM2M CBOR'],
      ],
    );
    for (const [old, now] of [
      [1541, 0],
      [1542, 11542],
      [1543, 11543],
    ] as const) {
      assert.equal(formatOf(old), formatOf(now));
    }
    assert.equal(formatOf(40), undefined);
  });

  it('says which formats it speaks when another came', () => {
    assert.throws(() => decode(50, hex('00'), at('/3/0')), failure('decode-error', /112 \(SenML CBOR\).*got Content-Format 50/));
  });

  it('takes an answer without Content-Format for text or TLV, or what plainly is JSON', () => {
    assert.deepEqual(decode(undefined, Buffer.from('41'), at('/3/0/9')), [{ path: '/3/0/9', value: 41 }]);
    assert.deepEqual(decode(undefined, hex('C1 09 29'), at('/3/0')), [{ path: '/3/0/9', value: 41 }]);
    assert.deepEqual(decode(undefined, Buffer.from('[{"n":"/3/0/9","v":41}]'), at('/3/0')), [{ path: '/3/0/9', value: 41 }]);
    assert.deepEqual(decode(undefined, Buffer.from('{"bn":"/3/0/","e":[{"n":"9","v":41}]}'), at('/3/0')), [
      { path: '/3/0/9', value: 41 },
    ]);
  });

  it('puts a history in the order of its times, what has none last, and leaves all else as it came', () => {
    const history = '[{"bn":"/3303/0/5700","v":4},{"t":-5,"v":2},{"t":-60,"v":1},{"t":-1,"v":3}]';
    const values = oldestFirst(decode(110, Buffer.from(history), at('/3303/0/5700')));
    assert.deepEqual(
      values.map(({ value }) => value),
      [1, 2, 3, 4],
    );
    const untimed = [
      { path: '/3/0/9', value: 1 },
      { path: '/3/0/0', value: 'ACME' },
    ];
    assert.deepEqual(oldestFirst([...untimed]), untimed);
  });

  it('takes any Uint8Array', () => {
    for (const contentFormat of [110, 112, 320, 322, 11542, 11543, 11544]) {
      const format = formatOf(contentFormat);
      const payload = new Uint8Array(format?.encode(EXAMPLE, at('/3/0')) ?? []);
      assert.deepEqual(decode(contentFormat, payload, at('/3/0')), EXAMPLE);
    }
  });
});
