import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { ResourceValue } from '../../src/device/value';
import { Fleet, type FleetOptions } from '../../src/fleet/fleet';
import { mergedNetworkFacts } from '../../src/fleet/network-facts';
import type { Outcome } from '../../src/fleet/outcomes';
import { Selector } from '../../src/fleet/selector';
import { MemoryStore } from '../../src/store/memory';
import { FakeManager } from './fake-manager';

const DEVICE: readonly ResourceValue[] = [
  { path: '/3/0/0', value: 'Acme' },
  { path: '/3/0/1', value: 'T1' },
  { path: '/3/0/3', value: '1.2.0' },
  { path: '/3/0/6/0', value: 1 },
  { path: '/3/0/9', value: 80 },
  { path: '/3/0/14', value: '+02:00' },
];
const OBJECTS = ['/1/0', '/3/0'];

function given(options: FleetOptions = {}, store?: MemoryStore) {
  const manager = new FakeManager();
  const clock = new VirtualClock();
  manager.behaviour = ({ path }) => ({ values: path === '/3/0' ? DEVICE : [] });
  const fleet = new Fleet(manager, clock, { random: () => 0.5, ...options });
  const troubles: string[] = [];
  const restored = store === undefined ? Promise.resolve() : fleet.restoreParts(store, (reason) => troubles.push(reason));
  return { manager, clock, fleet, troubles, restored };
}

describe('facts known of devices', () => {
  it('are learnt from notifications, Sends and answers, whoever asked', async () => {
    const { manager, clock, fleet } = given();
    manager.register('a');
    manager.notify('a', '/3/0', [{ path: '/3/0/0', value: 'Acme' }]);
    manager.events.emit('send', {
      device: 'a',
      values: [
        { path: '/6/0/0', value: 52.5 },
        { path: '/6/0/1', value: 13.4 },
      ],
      contentFormat: 110,
      at: 5_000,
    });
    manager.behaviour = () => ({ values: [{ path: '/3/0/3', value: '2.0' }], at: 6_000 });
    fleet.submit({ owner: 'n', device: 'a', request: { operation: 'read', path: '/3/0/3' }, whenAsleep: 'fail' });
    await clock.advanceAsync(10);
    const { manufacturer, latitude, longitude, locatedAt, firmware, lastSeen } = fleet.facts.of('a') ?? {};
    assert.deepEqual(
      { manufacturer, latitude, longitude, locatedAt, firmware, lastSeen },
      { manufacturer: 'Acme', latitude: 52.5, longitude: 13.4, locatedAt: 5_000, firmware: '2.0', lastSeen: 6_000 },
    );
  });

  it('values of a device behind this one, of a wrong type and of any length do no harm', () => {
    const { manager, fleet } = given();
    manager.register('a');
    manager.notify('a', '/3/0', [
      { path: '/3/0/0', value: 'x'.repeat(100_000) },
      { path: '/3/0/1', value: 5 },
      { path: '/3/0/3', value: '9', prefix: 'd1' },
      { path: '/3/0/9', value: Number.NaN },
      ...Array.from({ length: 100 }, (_, id) => ({ path: `/3/0/6/${id}`, value: id })),
    ]);
    const { manufacturer, model, firmware, batteryLevel, powerSources } = fleet.facts.of('a') ?? {};
    assert.deepEqual(
      [manufacturer?.length, model, firmware, batteryLevel, powerSources?.length],
      [200, undefined, undefined, undefined, 8],
    );
  });

  it('outlive the process, and so does when a device was here last', async () => {
    const store = new MemoryStore();
    const first = given({}, store);
    await first.restored;
    first.manager.register('a');
    first.manager.notify('a', '/3/0', DEVICE);
    first.manager.leave('a');
    await first.fleet.facts.flush();
    const second = given({}, store);
    await second.restored;
    assert.equal(second.fleet.facts.of('a')?.manufacturer, 'Acme');
    assert.equal(second.fleet.facts.of('a')?.lastSeen, 1_000);
    assert.deepEqual([...second.fleet.choose(Selector.of('state=offline & model=T1'))], ['a']);
  });

  it('what the network says is kept with its source and time, and a device without a position of its own has that', () => {
    const { manager, clock, fleet } = given();
    manager.register('a');
    const said = mergedNetworkFacts({}, { operator: 'Example', latitude: 52.5, longitude: 13.4 }, 'resolver', clock.wall());
    fleet.facts.informed('a', said);
    assert.deepEqual(fleet.facts.of('a')?.network?.operator, { value: 'Example', source: 'resolver', at: clock.wall() });
    assert.ok(fleet.matches(Selector.of('near=52.5/13.4/100'), 'a'));
    const less = mergedNetworkFacts(said, { operator: null }, 'resolver', 0);
    assert.deepEqual(Object.keys(less), ['latitude', 'longitude']);
  });

  it('what the network cannot have said is refused, naming it', () => {
    const refused = (said: unknown, source: unknown, message: RegExp): void =>
      assert.throws(() => mergedNetworkFacts({}, said, source, 0), { code: 'invalid-value', message });
    refused([], 'x', /is an object such as/);
    refused({ a: 1 }, '', /who says so/);
    refused({ 'a b': 1 }, 'x', /"a b" is no name/);
    refused({ a: {} }, 'x', /a must be a number/);
    refused({ latitude: 95 }, 'x', /must be degrees/);
    refused(Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`n${index}`, 1])), 'x', /at most 50/);
  });
});

describe('class of a device', () => {
  const CASES: readonly (readonly [string, readonly ResourceValue[], object, string | undefined])[] = [
    ['nothing is known', [], {}, undefined],
    ['it runs on a battery', [{ path: '/3/0/6/0', value: 1 }], {}, 'battery'],
    [
      'it has a battery and mains',
      [
        { path: '/3/0/6/0', value: 1 },
        { path: '/3/0/6/1', value: 6 },
      ],
      {},
      'mains',
    ],
    ['it sleeps, and says nothing of its power', [], { queueMode: true }, 'battery'],
    ['it has 32 kB of memory', [{ path: '/3/0/21', value: 32 }], {}, 'constrained'],
    ['it takes SMS only', [], { binding: 'S' }, 'uplink-only'],
  ];
  for (const [when, values, registration, expected] of CASES) {
    it(`is ${expected ?? 'not known'} where ${when}`, () => {
      const { manager, fleet } = given();
      manager.register('a', registration);
      manager.notify('a', '/3/0', values);
      assert.equal(fleet.classOf('a'), expected);
    });
  }

  it('a tag decides, whatever is known', async () => {
    const { manager, fleet } = given();
    manager.register('a', { queueMode: true });
    await fleet.tags.add(['a'], ['class=uplink-only']);
    assert.equal(fleet.classOf('a'), 'uplink-only');
  });
});

describe('a device that only sends', () => {
  it('is asked nothing: requests fail at once, observations too, and its first contact is not made', async () => {
    const { manager, clock, fleet } = given({ asksNewDevices: () => true });
    const failures: string[] = [];
    manager.register('a', { binding: 'N', objects: OBJECTS });
    fleet.policies.listen('n', { value: () => undefined, refused: ({ code, message }) => failures.push(`${code}: ${message}`) });
    fleet.policies.set({ id: 'p', owner: 'n', devices: Selector.of('a'), paths: ['/3/0/9'], attributes: {} });
    const settled = (outcome: Outcome): void => {
      failures.push('error' in outcome ? `${outcome.error.code}: ${outcome.error.message}` : 'answered');
    };
    const order = { owner: 'n', device: 'a', request: { operation: 'read', path: '/3/0/9' }, whenAsleep: 'queue' } as const;
    fleet.submit(order, { queued: () => failures.push('queued'), settled });
    await clock.advanceAsync(60_000);
    assert.equal(failures.length, 2);
    for (const failure of failures) assert.match(failure, /unsupported: .*only sends.*its binding is N/);
    assert.deepEqual(manager.log(), []);
    await fleet.tags.add(['a'], ['class=mains']);
    fleet.submit({ ...order }, { queued: () => undefined, settled });
    await clock.advanceAsync(10);
    assert.equal(failures.at(-1), 'answered');
  });
});

describe('first contact', () => {
  const on: FleetOptions = { asksNewDevices: () => true };

  it('a new device is asked what it is, once, some seconds after it has come', async () => {
    const { manager, clock, fleet } = given(on);
    manager.register('a', { objects: OBJECTS });
    await clock.advanceAsync(2_000);
    assert.deepEqual(manager.log('a'), []);
    await clock.advanceAsync(10_000);
    assert.deepEqual(manager.log('a'), ['read /3/0']);
    assert.equal(fleet.facts.of('a')?.model, 'T1');
    manager.update('a');
    manager.register('a', { objects: OBJECTS });
    await clock.advanceAsync(60_000);
    assert.deepEqual(manager.log('a'), ['read /3/0']);
  });

  it('one that registers again after a day may have another firmware, and is asked again', async () => {
    const { manager, clock } = given(on);
    manager.register('a', { objects: OBJECTS });
    await clock.advanceAsync(25 * 3_600_000);
    manager.register('a', { objects: OBJECTS });
    await clock.advanceAsync(20_000);
    assert.equal(manager.log('a').length, 2);
  });

  it('not one that sleeps, until it wakes; not one without the Device object; nobody where it is switched off', async () => {
    const { manager, clock } = given(on);
    manager.register('asleep', { objects: OBJECTS });
    manager.sleep('asleep');
    manager.register('bare', { objects: ['/1/0'] });
    await clock.advanceAsync(20_000);
    assert.deepEqual(manager.log(), []);
    manager.wake('asleep');
    await clock.advanceAsync(20_000);
    assert.deepEqual(manager.log(), ['read /3/0']);
    const off = given();
    off.manager.register('a', { objects: OBJECTS });
    await off.clock.advanceAsync(20_000);
    assert.deepEqual(off.manager.log(), []);
  });

  it('a restart asks nobody again', async () => {
    const store = new MemoryStore();
    const first = given(on, store);
    await first.restored;
    first.manager.register('a', { objects: OBJECTS });
    await first.clock.advanceAsync(20_000);
    await first.fleet.facts.flush();
    const second = given(on, store);
    await second.restored;
    second.manager.register('a', { objects: OBJECTS });
    await second.clock.advanceAsync(20_000);
    assert.deepEqual(second.manager.log(), []);
  });

  it('of a thousand that come together few are asked at a time', async () => {
    const { manager, clock } = given(on);
    manager.behaviour = () => new Promise((resolve) => clock.after(100, () => resolve({ values: DEVICE })));
    for (let index = 0; index < 200; index++) manager.register(`d${index}`, { objects: OBJECTS });
    await clock.advanceAsync(60_000);
    assert.equal(manager.log().length, 200);
    assert.ok([...manager.inFlight.values()].every((count) => count === 0));
    assert.ok(manager.mostInFlight <= 8);
  });
});
