import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../../../src/clock';
import { Alarms } from '../../../src/fleet/alarm/alarms';
import { readRule } from '../../../src/fleet/alarm/rule';
import type { AuditEntry } from '../../../src/fleet/audit';
import { Locks } from '../../../src/fleet/lock';
import { MemoryStore } from '../../../src/store/memory';

const LOW = { type: 'low', path: '/3/0/9', raise: { below: 20 }, clear: { above: 25 } };
const EXPIRED = { type: 'expired', eventType: 'communications', raiseOn: 'expired', clearOn: 'registered' };

describe('The alarms of a fleet', () => {
  let clock: VirtualClock;
  let locks: Locks;
  let alarms: Alarms;
  let audited: AuditEntry[];
  let told: string[];

  function begin(): Alarms {
    let ids = 0;
    const made = new Alarms({
      clock,
      locks,
      audit: (entry) => audited.push(entry),
      parentOf: (device) => (device.startsWith('child') ? 'gateway' : undefined),
      newId: () => `${ids++}`,
    });
    made.events.on('changed', ({ change, alarm }) => told.push(`${alarm.device} ${alarm.type} ${change}`));
    return made;
  }

  const given = (...rules: object[]): void => alarms.declare('node', rules.map(readRule), () => true);
  const level = (value: unknown, device = 'd'): readonly string[] => alarms.value(device, '/3/0/9', value);
  const act = (name: string, more: object = {}): unknown =>
    alarms.operate(name, { device: 'd', type: 'low' }, { actor: 'user kim', ...more });

  beforeEach(() => {
    clock = new VirtualClock();
    locks = new Locks(clock);
    audited = [];
    told = [];
    alarms = begin();
  });
  afterEach(() => alarms.close());

  it('are raised once and return once, whatever comes between', () => {
    given(LOW);
    for (const value of [19, 18, 22, 19, 26, 27, 30]) level(value);
    assert.deepEqual(told, ['d low raised', 'd low returned']);
    level(10);
    assert.deepEqual([alarms.open('d')[0]?.count, alarms.open('d')[0]?.state], [2, 'unacknowledged']);
  });

  it('count events: five refused registrations are one alarm with count 5', () => {
    given({ type: 'refused', eventType: 'security', raiseOn: 'refused' });
    for (let n = 0; n < 5; n++) alarms.event('d', 'refused');
    assert.deepEqual(told, ['d refused raised']);
    assert.equal(alarms.active('d')[0]?.count, 5);
  });

  it('may need so many times within a time', () => {
    given({ type: 'restless', raiseOn: 'replaced', times: 3, within: 60 });
    for (let n = 0; n < 4; n++) {
      alarms.event('d', 'replaced');
      clock.advance(40_000);
    }
    assert.deepEqual(told, []);
    for (let n = 0; n < 2; n++) alarms.event('d', 'replaced');
    assert.deepEqual(told, ['d restless raised']);
  });

  it('wait for their delays', () => {
    given({ ...LOW, onDelay: 60, offDelay: 30 });
    level(10);
    clock.advance(59_000);
    level(30);
    clock.advance(5_000);
    assert.deepEqual(told, []);
    level(10);
    clock.advance(60_000);
    assert.deepEqual(told, ['d low raised']);
    level(30);
    clock.advance(29_000);
    level(10);
    clock.advance(60_000);
    assert.deepEqual(told, ['d low raised']);
    level(30);
    clock.advance(30_000);
    assert.deepEqual(told, ['d low raised', 'd low returned']);
  });

  it('name the rule a value is of the wrong type for', () => {
    given(LOW);
    assert.deepEqual(level('full'), ['low']);
  });

  it('go up by a severity each time nobody acknowledges, and stay when someone has', () => {
    given({ ...LOW, severity: 'minor', escalateAfter: 60 });
    level(10);
    clock.advance(60_000);
    assert.equal(alarms.active('d')[0]?.severity, 'major');
    act('acknowledge');
    clock.advance(600_000);
    assert.equal(alarms.active('d')[0]?.severity, 'major');
  });

  it('that come and go are held until it is quiet, and told once', () => {
    given(LOW);
    for (let n = 0; n < 20; n++) level(n % 2 === 0 ? 10 : 30);
    assert.equal(told.filter((line) => line.endsWith('flapping')).length, 1);
    assert.equal(told.length, 7);
    clock.advance(300_000);
    level(10);
    level(30);
    assert.equal(alarms.open('d')[0]?.flapping, false);
  });

  it('are shelved for a time, at most a shift', () => {
    given(LOW);
    level(10);
    assert.throws(() => act('shelve', { minutes: 10_000 }), /up to 480/);
    act('shelve', { minutes: 10 });
    assert.deepEqual(alarms.active(), []);
    clock.advance(600_000);
    assert.equal(alarms.active().length, 1);
  });

  it('are commented, assigned, cleared and audited under one thread', () => {
    given(LOW);
    level(10);
    act('comment', { text: 'on its way' });
    act('assign', { text: 'kim' });
    assert.equal(alarms.open()[0]?.assignee, 'kim');
    act('clear');
    assert.deepEqual(alarms.open(), []);
    assert.throws(() => act('acknowledge'), /has no open alarm/);
    assert.deepEqual(
      audited.map(({ actor, action, thread }) => `${thread} ${actor}: ${action}`),
      [
        '0 alarm rules: alarm low raised',
        '0 user kim: alarm low commented',
        '0 user kim: alarm low assigned',
        '0 user kim: alarm low cleared',
      ],
    );
    level(10);
    assert.equal(alarms.active().length, 1, 'what is still wrong is raised anew');
  });

  it('that latch stay until they are reset', () => {
    given({ ...LOW, latch: true });
    level(10);
    level(30);
    assert.throws(() => act('clear'), /latched: reset it/);
    act('reset');
    assert.deepEqual(alarms.open(), []);
  });

  it('of twenty devices behind a gateway are one, whichever is told first', () => {
    given(EXPIRED);
    alarms.event('child-0', 'expired', 'gateway');
    alarms.event('gateway', 'expired');
    for (let n = 1; n < 20; n++) alarms.event(`child-${n}`, 'expired', 'gateway');
    assert.deepEqual(
      alarms.active().map(({ device }) => device),
      ['gateway'],
    );
    assert.equal(alarms.open().filter(({ hiding, parent }) => hiding === 'suppressed' && parent === 'gateway').length, 20);
    alarms.event('gateway', 'registered');
    for (let n = 0; n < 19; n++) alarms.event(`child-${n}`, 'registered', 'gateway');
    clock.advance(60_000);
    assert.deepEqual(
      alarms.active().map(({ device }) => device),
      ['child-19'],
      'the one that did not come back is told',
    );
  });

  it('are not raised while a job works on the device; what is wrong when it ends is', () => {
    given(LOW, EXPIRED);
    locks.take('d', { holder: 'job 1', why: 'reboot' });
    level(10);
    alarms.event('d', 'expired');
    alarms.event('d', 'registered');
    assert.deepEqual(told, []);
    locks.release('d', 'job 1');
    assert.deepEqual(told, ['d low raised']);
  });

  it('about silence are aware of sleep', () => {
    given({ type: 'silent', silence: 60 });
    alarms.silence('d', 100_000, 300_000);
    assert.deepEqual(told, []);
    alarms.silence('d', 301_000, 300_000);
    alarms.silence('d', 0);
    assert.deepEqual(told, ['d silent raised', 'd silent returned']);
  });

  it('end with their rule', () => {
    given(LOW);
    level(10);
    given(EXPIRED);
    assert.deepEqual(told, ['d low raised', 'd low cleared']);
    assert.deepEqual(alarms.open(), []);
  });

  it('of one type are the same rule everywhere', () => {
    given(LOW);
    assert.throws(
      () => alarms.declare('other', [readRule({ ...LOW, raise: { below: 5 } })], () => true),
      /^DeviceManagementError: "type" "low" is/,
    );
  });

  it('a restart at any point changes nothing, and there are never two with one key', async () => {
    const step = fc.record({
      device: fc.constantFrom('d', 'e'),
      value: fc.integer({ min: 0, max: 40 }),
      wait: fc.integer({ min: 0, max: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(25), async (steps, restartAt) => {
        const run = async (restarts: boolean): Promise<string[]> => {
          clock = new VirtualClock();
          locks = new Locks(clock);
          told = [];
          const store = new MemoryStore();
          const rule = { ...LOW, onDelay: 20, offDelay: 10, escalateAfter: 70 };
          alarms = begin();
          given(rule);
          await alarms.restore(store, assert.fail);
          for (const [at, { device, value, wait }] of steps.entries()) {
            level(value, device);
            clock.advance(wait * 1000 + 2);
            if (restarts && at === restartAt) {
              await alarms.flush();
              alarms.close();
              alarms = begin();
              given(rule);
              await alarms.restore(store, assert.fail);
              alarms.resume();
            }
            const keys = alarms.open().map((alarm) => `${alarm.device} ${alarm.type}`);
            assert.equal(new Set(keys).size, keys.length);
          }
          const raised = told.filter((line) => line.endsWith('raised')).length;
          const left = told.filter((line) => line.endsWith('returned')).length;
          assert.equal(raised - left, alarms.active().length);
          assert.equal(
            alarms.open().reduce((sum, { count }) => sum + count, 0),
            raised,
          );
          alarms.close();
          return told;
        };
        assert.deepEqual(await run(true), await run(false));
      }),
      { numRuns: 60 },
    );
  });
});
