/** One device in every format: the worked example of the vectors, and the types of its resources. */
import { Path } from '../../../src/device/path';
import type { ResourceType, ResourceValue, TypeOf } from '../../../src/device/value';
import { DeviceManagementError } from '../../../src/errors';
import type { DecodeContext } from '../../../src/lwm2m/formats/format';

const TYPES: Readonly<Record<string, ResourceType>> = {
  '1/0': 'integer',
  '1/1': 'integer',
  '3/0': 'string',
  '3/3': 'string',
  '3/6': 'integer',
  '3/9': 'integer',
  '3/11': 'integer',
  '3/13': 'time',
  '3/14': 'string',
  '3/16': 'string',
  '3/22': 'objlnk',
  '4/2': 'integer',
  '5/0': 'opaque',
  '6/0': 'float',
  '6/1': 'float',
  '16/0': 'string',
  '25/3': 'corelnk',
  '3303/5601': 'float',
  '3303/5602': 'float',
  '3303/5603': 'float',
  '3303/5604': 'float',
  '3303/5700': 'float',
  '3303/5701': 'string',
  '3303/5850': 'boolean',
  '31024/1': 'integer',
  '31024/3': 'float',
  '31024/5': 'string',
  '33605/3': 'integer',
  '33605/10': 'opaque',
  '33605/13': 'boolean',
  '33605/14': 'float',
  '33605/15': 'string',
  '33605/16': 'objlnk',
  '33605/20': 'unsigned',
  '33605/0': 'time',
};

export const typeOf: TypeOf = (object, resource) => TYPES[`${object}/${resource}`];

/** Unix milliseconds of every decoding in these tests. */
export const NOW = 1_700_000_500_000;

export function at(base: string): DecodeContext {
  return { base: Path.parse(base), typeOf, now: NOW };
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

/** What `GET /3/0` answers in the vectors. */
export const EXAMPLE: readonly ResourceValue[] = [
  { path: '/3/0/0', value: 'ACME' },
  { path: '/3/0/3', value: '1.2.3' },
  { path: '/3/0/6/0', value: 1 },
  { path: '/3/0/6/1', value: 5 },
  { path: '/3/0/9', value: 100 },
  { path: '/3/0/11/0', value: 0 },
  { path: '/3/0/13', value: new Date(1_700_000_000_000) },
  { path: '/3/0/16', value: 'U' },
];

/** For assert.throws: one of ours, with this code and a text that says this. */
export function failure(code: string, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof DeviceManagementError && error.code === code && text.test(error.message)) return true;
    throw error;
  };
}
