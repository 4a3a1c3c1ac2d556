import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromResourceValues, NEW_INSTANCE, toResourceValues } from '../../src/device/coercion';
import { Catalogue } from '../../src/device/models/catalogue';
import type { ResourceDefinition } from '../../src/device/models/definition';
import { Path } from '../../src/device/path';
import type { ResourceType, ResourceValue, Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';

const catalogue = Catalogue.registry();

function resource(id: number, name: string, type: ResourceType, multiple = false): ResourceDefinition {
  return { id, name, type, operations: type === 'none' ? 'E' : 'RW', multiple, mandatory: false };
}

const RESOURCES = [
  resource(0, 'State', 'boolean'),
  resource(1, 'Twin', 'integer'),
  resource(2, 'twin', 'integer'),
  resource(3, 'Keys', 'opaque', true),
  resource(4, 'Blob', 'opaque'),
  resource(5, 'DTLS/TLS Suites', 'integer', true),
  resource(6, '__proto__', 'integer'),
  resource(7, 'Link', 'objlnk'),
  resource(8, 'Alarms', 'string', true),
  resource(9, 'Big', 'unsigned'),
  resource(10, 'Since', 'time'),
  resource(11, 'Level', 'float'),
  resource(12, 'Name', 'string'),
];
catalogue.add({
  id: 32800,
  name: 'Valve',
  version: '1.0',
  lwm2mVersion: '1.0',
  multiple: true,
  mandatory: false,
  resources: new Map(RESOURCES.map((definition) => [definition.id, definition])),
});
const model = catalogue.forDevice({ version: '1.1', versions: {} });

function written(value: unknown, target: string): Record<string, Value> {
  return Object.fromEntries(toResourceValues(value, Path.parse(target), model).map((entry) => [entry.path, entry.value]));
}

function refused(value: unknown, target: string): string {
  try {
    return `accepted: ${JSON.stringify(written(value, target))}`;
  } catch (error) {
    assert.ok(error instanceof DeviceManagementError, String(error));
    return `${error.code}: ${error.message}`;
  }
}

describe('toResourceValues', () => {
  it('takes a bare value for a resource and a resource instance', () => {
    assert.deepEqual(written('85', '/3/0/9'), { '/3/0/9': 85 });
    assert.deepEqual(written(1, '/3/0/11/2'), { '/3/0/11/2': 1 });
  });

  it('takes an array or an object keyed by instance for a multiple resource', () => {
    assert.deepEqual(written([0, '1'], '/3/0/11'), { '/3/0/11/0': 0, '/3/0/11/1': 1 });
    assert.deepEqual(written({ 4: 0, 7: 1 }, '/3/0/11'), { '/3/0/11/4': 0, '/3/0/11/7': 1 });
    assert.deepEqual(written({ '/3/0/11/4': 0 }, '/3/0/11'), { '/3/0/11/4': 0 });
    assert.deepEqual(written([], '/3/0/11'), {});
  });

  it('keys an instance by full path, path below it, or name without regard to case', () => {
    const expected = { '/3/0/14': '+01:00', '/3/0/15': 'Europe/Oslo', '/3/0/6/0': 1, '/3/0/6/1': 5, '/3/0/11/0': 0 };
    assert.deepEqual(
      written(
        { '/3/0/14': '+01:00', ' timezone ': 'Europe/Oslo', '6/0': 1, 'Available Power Sources/1': '5', 'Error Code': { 0: 0 } },
        '/3/0',
      ),
      expected,
    );
    assert.deepEqual(written({ 14: '+01:00', 15: 'Europe/Oslo', 6: [1, 5], 11: [0] }, '/3/0'), expected);
  });

  it('finds a name with a slash in it, alone and with an instance', () => {
    assert.deepEqual(written({ 'dtls/tls suites': [1] }, '/32800/0'), { '/32800/0/5/0': 1 });
    assert.deepEqual(written({ 'DTLS/TLS Suites/3': 1 }, '/32800/0'), { '/32800/0/5/3': 1 });
  });

  it('keys a new instance of an object like an instance; the device numbers it', () => {
    assert.deepEqual(written({ State: true, 12: 'inlet', '3': [[1], [2]] }, '/32800'), {
      [`/32800/${NEW_INSTANCE}/0`]: true,
      [`/32800/${NEW_INSTANCE}/12`]: 'inlet',
      [`/32800/${NEW_INSTANCE}/3/0`]: Buffer.from([1]),
      [`/32800/${NEW_INSTANCE}/3/1`]: Buffer.from([2]),
    });
    assert.deepEqual(written({ 4: { State: true }, '5/0': false, '/32800/6/0': true }, '/32800'), {
      '/32800/4/0': true,
      '/32800/5/0': false,
      '/32800/6/0': true,
    });
  });

  it('keys several objects by full path', () => {
    assert.deepEqual(written({ '/3/0/14': '+01:00', '/32800/0': { State: '1' } }, '/'), {
      '/3/0/14': '+01:00',
      '/32800/0/0': true,
    });
    assert.match(refused({ 'UTC Offset': '+01:00' }, '/'), /is no full path: without a target, key values by full path/);
  });

  it('takes [1, 2] as the bytes of a single opaque resource', () => {
    assert.deepEqual(written([1, 2], '/32800/0/4'), { '/32800/0/4': Buffer.from([1, 2]) });
    assert.deepEqual(written({ type: 'Buffer', data: [1] }, '/32800/0/4'), { '/32800/0/4': Buffer.from([1]) });
    assert.match(
      refused([1, 2], '/32800/0/3'),
      /Keys \(\/32800\/0\/3\) has several instances, but an array of 2 came: pass an array, or an object such as/,
    );
  });

  it('keeps unknown objects and resources usable by id', () => {
    assert.deepEqual(written('x', '/31999/0/1'), { '/31999/0/1': 'x' });
    assert.deepEqual(written({ 1: 5, '2/0': true, 3: ['a', 'b'] }, '/31999/0'), {
      '/31999/0/1': 5,
      '/31999/0/2/0': true,
      '/31999/0/3/0': 'a',
      '/31999/0/3/1': 'b',
    });
    assert.deepEqual(written({ 999: 1 }, '/3/0'), { '/3/0/999': 1 });
  });

  it('does not refuse a read-only resource: that is for the device', () => {
    assert.deepEqual(written('ACME', '/3/0/0'), { '/3/0/0': 'ACME' });
  });

  describe('refuses with a message to act on', () => {
    const cases: readonly [unknown, string, RegExp][] = [
      [
        { 'Batery Level': 1 },
        '/3/0',
        /^invalid-value: Device \(3, version 1\.1\) has no resource "Batery Level"\. Use its id, or one of: Manufacturer, .*, …\.$/,
      ],
      [{ Twin: 1 }, '/32800/0', /"Twin" names resources 1 and 2 of Valve .*: use the id/],
      [{ x: 1 }, '/31999/0', /object 31999 is in no model\. Use the id of the resource/],
      [{ 14: 'a', 'utc offset': 'b' }, '/3/0', /\/3\/0\/14 is given twice/],
      [{ '/4/0/1': 1 }, '/3/0', /"\/4\/0\/1" does not lie below \/3\/0/],
      [{ '/3/0': {} }, '/3/0', /"\/3\/0" does not lie below \/3\/0/],
      [{ 14: [1, 2] }, '/3/0', /UTC Offset \(\/3\/0\/14\) takes one string, but an array of 2 came: pass a single value/],
      [{ 0: 1 }, '/3/0/9', /Battery Level \(\/3\/0\/9\) takes one integer, but an object came/],
      [
        1,
        '/3/0/11',
        /Error Code \(\/3\/0\/11\) has several instances, but the number 1 came: pass an array, .* or write to \/3\/0\/11\/0/,
      ],
      [{ a: 1 }, '/3/0/11', /"a" is no instance of \/3\/0\/11: key its instances by number/],
      ['{"14":"+01:00"}', '/3/0', /takes an object of its resources.* Parse the text first, for example with a JSON node/],
      [85, '/3/0', /takes an object of its resources, for example .*, but the number 85 came/],
      [undefined, '/3/0', /but nothing came/],
      [{ 70000: 1 }, '/3/0', /^invalid-path: .*70000 is not an id/],
      [{ '1/2/3': 1 }, '/3/0', /^invalid-path: .*more than four parts/],
      [1, '/3/0/4', /Reboot \(\/3\/0\/4\) holds no value: it is executed, not written/],
    ];
    for (const [value, target, expected] of cases) {
      it(`${JSON.stringify(value)} to ${target}`, () => assert.match(refused(value, target), expected));
    }
  });

  it('converts or refuses in words whatever comes', () => {
    const targets = fc.constantFrom('/', '/3', '/3/0', '/3/0/11', '/3/0/9', '/3/0/11/0', '/31999', '/31999/0', '/31999/0/1');
    const keys = fc.constantFrom('14', '0/14', 'UTC Offset', '/3/0/14', 'x', '', '/', 'Error Code/1', '__proto__', 'constructor');
    const payload = fc.oneof(fc.anything(), fc.dictionary(keys, fc.anything()));
    fc.assert(
      fc.property(payload, targets, (value, target) => {
        try {
          for (const entry of toResourceValues(value, Path.parse(target), model)) {
            const path = Path.parse(entry.path);
            assert.equal(path.toString(), entry.path);
            assert.ok(path.ids.length >= 3 && Path.parse(target).contains(path));
          }
        } catch (error) {
          assert.ok(error instanceof DeviceManagementError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('fromResourceValues', () => {
  const device: ResourceValue[] = [
    { path: '/3/0/0', value: 'ACME' },
    { path: '/3/0/6/0', value: 1 },
    { path: '/3/0/6/1', value: 5 },
    { path: '/3/0/999', value: true },
  ];
  const payload = (values: readonly ResourceValue[], target: string, how: 'path' | 'name'): unknown =>
    fromResourceValues(values, Path.parse(target), how, model);

  it('gives the bare value of a single resource or resource instance', () => {
    assert.equal(payload([{ path: '/3/0/9', value: 85 }], '/3/0/9', 'path'), 85);
    assert.equal(payload([{ path: '/3/0/9', value: 85 }], '/3/0/9', 'name'), 85);
    assert.equal(payload([{ path: '/3/0/6/1', value: 5 }], '/3/0/6/1', 'path'), 5);
  });

  it('keys anything larger by full path', () => {
    assert.deepEqual(payload(device, '/3/0', 'path'), { '/3/0/0': 'ACME', '/3/0/6/0': 1, '/3/0/6/1': 5, '/3/0/999': true });
    assert.deepEqual(payload(device.slice(1, 3), '/3/0/6', 'path'), { '/3/0/6/0': 1, '/3/0/6/1': 5 });
  });

  it('or nests it by names, by id where there is no name or two the same', () => {
    assert.deepEqual(payload(device, '/3/0', 'name'), {
      Manufacturer: 'ACME',
      'Available Power Sources': { 0: 1, 1: 5 },
      999: true,
    });
    assert.deepEqual(payload(device.slice(1, 3), '/3/0/6', 'name'), { 0: 1, 1: 5 });
    assert.deepEqual(payload([{ path: '/3303/1/5700', value: 21.5 }], '/3303', 'name'), { 1: { 'Sensor Value': 21.5 } });
    assert.deepEqual(payload([{ path: '/3303/1/5700', value: 21.5 }], '/', 'name'), {
      Temperature: { 1: { 'Sensor Value': 21.5 } },
    });
    assert.deepEqual(payload([{ path: '/31999/1/5', value: 1 }], '/', 'name'), { 31999: { 1: { 5: 1 } } });
    const twins = [
      { path: '/32800/0/1', value: 1 },
      { path: '/32800/0/2', value: 2 },
    ];
    assert.deepEqual(payload(twins, '/32800/0', 'name'), { 1: 1, 2: 2 });
  });

  it('is empty for what has no content, and undefined for a single value that did not come', () => {
    assert.deepEqual(payload([], '/3/0', 'path'), {});
    assert.deepEqual(payload([], '/3/0/11', 'path'), {});
    assert.equal(payload([], '/3/0/9', 'path'), undefined);
    assert.equal(payload([], '/3/0/11/0', 'name'), undefined);
  });

  it('holds the last value of a history, which comes oldest first', () => {
    const history = [21.5, 21.7, 21.9].map((value, at) => ({ path: '/3303/0/5700', value, at }));
    assert.equal(payload(history, '/3303/0/5700', 'path'), 21.9);
    assert.deepEqual(payload(history, '/3303/0', 'path'), { '/3303/0/5700': 21.9 });
  });

  it('makes a resource named "__proto__" a key like any other', () => {
    const result = payload([{ path: '/32800/0/6', value: 1 }], '/32800/0', 'name') as object;
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.deepEqual(Object.entries(result), [['__proto__', 1]]);
    assert.deepEqual(toResourceValues(result, Path.parse('/32800/0'), model), [{ path: '/32800/0/6', value: 1 }]);
  });

  const VALUES: Readonly<Partial<Record<ResourceType, fc.Arbitrary<Value>>>> = {
    boolean: fc.boolean(),
    integer: fc.maxSafeInteger().map((value) => (Object.is(value, -0) ? 0 : value)),
    unsigned: fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }).map(String),
    float: fc.double({ noNaN: true, noDefaultInfinity: true }),
    opaque: fc.uint8Array().map((list) => Buffer.from(list)),
    objlnk: fc.tuple(fc.nat(65535), fc.nat(65535)).map(([object, instance]) => `${object}:${instance}`),
    time: fc.date({ noInvalidDate: true }),
    string: fc.string({ unit: 'grapheme' }),
  };
  const entry = fc.constantFrom(...RESOURCES).chain((definition) =>
    fc
      .tuple(VALUES[definition.type] as fc.Arbitrary<Value>, fc.nat(3), fc.nat(2))
      .map(([value, instance, resourceInstance]): ResourceValue => {
        const path = `/32800/${instance}/${definition.id}`;
        return { path: definition.multiple ? `${path}/${resourceInstance}` : path, value };
      }),
  );
  const values = fc.uniqueArray(entry, { maxLength: 12, selector: ({ path }) => path });
  const sorted = (list: readonly ResourceValue[]): ResourceValue[] => [...list].sort((a, b) => (a.path < b.path ? -1 : 1));

  for (const how of ['path', 'name'] as const) {
    it(`comes back through toResourceValues unchanged, keyed by ${how}`, () => {
      fc.assert(
        fc.property(values, (all) => {
          const object = Path.parse('/32800');
          assert.deepEqual(sorted(toResourceValues(fromResourceValues(all, object, how, model), object, model)), sorted(all));
          const instance = Path.parse('/32800/1');
          const own = all.filter(({ path }) => path.startsWith('/32800/1/'));
          assert.deepEqual(sorted(toResourceValues(fromResourceValues(own, instance, how, model), instance, model)), sorted(own));
        }),
        { numRuns: 200 },
      );
    });
  }
});
