/** Types of the resources met in the captures: the registry's, and those of the clients' own test objects. */

import { Catalogue } from '../../src/device/models/catalogue';
import type { ResourceType, TypeOf } from '../../src/device/value';

const TEST_OBJECTS: Readonly<Record<number, Readonly<Record<number, ResourceType>>>> = {
  // Wakaama's test object
  31024: { 1: 'integer', 3: 'float', 5: 'string' },
  // Anjay's test objects
  33605: {
    0: 'time',
    1: 'integer',
    3: 'integer',
    4: 'string',
    5: 'opaque',
    6: 'boolean',
    7: 'integer',
    10: 'opaque',
    12: 'integer',
    13: 'boolean',
    14: 'float',
    15: 'string',
    16: 'objlnk',
    17: 'boolean',
    18: 'float',
    19: 'integer',
    20: 'unsigned',
  },
  33606: {
    ...Object.fromEntries([0, 1, 2, 3, 4, 7, 8].map((id) => [id, 'string' as const])),
    ...Object.fromEntries([5, 6, 9, 10, 11, 12, 13, 14].map((id) => [id, 'integer' as const])),
    15: 'float',
  },
  33607: { 0: 'string', ...Object.fromEntries([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].map((id) => [id, 'integer' as const])) },
  33609: { 0: 'integer', 1: 'string' },
};

const catalogue = Catalogue.registry();

export const typeOf: TypeOf = (object, resource) =>
  TEST_OBJECTS[object]?.[resource] ?? catalogue.definition(object)?.resources.get(resource)?.type;
