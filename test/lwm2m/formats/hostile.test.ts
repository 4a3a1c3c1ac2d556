/** Whatever bytes come, a decoder ends soon and throws nothing but what it says it throws. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { DeviceManagementError } from '../../../src/errors';
import type { DecodeContext, Format } from '../../../src/lwm2m/formats/format';
import { FORMATS } from '../../../src/lwm2m/formats/formats';
import { parseLinks } from '../../../src/lwm2m/formats/link-format';
import { at, EXAMPLE, hex } from './worked-example';

const CODES = new Set(['decode-error', 'too-large']);

/** Where a value of each type is asked for, and everything else. */
const PLACES: readonly DecodeContext[] = ['/', '/3', '/3/0', '/3/0/9', '/3/0/6/1', '/33605/0/14', '/33605/0/16', '/5/0/0'].map(
  at,
);

/** True when it decoded. */
function survives(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof DeviceManagementError && CODES.has(error.code) && error.message.length < 400) return false;
    throw error;
  }
}

function everywhere(format: Format, payload: Uint8Array): void {
  for (const place of PLACES) survives(() => format.decode(payload, place));
}

/** Payloads to break: one of each form a format has. */
function seeds(format: Format): Buffer[] {
  const whole = format.canEncode(EXAMPLE, at('/3/0')) ? [format.encode(EXAMPLE, at('/3/0'))] : [];
  const one = { path: '/3/0/9', value: 100 };
  return [
    ...whole,
    ...(format.contentFormat === 42 ? [] : [format.encode([one], at('/3/0/9'))]),
    ...(EXTRA[format.contentFormat] ?? []),
  ];
}

const EXTRA: Readonly<Record<number, readonly Buffer[]>> = {
  42: [hex('0102')],
  60: [hex('7F624143624D45FF'), hex('C48220182D'), hex('C11A6553F100'), hex('C074323032332D31312D31345432323A31333A32305A')],
  112: [
    hex(
      '86a421672f333330332f3000652f3536303122fb41dac011b0c00a4a02fa41500000a200652f3536303202fa421c0000a200652f3536303302fa00000000a200652f3536303402fa42280000a200652f3537303002fa421c0000a200652f35373031036343656c',
    ),
    hex('81a2216b2f33333630352f302f313663766c6f63333a30'),
    hex('9FBF217F632F332F63302F30FF037F624143624D45FFFFFF'),
  ],
  11544: [
    hex('bf03bf00bf0065616e6a617907bf00197e10ffffff190ce7bf00bf1915e1fa41500000191644fa421c00001916456343656cffffff'),
    hex('BF9F63643031190CE700191644FFF94D60FF'),
  ],
};

describe('hostile input', () => {
  for (const format of FORMATS) {
    it(`${format.name}: every truncation and every flipped bit of good payloads`, () => {
      for (const seed of seeds(format)) {
        for (let length = 0; length < seed.length; length++) everywhere(format, seed.subarray(0, length));
        for (let bit = 0; bit < seed.length * 8; bit++) {
          const broken = Buffer.from(seed);
          broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
          everywhere(format, broken);
        }
      }
    });

    it(`${format.name}: random bytes, and good payloads with random pieces in them`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => everywhere(format, bytes)),
        { numRuns: 1000 },
      );
      const cut = fc.tuple(fc.constantFrom(...seeds(format)), fc.nat(200), fc.nat(20), fc.uint8Array({ maxLength: 12 }));
      fc.assert(
        fc.property(cut, ([seed, from, length, piece]) => {
          everywhere(format, Buffer.concat([seed.subarray(0, from), piece, seed.subarray(from + length)]));
        }),
        { numRuns: 1000 },
      );
    });
  }

  it('link-format: random text', () => {
    const pieces = fc.constantFrom('<', '>', '/', '3', ',', ';', '=', '"', '\\', ' ', 'rt', '</3/0>', '\u0000', 'ż');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => void survives(() => parseLinks(Buffer.from(parts.join(''))))),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void survives(() => parseLinks(bytes))));
  });

  /** Each would take minutes, or all memory, from a decoder that is quadratic or trusts a length. */
  const MEGABYTE = 1_000_000;
  const repeated = (piece: string, times: number, before = '', after = '') => Buffer.from(before + piece.repeat(times) + after);
  const repeatedHex = (piece: string, times: number, before = '', after = '') => hex(before + piece.repeat(times) + after);
  const HEAVY: readonly (readonly [string, number, () => Buffer])[] = [
    ['text: a megabyte of digits', 0, () => repeated('1', MEGABYTE)],
    ['text: a megabyte of digits that end badly', 0, () => repeated('1', MEGABYTE, '', 'x')],
    ['text: a megabyte of base64', 0, () => repeated('A', MEGABYTE)],
    ['CBOR: a bignum of 60 kB', 60, () => repeatedHex('FF', 60_000, 'C2 59 EA60')],
    ['CBOR: a million empty arrays', 60, () => repeatedHex('80', MEGABYTE, '9A 000F4240')],
    ['CBOR: a million empty maps, unended', 60, () => repeatedHex('A0', MEGABYTE, '9F')],
    ['CBOR: a million nested arrays', 60, () => repeatedHex('81', MEGABYTE)],
    ['CBOR: a million nested tags', 60, () => repeatedHex('C1', MEGABYTE)],
    ['CBOR: a text of a million pieces', 60, () => repeatedHex('61 41', MEGABYTE / 2, '7F', 'FF')],
    ['CBOR: half a million empty pieces', 60, () => repeatedHex('60', MEGABYTE / 2, '7F', 'FF')],
    ['CBOR: a hundred thousand tagged times', 60, () => repeatedHex('C1 01', 99_000, '9A 000182B8')],
    ['SenML CBOR: a map of equal keys', 112, () => repeatedHex('02 01', 90_000, '81 BA 00015F90')],
    ['SenML CBOR: an array of 4 GiB', 112, () => hex('9A FFFFFFFF 80')],
    ['SenML CBOR: a map of 2^63 pairs', 112, () => hex('81 BB 7FFFFFFFFFFFFFFF')],
    ['LwM2M CBOR: 24,000 keys of five parts', 11544, () => repeatedHex('85 61 61 03 00 06 00 01', 24_000, 'BF', 'FF')],
    ['LwM2M CBOR: one path 39,000 times', 11544, () => repeatedHex('83 03 00 09 01', 39_000, 'B9 9858')],
    ['LwM2M CBOR: one way down for ever', 11544, () => repeatedHex('A1 03', MEGABYTE / 2)],
    ['SenML JSON: a million nested arrays', 110, () => repeated('[', MEGABYTE)],
    ['SenML JSON: an integer of a million digits', 110, () => repeated('9', MEGABYTE, '[{"n":"/3/0/9","v":', '}]')],
    ['SenML JSON: a million records', 110, () => repeated('{},', MEGABYTE / 3, '[', '{}]')],
    ['SenML JSON: a name of a megabyte', 110, () => repeated('/1', MEGABYTE / 2, '[{"n":"', '","v":1}]')],
    [
      'SenML JSON: a base name of a megabyte before ten thousand records',
      110,
      () => repeated('{"n":"1","v":1},', 10_000, `[{"bn":"${'/1'.repeat(MEGABYTE / 2)}","v":1},`, '{"n":"1"}]'),
    ],
    ['SenML JSON: a string of escapes', 110, () => repeated('\\\\', MEGABYTE / 2, '[{"n":"', '"}]')],
    ['SenML JSON: half a million escaped quotes, unended', 110, () => repeated('\\"', MEGABYTE / 2, '["')],
    ['LwM2M JSON: a million spaces', 11543, () => repeated(' ', MEGABYTE, '{', '}')],
    [
      'TLV: 300,000 empty resources out of order',
      11542,
      () =>
        Buffer.concat(Array.from({ length: 65_536 }, (_, id) => Buffer.from([0xe0, (65_535 - id) >> 8, (65_535 - id) & 0xff]))),
    ],
    ['TLV: one id a million times', 11542, () => repeatedHex('C0 09', MEGABYTE / 2)],
    ['TLV: a million resource instances', 11542, () => repeatedHex('40 00', MEGABYTE / 2, '98 06 0F 42 40')],
  ];
  for (const [what, contentFormat, make] of HEAVY) {
    it(`${what}, soon done`, () => {
      const payload = make();
      const format = FORMATS.find((one) => one.contentFormat === contentFormat) as Format;
      const before = process.cpuUsage().user;
      everywhere(format, payload);
      const milliseconds = (process.cpuUsage().user - before) / 1000;
      assert.ok(milliseconds < 2000, `${milliseconds} ms for ${PLACES.length} attempts`);
    });
  }

  it('link-format: lists made to be slow, soon done', () => {
    for (const text of ['<', '</1>;', '</1>;a="', '</1>,', '"', ',', ' ', '</1>;a;', '\\"', '</1>;x="\\'].map((piece) =>
      piece.repeat(12_000).slice(0, 65_536),
    )) {
      const before = process.cpuUsage().user;
      survives(() => parseLinks(Buffer.from(text)));
      assert.ok(process.cpuUsage().user - before < 500_000, text.slice(0, 10));
    }
  });
});
