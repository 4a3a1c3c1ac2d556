/** Requests that are sent only provided that the device may be disturbed. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import type { AuditEntry } from '../../src/fleet/audit';
import { Fleet } from '../../src/fleet/fleet';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { RequestJournal } from '../../src/fleet/request-journal';
import { MemoryStore } from '../../src/store/memory';
import { FakeManager, settled } from './fake-manager';

const REBOOT: Order = {
  owner: 'n1',
  device: 'boiler',
  request: { operation: 'execute', path: '/3/0/4' },
  whenAsleep: 'queue',
  provided: { rules: { battery: 30, notUpdating: true } },
};

class World {
  readonly manager = new FakeManager();
  readonly clock = new VirtualClock();
  readonly audited: AuditEntry[] = [];
  readonly fleet = new Fleet(this.manager, this.clock, { audit: (entry) => this.audited.push(entry) });
  readonly outcomes: Outcome[] = [];
  queued = 0;
  held: Record<string, Value> = { '/3/0/9': 80, '/5/0/3': 0 };

  constructor() {
    this.manager.register('boiler', { objects: ['/3/0', '/5/0'] });
    this.manager.behaviour = ({ operation, path }) => {
      if (operation !== 'read') return { code: '2.04' };
      const values = Object.entries(this.held).filter(([of]) => of === path || of.startsWith(`${path}/`));
      return { values: values.map(([of, value]) => ({ path: of, value })) };
    };
  }

  async submit(order: Order = REBOOT): Promise<void> {
    this.fleet.submit(order, { queued: () => this.queued++, settled: (outcome) => this.outcomes.push(outcome) });
    await settled();
  }

  get error(): DeviceManagementError | undefined {
    const [outcome] = this.outcomes;
    return outcome !== undefined && 'error' in outcome ? outcome.error : undefined;
  }

  get isRebooted(): boolean {
    return this.manager.log().includes('execute /3/0/4');
  }
}

describe('A request under guard', () => {
  it('is sent when nothing stands in the way', async () => {
    const world = new World();
    await world.submit();
    assert.equal(world.isRebooted, true);
    assert.equal(world.error, undefined);
  });

  it('is deferred with the reason and the next try, and nothing is sent', async () => {
    const world = new World();
    world.held['/3/0/9'] = 10;
    await world.submit();
    assert.equal(world.isRebooted, false);
    assert.ok(world.error instanceof DeviceManagementError);
    assert.equal(world.error.code, 'deferred');
    assert.equal(world.error.retryAt, world.clock.wall() + 300_000);
    assert.match(
      world.error.message,
      /^device 'boiler' is not to be disturbed now: its battery is at 10 %, and 30 % are asked for; try again at 2026-/,
    );
  });

  it('is deferred while a job works on the device, unless it is a step of that job', async () => {
    const world = new World();
    world.fleet.locks.take('boiler', { holder: 'job j1', why: 'rollout' });
    await world.submit();
    assert.equal(world.error?.code, 'deferred');
    await world.submit({ ...REBOOT, kept: { job: { job: 'j1', device: 'boiler' } } });
    assert.equal(world.isRebooted, true);
  });

  it('goes by force, in the name of its node', async () => {
    const world = new World();
    world.held['/5/0/3'] = 1;
    await world.submit({ ...REBOOT, provided: { rules: { notUpdating: true }, force: true } });
    assert.equal(world.isRebooted, true);
    assert.deepEqual(
      world.audited.map(({ actor, action }) => [actor, action]),
      [['node n1', 'override guard']],
    );
  });

  it('to a sleeping device waits, and is held against what the device says when it wakes', async () => {
    const world = new World();
    world.manager.sleep('boiler');
    await world.submit();
    assert.equal(world.queued, 1);
    world.held['/3/0/9'] = 20;
    world.manager.wake('boiler');
    await settled();
    assert.equal(world.error?.code, 'deferred');
    assert.equal(world.isRebooted, false);
  });

  it('stays under guard over a restart', async () => {
    const store = new MemoryStore();
    const first = new World();
    await first.fleet.requests.restore(new RequestJournal(store, first.clock, assert.fail));
    first.manager.sleep('boiler');
    await first.submit();
    first.clock.advance(10);
    await settled();
    const second = new World();
    second.held['/3/0/9'] = 20;
    second.manager.sleep('boiler');
    const told: Outcome[] = [];
    second.fleet.requests.outcomes.succeed('n1', (_order, outcome) => told.push(outcome));
    await second.fleet.requests.restore(new RequestJournal(store, second.clock, assert.fail));
    second.manager.wake('boiler');
    await second.clock.advanceAsync(10);
    assert.deepEqual(
      told.map((outcome) => 'error' in outcome && outcome.error.code),
      ['deferred'],
    );
    assert.equal(second.isRebooted, false);
  });

  it('of several steps is held against its rules before the first alone', async () => {
    const world = new World();
    await world.submit({ ...REBOOT, further: [{ operation: 'execute', path: '/3/0/12' }] });
    assert.deepEqual(world.manager.log(), ['read /5/0/3', 'read /3/0', 'execute /3/0/4', 'execute /3/0/12']);
  });
});
