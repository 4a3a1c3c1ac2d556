import assert from 'node:assert/strict';
import type { ResourceValue } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import type { ObservePolicy } from '../../src/fleet/observe-policy';
import { settled } from './fake-manager';
import { givenPolicies } from './observing';

const DEVICE: readonly ResourceValue[] = [
  { path: '/3/0/0', value: 'maker' },
  { path: '/3/0/9', value: 80 },
  { path: '/3/0/13', value: new Date(0) },
];

/** Policies for /3/0 and /3/0/9, and a device as Wakaama is: its notifications hold what changed, and no more. */
async function givenOverlap(changes: { readonly whole?: Partial<ObservePolicy>; readonly part?: Partial<ObservePolicy> } = {}) {
  const world = givenPolicies();
  const { manager, declare, values } = world;
  let battery = 80;
  manager.behaviour = ({ operation, path }) => (operation === 'observe' ? { values: below(path, battery) } : {});
  const drain = (level: number): void => {
    battery = level;
    manager.notify('sim-001', '/3/0', BATTERY(level));
  };
  declare('part', { paths: ['/3/0/9'], ...changes.part });
  declare('whole', { paths: ['/3/0'], ...changes.whole });
  manager.register('sim-001');
  await settled();
  const heard = (): [string, string, unknown][] =>
    values
      .splice(0)
      .flatMap(({ owner, path, values: all }) => all.map(({ value }) => [owner, path, value] as [string, string, unknown]));
  heard();
  return { ...world, heard, drain };
}

function below(path: string, battery = 80): ResourceValue[] {
  return DEVICE.map((value) => (value.path === '/3/0/9' ? { ...value, value: battery } : value)).filter(
    (value) => value.path === path || value.path.startsWith(`${path}/`),
  );
}

const BATTERY = (value: number): ResourceValue[] => [{ path: '/3/0/9', value }];
const TIME: ResourceValue[] = [{ path: '/3/0/13', value: new Date(1) }];

describe('observations that overlap', () => {
  it('stand side by side on a device that notifies of them as it should', async () => {
    const { manager, heard } = await givenOverlap();
    assert.deepEqual(manager.log(), ['observe /3/0/9', 'observe /3/0']);
    manager.notify('sim-001', '/3/0', DEVICE.concat());
    manager.notify('sim-001', '/3/0/9', BATTERY(79));
    await settled();
    assert.deepEqual(manager.log(), ['observe /3/0/9', 'observe /3/0']);
    assert.deepEqual(heard().at(-1), ['part', '/3/0/9', 79]);
  });

  it('become one on a device that notifies in parts, from that notification on', async () => {
    const { manager, heard, drain } = await givenOverlap();
    drain(42);
    assert.deepEqual(heard(), [
      ['part', '/3/0/9', 42],
      ['whole', '/3/0', 42],
    ]);
    await settled();
    assert.deepEqual(manager.log(), ['observe /3/0/9', 'observe /3/0', 'cancel-observation /3/0/9', 'observe /3/0']);
    assert.deepEqual(manager.observations('sim-001'), ['/3/0']);
  });

  it('that share one tell each policy of its own part only, and only when that has changed', async () => {
    const { manager, heard, drain } = await givenOverlap();
    drain(42);
    await settled();
    heard();
    manager.notify('sim-001', '/3/0', TIME);
    assert.deepEqual(
      heard().map(([owner]) => owner),
      ['whole'],
    );
    manager.notify('sim-001', '/3/0', [...BATTERY(42), ...TIME]);
    assert.deepEqual(
      heard().map(([owner]) => owner),
      ['whole', 'whole'],
    );
    manager.notify('sim-001', '/3/0', BATTERY(41));
    assert.deepEqual(heard(), [
      ['part', '/3/0/9', 41],
      ['whole', '/3/0', 41],
    ]);
  });

  it('that share one leave thresholds off the device, and apply them here', async () => {
    const { manager, heard, drain } = await givenOverlap({ part: { attributes: { gt: 50 } } });
    drain(42);
    await settled();
    const last = manager.asked.filter(({ request }) => request.operation === 'write-attributes').at(-1)?.request;
    assert.deepEqual(last, { operation: 'write-attributes', path: '/3/0/9', attributes: { gt: null } });
    heard();
    for (const value of [43, 44, 51, 52]) manager.notify('sim-001', '/3/0', BATTERY(value));
    assert.deepEqual(
      heard()
        .filter(([owner]) => owner === 'part')
        .map(([, , value]) => value),
      [51],
    );
  });

  it('share one from the beginning when the device comes back', async () => {
    const { manager, drain } = await givenOverlap();
    drain(42);
    await settled();
    manager.leave('sim-001');
    manager.asked.length = 0;
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['observe /3/0']);
  });

  it('are each asked for by themselves again where the device refuses what contains them', async () => {
    const { manager, refused, heard, drain } = await givenOverlap();
    drain(42);
    await settled();
    manager.asked.length = 0;
    const answer = manager.behaviour;
    manager.behaviour = (request) =>
      request.path === '/3/0' ? new DeviceManagementError('4.05', 'no instances') : answer(request);
    manager.register('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['observe /3/0', 'observe /3/0/9']);
    assert.deepEqual(
      refused.map(({ path }) => path),
      ['/3/0'],
    );
    heard();
    manager.notify('sim-001', '/3/0/9', BATTERY(40));
    assert.deepEqual(heard(), [['part', '/3/0/9', 40]]);
  });

  it('are one no more when the policy of the whole is removed', async () => {
    const { manager, policies, drain } = await givenOverlap();
    drain(42);
    await settled();
    manager.asked.length = 0;
    policies.remove('whole');
    await settled();
    assert.deepEqual(manager.log(), ['cancel-observation /3/0', 'observe /3/0/9']);
  });

  it('of one policy tell its owner of each path it named', async () => {
    const { manager, declare, values } = givenPolicies();
    manager.behaviour = ({ operation, path }) => (operation === 'observe' ? { values: below(path) } : {});
    declare('both', { paths: ['/3/0', '/3/0/9'] });
    manager.register('sim-001');
    await settled();
    values.length = 0;
    manager.notify('sim-001', '/3/0', BATTERY(42));
    assert.deepEqual(
      values.map(({ path }) => path),
      ['/3/0', '/3/0/9'],
    );
  });
});

describe('a part of an observed instance', () => {
  it('is told unchanged when its pmax has gone by', async () => {
    const { manager, heard, drain } = await givenOverlap({ part: { attributes: { pmax: 60 } } });
    drain(42);
    await settled();
    heard();
    for (const at of [30_000, 62_000, 90_000]) manager.notify('sim-001', '/3/0', BATTERY(42), at);
    assert.equal(heard().filter(([owner]) => owner === 'part').length, 1);
  });

  it('that comes with times is a record, and told whole', async () => {
    const { manager, values, drain } = await givenOverlap();
    drain(42);
    await settled();
    values.length = 0;
    const timed = [1, 2].map((at) => ({ path: '/3/0/9', value: 42, at }));
    manager.notify('sim-001', '/3/0', timed);
    assert.deepEqual(values.find(({ owner }) => owner === 'part')?.values, timed);
  });
});
