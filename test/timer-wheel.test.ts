import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../src/clock';
import { TimerWheel } from '../src/timer-wheel';

const TICK = 10;

function wheelOf(slots = 8, start = 0): { clock: VirtualClock; wheel: TimerWheel; fired: { id: number; at: number }[] } {
  const clock = new VirtualClock();
  clock.advance(start);
  const fired: { id: number; at: number }[] = [];
  const wheel = new TimerWheel(clock, TICK, (id) => fired.push({ id, at: clock.monotonic() }), slots);
  return { clock, wheel, fired };
}

describe('TimerWheel', () => {
  it('fires at the first tick at or after the deadline, never before it', () => {
    const { clock, wheel, fired } = wheelOf();
    wheel.set(0, 25);
    clock.advance(24);
    assert.deepEqual(fired, []);
    clock.advance(10);
    assert.deepEqual(fired, [{ id: 0, at: 30 }]);
    assert.equal(wheel.size, 0);
  });

  it('keeps an entry further away than one turn for its own round', () => {
    const { clock, wheel, fired } = wheelOf(8);
    wheel.set(1, 8 * TICK + 30); // the same slot as one 30 ms away
    wheel.set(2, 30);
    wheel.set(3, 16 * TICK + 30);
    clock.advance(400);
    assert.deepEqual(fired, [
      { id: 2, at: 30 },
      { id: 1, at: 110 },
      { id: 3, at: 190 },
    ]);
  });

  it('moves a deadline, later or earlier, without a second entry', () => {
    const { clock, wheel, fired } = wheelOf();
    wheel.set(5, 50);
    wheel.set(5, 200);
    assert.equal(wheel.size, 1);
    clock.advance(100);
    assert.deepEqual(fired, []);
    wheel.set(5, 20);
    clock.advance(300);
    assert.deepEqual(fired, [{ id: 5, at: 120 }]);
  });

  it('does not fire what was cleared; clearing twice or what was never set is harmless', () => {
    const { clock, wheel, fired } = wheelOf();
    wheel.set(1, 20);
    wheel.clear(1);
    wheel.clear(1);
    wheel.clear(7000);
    clock.advance(1000);
    assert.deepEqual(fired, []);
    assert.equal(wheel.size, 0);
  });

  it('fires a deadline of now or the past with the next tick', () => {
    const { clock, wheel, fired } = wheelOf(8, 13);
    wheel.set(0, 0);
    wheel.set(1, -500);
    clock.advance(20);
    assert.deepEqual(new Set(fired.map((entry) => entry.id)), new Set([0, 1]));
  });

  it('lets a call re-arm its own id and others', () => {
    const clock = new VirtualClock();
    const times: string[] = [];
    const wheel = new TimerWheel(
      clock,
      TICK,
      (id) => {
        times.push(`${id}@${clock.monotonic()}`);
        if (times.length < 4) wheel.set(id, 20);
        if (times.length === 2) wheel.set(9, 10);
      },
      4,
    );
    wheel.set(1, 20);
    clock.advance(200);
    assert.deepEqual(times, ['1@20', '1@40', '9@50', '1@60', '9@70']);
  });

  it('lets a call clear or postpone another id that is due in the same tick', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const wheel = new TimerWheel(
      clock,
      TICK,
      (id) => {
        fired.push(id);
        if (fired.length > 1) return;
        for (const other of [1, 2, 3]) if (other !== id) wheel.clear(other);
        wheel.set(4, 30);
      },
      4,
    );
    for (const id of [1, 2, 3, 4]) wheel.set(id, 10);
    clock.advance(10);
    assert.equal(fired.length, 1);
    clock.advance(30);
    assert.equal(fired.length, 2);
    assert.equal(fired[1], 4);
  });

  it('catches up after a pause longer than its turn, each entry once', () => {
    const { clock, wheel, fired } = wheelOf(8);
    for (let id = 0; id < 20; id++) wheel.set(id, id * 17);
    // One jump of the clock, as after a suspend: the timer is late, not the time.
    const late = new VirtualClock();
    let jump = 0;
    const jumping = new TimerWheel(
      { monotonic: () => late.monotonic() + jump, wall: () => 0, after: (ms, call) => late.after(ms, call) },
      TICK,
      (id) => fired.push({ id: id + 100, at: 0 }),
      8,
    );
    for (let id = 0; id < 20; id++) jumping.set(id, id * 17);
    jump = 10_000;
    late.advance(TICK);
    assert.equal(fired.filter((entry) => entry.id >= 100).length, 20);
    assert.equal(jumping.size, 0);
    clock.advance(1000);
    assert.equal(fired.filter((entry) => entry.id < 100).length, 20);
  });

  it('grows with its ids and keeps what was set before', () => {
    const { clock, wheel, fired } = wheelOf(8);
    wheel.set(3, 30);
    wheel.set(100_000, 30);
    wheel.set(70, 30);
    clock.advance(30);
    assert.deepEqual(new Set(fired.map((entry) => entry.id)), new Set([3, 70, 100_000]));
  });

  it('asks its clock for one call only, and for none when empty', () => {
    const { clock, wheel } = wheelOf();
    assert.equal(clock.pending, 0);
    for (let id = 0; id < 100; id++) wheel.set(id, 55);
    assert.equal(clock.pending, 1);
    clock.advance(60);
    assert.equal(clock.pending, 0);
  });

  it('stops at once, also from within a call', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const wheel = new TimerWheel(clock, TICK, (id) => {
      fired.push(id);
      wheel.stop();
    });
    wheel.set(1, 10);
    wheel.set(2, 10);
    wheel.set(3, 20);
    clock.advance(100);
    assert.equal(fired.length, 1);
    assert.equal(wheel.size, 0);
    assert.equal(clock.pending, 0);
    wheel.set(4, 10);
    clock.advance(20);
    assert.equal(fired.length, 2);
  });

  it('goes on after an owner that threw', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const wheel = new TimerWheel(clock, TICK, (id) => {
      fired.push(id);
      if (fired.length === 1) throw new Error('a bug of the owner');
    });
    for (const id of [1, 2, 3]) wheel.set(id, 10);
    assert.throws(() => clock.advance(10), /a bug of the owner/);
    clock.advance(30);
    assert.deepEqual([...fired].sort(), [1, 2, 3]);
  });

  it('agrees with a naive list of deadlines, whatever is done to it', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), id: fc.nat(12), ms: fc.integer({ min: -20, max: 400 }) }),
      fc.record({ do: fc.constant('clear' as const), id: fc.nat(12), ms: fc.constant(0) }),
      fc.record({ do: fc.constant('pass' as const), id: fc.constant(0), ms: fc.nat(150) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(35), (steps, start) => {
        const { clock, wheel, fired } = wheelOf(4, start);
        const deadlines = new Map<number, number>();
        for (const { do: what, id, ms } of steps) {
          if (what === 'set') {
            wheel.set(id, ms);
            deadlines.set(id, clock.monotonic() + Math.max(ms, 0));
          } else if (what === 'clear') {
            wheel.clear(id);
            deadlines.delete(id);
          } else {
            clock.advance(ms);
            for (const call of fired.splice(0)) {
              const deadline = deadlines.get(call.id);
              assert.ok(deadline !== undefined, `${call.id} was not armed`);
              assert.ok(call.at >= deadline, `${call.id} fired at ${call.at}, before ${deadline}`);
              deadlines.delete(call.id);
            }
            for (const [other, deadline] of deadlines) {
              assert.ok(
                clock.monotonic() < deadline + 2 * TICK,
                `${other} due at ${deadline} has not fired at ${clock.monotonic()}`,
              );
            }
          }
          assert.equal(wheel.size, deadlines.size);
        }
      }),
      { numRuns: 500 },
    );
  });
});
