/** May this device be disturbed now? */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { OperationRequest } from '../../src/device/operation';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import type { AuditEntry } from '../../src/fleet/audit';
import { Guards } from '../../src/fleet/guard';
import { type GuardContext, type GuardRules, readGuardRules } from '../../src/fleet/guard-rules';
import { Locks } from '../../src/fleet/lock';
import { FakeManager } from './fake-manager';

const MINUTE = 60_000;
const JOB: GuardContext = { holder: 'job j1' };

class World {
  readonly manager = new FakeManager();
  // Thursday, 2026-01-01T00:00Z.
  readonly clock = new VirtualClock();
  readonly locks = new Locks(this.clock);
  readonly audited: AuditEntry[] = [];
  readonly guards = new Guards({
    manager: this.manager,
    clock: this.clock,
    locks: this.locks,
    audit: (entry) => this.audited.push(entry),
    zoneOf: () => 'UTC',
  });

  /** @param held what the device has, by path */
  constructor(held: Readonly<Record<string, Value>> = {}) {
    this.manager.register('boiler', { objects: ['/3/0', '/4/0', '/5/0'], registeredAt: this.clock.wall() });
    this.manager.behaviour = ({ path }: OperationRequest) => {
      const values = Object.entries(held)
        .filter(([of]) => of === path || of.startsWith(`${path}/`))
        .map(([of, value]) => ({ path: of, value }));
      return values.length === 0 ? new DeviceManagementError('4.04', 'not found') : { values };
    };
  }

  async say(rules: GuardRules, context: GuardContext = JOB): Promise<string> {
    const verdict = await this.guards.check('boiler', rules, context);
    return verdict.go ? ['go', ...verdict.warnings].join('; ') : `${verdict.reason}: ${verdict.text}`;
  }
}

describe('A guard', () => {
  const CASES: readonly [string, Readonly<Record<string, Value>>, GuardRules, string][] = [
    ['lets go what no rule stands against', { '/3/0/9': 5 }, {}, 'go'],
    [
      'defers while an update downloads',
      { '/5/0/3': 1 },
      { notUpdating: true },
      'updating: a firmware update is under way (downloading)',
    ],
    [
      'defers while an update is installed',
      { '/5/0/3': 3 },
      { notUpdating: true },
      'updating: a firmware update is under way (updating)',
    ],
    ['goes when no update is under way', { '/5/0/3': 0 }, { notUpdating: true }, 'go'],
    ['goes on a state that no update has', { '/5/0/3': 99 }, { notUpdating: true }, 'go'],
    [
      'defers on a battery below its limit',
      { '/3/0/9': 10 },
      { battery: 30 },
      'battery: its battery is at 10 %, and 30 % are asked for',
    ],
    ['goes on a battery at its limit', { '/3/0/9': 30 }, { battery: 30 }, 'go'],
    ['asks no battery of a device on mains', { '/3/0/9': 10, '/3/0/6/0': 1, '/3/0/6/1': 6 }, { battery: 30 }, 'go'],
    ['asks no battery of a device that is being charged', { '/3/0/9': 10, '/3/0/20': 1 }, { battery: 30 }, 'go'],
    [
      'believes a device that calls its battery low',
      { '/3/0/9': 90, '/3/0/20': 4 },
      { battery: 30 },
      'battery: its battery is low',
    ],
    [
      'defers on a weak signal',
      { '/4/0/2': -115 },
      { signal: -110 },
      'signal: its signal is at -115 dBm, and -110 dBm are asked for',
    ],
    [
      'defers while it is in use',
      { '/3350/0/5850': true },
      { busy: { path: '/3350/0/5850', equals: true } },
      'busy: it is in use: /3350/0/5850 is true',
    ],
    ['goes while it is not in use', { '/3350/0/5850': false }, { busy: { path: '/3350/0/5850', equals: true } }, 'go'],
    [
      'defers on an error that it reports',
      { '/3/0/11/0': 1, '/3/0/11/1': 3 },
      { errors: [3, 4] },
      'errors: it reports error 3 (3/0/11)',
    ],
    ['warns of a reading that is missing', {}, { battery: 30 }, 'go; its battery level cannot be read'],
    [
      'defers on a reading that is missing, where asked to',
      {},
      { battery: 30, missing: 'block' },
      'unknown: its battery level cannot be read',
    ],
    ['says nothing of it, where asked to', {}, { battery: 30, missing: 'allow' }, 'go'],
    [
      'takes a value that is no number for no reason to go',
      { '/3/0/9': 'full' },
      { battery: 30, missing: 'block' },
      'unknown: its battery level cannot be read',
    ],
  ];
  for (const [title, held, rules, said] of CASES) it(title, async () => assert.equal(await new World(held).say(rules), said));

  it('holds free memory against the image', async () => {
    const world = new World({ '/3/0/10': 100 });
    assert.equal(
      await world.say({ memoryFactor: 2 }, { ...JOB, imageBytes: 60_000 }),
      'memory: it has 100 kB of free memory, and 120 kB are needed',
    );
    assert.equal(await world.say({ memoryFactor: 1 }, { ...JOB, imageBytes: 60_000 }), 'go');
    assert.equal(await world.say({ memoryFactor: 1 }), 'go', 'without an image nothing is to be loaded');
  });

  it('reads each object once, whatever the number of rules', async () => {
    const world = new World({ '/3/0/9': 80, '/3/0/10': 1000, '/5/0/3': 0 });
    await world.say({ battery: 30, memoryFactor: 1, errors: [1], notUpdating: true });
    assert.deepEqual(world.manager.log(), ['read /5/0/3', 'read /3/0']);
  });

  it('finds the firmware object wherever the device has it', async () => {
    const world = new World({ '/5/7/3': 2 });
    world.manager.register('boiler', { objects: ['/3/0', '/5/7'] });
    assert.match(await world.say({ notUpdating: true }), /^updating/);
  });

  it('defers while somebody else works on the device, but not for the work of its own holder', async () => {
    const world = new World();
    world.locks.take('boiler', { holder: 'firmware-update f1', why: 'update to 2.1' });
    assert.equal(await world.say({}), 'locked: firmware-update f1 works on the device (update to 2.1)');
    assert.equal(await world.say({}, { holder: 'firmware-update f1' }), 'go');
    assert.equal(await world.say({ lock: false }), 'go');
    assert.deepEqual(world.manager.asked, [], 'and asks the device nothing meanwhile');
  });

  it('defers to the opening of the maintenance window', async () => {
    const world = new World();
    const window = { from: '02:00', to: '04:00' };
    const verdict = await world.guards.check('boiler', { window }, JOB);
    assert.ok(!verdict.go && verdict.reason === 'window');
    assert.equal(verdict.retryAt, Date.UTC(2026, 0, 1, 2));
    world.clock.advance(121 * MINUTE);
    assert.equal(await world.say({ window }), 'go');
  });

  it('defers for a while after the device registered anew, and says until when', async () => {
    const world = new World();
    world.clock.advance(MINUTE);
    const verdict = await world.guards.check('boiler', { rebootedWithinMs: 10 * MINUTE }, JOB);
    assert.ok(!verdict.go);
    assert.equal(verdict.text, 'it has registered anew 60 s ago');
    assert.equal(verdict.retryAt, world.clock.wall() + 9 * MINUTE);
  });

  it('says when to ask again', async () => {
    const verdict = await new World({ '/3/0/9': 10 }).guards.check('boiler', { battery: 30 }, JOB);
    assert.ok(!verdict.go);
    assert.deepEqual([verdict.value, verdict.limit, verdict.retryAt], [10, 30, Date.UTC(2026, 0, 1) + 5 * MINUTE]);
  });

  it('waits for a device that sleeps, is gone or does not answer', async () => {
    const world = new World();
    world.manager.sleep('boiler');
    assert.equal(await world.say({ battery: 30 }), 'asleep: the device is asleep');
    world.manager.leave('boiler');
    assert.equal(await world.say({ battery: 30 }), 'offline: the device is not registered');
    world.manager.register('boiler');
    world.manager.behaviour = () => new DeviceManagementError('timeout', 'no answer');
    assert.equal(await world.say({ battery: 30 }), 'offline: the device does not answer');
  });

  it('is overridden by force, which is audited with its reason', async () => {
    const world = new World({ '/3/0/9': 10 });
    assert.equal(
      await world.say({ battery: 30 }, { ...JOB, force: 'user admin' }),
      'go; its battery is at 10 %, and 30 % are asked for',
    );
    assert.deepEqual(world.audited, [
      {
        actor: 'user admin',
        action: 'override guard',
        device: 'boiler',
        outcome: 'done',
        detail: 'its battery is at 10 %, and 30 % are asked for; job j1 goes on all the same',
      },
    ]);
    await world.say({ battery: 5 }, { ...JOB, force: 'user admin' });
    assert.equal(world.audited.length, 1, 'what nothing stands against is not overridden');
  });
});

describe('The rules of a guard', () => {
  it('may be missing', () => assert.deepEqual(readGuardRules(undefined), {}));

  const MISTAKES: readonly [unknown, string][] = [
    ['battery', 'guard must be like {"battery": 30}, but is "battery"'],
    [
      { batery: 3 },
      'guard has no rule "batery": they are notUpdating, battery, signal, memoryFactor, busy, errors, rebootedWithinMs, window, lock, missing',
    ],
    [{ battery: 120 }, 'guard.battery must be a number from 0 to 100 (%), but is 120'],
    [{ battery: '30' }, 'guard.battery must be a number from 0 to 100 (%), but is "30"'],
    [{ signal: 10 }, 'guard.signal must be a number from -200 to 0 (dBm), but is 10'],
    [{ notUpdating: 1 }, 'guard.notUpdating must be true or false, but is 1'],
    [
      { busy: { path: '/3350', equals: true } },
      'guard.busy.path must be the path of a resource such as "/3350/0/5850", but is "/3350"',
    ],
    [{ busy: { path: '/3350/0/5850' } }, 'guard.busy.equals must be a text, number or Boolean, but is missing'],
    [{ errors: [-1] }, 'guard.errors must be an array of at most 100 error codes such as [1, 3], but is [-1]'],
    [{ window: { from: '02:00' } }, 'guard.window.to must be a time of day such as "02:00", but is missing'],
    [{ missing: 'ignore' }, 'guard.missing must be block, allow, warn, but is "ignore"'],
  ];
  for (const [rules, sentence] of MISTAKES)
    it(`are told as wrong: ${JSON.stringify(rules)}`, () => assert.throws(() => readGuardRules(rules), { message: sentence }));
});
