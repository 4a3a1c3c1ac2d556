import assert from 'node:assert/strict';
import path from 'node:path';
import { Catalogue } from '../../../src/device/models/catalogue';
import { describe as describeObject, type ObjectDefinition } from '../../../src/device/models/definition';

const FIXTURES = path.join(__dirname, '..', '..', 'fixtures');
const registry = Catalogue.registry();

function row(definition: ObjectDefinition | undefined, resource: number): string {
  const found = definition?.resources.get(resource);
  if (found === undefined) return 'none';
  const { id, name, type, operations, multiple, mandatory, range, units } = found;
  return [
    id,
    name,
    type,
    operations || '-',
    multiple ? 'multiple' : 'single',
    mandatory ? 'mandatory' : 'optional',
    range,
    units,
  ].join('|');
}

function ids(definition: ObjectDefinition | undefined): number[] {
  return [...(definition?.resources.keys() ?? [])];
}

function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, id) => id);
}

describe('the OMA registry we carry', () => {
  it('has all its objects in all their versions', () => {
    const objects = [...registry.objects()];
    assert.equal(objects.length, 327);
    assert.equal(
      objects.reduce((sum, object) => sum + object.versions.length, 0),
      424,
    );
  });

  it('decodes every version of every object', () => {
    for (const { id, versions } of registry.objects()) {
      for (const version of versions) {
        const definition = registry.definition(id, version);
        assert.equal(definition?.version, version);
        assert.ok(definition.resources.size > 0, `${id} ${version}`);
        for (const [key, resource] of definition.resources) {
          assert.equal(key, resource.id);
          assert.equal(resource.type === 'none', resource.operations === 'E', `${id}/${key}`);
        }
      }
    }
  });

  it('knows Device (3) as each LwM2M version has it', () => {
    const [v10, v11, v12] = ['1.0', '1.1', '1.2'].map((version) => registry.definition(3, version));
    assert.deepEqual(ids(v10), upTo(22));
    assert.deepEqual(ids(v11), upTo(22));
    assert.deepEqual(ids(v12), upTo(22));
    assert.equal(row(v10, 9), '9|Battery Level|integer|R|single|optional|0-100|%');
    assert.equal(row(v11, 9), '9|Battery Level|integer|R|single|optional|0..100|%');
    assert.equal(row(v12, 9), '9|Battery Level|integer|R|single|optional|0..100|/100');
    assert.equal(row(v12, 4), '4|Reboot|none|E|single|mandatory||');
    assert.equal(row(v12, 11), '11|Error Code|integer|R|multiple|mandatory|0..32|');
    assert.equal(row(v12, 23), 'none');
    assert.equal(row(v12, 14), '14|UTC Offset|string|RW|single|optional||');
    assert.deepEqual([v10?.multiple, v10?.mandatory, v10?.name], [false, true, 'Device']);
  });

  it('knows Temperature (3303), its author putting the value first', () => {
    const [v10, v11] = ['1.0', '1.1'].map((version) => registry.definition(3303, version));
    assert.deepEqual(ids(v10), [5700, 5601, 5602, 5603, 5604, 5701, 5605]);
    assert.deepEqual(ids(v11), [5700, 5601, 5602, 5603, 5604, 5701, 5605, 5750, 5518, 6050, 6042, 6049]);
    assert.equal(row(v11, 5700), '5700|Sensor Value|float|R|single|mandatory||');
    assert.equal(row(v11, 5518), '5518|Timestamp|time|R|single|optional||');
    assert.equal(v11?.multiple, true);
  });

  it('knows Firmware Update (5): 1.1 added severity and deferral', () => {
    const [v10, v11, v12] = ['1.0', '1.1', '1.2'].map((version) => registry.definition(5, version));
    assert.equal(row(v10, 0), '0|Package|opaque|W|single|mandatory||');
    assert.equal(row(v10, 3), '3|State|integer|R|single|mandatory|0..3|');
    assert.equal(row(v10, 10), 'none');
    assert.match(row(v11, 10), /^10\|/);
    assert.ok(ids(v12).length > ids(v10).length);
  });

  it('knows Location (6)', () => {
    const location = registry.definition(6);
    assert.deepEqual(ids(location), upTo(6));
    assert.equal(row(location, 0), '0|Latitude|float|R|single|mandatory||lat');
    assert.equal(row(location, 5), '5|Timestamp|time|R|single|mandatory||');
  });

  it('knows Connectivity Monitoring (4) as it grew', () => {
    const [v10, v11, v12, v13] = ['1.0', '1.1', '1.2', '1.3'].map((version) => registry.definition(4, version));
    assert.deepEqual(ids(v10), upTo(10));
    assert.equal(row(v10, 2), '2|Radio Signal Strength|integer|R|single|mandatory||dBm');
    assert.equal(row(v10, 11), 'none');
    assert.equal(row(v11, 11), '11|SignalSNR|integer|R|single|optional||dB');
    assert.ok(ids(v12).includes(12));
    assert.ok(ids(v13).includes(13) && !ids(v12).includes(13));
  });

  it('keeps operations empty where only a bootstrap server may', () => {
    assert.equal(row(registry.definition(0, '1.0'), 2), '2|Security Mode|integer|-|single|mandatory|0-4|');
  });
});

describe('Catalogue.definition', () => {
  it('gives the version asked for, and the newest when none is', () => {
    assert.equal(registry.definition(3, '1.1')?.version, '1.1');
    assert.equal(registry.definition(3)?.version, '1.2');
    assert.equal(registry.definition(25)?.version, '2.0');
  });

  it('gives the nearest where that version is unknown: same major, the older of two equally near, else the newest', () => {
    assert.equal(registry.definition(3, '1.9')?.version, '1.2');
    assert.equal(registry.definition(25, '1.4')?.version, '1.0');
    assert.equal(registry.definition(25, '7.0')?.version, '2.0');
    assert.equal(registry.definition(3, 'nonsense')?.version, '1.2');
    const catalogue = Catalogue.empty();
    const definition = { id: 40000, name: 'Gap', lwm2mVersion: '1.0', multiple: false, mandatory: false, resources: new Map() };
    for (const version of ['1.10', '1.0', '1.2', '2.0']) catalogue.add({ ...definition, version });
    assert.equal(catalogue.definition(40000, '1.1')?.version, '1.0');
    assert.equal(catalogue.definition(40000, '1.7')?.version, '1.10');
    assert.deepEqual(catalogue.versions(40000), ['1.0', '1.2', '1.10', '2.0']);
  });

  it('knows nothing of an object that is in no model', () => {
    assert.equal(registry.definition(32800), undefined);
    assert.deepEqual(registry.versions(32800), []);
  });
});

describe('Catalogue.forDevice', () => {
  const versionOf = (version: string, object: number, versions: Record<string, string> = {}): string | undefined =>
    registry.forDevice({ version, versions }).definition(object)?.version;

  it('takes the default versions of core objects from the LwM2M version', () => {
    const expected: Record<number, [string, string, string]> = {
      0: ['1.0', '1.1', '1.2'],
      1: ['1.0', '1.1', '1.2'],
      2: ['1.0', '1.0', '1.1'],
      3: ['1.0', '1.1', '1.2'],
      4: ['1.0', '1.2', '1.3'],
      5: ['1.0', '1.0', '1.1'],
      6: ['1.0', '1.0', '1.0'],
      7: ['1.0', '1.0', '1.0'],
      21: ['1.0', '1.0', '1.1'],
      25: ['1.0', '1.0', '1.0'],
      3303: ['1.0', '1.0', '1.0'],
    };
    for (const [object, versions] of Object.entries(expected)) {
      const actual = ['1.0', '1.1', '1.2'].map((lwm2m) => versionOf(lwm2m, Number(object)));
      assert.deepEqual(actual, versions, `object ${object}`);
    }
  });

  it('takes what the device announced before any default', () => {
    assert.equal(versionOf('1.0', 3303, { 3303: '1.1' }), '1.1');
    assert.equal(versionOf('1.1', 5, { 5: '1.1' }), '1.1');
    assert.equal(versionOf('1.1', 3, { 3: '1.0' }), '1.0');
  });

  it('bears patch levels, versions to come and nonsense', () => {
    assert.equal(versionOf('1.0.2', 3), '1.0');
    assert.equal(versionOf('1.9', 3), '1.2');
    assert.equal(versionOf('2.0', 3), '1.2');
    assert.equal(versionOf('', 3), '1.0');
    assert.equal(versionOf('1.1', 3, { 3: '"1.0"' }), '1.2');
    assert.equal(registry.forDevice({ version: '1.1', versions: {} }).definition(-1), undefined);
  });

  it('gives types by object and resource, and none for what it does not know', () => {
    const model = registry.forDevice({ version: '1.1', versions: {} });
    assert.equal(model.typeOf(3, 9), 'integer');
    assert.equal(model.typeOf(3, 999), undefined);
    assert.equal(model.typeOf(32800, 0), undefined);
    assert.equal(model.resource(3, 9)?.name, 'Battery Level');
  });
});

describe('vendor definitions', () => {
  it('are read from a folder; wrong files are told with file, line and reason, the others used', () => {
    const catalogue = Catalogue.registry();
    const problems = catalogue.addVendorFolder(path.join(FIXTURES, 'ddf-vendor'));
    assert.deepEqual(
      problems.map(({ file, line, reason }) => `${path.basename(file)}:${line}: ${reason}`),
      [
        'zz-again.xml:0: object 32800 version 1.1 is already defined in valve.xml, which is used',
        'zz-wrong.xml:3: not well-formed XML inside <Object>: Unexpected close tag',
      ],
    );
    assert.equal(row(catalogue.definition(32800), 1), '1|Opening|float|RW|single|optional|0..100|/100');
    assert.deepEqual(catalogue.versions(32801), ['2.0']);
    assert.ok([...catalogue.objects()].some((object) => object.id === 32802 && object.name === 'Two'));
    assert.equal(Catalogue.registry().definition(32800), undefined, 'one catalogue does not change another');
  });

  it('do not use half of a faulty file', () => {
    const catalogue = Catalogue.empty();
    const problems = catalogue.addVendorFolder(path.join(FIXTURES, 'ddf-wrong'));
    assert.deepEqual([...catalogue.objects()], []);
    assert.equal(problems.length, 22);
    assert.ok(problems.every((problem) => path.isAbsolute(problem.file)));
  });

  it('take precedence over the registry for their version only', () => {
    const catalogue = Catalogue.registry();
    const temperature = {
      id: 3303,
      name: 'Our Temperature',
      lwm2mVersion: '1.0',
      multiple: true,
      mandatory: false,
      resources: new Map(),
    };
    catalogue.add({ ...temperature, version: '1.1' });
    assert.equal(catalogue.definition(3303, '1.1')?.name, 'Our Temperature');
    assert.equal(catalogue.definition(3303, '1.0')?.name, 'Temperature');
    assert.deepEqual(catalogue.versions(3303), ['1.0', '1.1']);
  });

  it('say what to do about a folder that cannot be read', () => {
    const problems = Catalogue.empty().addVendorFolder(path.join(FIXTURES, 'no-such-folder'));
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.reason ?? '', /the folder cannot be read \(ENOENT\); check its path/);
  });
});

describe('describe', () => {
  it('gives a definition as plain, cloneable data', () => {
    const device = registry.definition(3, '1.1');
    assert.ok(device);
    const description = describeObject(device);
    assert.deepEqual(structuredClone(description), description);
    assert.deepEqual(
      [description.id, description.name, description.version, description.resources.length],
      [3, 'Device', '1.1', 23],
    );
  });
});
