import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { ObjectDefinition, ResourceDefinition } from '../../../src/device/models/definition';
import { encodeRegistry, Registry } from '../../../src/device/models/registry';
import { compareVersions } from '../../../src/device/models/versions';
import type { ResourceType } from '../../../src/device/value';

/** Of the build that this test is part of. */
const COMPILED = path.join(__dirname, '..', '..', '..');
const FIXTURES = path.join(COMPILED, 'test', 'fixtures');
const SCRIPT = path.join(process.cwd(), 'scripts', 'generate-models.mjs');

const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== '');
const resource: fc.Arbitrary<ResourceDefinition> = fc
  .record({
    id: fc.nat(5),
    name,
    type: fc.constantFrom<ResourceType>('string', 'integer', 'float', 'opaque', 'none'),
    operations: fc.constantFrom('', 'R', 'RW', 'E'),
    multiple: fc.boolean(),
    mandatory: fc.boolean(),
    range: fc.constantFrom(undefined, '0..9'),
    units: fc.constantFrom(undefined, 's', '"'),
  })
  .map(({ range, units, ...rest }) => ({
    ...rest,
    ...(range !== undefined && { range }),
    ...(units !== undefined && { units }),
  }));
const definition: fc.Arbitrary<ObjectDefinition> = fc
  .record({
    id: fc.nat(3),
    name,
    version: fc.constantFrom('1.0', '1.1', '1.10', '2.0'),
    lwm2mVersion: fc.constantFrom('1.0', '1.1'),
    multiple: fc.boolean(),
    mandatory: fc.boolean(),
    resources: fc.array(resource, { minLength: 1, maxLength: 6 }),
  })
  .map((object) => ({ ...object, resources: new Map(object.resources.map((entry) => [entry.id, entry])) }));
const definitions = fc.uniqueArray(definition, { maxLength: 10, selector: (object) => `${object.id}/${object.version}` });

describe('registry.json', () => {
  it('gives back what was put in, in any order', () => {
    fc.assert(
      fc.property(definitions, (objects) => {
        const text = encodeRegistry(objects);
        assert.equal(encodeRegistry([...objects].reverse()), text);
        JSON.parse(text);
        const registry = new Registry(text);
        for (const object of objects) assert.deepEqual(registry.definition(object.id, object.version), object);
        for (const id of registry.objects()) {
          const versions = registry.entries(id).map((entry) => entry.version);
          assert.deepEqual(versions, [...versions].sort(compareVersions));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('knows nothing of what is not in it', () => {
    const registry = new Registry('[\n]\n');
    assert.equal(registry.definition(3, '1.0'), undefined);
    assert.deepEqual(registry.entries(3), []);
  });
});

describe('generate-models.mjs', () => {
  function generate(): { output: string; registry: string; notice: string } {
    const out = mkdtempSync(path.join(tmpdir(), 'models-'));
    try {
      const options = ['--out', out, '--compiled', COMPILED];
      const output = execFileSync(process.execPath, [SCRIPT, path.join(FIXTURES, 'registry'), ...options], { encoding: 'utf8' });
      const read = (file: string): string => readFileSync(path.join(out, file), 'utf8');
      return { output, registry: read('registry.json'), notice: read('NOTICE') };
    } finally {
      rmSync(out, { recursive: true });
    }
  }

  it('writes one object version a line, an unchanged resource as its bare id, and no prose', () => {
    assert.equal(
      generate().registry,
      `[
[9,"Pump","1.0","1.0","1",[[1,"Speed","float","R","1","","1/min"]]],
[32800,"Valve","1.0","1.0","0..*",[[0,"State","boolean","RW","1"],[1,"Opening","integer","RW","0..1","0..100","/100"],[2,"Flush","none","E","0..1"]]],
[32800,"Valve","1.1","1.1","0..*",[0,[1,"Opening","float","RW","0..1","0..100","/100"],2,[3,"Alarms","unsigned","R","0..*"]]]
]
`,
    );
  });

  it('says what it left out and why', () => {
    assert.deepEqual(generate().output.trim().split('\n'), [
      'skipped 9.xml:27: resource 2 "Log" can be read or written and has no type',
      'skipped Common.xml:3: ObjectType is "CommonResources", not "MODefinition": it defines no object',
      'skipped index.xml:2: the root element is <DDFList>, not <LWM2M>',
      `skipped ${path.join('version_history', '9-1_0.xml')}:0: differs from 9.xml, which is the current definition of 9/1.0`,
      '2 objects in 3 versions, 350 characters, 4 skipped',
    ]);
  });

  it('gives the same bytes each time', () => {
    const first = generate();
    const second = generate();
    assert.equal(first.registry, second.registry);
    assert.equal(first.notice, second.notice);
  });

  it('names the holder of the rights and the licence of each object', () => {
    const { notice } = generate();
    assert.match(notice, /Copyright 2020 Example Works \(BSD-3-Clause\):\n {2}32800\n/);
    assert.match(notice, /No copyright line \(under the licence of the registry\):\n {2}9\n/);
    assert.match(notice, /Redistribution and use in source and binary forms/);
  });
});
