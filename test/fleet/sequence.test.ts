/** Requests that hang on each other, and requests that wait until a device is heard again. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { OperationRequest } from '../../src/device/operation';
import { DeviceManagementError } from '../../src/errors';
import { Fleet } from '../../src/fleet/fleet';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { RequestJournal } from '../../src/fleet/request-journal';
import { MemoryStore } from '../../src/store/memory';
import { FakeManager, settled } from './fake-manager';

const targets: OperationRequest = { operation: 'write', path: '/8/0/4', value: ['a'] };
const wipe: OperationRequest = { operation: 'execute', path: '/8/0/3' };
const read: OperationRequest = { operation: 'read', path: '/3/0/9' };

class World {
  readonly manager = new FakeManager();
  readonly clock = new VirtualClock();
  readonly fleet = new Fleet(this.manager, this.clock);
  readonly outcomes: Outcome[] = [];
  waits = 0;

  submit(order: Partial<Order>): void {
    this.fleet.submit(
      { owner: 'node', device: 'sim-001', request: targets, whenAsleep: 'queue', ...order },
      { queued: () => this.waits++, settled: (outcome) => this.outcomes.push(outcome) },
    );
  }

  get said(): string[] {
    return this.outcomes.map((outcome) =>
      'error' in outcome ? outcome.error.code : `${outcome.result.operation} ${outcome.result.path}`,
    );
  }
}

const noAnswer = (): never => {
  throw new DeviceManagementError('timeout', 'no answer');
};

describe('a sequence of requests', () => {
  it('asks one after the other, and tells the outcome of the last', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.submit({ further: [wipe, read] });
    assert.deepEqual(world.manager.log(), ['write /8/0/4']);
    await settled();
    assert.deepEqual(world.manager.log(), ['write /8/0/4', 'execute /8/0/3', 'read /3/0/9']);
    assert.equal(world.manager.mostInFlight, 1);
    assert.deepEqual(world.said, ['read /3/0/9']);
  });

  it('ends with the first that fails', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.manager.behaviour = () => new DeviceManagementError('4.04', 'there is no /8/0');
    world.submit({ further: [wipe] });
    await settled();
    assert.deepEqual(world.manager.log(), ['write /8/0/4']);
    assert.deepEqual(world.said, ['4.04']);
  });

  it('waits for a device that sleeps, and lets nothing come between', async () => {
    const world = new World();
    world.manager.register('sim-001', { queueMode: true });
    world.manager.sleep('sim-001');
    world.submit({ further: [wipe] });
    world.submit({ request: read });
    world.manager.wake('sim-001');
    await settled();
    assert.deepEqual(world.manager.log(), ['write /8/0/4', 'execute /8/0/3', 'read /3/0/9']);
    assert.deepEqual(world.said, ['execute /8/0/3', 'read /3/0/9']);
    assert.equal(world.fleet.requests.waiting(), 0);
  });

  it('goes no further when its asker is removed', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.submit({ further: [wipe] });
    world.fleet.requests.cancel('node');
    await settled();
    assert.deepEqual(world.manager.log(), ['write /8/0/4']);
  });

  it('goes on in the next life of the process where it was', async () => {
    const store = new MemoryStore();
    const before = new World();
    await before.fleet.requests.restore(new RequestJournal(store, before.clock, assert.fail));
    before.manager.register('sim-001');
    before.manager.sleep('sim-001');
    before.submit({ further: [wipe] });
    await settled();
    before.manager.behaviour = ({ operation }) => (operation === 'write' ? {} : new Promise(() => {}));
    before.manager.wake('sim-001');
    await before.clock.advanceAsync(10);
    assert.deepEqual(before.manager.log(), ['write /8/0/4', 'execute /8/0/3']);

    const after = new World();
    const told: Outcome[] = [];
    after.fleet.requests.outcomes.succeed('node', (_order, outcome) => told.push(outcome));
    await after.fleet.requests.restore(new RequestJournal(store, after.clock, assert.fail));
    after.manager.register('sim-001');
    await settled();
    // The wipe was sent: whether it was done nobody knows, and it is not sent again.
    assert.deepEqual(after.manager.log(), []);
    assert.deepEqual(
      told.map((outcome) => 'error' in outcome && outcome.error.code),
      ['interrupted'],
    );
  });
});

describe('a request for when the device is heard again', () => {
  it('is not asked of one that only seems to be there', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.submit({ whenHeard: true });
    await world.clock.advanceAsync(60_000);
    assert.deepEqual(world.manager.log(), []);
    assert.equal(world.waits, 1);
    world.manager.update('sim-001');
    await settled();
    assert.deepEqual(world.said, ['write /8/0/4']);
  });

  it('is asked again each time the device is heard, until it answers', async () => {
    const world = new World();
    world.manager.register('sim-001');
    world.manager.behaviour = noAnswer;
    world.submit({ whenHeard: true });
    for (let time = 0; time < 6; time++) {
      world.manager.update('sim-001');
      await settled();
    }
    assert.equal(world.manager.asked.length, 6);
    assert.deepEqual(world.said, []);
    world.manager.behaviour = () => ({});
    world.manager.update('sim-001');
    await settled();
    assert.deepEqual(world.said, ['write /8/0/4']);
  });
});
