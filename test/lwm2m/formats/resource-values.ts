/** Arbitrary values of arbitrary resources, for properties. */
import * as fc from 'fast-check';
import { Path } from '../../../src/device/path';
import type { ResourceType, ResourceValue, TypeOf, Value } from '../../../src/device/value';
import { integerValue } from '../../../src/device/value';

/** Types take turns by resource id, so that a type can be told from a path. */
const TYPES: readonly ResourceType[] = [
  'string',
  'integer',
  'unsigned',
  'float',
  'boolean',
  'opaque',
  'time',
  'objlnk',
  'corelnk',
];

export const typeOf: TypeOf = (_object, resource) => TYPES[resource % TYPES.length];

const id = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 65_535 }));
/** Well-formed Unicode: half a surrogate pair has no UTF-8. */
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary', maxLength: 300 }));

export const VALUES: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  string: text,
  corelnk: text,
  integer: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(integerValue),
  unsigned: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(integerValue),
  float: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -1000, max: 1000 }),
  ),
  boolean: fc.boolean(),
  opaque: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  time: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((seconds) => new Date(seconds * 1000)),
  objlnk: fc.tuple(id, id).map(([object, instance]) => `${object}:${instance}`),
};

function valueFor(resource: number): fc.Arbitrary<Value> {
  return VALUES[typeOf(0, resource) as string] as fc.Arbitrary<Value>;
}

/** One resource or resource instance with its value. */
export const single: fc.Arbitrary<ResourceValue> = fc
  .array(id, { minLength: 3, maxLength: 4 })
  .chain((ids) => valueFor(ids[2] as number).map((value) => ({ path: Path.of(...ids).toString(), value })));

/** Values of resources, single and multiple, of one instance; ascending, each once. */
const resources = fc.dictionary(
  id.map(String),
  fc.oneof(fc.constant(undefined), fc.uniqueArray(id, { minLength: 1, maxLength: 4 })),
  { maxKeys: 8, noNullPrototype: true },
);

/** Values below one object instance, and that instance's path. */
export const instance: fc.Arbitrary<{ base: Path; values: ResourceValue[] }> = fc
  .tuple(id, id, resources)
  .chain(([object, number, set]) => {
    const paths = Object.entries(set).flatMap(([resource, instances]) =>
      (instances ?? [undefined]).map((one) => (one === undefined ? [Number(resource)] : [Number(resource), one])),
    );
    const entries = paths.map((tail) =>
      valueFor(tail[0] as number).map((value): ResourceValue => ({ path: Path.of(object, number, ...tail).toString(), value })),
    );
    return fc.tuple(...entries).map((values) => ({ base: Path.of(object, number), values }));
  });

/** Times as devices tell them, in milliseconds; beyond 2^28 seconds, below which SenML means an offset from now. */
export const timeOfValue = fc.integer({ min: 2 ** 28 * 1000, max: 2 ** 42 });
