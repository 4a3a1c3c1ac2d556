import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../src/errors';
import { settled } from './fake-manager';
import { givenPolicies, PATH } from './observing';

const MINUTE = 60_000;
/** pmax of 5 minutes, with every margin and spread. */
const OVERDUE = 5 * MINUTE + 93_000 + 30_000 + 1000;

/** A device observed with a pmax of five minutes. */
async function givenObserved(registration = {}, attributes: { pmax?: number } = { pmax: 300 }) {
  const world = givenPolicies();
  world.declare('a', { attributes });
  world.manager.register('sim-001', registration);
  await settled();
  world.manager.asked.length = 0;
  return { ...world, notify: () => world.manager.notify('sim-001', PATH, [{ path: PATH, value: 1 }]) };
}

describe('an observation with pmax', () => {
  it('is left alone while notifications come in time', async () => {
    const { manager, clock, notify } = await givenObserved();
    for (let count = 0; count < 20; count++) {
      await clock.advanceAsync(5 * MINUTE);
      notify();
    }
    assert.deepEqual(manager.log(), []);
  });

  it('is not doubted before MAX_TRANSMIT_WAIT after pmax: the notification may be on its way', async () => {
    const { manager, clock } = await givenObserved();
    await clock.advanceAsync(5 * MINUTE + 92_000);
    assert.deepEqual(manager.log(), []);
  });

  it('is asked for again when nothing has come', async () => {
    const { manager, clock, values } = await givenObserved();
    manager.behaviour = () => ({ values: [{ path: PATH, value: 7 }] });
    values.length = 0;
    await clock.advanceAsync(OVERDUE);
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
    assert.deepEqual(
      values.map(({ initial, values: [first] }) => [initial, first?.value]),
      [[true, 7]],
    );
  });

  it('is asked for three times, then no more: the device does not keep pmax', async () => {
    const { manager, clock } = await givenObserved();
    await clock.advanceAsync(20 * OVERDUE);
    assert.equal(manager.log().length, 3);
  });

  it('has its three chances again after each notification', async () => {
    const { manager, clock, notify } = await givenObserved();
    await clock.advanceAsync(20 * OVERDUE);
    notify();
    await clock.advanceAsync(20 * OVERDUE);
    assert.equal(manager.log().length, 6);
  });

  it('has its three chances again after a registration', async () => {
    const { manager, clock } = await givenObserved();
    await clock.advanceAsync(20 * OVERDUE);
    manager.register('sim-001');
    await settled();
    manager.asked.length = 0;
    await clock.advanceAsync(20 * OVERDUE);
    assert.equal(manager.log().length, 3);
  });

  it('that the device does not answer for is asked for again when it is heard, not over and over', async () => {
    const { manager, clock } = await givenObserved();
    manager.behaviour = () => new DeviceManagementError('timeout', 'silence');
    await clock.advanceAsync(5 * OVERDUE);
    assert.equal(manager.log().length, 1);
    manager.behaviour = () => ({});
    manager.update('sim-001');
    await settled();
    assert.equal(manager.log().length, 2);
  });

  it('is not doubted where the device refused pmax', async () => {
    const world = givenPolicies();
    world.manager.behaviour = ({ operation }) =>
      operation === 'write-attributes' ? new DeviceManagementError('4.05', 'no') : {};
    world.declare('a', { attributes: { pmax: 300 } });
    world.manager.register('sim-001');
    await settled();
    world.manager.asked.length = 0;
    await world.clock.advanceAsync(5 * OVERDUE);
    assert.deepEqual(world.manager.log(), []);
  });

  it('without pmax may be silent for ever', async () => {
    const { manager, clock } = await givenObserved({}, {});
    await clock.advanceAsync(1000 * MINUTE);
    assert.deepEqual(manager.log(), []);
  });

  it('that is wanted no more is not asked for again', async () => {
    const { manager, policies, clock } = await givenObserved();
    policies.remove('a');
    await settled();
    manager.asked.length = 0;
    await clock.advanceAsync(5 * OVERDUE);
    assert.deepEqual(manager.log(), []);
  });

  it('leaves no timer behind when the device leaves or the server stops', async () => {
    const { manager, policies, clock } = await givenObserved();
    manager.leave('sim-001');
    await clock.advanceAsync(5 * OVERDUE);
    assert.deepEqual(manager.log(), []);
    policies.close();
    assert.equal(clock.pending, 0);
  });

  it('of thousands that fell silent in one second is asked for at different times', async () => {
    const world = givenPolicies();
    world.declare('a', { attributes: { pmax: 300 } });
    for (let index = 0; index < 300; index++) world.manager.register(`sim-${index}`);
    while (world.manager.log().length < 600) await settled();
    world.manager.asked.length = 0;
    const perSecond: number[] = [];
    for (let second = 0; second < OVERDUE / 1000; second++) {
      const before = world.manager.asked.length;
      await world.clock.advanceAsync(1000);
      await settled();
      perSecond.push(world.manager.asked.length - before);
    }
    assert.equal(world.manager.asked.length, 300);
    assert.ok(Math.max(...perSecond) <= 60, `${Math.max(...perSecond)} in one second`);
  });
});

describe('an observation of a device that sleeps', () => {
  it('that fell due meanwhile is asked for when the device wakes and does not notify by itself', async () => {
    const { manager, clock } = await givenObserved({ queueMode: true });
    manager.sleep('sim-001');
    await clock.advanceAsync(10 * OVERDUE);
    assert.deepEqual(manager.log(), []);
    manager.wake('sim-001');
    await clock.advanceAsync(9_000);
    assert.deepEqual(manager.log(), []);
    await clock.advanceAsync(3_000);
    assert.deepEqual(manager.log(), [`observe ${PATH}`]);
  });

  it('is not asked for when it wakes in order to notify', async () => {
    const { manager, clock, notify } = await givenObserved({ queueMode: true });
    manager.sleep('sim-001');
    await clock.advanceAsync(2 * OVERDUE);
    manager.wake('sim-001');
    notify();
    await clock.advanceAsync(60_000);
    assert.deepEqual(manager.log(), []);
  });

  it('is asked for at every such wake: sleeping is no fault', async () => {
    const { manager, clock } = await givenObserved({ queueMode: true });
    for (let wakes = 0; wakes < 10; wakes++) {
      manager.sleep('sim-001');
      await clock.advanceAsync(2 * OVERDUE);
      manager.wake('sim-001');
      await clock.advanceAsync(20_000);
    }
    assert.equal(manager.log().length, 10);
  });
});

describe('an observation of a device that comes from a new address', () => {
  const move = (world: Awaited<ReturnType<typeof givenObserved>>, address: string): void => {
    const { manager } = world;
    const previous = manager.registration('sim-001');
    const registration = { ...previous, address } as NonNullable<typeof previous>;
    manager.events.emit('lifecycle', {
      event: 'updated',
      device: 'sim-001',
      registration,
      at: 1000,
      ...(previous !== undefined && { previous }),
    });
  };

  it('is asked for again, once for all moves of ten minutes', async () => {
    const world = await givenObserved({}, {});
    await world.clock.advanceAsync(15 * MINUTE);
    for (const port of [1, 2, 3]) {
      move(world, `10.0.0.1:${port}`);
      await world.clock.advanceAsync(MINUTE);
    }
    assert.deepEqual(world.manager.log(), [`observe ${PATH}`]);
  });

  it('is not asked for when it notifies from there', async () => {
    const world = await givenObserved({}, {});
    await world.clock.advanceAsync(15 * MINUTE);
    move(world, '10.0.0.1:1');
    world.notify();
    await world.clock.advanceAsync(MINUTE);
    assert.deepEqual(world.manager.log(), []);
  });

  it('is judged by pmax where the device knows it', async () => {
    const world = await givenObserved();
    await world.clock.advanceAsync(4 * MINUTE);
    move(world, '10.0.0.1:1');
    await world.clock.advanceAsync(MINUTE);
    assert.deepEqual(world.manager.log(), []);
  });
});

describe('an observation the device ends', () => {
  const end = (world: Awaited<ReturnType<typeof givenObserved>>, code?: '5.03' | 'protocol-error' | '4.05'): void =>
    world.manager.events.emit('observation-ended', {
      device: 'sim-001',
      path: PATH,
      reason: 'ended',
      ...(code !== undefined && { code }),
    });

  for (const code of ['5.03', 'protocol-error'] as const) {
    it(`with ${code} is begun again, three times with longer and longer waits, then reported`, async () => {
      const world = await givenObserved({}, {});
      const begunAfter: number[] = [];
      for (let count = 0; count < 3; count++) {
        const { length } = world.manager.log();
        end(world, code);
        let seconds = 0;
        while (world.manager.log().length === length && seconds < 600) {
          await world.clock.advanceAsync(1000);
          seconds++;
        }
        begunAfter.push(seconds);
      }
      assert.ok(
        begunAfter.every((seconds, index) => seconds >= 30 * 2 ** index && seconds <= 30 * 2 ** index + 32),
        `${begunAfter}`,
      );
      assert.equal(world.refused.length, 0);
      end(world, code);
      await world.clock.advanceAsync(1000 * MINUTE);
      assert.equal(world.manager.log().length, 3);
      assert.equal(world.refused[0]?.code, code);
    });
  }

  it('with 4.05 is reported, and not begun again', async () => {
    const world = await givenObserved({}, {});
    end(world, '4.05');
    await world.clock.advanceAsync(1000 * MINUTE);
    assert.deepEqual(world.manager.log(), []);
    assert.equal(world.refused[0]?.code, '4.05');
  });

  it('is no refusal where this side let go of it: begun again when the device is heard', async () => {
    const world = await givenObserved({}, {});
    world.manager.sleep('sim-001');
    end(world);
    assert.deepEqual(world.refused, []);
    world.manager.wake('sim-001');
    await settled();
    assert.deepEqual(world.manager.log(), [`observe ${PATH}`]);
  });
});
