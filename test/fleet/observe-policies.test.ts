import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../src/errors';
import type { ObservePolicy } from '../../src/fleet/observe-policy';
import { Selector } from '../../src/fleet/selector';
import { settled } from './fake-manager';
import { PATH, givenPolicies as setup } from './observing';

describe('observe policies', () => {
  it('a device that registers is observed, attributes first', async () => {
    const { manager, declare } = setup();
    declare('a', { attributes: { pmin: 1 } });
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [`write-attributes ${PATH}`, `observe ${PATH}`]);
  });

  it('a device that is registered already is observed too', async () => {
    const { manager, declare } = setup();
    manager.register('sim-001');
    declare('a');
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
  });

  it('one observation serves all policies', async () => {
    const { manager, declare, values } = setup();
    manager.register('sim-001');
    declare('a');
    declare('b');
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
    values.length = 0;
    manager.notify('sim-001', PATH, [{ path: PATH, value: 21 }]);
    assert.deepEqual(
      values.map(({ owner, initial }) => [owner, initial]),
      [
        ['a', false],
        ['b', false],
      ],
    );
  });

  it('the answer to Observe is delivered as a state', async () => {
    const { manager, declare, values } = setup();
    manager.behaviour = () => ({ values: [{ path: PATH, value: 20 }] });
    manager.register('sim-001');
    declare('a');
    await settled();
    assert.deepEqual(
      values.map(({ initial, values: [first] }) => [initial, first?.value]),
      [[true, 20]],
    );
  });

  it('every registration begins anew', async () => {
    const { manager, declare } = setup();
    declare('a', { attributes: { pmin: 1 } });
    manager.register('sim-001');
    await settled();
    manager.register('sim-001');
    await settled();
    assert.equal(manager.log().length, 4);
  });

  it('an Update changes nothing', async () => {
    const { manager, declare } = setup();
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.update('sim-001');
    await settled();
    assert.equal(manager.log().length, 1);
  });

  it('a deploy that changes nothing sends nothing', async () => {
    const { manager, policies, declare } = setup();
    declare('a', { attributes: { pmin: 1 } });
    manager.register('sim-001');
    await settled();
    policies.hold();
    declare('a', { attributes: { pmin: 1 } });
    policies.release();
    await settled();
    assert.equal(manager.log().length, 2);
  });

  it('a deploy sends the difference only, and once for all that changed', async () => {
    const { manager, policies, declare } = setup();
    declare('a', { attributes: { pmin: 5 } });
    declare('b', { attributes: { pmin: 9 } });
    manager.register('sim-001');
    await settled();
    manager.asked.length = 0;
    policies.hold();
    declare('a', { attributes: { pmin: 3 } });
    declare('b', { attributes: { pmin: 7, pmax: 60 } });
    policies.release();
    await settled();
    assert.deepEqual(
      manager.asked.map(({ request }) => request),
      [{ operation: 'write-attributes', path: PATH, attributes: { pmin: 3, pmax: 60 } }],
    );
  });

  it('a policy removed while the device is being asked to observe is cancelled all the same', async () => {
    const { manager, policies, declare } = setup();
    let agree: () => void = () => {};
    manager.behaviour = () =>
      new Promise((resolve) => {
        agree = () => resolve({});
      });
    manager.register('sim-001');
    declare('a');
    await settled();
    policies.hold();
    policies.remove('a');
    agree();
    await settled();
    policies.release();
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`, `cancel-observation ${PATH}`]);
  });

  it('the last policy removed cancels and clears the attributes', async () => {
    const { manager, policies, declare } = setup();
    declare('a', { attributes: { pmin: 1 } });
    declare('b', { attributes: { pmin: 1 } });
    manager.register('sim-001');
    await settled();
    manager.asked.length = 0;
    policies.remove('a');
    await settled();
    assert.deepEqual(manager.log(), []);
    policies.remove('b');
    await settled();
    assert.deepEqual(
      manager.asked.map(({ request }) => request),
      [
        { operation: 'cancel-observation', path: PATH },
        { operation: 'write-attributes', path: PATH, attributes: { pmin: null } },
      ],
    );
    assert.deepEqual(manager.observations('sim-001'), []);
  });

  it('a sleeping device is told when it wakes', async () => {
    const { manager, policies, declare } = setup();
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.sleep('sim-001');
    policies.removeOwner('a');
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`, `cancel-observation ${PATH}`]);
  });

  it('a refusal is remembered and reported, not tried again and again', async () => {
    const { manager, declare, refused, policies } = setup();
    manager.behaviour = () => new DeviceManagementError('4.04', `sim-001 has no ${PATH}`);
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.update('sim-001');
    await settled();
    assert.equal(manager.log().length, 1);
    assert.deepEqual(
      refused.map(({ device, path, code }) => [device, path, code]),
      [['sim-001', PATH, '4.04']],
    );
    const [policy] = policies.ofOwner('a');
    assert.equal(policies.state(policy as ObservePolicy).refused.length, 1);
  });

  it('a refusal is forgotten when the device announces other objects', async () => {
    const { manager, declare } = setup();
    manager.behaviour = () => new DeviceManagementError('4.04', 'no');
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.behaviour = () => ({});
    manager.update('sim-001', { objects: ['/3/0', '/3303/0'] });
    await settled();
    assert.deepEqual(manager.observations('sim-001'), [PATH]);
  });

  it('a device that knows no attributes is observed all the same, and they are applied here', async () => {
    const { manager, declare, values } = setup();
    manager.behaviour = ({ operation }) =>
      operation === 'write-attributes' ? new DeviceManagementError('4.05', 'not allowed') : {};
    declare('a', { attributes: { gt: 30 } });
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [`write-attributes ${PATH}`, `observe ${PATH}`]);
    values.length = 0;
    for (const value of [20, 25, 31, 32]) manager.notify('sim-001', PATH, [{ path: PATH, value }]);
    assert.deepEqual(
      values.map(({ values: [first] }) => first?.value),
      [20, 31],
    );
  });

  it('a device that refused attributes has them applied here though another policy comes or goes', async () => {
    const { manager, policies, declare, values } = setup();
    manager.behaviour = ({ operation }) =>
      operation === 'write-attributes' ? new DeviceManagementError('4.05', 'not allowed') : {};
    declare('a', { attributes: { gt: 30 } });
    manager.register('sim-001');
    await settled();
    declare('b', { attributes: { gt: 30 } });
    policies.remove('b');
    await settled();
    values.length = 0;
    for (const value of [20, 25, 31, 32]) manager.notify('sim-001', PATH, [{ path: PATH, value }]);
    assert.equal(values.length, 2);
  });

  it('thresholds that differ are applied for each policy', async () => {
    const { manager, declare, values } = setup();
    declare('warm', { attributes: { gt: 30 } });
    declare('hot', { attributes: { gt: 50 } });
    declare('all');
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
    values.length = 0;
    for (const value of [20, 35, 55]) manager.notify('sim-001', PATH, [{ path: PATH, value }]);
    const of = (owner: string) => values.filter((value) => value.owner === owner).map(({ values: [first] }) => first?.value);
    assert.deepEqual(of('warm'), [20, 35]);
    assert.deepEqual(of('hot'), [20, 55]);
    assert.deepEqual(of('all'), [20, 35, 55]);
  });

  it('a failure that says nothing of the path is tried again when the device comes', async () => {
    const { manager, declare, refused } = setup();
    manager.behaviour = () => new DeviceManagementError('timeout', 'silence');
    declare('a');
    manager.register('sim-001');
    await settled();
    assert.equal(manager.log().length, 1);
    manager.behaviour = () => ({});
    manager.update('sim-001');
    await settled();
    assert.deepEqual(manager.observations('sim-001'), [PATH]);
    assert.deepEqual(refused, []);
  });

  it('an observation the device ends is reported and left until it registers', async () => {
    const { manager, declare, refused } = setup();
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.events.emit('observation-ended', { device: 'sim-001', path: PATH, reason: 'the device ended it', code: '4.04' });
    await settled();
    assert.equal(refused[0]?.code, '4.04');
    assert.equal(manager.log().length, 1);
    manager.register('sim-001');
    await settled();
    assert.equal(manager.log().length, 2);
  });

  it('of devices chosen by a pattern only those are asked that announce the object', async () => {
    const { manager, declare } = setup();
    declare('a', { paths: [PATH, '/5/0/3'] });
    declare('b', { devices: Selector.of('sim-002'), paths: ['/5/0/3'] });
    manager.register('sim-001', { objects: ['/3/0'] });
    manager.register('sim-002', { objects: ['/3303/0'] });
    await settled();
    assert.deepEqual(manager.log('sim-001'), []);
    assert.deepEqual(manager.log('sim-002'), [`observe ${PATH}`, 'observe /5/0/3']);
  });

  it('a registration in the middle of a conversation begins anew', async () => {
    const { manager, declare } = setup();
    const answers: (() => void)[] = [];
    manager.behaviour = () => new Promise((resolve) => answers.push(() => resolve({})));
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.register('sim-001');
    manager.behaviour = () => ({});
    answers[0]?.();
    await settled();
    assert.deepEqual(manager.log(), [`observe ${PATH}`, `observe ${PATH}`]);
  });

  it('a thousand devices that register at once are asked a few at a time', async () => {
    const { manager, declare } = setup(8);
    manager.behaviour = () => new Promise((resolve) => setImmediate(() => resolve({})));
    declare('a', { attributes: { pmin: 1 } });
    for (let index = 0; index < 1000; index++) manager.register(`sim-${index}`);
    while (manager.log().length < 2000) await settled();
    assert.ok(manager.mostInFlight <= 8, `${manager.mostInFlight} at once`);
  });

  it('a device that leaves is forgotten', async () => {
    const { manager, policies, declare } = setup();
    declare('a');
    manager.register('sim-001');
    await settled();
    manager.leave('sim-001');
    const [policy] = policies.ofOwner('a');
    assert.equal(policies.state(policy as ObservePolicy).observed, 0);
  });
});
