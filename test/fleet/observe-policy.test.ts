import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NotificationAttributes } from '../../src/device/attributes';
import { Conditions } from '../../src/fleet/conditions';
import { combine, difference, type ObservePolicy } from '../../src/fleet/observe-policy';
import { Selector } from '../../src/fleet/selector';

let ids = 0;

function policy(attributes: NotificationAttributes): ObservePolicy {
  const id = String(ids++);
  return { id, owner: id, devices: Selector.everyone, paths: ['/3303/0/5700'], attributes };
}

function combined(...sets: NotificationAttributes[]) {
  const policies = sets.map(policy);
  const { attributes, filtered } = combine(policies);
  return { attributes, filtered: filtered.map((one) => policies.indexOf(one)) };
}

describe('policies that overlap', () => {
  it('one alone reaches the device as it is', () => {
    assert.deepEqual(combined({ pmin: 1, gt: 30, st: 2 }), { attributes: { pmin: 1, gt: 30, st: 2 }, filtered: [] });
  });

  it('the device gets the smallest pmin, pmax and st', () => {
    assert.deepEqual(combined({ pmin: 5, pmax: 60, st: 1 }, { pmin: 1, pmax: 300, st: 2 }).attributes, {
      pmin: 1,
      pmax: 60,
      st: 1,
    });
  });

  it('who has no pmin waits for nothing', () => {
    assert.deepEqual(combined({ pmin: 5, pmax: 60 }, {}).attributes, { pmax: 60 });
  });

  it('differing gt and lt stay off the device and are applied here', () => {
    assert.deepEqual(combined({ gt: 30 }, { gt: 40 }), { attributes: {}, filtered: [0, 1] });
    assert.deepEqual(combined({ lt: 5 }, {}), { attributes: {}, filtered: [0] });
  });

  it('shared gt and lt stay on it', () => {
    assert.deepEqual(combined({ gt: 30, lt: 10 }, { gt: 30, lt: 10, pmax: 60 }), {
      attributes: { gt: 30, lt: 10, pmax: 60 },
      filtered: [],
    });
  });

  it('a step must not withhold changes from whoever has none', () => {
    assert.deepEqual(combined({ st: 5 }, {}), { attributes: {}, filtered: [0] });
  });

  it('the greater step is applied here', () => {
    assert.deepEqual(combined({ st: 1 }, { st: 5 }), { attributes: { st: 1 }, filtered: [1] });
  });

  it('the order of policies does not matter', () => {
    const attribute = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });
    const attributes = fc.record({ pmin: attribute, pmax: attribute, gt: attribute, lt: attribute, st: attribute });
    fc.assert(
      fc.property(fc.array(attributes, { minLength: 1, maxLength: 4 }), (sets) => {
        const policies = sets.map((set) => policy(set as NotificationAttributes));
        assert.deepEqual(combine(policies).attributes, combine([...policies].reverse()).attributes);
      }),
    );
  });
});

describe('the difference between attributes', () => {
  it('sets what is new or other, and clears what is not wanted', () => {
    assert.deepEqual(difference({ pmin: 1, gt: 5 }, { pmin: 2, pmax: 60 }), { pmin: 2, pmax: 60, gt: null });
  });

  it('is nothing when they are the same', () => {
    assert.equal(difference({ pmin: 1 }, { pmin: 1 }), undefined);
  });
});

describe('conditions applied here', () => {
  const pass = (conditions: Conditions, value: number, at = 0): boolean =>
    conditions.pass([{ path: '/3303/0/5700', value }], at).length === 1;

  it('the first value passes: it is the state', () => {
    assert.ok(pass(new Conditions({ gt: 30 }), 20));
  });

  it('a threshold is met when crossed, in either direction, and not again while beyond it', () => {
    const conditions = new Conditions({ gt: 30 });
    assert.deepEqual(
      [20, 25, 31, 35, 29, 28].map((value) => pass(conditions, value)),
      [true, false, true, false, true, false],
    );
  });

  it('a step counts from the value last passed on', () => {
    const conditions = new Conditions({ st: 2 });
    assert.deepEqual(
      [20, 21, 21.9, 22, 23, 20].map((value) => pass(conditions, value)),
      [true, false, false, true, false, true],
    );
  });

  it('pmax passes a value on though nothing has changed', () => {
    const conditions = new Conditions({ gt: 30, pmax: 60 });
    assert.deepEqual(
      [0, 59_999, 60_000, 61_000].map((at) => pass(conditions, 20, at)),
      [true, false, true, false],
    );
  });

  it('what is no number passes', () => {
    assert.equal(new Conditions({ gt: 30 }).pass([{ path: '/3/0/0', value: 'x' }], 0).length, 1);
  });
});
