import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { MAX_DDF_BYTES, parseDdf } from '../../../src/device/models/ddf';

const FIXTURES = path.join(__dirname, '..', '..', 'fixtures');
const TYPES = 'use String, Integer, Unsigned Integer, Float, Boolean, Opaque, Time, Objlnk, Corelnk';

function fixture(...name: string[]): Buffer {
  return readFileSync(path.join(FIXTURES, ...name));
}

/** Every file of fixtures/ddf-wrong, with what a person is told. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  'bad-instances.xml': ['7: object 32800 has MultipleInstances "Many"; use Single or Multiple'],
  'bad-resource-id.xml': ['10: resource ID "0x1" is not a number from 0 to 65535'],
  'bad-version.xml': ['7: object 32800 has ObjectVersion "one"; use a form like 1.0'],
  'bad-xml.xml': ['4: not well-formed XML inside <Name>: Unexpected close tag'],
  'common-resources.xml': ['3: ObjectType is "CommonResources", not "MODefinition": it defines no object'],
  'duplicate-resource.xml': ['20: resource 0 "Again" is defined twice'],
  'empty.xml': ['1: no <Object> in it'],
  'inherited-type.xml': [`15: resource 0 "State" has unknown type "constructor"; ${TYPES}`],
  'latin1.xml': ['0: not UTF-8 text; save it as UTF-8'],
  'no-name.xml': ['11: resource 0 has no name'],
  'no-object-id.xml': ['3: the object has no ObjectID'],
  'no-object.xml': ['3: no <Object> in it'],
  'no-resource-id.xml': ['20: a resource has no ID'],
  'no-type.xml': ['15: resource 0 "State" can be read or written and has no type'],
  'not-xml.xml': ['1: not well-formed XML: Non-whitespace before first tag.'],
  'object-id-too-large.xml': ['6: ObjectID "70000" is not a number from 0 to 65535'],
  'two-faults.xml': [
    '12: resource 0 "State" has unknown operations "RX"; use R, W, RW, E or nothing',
    `25: resource 1 "Opening" has unknown type "Real"; ${TYPES}`,
  ],
  'unclosed.xml': ['4: not well-formed XML inside <Object>: Unclosed root tag'],
  'unknown-operations.xml': ['12: resource 0 "State" has unknown operations "RX"; use R, W, RW, E or nothing'],
  'unknown-type.xml': [`15: resource 0 "State" has unknown type "Bool"; ${TYPES}`],
  'wrong-root.xml': ['2: the root element is <html>, not <LWM2M>'],
};

describe('parseDdf', () => {
  it('reads an object with its resources, and no prose', () => {
    const { definitions, faults } = parseDdf(fixture('registry', '32800.xml'));
    assert.deepEqual(faults, []);
    assert.equal(definitions.length, 1);
    const [valve] = definitions;
    assert.deepEqual(
      { ...valve, resources: [...(valve?.resources.values() ?? [])] },
      {
        id: 32800,
        name: 'Valve',
        version: '1.1',
        lwm2mVersion: '1.1',
        multiple: true,
        mandatory: false,
        resources: [
          { id: 0, name: 'State', type: 'boolean', operations: 'RW', multiple: false, mandatory: true },
          {
            id: 1,
            name: 'Opening',
            type: 'float',
            operations: 'RW',
            multiple: false,
            mandatory: false,
            range: '0..100',
            units: '/100',
          },
          { id: 2, name: 'Flush', type: 'none', operations: 'E', multiple: false, mandatory: false },
          { id: 3, name: 'Alarms', type: 'unsigned', operations: 'R', multiple: true, mandatory: false },
        ],
      },
    );
  });

  it('takes version 1.0 where a file of LwM2M 1.0 names none', () => {
    const [valve] = parseDdf(fixture('registry', 'version_history', '32800-1_0.xml')).definitions;
    assert.deepEqual([valve?.version, valve?.lwm2mVersion], ['1.0', '1.0']);
  });

  it('reads several objects from one file', () => {
    const { definitions } = parseDdf(fixture('ddf-vendor', 'two.xml'));
    assert.deepEqual(
      definitions.map((definition) => [definition.id, definition.name]),
      [
        [32801, 'One'],
        [32802, 'Two'],
      ],
    );
  });

  it('reads a file that begins with a byte order mark', () => {
    const { definitions } = parseDdf(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), fixture('registry', '32800.xml')]));
    assert.equal(definitions.length, 1);
  });

  it('keeps the good resources of an object with a faulty one, for a caller who wants them', () => {
    const { definitions, faults } = parseDdf(fixture('ddf-wrong', 'duplicate-resource.xml'));
    assert.equal(faults.length, 1);
    assert.equal(definitions[0]?.resources.get(0)?.name, 'State');
  });

  describe('names line and reason of', () => {
    for (const [file, expected] of Object.entries(WRONG)) {
      it(file, () => {
        const { faults } = parseDdf(fixture('ddf-wrong', file));
        assert.deepEqual(
          faults.map((fault) => `${fault.line}: ${fault.reason}`),
          expected,
        );
      });
    }

    it('every wrong file there is', () => {
      assert.deepEqual(Object.keys(WRONG), readdirSync(path.join(FIXTURES, 'ddf-wrong')).sort());
    });
  });

  it('refuses a file beyond its cap without parsing it', () => {
    const { definitions, faults } = parseDdf(Buffer.alloc(MAX_DDF_BYTES + 1, 0x20));
    assert.deepEqual(definitions, []);
    assert.deepEqual(faults, [{ line: 0, reason: 'larger than 1024 KiB' }]);
  });

  it('expands no entities of a document type', () => {
    const bomb = `<!DOCTYPE LWM2M [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>\n<LWM2M><Object><Name>&b;</Name></Object></LWM2M>`;
    assert.match(
      parseDdf(Buffer.from(bomb)).faults[0]?.reason ?? '',
      /not well-formed XML inside <Name>: Invalid character entity/,
    );
  });

  it('never throws, whatever became of a good file', () => {
    const good = fixture('registry', '32800.xml');
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(60), fc.string({ maxLength: 20, unit: 'binary' }), (at, length, inserted) => {
        const broken = Buffer.concat([good.subarray(0, at), Buffer.from(inserted), good.subarray(at + length)]);
        const { definitions, faults } = parseDdf(broken);
        assert.ok(definitions.length + faults.length > 0);
        for (const fault of faults) assert.ok(fault.line >= 0 && fault.reason.length > 0);
      }),
      { numRuns: 300 },
    );
  });
});
