/** Policies whose paths are observed together (Observe-Composite), and what becomes of them where a device cannot. */
import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../src/errors';
import type { ObservePolicy } from '../../src/fleet/observe-policy';
import { settled } from './fake-manager';
import { givenPolicies } from './observing';

const LEVEL = '/3/0/9';
const TEMPERATURE = '/3303/0/5700';
const LIST = `${LEVEL},${TEMPERATURE}`;

function given(changes: Partial<ObservePolicy> = {}) {
  const world = givenPolicies();
  const declareBoth = (more: Partial<ObservePolicy> = {}): void => {
    for (const path of [TEMPERATURE, LEVEL])
      world.declare(`a ${path}`, { owner: 'a', paths: [path], composite: true, ...changes, ...more });
  };
  declareBoth();
  return { ...world, declareBoth };
}

describe('composite observe policies', () => {
  it('are one observation, of which each path is told by itself and when it changed', async () => {
    const { manager, values } = given();
    manager.behaviour = () => ({
      values: [
        { path: LEVEL, value: 80 },
        { path: TEMPERATURE, value: 20 },
      ],
    });
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [`observe-composite ${LIST}`]);
    manager.notify('sim-001', LIST, [
      { path: LEVEL, value: 80 },
      { path: TEMPERATURE, value: 21 },
    ]);
    assert.deepEqual(
      values.map(({ path, initial, values: [first] }) => [path, initial, first?.value]),
      [
        [TEMPERATURE, true, 20],
        [LEVEL, true, 80],
        [TEMPERATURE, false, 21],
      ],
    );
  });

  it('end with one cancel, when nobody wants them any more', async () => {
    const { manager, policies } = given();
    manager.register('sim-001');
    await settled();
    policies.removeOwner('a');
    await settled();
    assert.deepEqual(manager.log().slice(1), [`cancel-observation ${LIST}`]);
    assert.deepEqual(manager.observations('sim-001'), []);
  });

  it('one of them left is observed by itself', async () => {
    const { manager, policies } = given();
    manager.register('sim-001');
    await settled();
    policies.remove(`a ${LEVEL}`);
    await settled();
    assert.deepEqual(manager.log().slice(1), [`cancel-observation ${LIST}`, `observe ${TEMPERATURE}`]);
  });

  it('carry their attributes in the observation to a device of 1.2; thresholds are applied here', async () => {
    const { manager, declareBoth, values } = given({ attributes: { pmin: 5, con: 1, gt: 30 } });
    manager.register('sim-001', { version: '1.2' });
    await settled();
    assert.deepEqual(
      manager.asked.map(({ request }) => request),
      [{ operation: 'observe-composite', path: LIST, attributes: { pmin: 5, con: 1 } }],
    );
    manager.notify('sim-001', LIST, [{ path: TEMPERATURE, value: 20 }]);
    values.length = 0;
    manager.notify('sim-001', LIST, [{ path: TEMPERATURE, value: 21 }]);
    assert.deepEqual(values, []);
    manager.notify('sim-001', LIST, [{ path: TEMPERATURE, value: 31 }]);
    assert.equal(values.length, 1);
    declareBoth({ attributes: { pmin: 9 } });
    await settled();
    assert.deepEqual(manager.asked[1]?.request, { operation: 'observe-composite', path: LIST, attributes: { pmin: 9 } });
    assert.equal(manager.asked.length, 2);
  });

  it('have their attributes written to each path of a device of 1.1, and taken away again', async () => {
    const { manager, policies } = given({ attributes: { pmin: 5 } });
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [
      `write-attributes ${LEVEL}`,
      `write-attributes ${TEMPERATURE}`,
      `observe-composite ${LIST}`,
    ]);
    policies.removeOwner('a');
    await settled();
    assert.deepEqual(manager.log().slice(3), [
      `cancel-observation ${LIST}`,
      `write-attributes ${LEVEL}`,
      `write-attributes ${TEMPERATURE}`,
    ]);
    assert.deepEqual(manager.asked[5]?.request, { operation: 'write-attributes', path: TEMPERATURE, attributes: { pmin: null } });
  });

  for (const [what, code] of [
    ['knows no composite operations', 'unsupported'],
    ['refuses the list', '4.00'],
  ] as const) {
    it(`a device that ${what} is observed path by path, and nobody is bothered`, async () => {
      const { manager, refused, policies } = given();
      manager.behaviour = ({ operation }) => (operation === 'observe-composite' ? new DeviceManagementError(code, 'no') : {});
      manager.register('sim-001');
      await settled();
      assert.deepEqual(manager.log(), [`observe-composite ${LIST}`, `observe ${TEMPERATURE}`, `observe ${LEVEL}`]);
      assert.deepEqual(refused, []);
      assert.deepEqual(
        policies.ofOwner('a').map((policy) => policies.state(policy).observed),
        [1, 1],
      );
    });
  }

  it('a path that the answer has nothing of is asked for by itself, so that the reason is known', async () => {
    const { manager, refused } = given();
    manager.behaviour = ({ operation, path }) => {
      if (operation === 'observe-composite') return { values: [{ path: LEVEL, value: 80 }], absent: [TEMPERATURE] };
      return path === TEMPERATURE ? new DeviceManagementError('4.04', 'it is not there') : {};
    };
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [
      `observe-composite ${LIST}`,
      `cancel-observation ${LIST}`,
      `observe ${TEMPERATURE}`,
      `observe ${LEVEL}`,
    ]);
    assert.deepEqual(
      refused.map(({ path, code }) => [path, code]),
      [[TEMPERATURE, '4.04']],
    );
  });

  it('are observed path by path on a device of 1.0', async () => {
    const { manager } = given();
    manager.register('sim-001', { version: '1.0' });
    await settled();
    assert.deepEqual(manager.log(), [`observe ${TEMPERATURE}`, `observe ${LEVEL}`]);
  });

  it('of other owners or other attributes do not share a list', async () => {
    const { manager, declare } = givenPolicies();
    declare('a', { paths: [LEVEL], composite: true });
    declare('b', { paths: [TEMPERATURE], composite: true });
    declare('c', { owner: 'a', paths: ['/3/0/13'], composite: true, attributes: { pmin: 9 } });
    manager.register('sim-001', { version: '1.2' });
    await settled();
    assert.ok(!manager.log().some((line) => line.startsWith('observe-composite')));
  });
});

describe('attributes that the version of a device lacks', () => {
  it('do not reach it, and do not keep the others from it', async () => {
    const { manager, declare } = givenPolicies();
    declare('a', { attributes: { pmin: 5, con: 1, hqmax: 9, edge: 1 } });
    manager.register('sim-001');
    manager.register('sim-002', { version: '1.2' });
    await settled();
    const written = manager.asked.flatMap(({ device, request }) =>
      request.operation === 'write-attributes' ? [[device, request.attributes]] : [],
    );
    assert.deepEqual(written, [
      ['sim-001', { pmin: 5 }],
      ['sim-002', { pmin: 5, con: 1, hqmax: 9, edge: 1 }],
    ]);
  });

  it('edge is applied here then: only the turn that was asked for is passed on', async () => {
    const { manager, declare, values } = givenPolicies();
    declare('a', { attributes: { edge: 1 } });
    manager.register('sim-001');
    await settled();
    const path = '/3303/0/5700';
    for (const value of [false, true, true, false, true]) manager.notify('sim-001', path, [{ path, value }]);
    assert.deepEqual(
      values.filter(({ initial }) => !initial).map(({ values: [first] }) => first?.value),
      [false, true, true],
    );
  });
});
