/** What one end writes the other reads, whatever the resources, in every format. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isGatewayPrefix, Path } from '../../../src/device/path';
import type { ResourceValue } from '../../../src/device/value';
import type { Format } from '../../../src/lwm2m/formats/format';
import { FORMATS } from '../../../src/lwm2m/formats/formats';
import { json } from '../../../src/lwm2m/formats/json';
import { formatLinks, parseLinks } from '../../../src/lwm2m/formats/link-format';
import { lwm2mCbor } from '../../../src/lwm2m/formats/lwm2m-cbor';
import { senmlCbor } from '../../../src/lwm2m/formats/senml-cbor';
import { senmlEtchCbor, senmlEtchJson } from '../../../src/lwm2m/formats/senml-etch';
import { senmlJson } from '../../../src/lwm2m/formats/senml-json';
import { instance, single, timeOfValue, typeOf } from './resource-values';

function roundTrip(format: Format, values: readonly ResourceValue[], base: Path): ResourceValue[] {
  return format.decode(format.encode(values, { base, typeOf }), { base, typeOf, now: 0 });
}

describe('round trips', () => {
  for (const format of FORMATS) {
    it(`${format.name}: any value of a single resource`, () => {
      fc.assert(
        fc.property(single, (entry) => {
          const base = Path.parse(entry.path);
          if (format.canEncode([entry], { base, typeOf })) assert.deepEqual(roundTrip(format, [entry], base), [entry]);
        }),
        { numRuns: 500 },
      );
    });
  }

  for (const format of FORMATS.filter((one) => one.canEncode([], { base: Path.of(3, 0), typeOf }))) {
    it(`${format.name}: any instance, asked for itself or as its object`, () => {
      fc.assert(
        fc.property(instance, ({ base, values }) => {
          assert.deepEqual(roundTrip(format, values, base), values);
          assert.deepEqual(roundTrip(format, values, base.parent), values);
        }),
        { numRuns: 200 },
      );
    });
  }

  for (const format of [senmlJson, senmlCbor, senmlEtchJson, senmlEtchCbor]) {
    it(`${format.name}: any values with any times, behind any gateway, below the root`, () => {
      const prefix = fc.string({ unit: 'grapheme', maxLength: 10 }).filter((text) => isGatewayPrefix(text));
      const timed = fc.tuple(single, fc.option(timeOfValue, { nil: undefined }), fc.option(prefix, { nil: undefined }));
      fc.assert(
        fc.property(fc.array(timed, { maxLength: 6 }), (entries) => {
          const values = entries.map(([entry, at, before]) => ({
            ...entry,
            ...(at !== undefined && { at }),
            ...(before !== undefined && { prefix: before }),
          }));
          assert.deepEqual(roundTrip(format, values, Path.root), values);
        }),
        { numRuns: 300 },
      );
    });
  }

  for (const format of [senmlJson, senmlCbor, json, lwm2mCbor]) {
    it(`${format.name}: any instance of a device behind a gateway`, () => {
      fc.assert(
        fc.property(instance, ({ base, values }) => {
          const context = { base, typeOf, now: 0, prefix: 'd"01' };
          const payload = format.encode(values, context);
          assert.deepEqual(format.decode(payload, context), values);
        }),
        { numRuns: 100 },
      );
    });
  }

  it('link-format: any paths and attributes', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const value = fc.oneof(fc.constant(true as const), fc.string({ unit: 'grapheme' }), fc.stringMatching(/^\d{1,3}\.\d$/));
    const link = fc.record(
      {
        path: fc.stringMatching(/^(\/\d{1,5}){1,4}$/),
        attributes: fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(link, { maxLength: 20 }), (links) => {
        const read = parseLinks(Buffer.from(formatLinks(links)));
        assert.deepEqual(
          read.map(({ path, attributes }) => ({ path, attributes: { ...attributes } })),
          links,
        );
      }),
      { numRuns: 300 },
    );
  });
});
