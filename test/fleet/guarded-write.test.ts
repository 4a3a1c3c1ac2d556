import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { OperationRequest } from '../../src/device/operation';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import { Fleet } from '../../src/fleet/fleet';
import type { GuardTerms } from '../../src/fleet/guard-terms';
import { restored } from '../../src/fleet/guarded-write';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { settingRequest, WRITE_PRESETS } from '../../src/fleet/presets/write-presets';
import { RequestJournal } from '../../src/fleet/request-journal';
import { MemoryStore } from '../../src/store/memory';
import { type Answer, FakeManager, settled } from './fake-manager';

const NEW = { ssid: 'workshop', passphrase: 'new secret' };
const TERMS: GuardTerms = { preset: 'wifi', path: '/12/0', setting: NEW, restore: { passphrase: 'old secret' }, waitMs: 60_000 };
const BEFORE = { 5: 'plant', 18: 'old secret' };

/** A device with a Wi-Fi setting, which goes silent when it is told so. */
class World {
  readonly manager = new FakeManager();
  readonly resources = new Map<string, Value>([
    ['/12/0/5', 'plant'],
    ['/12/0/3', 1],
  ]);
  readonly written: unknown[] = [];
  readonly told: Outcome[] = [];
  readonly later: { order: Order; outcome: Outcome }[] = [];
  readonly fleet: Fleet;
  isSilent = false;
  goesSilentOnWrite = true;
  waits = 0;

  constructor(readonly clock = new VirtualClock()) {
    this.fleet = new Fleet(this.manager, this.clock);
    this.fleet.requests.outcomes.succeed('node', (order, outcome) => this.later.push({ order, outcome }));
    this.manager.behaviour = (request) => this.answer(request);
  }

  change(changes: Partial<GuardTerms> = {}): void {
    const guard = { ...TERMS, ...changes };
    const request = settingRequest(WRITE_PRESETS.wifi, guard.path, guard.setting);
    this.fleet.submit(
      { owner: 'node', device: 'sim-001', request, whenAsleep: 'queue', kept: { topic: 'mine' }, guard },
      { queued: () => this.waits++, settled: (outcome) => this.told.push(outcome) },
    );
  }

  get reports(): unknown[] {
    return this.told.map((outcome) => ('error' in outcome ? outcome.error.code : outcome.guard));
  }

  answer(request: OperationRequest): Answer | Promise<Answer> {
    if (this.isSilent) return new DeviceManagementError('timeout', 'no answer');
    if (request.operation === 'read') {
      const value = this.resources.get(request.path);
      return value === undefined ? new DeviceManagementError('4.05', 'no') : { values: [{ path: request.path, value }] };
    }
    if (request.operation !== 'write') return new DeviceManagementError('4.05', 'no');
    const value = request.value as Record<number, Value>;
    this.written.push(value);
    this.resources.set('/12/0/5', value[5] as Value);
    this.isSilent = this.goesSilentOnWrite;
    return {};
  }
}

const report = (outcome: string, unrestorable: string[] = []) => ({
  outcome,
  written: { ssid: 'workshop' },
  before: { ssid: 'plant' },
  unrestorable,
});

async function given(clock?: VirtualClock): Promise<World> {
  const world = new World(clock);
  world.manager.register('sim-001');
  return world;
}

describe('a guarded write', () => {
  it('is kept when the device is heard on the new setting', async () => {
    const world = await given();
    world.goesSilentOnWrite = false;
    world.change();
    await world.clock.advanceAsync(30_000);
    assert.deepEqual(world.reports, [report('kept')]);
    assert.deepEqual(world.written, [{ 5: 'workshop', 18: 'new secret' }]);
    await world.clock.advanceAsync(600_000);
    assert.equal(world.clock.pending, 0);
  });

  it('is kept when the device registers anew within the time', async () => {
    const world = await given();
    world.change();
    await world.clock.advanceAsync(40_000);
    assert.deepEqual(world.reports, []);
    world.isSilent = false;
    world.manager.register('sim-001');
    await settled();
    assert.deepEqual(world.reports, [report('kept')]);
  });

  it('takes nothing for a sign of life that the device said before it could have changed', async () => {
    const world = await given();
    world.change();
    await settled();
    world.manager.notify('sim-001', '/3/0/9', []);
    world.manager.update('sim-001');
    await world.clock.advanceAsync(9_000);
    assert.deepEqual(world.reports, []);
  });

  it('is restored as soon as the device is heard again, however late', async () => {
    const world = await given();
    world.change();
    await world.clock.advanceAsync(61_000);
    assert.deepEqual(world.reports, [report('not restored yet')]);
    world.manager.leave('sim-001');
    await world.clock.advanceAsync(5 * 86_400_000);
    world.isSilent = false;
    world.goesSilentOnWrite = false;
    world.manager.register('sim-001');
    await settled();
    assert.deepEqual(world.written, [{ 5: 'workshop', 18: 'new secret' }, BEFORE]);
    const [{ order, outcome } = assert.fail()] = world.later;
    assert.ok('result' in outcome);
    assert.deepEqual(restored(order), report('restored'));
    assert.deepEqual(order.kept, { topic: 'mine' });
    assert.equal(world.later.length, 1);
  });

  it('is restored in the next life of the process', async () => {
    const store = new MemoryStore();
    const before = await given();
    await before.fleet.requests.restore(new RequestJournal(store, before.clock, assert.fail));
    before.change();
    await before.clock.advanceAsync(61_000);
    assert.deepEqual(before.reports, [report('not restored yet')]);

    const after = new World();
    after.goesSilentOnWrite = false;
    await after.fleet.requests.restore(new RequestJournal(store, after.clock, assert.fail));
    after.manager.register('sim-001');
    await settled();
    assert.deepEqual(after.written, [BEFORE]);
    assert.deepEqual(
      after.later.map(({ order }) => restored(order)),
      [report('restored')],
    );
  });

  it('that nobody can watch to its end, because the process ends, is restored in the next life', async () => {
    const store = new MemoryStore();
    const before = await given();
    await before.fleet.requests.restore(new RequestJournal(store, before.clock, assert.fail));
    before.change();
    await settled();
    before.fleet.close();
    await before.clock.advanceAsync(10);
    assert.equal(before.clock.pending, 0);

    const after = new World();
    after.goesSilentOnWrite = false;
    await after.fleet.requests.restore(new RequestJournal(store, after.clock, assert.fail));
    after.manager.register('sim-001');
    await settled();
    assert.deepEqual(after.written, [BEFORE]);
  });

  it('of a device that fell back by itself, and says that its link failed, is restored at once', async () => {
    const world = await given();
    world.change();
    await world.clock.advanceAsync(40_000);
    world.isSilent = false;
    world.goesSilentOnWrite = false;
    world.resources.set('/12/0/3', 2);
    world.manager.register('sim-001');
    await settled();
    assert.deepEqual(world.reports, [report('restored')]);
    assert.deepEqual(world.written.at(-1), BEFORE);
  });

  it('tells which old values are not known', async () => {
    const world = await given();
    world.change({ restore: {} });
    await world.clock.advanceAsync(61_000);
    assert.deepEqual(world.reports, [report('not restored yet', ['passphrase'])]);
    world.isSilent = false;
    world.manager.update('sim-001');
    await settled();
    assert.equal(world.manager.log().at(-1), 'write /12/0/5');
  });

  it('of a key alone whose old value is not known fails, saying so', async () => {
    const world = await given();
    world.change({ setting: { passphrase: 'new secret' }, restore: {} });
    await world.clock.advanceAsync(61_000);
    assert.deepEqual(world.reports, ['timeout']);
    const [outcome] = world.told;
    assert.match(outcome !== undefined && 'error' in outcome ? outcome.error.message : '', /nothing is known of the old one/);
  });

  it('that the device refuses has changed nothing, and nothing is restored', async () => {
    const world = await given();
    const { behaviour } = world.manager;
    world.manager.behaviour = (request) =>
      request.operation === 'write' ? new DeviceManagementError('4.00', 'new secret is too short') : behaviour(request);
    world.change();
    await world.clock.advanceAsync(600_000);
    assert.deepEqual(world.reports, ['4.00']);
    assert.equal(world.manager.log().filter((line) => line.startsWith('write')).length, 1);
    const [outcome] = world.told;
    assert.doesNotMatch(outcome !== undefined && 'error' in outcome ? outcome.error.message : '', /new secret/);
  });

  it('waits for a device that sleeps', async () => {
    const world = new World();
    world.manager.register('sim-001', { queueMode: true });
    world.manager.sleep('sim-001');
    world.change();
    assert.equal(world.waits, 1);
    assert.deepEqual(world.manager.log(), []);
    world.goesSilentOnWrite = false;
    world.manager.wake('sim-001');
    await world.clock.advanceAsync(30_000);
    assert.deepEqual(world.reports, [report('kept')]);
  });

  it('that waits for a device begins anew in the next life of the process, still guarded', async () => {
    const store = new MemoryStore();
    const before = new World();
    await before.fleet.requests.restore(new RequestJournal(store, before.clock, assert.fail));
    before.manager.register('sim-001');
    before.manager.sleep('sim-001');
    before.change();
    await before.clock.advanceAsync(10);

    const after = new World();
    await after.fleet.requests.restore(new RequestJournal(store, after.clock, assert.fail));
    after.manager.register('sim-001');
    await after.clock.advanceAsync(61_000);
    assert.deepEqual(after.written, [{ 5: 'workshop', 18: 'new secret' }]);
    const outcomes = after.later.map(({ outcome }) => 'result' in outcome && outcome.guard?.outcome);
    assert.deepEqual(outcomes, ['not restored yet']);
  });

  it('is not begun when its asker was removed while the device slept', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.manager.sleep('sim-001');
    world.change();
    world.fleet.requests.cancel('node');
    world.manager.wake('sim-001');
    await settled();
    assert.deepEqual(world.written, []);
  });

  it('tells no key, whatever becomes of it', async () => {
    const world = await given();
    world.change();
    await world.clock.advanceAsync(61_000);
    world.isSilent = false;
    world.manager.update('sim-001');
    await settled();
    const shown = JSON.stringify([world.reports, world.later.map(({ order }) => restored(order))]);
    assert.doesNotMatch(shown, /secret/);
    assert.match(shown, /workshop/);
  });
});
