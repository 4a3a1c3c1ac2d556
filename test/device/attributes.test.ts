import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ATTRIBUTE_NAMES,
  type AttributeTarget,
  checkAttributes,
  isKnownTo,
  mergeAttributes,
  type NotificationAttributes,
  parseAttributes,
  toQuery,
} from '../../src/device/attributes';
import { DeviceManagementError } from '../../src/errors';

const RESOURCE: AttributeTarget = { level: 'resource', type: 'float', version: '1.1' };

function verdict(attributes: NotificationAttributes, target: Partial<AttributeTarget> = {}): string {
  try {
    checkAttributes(attributes, { ...RESOURCE, ...target });
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof DeviceManagementError, String(error));
    return `${error.code}: ${error.message}`;
  }
}

describe('parseAttributes', () => {
  it('reads numbers and numeric strings; empty leaves alone, null clears', () => {
    const input = { pmin: '5', pmax: 60, gt: ' -3.5 ', lt: '', st: undefined, epmin: null, epmax: 'null' };
    assert.deepEqual(parseAttributes(input), { pmin: 5, pmax: 60, gt: -3.5, epmin: null, epmax: null });
    assert.deepEqual(parseAttributes({}), {});
  });

  const wrong: readonly [Record<string, unknown>, RegExp][] = [
    [{ pmim: 5 }, /"pmim" is no notification attribute\. Use pmin, pmax, gt, lt, st, epmin, epmax, edge, con, hqmax\./],
    [{ constructor: 5 }, /"constructor" is no notification attribute/],
    [{ pmin: 'soon' }, /pmin \(minimum period\) must be a number, not "soon"/],
    [{ pmin: 1.5 }, /takes whole seconds from 0 to 2147483647, not 1\.5/],
    [{ pmax: -1 }, /takes whole seconds/],
    [{ gt: Number.NaN }, /must be a number/],
    [{ st: 0 }, /st \(step\) must be above 0, not 0\. Leave it empty to hear every change/],
    [{ lt: true }, /must be a number, not true/],
    [{ lt: '0x10' }, /must be a number/],
  ];
  for (const [input, expected] of wrong) {
    it(`refuses ${Object.keys(input)[0]}=${String(Object.values(input)[0])}`, () => {
      assert.throws(() => parseAttributes(input), expected);
    });
  }
});

describe('checkAttributes', () => {
  const cases: readonly [string, NotificationAttributes, Partial<AttributeTarget>, RegExp][] = [
    ['pmax equal to pmin in 1.0', { pmin: 5, pmax: 5 }, { version: '1.0' }, /^accepted$/],
    [
      'pmax equal to pmin in 1.1',
      { pmin: 5, pmax: 5 },
      { version: '1.1' },
      /^invalid-value: .*LwM2M 1\.1 wants pmax greater: use 6/,
    ],
    ['pmax equal to pmin in 1.2', { pmin: 5, pmax: 5 }, { version: '1.2' }, /^accepted$/],
    ['pmax below pmin', { pmin: 10, pmax: 5 }, {}, /pmax \(maximum period\) 5 is below pmin \(minimum period\) 10/],
    ['pmax 0 without pmin', { pmax: 0 }, {}, /^accepted$/],
    [
      'epmin in 1.0',
      { epmin: 5 },
      { version: '1.0' },
      /^unsupported: epmin .* came with LwM2M 1\.1, and this device speaks 1\.0/,
    ],
    ['clearing epmin in 1.0', { epmin: null }, { version: '1.0' }, /^unsupported/],
    ['epmin equal to epmax', { epmin: 5, epmax: 5 }, {}, /epmin .* 5 must be below epmax/],
    ['lt above gt', { lt: 30, gt: 20 }, {}, /lt \(less than\) 30 must be below gt \(greater than\) 20/],
    ['lt equal to gt', { lt: 20, gt: 20 }, {}, /must be below/],
    ['negative thresholds', { lt: -20, gt: -10, st: 4.9 }, {}, /^accepted$/],
    ['a step that leaves no room', { lt: -20, gt: -10, st: 5 }, {}, /lt \+ 2·st must be below gt/],
    ['gt on an instance', { gt: 5 }, { level: 'instance' }, /gt .* can be set on a resource, not on an instance/],
    ['gt on an object', { gt: 5 }, { level: 'object' }, /not on the object/],
    ['pmin on an object', { pmin: 5 }, { level: 'object' }, /^accepted$/],
    ['pmin on the root', { pmin: 5 }, { level: 'root' }, /can be set on an object, instance or resource, not on the root/],
    [
      'pmin on a resource instance in 1.0',
      { pmin: 5 },
      { level: 'resource-instance', version: '1.0' },
      /^unsupported: .*use the resource/,
    ],
    ['pmin on a resource instance in 1.1', { pmin: 5 }, { level: 'resource-instance' }, /^accepted$/],
    ['gt on a string', { gt: 5 }, { type: 'string' }, /needs a numeric resource, and this one is of type string/],
    ['gt on an unknown resource', { gt: 5 }, { type: undefined }, /^accepted$/],
    ['clearing both thresholds', { gt: null, lt: null }, {}, /^accepted$/],
    ['a version to come', { epmin: 1, epmax: 2 }, { version: '2.0' }, /^accepted$/],
    ['a fraction of a second', { pmin: 0.5 }, {}, /whole seconds/],
    ['an infinite threshold', { gt: Infinity }, {}, /finite number/],
    ['nothing', {}, {}, /^accepted$/],
  ];
  for (const [title, attributes, target, expected] of cases) {
    it(title, () => assert.match(verdict(attributes, target), expected));
  }
});

describe('toQuery', () => {
  it('writes values, and the bare name to clear, in one order', () => {
    assert.deepEqual(toQuery({ st: 0.5, lt: -3, gt: null, pmax: 60, pmin: 0 }), ['pmin=0', 'pmax=60', 'gt', 'lt=-3', 'st=0.5']);
    assert.deepEqual(toQuery({}), []);
  });

  it('writes no exponents, which the grammar does not have', () => {
    assert.deepEqual(toQuery({ gt: 1e21, lt: -1.5e-7, st: 2.5e25 }), [
      'gt=1000000000000000000000',
      'lt=-0.00000015',
      'st=25000000000000000000000000',
    ]);
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (gt) => {
        const text = (toQuery({ gt })[0] ?? '').slice(3);
        assert.match(text, /^-?\d+(\.\d+)?$/);
        assert.equal(Number(text), gt === 0 ? 0 : gt);
      }),
    );
  });
});

describe('attributes of 1.2', () => {
  const boolean = { version: '1.2', type: 'boolean' } as const;

  it('are unknown to devices of 1.0 and 1.1', () => {
    for (const attributes of [{ edge: 1 }, { con: 1 }, { hqmax: 5 }]) {
      assert.match(
        verdict(attributes, { type: undefined }),
        /^unsupported: .* came with LwM2M 1\.2, and this device speaks 1\.1/,
      );
      assert.equal(verdict(attributes, { version: '1.2', type: undefined }), 'accepted');
    }
    assert.deepEqual(
      ATTRIBUTE_NAMES.filter((name) => isKnownTo('1.0', name)),
      ['pmin', 'pmax', 'gt', 'lt', 'st'],
    );
    assert.equal(isKnownTo('1.1', 'epmin') && !isKnownTo('1.1', 'con') && isKnownTo('1.2', 'con'), true);
  });

  it('edge is for Boolean resources, con and hqmax for everything', () => {
    assert.equal(verdict({ edge: 0 }, boolean), 'accepted');
    assert.match(verdict({ edge: 0 }, { version: '1.2' }), /invalid-value: edge \(edge\) needs a boolean resource/);
    assert.match(verdict({ edge: 0 }, { ...boolean, level: 'instance' }), /can be set on a resource, not on an instance/);
    for (const level of ['object', 'instance', 'resource', 'resource-instance'] as const) {
      assert.equal(verdict({ con: 1, hqmax: 10 }, { version: '1.2', level }), 'accepted');
    }
  });

  it('edge and con are 0 or 1, hqmax a count', () => {
    for (const wrong of [{ edge: 2 }, { con: -1 }, { con: 0.5 }]) {
      assert.match(verdict(wrong, { version: '1.2', type: undefined }), /^invalid-value: .* is 0 or 1/);
    }
    assert.match(verdict({ hqmax: 1.5 }, { version: '1.2' }), /is a number of values, 0 or more, not 1\.5/);
    assert.deepEqual(parseAttributes({ con: true, edge: '0', hqmax: '7' }), { con: 1, edge: 0, hqmax: 7 });
    assert.deepEqual(toQuery({ hqmax: 7, con: 1, edge: null }), ['edge', 'con=1', 'hqmax=7']);
  });

  it('merge to what serves every policy: confirmable and the longest history if one wants it, an edge where all agree', () => {
    assert.deepEqual(
      mergeAttributes([
        { con: 1, hqmax: 5, edge: 1 },
        { con: 0, hqmax: 9, edge: 1 },
      ]),
      { edge: 1, con: 1, hqmax: 9 },
    );
    assert.deepEqual(mergeAttributes([{ edge: 1 }, { edge: 0 }]), {});
  });
});

describe('mergeAttributes', () => {
  it('gives the device the smallest pmin, pmax and st of overlapping policies', () => {
    const merged = mergeAttributes([
      { pmin: 10, pmax: 60, st: 2 },
      { pmin: 5, pmax: 300, st: 0.5 },
    ]);
    assert.deepEqual(merged, { pmin: 5, pmax: 60, st: 0.5 });
  });

  it('holds back nothing from a policy that sets no limit', () => {
    assert.deepEqual(mergeAttributes([{ pmin: 10, st: 2, epmin: 5 }, { pmax: 60 }]), { pmax: 60 });
  });

  it('keeps differing thresholds off the device', () => {
    assert.deepEqual(
      mergeAttributes([
        { gt: 30, lt: 10 },
        { gt: 25, lt: 10 },
      ]),
      { lt: 10 },
    );
    assert.deepEqual(mergeAttributes([{ gt: 30 }, {}]), {});
  });

  it('clears what some policy clears and none keeps', () => {
    assert.deepEqual(mergeAttributes([{ pmin: null, gt: null }, { gt: 5 }]), { pmin: null, gt: null });
    assert.deepEqual(mergeAttributes([{ pmax: null }, { pmax: 5 }]), { pmax: 5 });
  });

  it('leaves a single policy as it is, and none as nothing', () => {
    const policy = { pmin: 1, pmax: 2, gt: 9, lt: 1, st: 0.5, epmin: 1, epmax: 2 };
    assert.deepEqual(mergeAttributes([policy]), policy);
    assert.deepEqual(mergeAttributes([]), {});
  });

  const ANY_OF_1_2 = { version: '1.2', type: undefined };
  const optional = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<number | null | undefined> =>
    fc.option(fc.option(arbitrary, { nil: null }), { nil: undefined });
  const policy = fc
    .record(
      Object.fromEntries(
        ATTRIBUTE_NAMES.map((name) => [
          name,
          optional(
            fc.integer({ min: name === 'edge' || name === 'con' ? 0 : 1, max: name === 'edge' || name === 'con' ? 1 : 50 }),
          ),
        ]),
      ),
    )
    .map(
      (record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as NotificationAttributes,
    )
    .filter((attributes) => verdict(attributes, ANY_OF_1_2) === 'accepted');

  it('depends neither on order nor on repetition, and valid policies merge to a valid one', () => {
    fc.assert(
      fc.property(fc.array(policy, { maxLength: 5 }), (policies) => {
        const merged = mergeAttributes(policies);
        assert.deepEqual(mergeAttributes([...policies].reverse()), merged);
        assert.deepEqual(mergeAttributes([...policies, ...policies]), merged);
        assert.equal(verdict(merged, ANY_OF_1_2), 'accepted');
      }),
      { numRuns: 500 },
    );
  });
});
