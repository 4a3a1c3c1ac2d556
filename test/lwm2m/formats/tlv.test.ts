import assert from 'node:assert/strict';
import type { ResourceType, Value } from '../../../src/device/value';
import { tlv } from '../../../src/lwm2m/formats/tlv';
import { at, EXAMPLE, failure, hex } from './worked-example';

const EXAMPLE_BYTES = hex(`
  C4 00 41 43 4D 45  C5 03 31 2E 32 2E 33  86 06 41 00 01 41 01 05  C1 09 64  83 0B 41 00 00  C4 0D 65 53 F1 00  C1 10 55`);

function read(base: string, bytes: string) {
  return tlv.decode(hex(bytes), at(base));
}

describe('TLV format', () => {
  it('reads and writes an instance', () => {
    assert.deepEqual(tlv.decode(EXAMPLE_BYTES, at('/3/0')), EXAMPLE);
    assert.deepEqual(tlv.encode(EXAMPLE, at('/3/0')), EXAMPLE_BYTES);
  });

  it('reads and writes the same as an object, wrapped in its instance', () => {
    const wrapped = Buffer.concat([hex('08 00 26'), EXAMPLE_BYTES]);
    assert.deepEqual(tlv.decode(wrapped, at('/3')), EXAMPLE);
    assert.deepEqual(tlv.encode(EXAMPLE, at('/3')), wrapped);
  });

  it('takes a wrapper on an instance, and none on an object', () => {
    assert.deepEqual(tlv.decode(Buffer.concat([hex('08 00 26'), EXAMPLE_BYTES]), at('/3/0')), EXAMPLE);
    assert.deepEqual(tlv.decode(EXAMPLE_BYTES, at('/3')), EXAMPLE);
  });

  const BOTH_WAYS: readonly (readonly [string, ResourceType, string, Value])[] = [
    [
      'a length of 8 bits',
      'string',
      'C8 00 14 45 78 61 6D 70 6C 65 20 4D 61 6E 75 66 61 63 74 75 72 65 72',
      'Example Manufacturer',
    ],
    ['an id of 16 bits', 'float', 'E4 16 44 41 AC 00 00', 21.5],
    ['a double', 'float', 'E8 16 44 08 3F F1 99 99 99 99 99 9A', 1.1],
    ['an integer of 1 byte', 'integer', 'C1 09 FF', -1],
    ['the least integer of 1 byte', 'integer', 'C1 09 80', -128],
    ['an integer of 2 bytes', 'integer', 'C2 09 FF 7F', -129],
    ['an integer of 4 bytes', 'integer', 'C4 09 00 00 9C 40', 40000],
    ['an integer of 8 bytes', 'integer', 'C8 09 08 00 00 00 01 00 00 00 00', 4294967296],
    ['an integer beyond 2^53', 'integer', 'C8 09 08 80 00 00 00 00 00 00 00', '-9223372036854775808'],
    ['an unsigned beyond 2^63', 'unsigned', 'C8 09 08 80 00 00 00 00 00 00 00', '9223372036854775808'],
    ['a Boolean', 'boolean', 'C1 06 01', true],
    ['an object link', 'objlnk', 'C4 16 00 0A 00 00', '10:0'],
    ['the null link', 'objlnk', 'C4 16 FF FF FF FF', '65535:65535'],
    ['an empty string', 'string', 'C0 01', ''],
    ['a time of 8 bytes', 'time', 'C8 0D 08 00 00 00 00 BC 82 8A 37', new Date(3_162_671_671_000)],
    ['an empty opaque value', 'opaque', 'C0 00', Buffer.alloc(0)],
  ];
  for (const [what, type, bytes, value] of BOTH_WAYS) {
    it(`reads and writes ${what}: ${bytes.slice(0, 24)}`, () => {
      const payload = hex(bytes);
      const id = ((payload[0] as number) & 0x20) === 0 ? payload[1] : payload.readUInt16BE(1);
      const context = { ...at('/7/0'), typeOf: () => type };
      assert.deepEqual(tlv.decode(payload, context), [{ path: `/7/0/${id}`, value }]);
      assert.deepEqual(tlv.encode([{ path: `/7/0/${id}`, value }], context), payload);
    });
  }

  it('reads and writes lengths of 16 and 24 bits', () => {
    for (const [length, head] of [
      [300, 'D0 00 01 2C'],
      [70000, 'D8 00 01 11 70'],
    ] as const) {
      const value = Buffer.alloc(length, 5);
      const payload = Buffer.concat([hex(head), value]);
      assert.deepEqual(tlv.decode(payload, at('/5/0')), [{ path: '/5/0/0', value }]);
      assert.deepEqual(tlv.encode([{ path: '/5/0/0', value }], at('/5/0')), payload);
    }
  });

  it('reads and writes one resource instance', () => {
    const value = [{ path: '/16/0/0/3', value: '1.0' }];
    assert.deepEqual(read('/16/0/0/3', '43 03 31 2E 30'), value);
    assert.deepEqual(tlv.encode(value, at('/16/0/0/3')), hex('43 03 31 2E 30'));
    assert.deepEqual(read('/16/0/0/3', '85 00 43 03 31 2E 30'), value);
  });

  it('reads an unsigned value written without a sign bit to spare', () => {
    assert.deepEqual(read('/33605/0', 'C1 14 C8'), [{ path: '/33605/0/20', value: 200 }]);
    assert.deepEqual(read('/33605/0', 'C2 14 00 C8'), [{ path: '/33605/0/20', value: 200 }]);
  });

  it('reads the odd forms of real clients', () => {
    // Wakaama: empty string. Anjay: multiple resources without instances, empty objects, an instance with an inline length.
    assert.deepEqual(read('/31024/10', 'C0 05'), [{ path: '/31024/10/5', value: '' }]);
    assert.deepEqual(read('/3/0', '80 16'), []);
    assert.deepEqual(read('/33605', ''), []);
    assert.deepEqual(read('/7', '05 00 C1 00 00 C0 01'), [
      { path: '/7/0/0', value: Buffer.from([0]) },
      { path: '/7/0/1', value: Buffer.alloc(0) },
    ]);
    assert.deepEqual(read('/33605/0', '88 03 0E 41 00 01 42 01 02 00 64 01 2C 01 00 00 00'), [
      { path: '/33605/0/3/0', value: 1 },
      { path: '/33605/0/3/1', value: 512 },
      { path: '/33605/0/3/300', value: 16777216 },
    ]);
    assert.deepEqual(read('/9', '08 00 0B E1 0F AA 00 E1 0F AD 01 E0 0F AE'), [
      { path: '/9/0/4010', value: Buffer.from([0]) },
      { path: '/9/0/4013', value: Buffer.from([1]) },
      { path: '/9/0/4014', value: Buffer.alloc(0) },
    ]);
    // Leshan: an unsigned multiple resource at the upper end.
    const unsigned = { ...at('/3442/0'), typeOf: (): ResourceType => 'unsigned' };
    assert.deepEqual(tlv.decode(hex('A8 04 65 0B 48 00 08 80 00 00 00 00 00 00 00'), unsigned), [
      { path: '/3442/0/1125/0', value: '9223372036854775808' },
    ]);
  });

  it('gives the bytes of a resource that the model does not know', () => {
    const payload = hex('C1 63 07');
    const [entry] = tlv.decode(payload, at('/3/0'));
    payload.fill(0);
    assert.deepEqual(entry, { path: '/3/0/99', value: Buffer.from([7]) });
  });

  it('takes ids in any order', () => {
    assert.deepEqual(
      read('/3/0', 'C1 10 55 C1 09 64 C1 0B 01').map(({ path }) => path),
      ['/3/0/16', '/3/0/9', '/3/0/11'],
    );
  });

  for (const [what, base, bytes, text] of [
    ['a truncated value', '/3/0', 'C4 00 41 43', /TLV, offset 0: expected 4 bytes of value, got 2/],
    ['a truncated head', '/3/0', 'C1 09 64 E4 16', /offset 3: expected 3 bytes of head, got 2/],
    ['a value beyond its multiple resource', '/3/0', '83 06 42 00 01 00', /offset 2: expected 2 bytes of value, got 1/],
    ['a length of 16 MiB', '/3/0', 'D8 00 FF FF FF', /16777215 bytes of value, got 0/],
    ['an id twice', '/3/0', 'C1 09 64 C1 09 65', /offset 3: expected each id once on its level, got 9 again/],
    ['an id twice, out of order', '/3/0', 'C1 09 64 C1 03 65 C1 0A 00 C1 03 65', /offset 9: .*3 again/],
    ['a resource instance twice', '/3/0', '86 06 41 00 01 41 00 05', /offset 5: .*0 again/],
    ['another resource', '/3/0/9', 'C1 0A 64', /offset 0: expected id 9, which was asked for, got id 10/],
    ['another instance', '/3/0', '03 01 C1 09 64', /expected id 0, which was asked for, got id 1/],
    ['another resource instance', '/3/0/6/1', '41 00 01', /expected id 1, which was asked for, got id 0/],
    [
      'a resource instance outside its resource',
      '/3/0',
      '41 00 01',
      /expected a resource or multiple resource, got a resource instance/,
    ],
    ['an instance inside an instance', '/3', '02 00 00 00', /got an object instance/],
    ['a resource inside a multiple resource', '/3/0', '83 06 C1 00 01', /expected a resource instance, got a resource/],
    ['nesting deeper than three', '/3', '06 00 84 06 82 00 40 00', /expected a resource instance, got a multiple resource/],
    ['a mixture of wrapped and bare', '/3', '03 00 C1 09 64 C1 09 64', /expected an object instance, got a resource/],
    ['an integer of 3 bytes', '/3/0', 'C3 09 00 00 64', /integer \/3\/0\/9 in 1, 2, 4 or 8 bytes, got 3 bytes/],
    ['an integer of none', '/3/0', 'C0 09', /got 0 bytes/],
    ['a float of 2 bytes', '/6/0', 'C2 00 00 00', /float \/6\/0\/0 in 4 or 8 bytes/],
    ['a Boolean of 2', '/33605/0', 'C1 0D 02', /one byte, 0 or 1, got 0x02/],
    ['a link of 2 bytes', '/3/0', 'C2 16 00 03', /objlnk/],
    ['an answer for several objects', '/', 'C1 09 64', /a request for one object/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => read(base, bytes), failure('decode-error', text));
    });
  }

  it('writes values of one object only, each once', () => {
    assert.equal(tlv.canEncode([], at('/')), false);
    assert.throws(() => tlv.encode(EXAMPLE, at('/')), failure('invalid-value', /several objects/));
    assert.throws(() => tlv.encode(EXAMPLE, at('/3/1')), failure('invalid-value', /no place for \/3\/0\/0 below \/3\/1/));
    const twice = [EXAMPLE[0], EXAMPLE[0]].flatMap((entry) => entry ?? []);
    assert.throws(() => tlv.encode(twice, at('/3/0')), failure('invalid-value', /twice/));
    assert.throws(
      () => tlv.encode([{ path: '/3/0/9', value: 'full' }], at('/3/0')),
      failure('invalid-value', /\/3\/0\/9: expected a value of type integer, got "full"/),
    );
  });

  it('counts what it holds', () => {
    const payload = Buffer.alloc(4 * 65_536);
    for (let id = 0; id < 65_536; id++) payload.set([0xe0, id >> 8, id & 0xff], id * 3);
    const most = payload.subarray(0, 3 * 65_536);
    assert.equal(tlv.decode(most, { ...at('/33605/0'), typeOf: () => 'string' }).length, 65_536);
    const multiple = Buffer.concat([hex('C0 00 98 01 03 00 00'), most.map((byte, at) => (at % 3 === 0 ? 0x60 : byte))]);
    assert.throws(
      () => tlv.decode(multiple, { ...at('/33605/0'), typeOf: () => 'string' }),
      failure('too-large', /65536 values/),
    );
  });
});
