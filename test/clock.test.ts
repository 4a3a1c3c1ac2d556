import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Clock, SystemClock, VirtualClock } from '../src/clock';

describe('VirtualClock', () => {
  it('moves only when told to', () => {
    const clock = new VirtualClock(1000);
    assert.equal(clock.monotonic(), 0);
    assert.equal(clock.wall(), 1000);
    clock.advance(250);
    assert.equal(clock.monotonic(), 250);
    assert.equal(clock.wall(), 1250);
  });

  it('calls in order of time, and in order of asking at the same time', () => {
    const clock = new VirtualClock();
    const calls: string[] = [];
    clock.after(20, () => calls.push(`late ${clock.monotonic()}`));
    clock.after(10, () => calls.push(`first ${clock.monotonic()}`));
    clock.after(10, () => calls.push(`second ${clock.monotonic()}`));
    clock.advance(19);
    assert.deepEqual(calls, ['first 10', 'second 10']);
    clock.advance(1);
    assert.deepEqual(calls, ['first 10', 'second 10', 'late 20']);
    assert.equal(clock.pending, 0);
  });

  it('runs what a call asks for while time passes', () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const again = (): void => {
      times.push(clock.monotonic());
      clock.after(10, again);
    };
    clock.after(10, again);
    clock.advance(35);
    assert.deepEqual(times, [10, 20, 30]);
    assert.equal(clock.monotonic(), 35);
  });

  it('does not call what was cancelled, also from within a call', () => {
    const clock = new VirtualClock();
    let called = 0;
    const other = clock.after(10, () => called++);
    clock.after(5, () => other.cancel());
    clock.advance(100);
    assert.equal(called, 0);
    other.cancel();
  });

  it('never goes back, even when a call advances further than the one who called it', () => {
    const clock = new VirtualClock();
    clock.after(5, () => clock.advance(100));
    clock.advance(10);
    assert.equal(clock.monotonic(), 105);
  });

  it('lets promises settle between timers', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    const work = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        seen.push(clock.monotonic());
      }
    })();
    await clock.advanceAsync(30);
    await work;
    assert.deepEqual(seen, [10, 20, 30]);
  });

  it('calls each timer exactly at its time, whatever the steps', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 30 }), fc.array(fc.nat(120), { maxLength: 10 }), (delays, steps) => {
        const clock = new VirtualClock();
        const wrong: number[] = [];
        let called = 0;
        for (const delay of delays) {
          clock.after(delay, () => {
            called++;
            if (clock.monotonic() !== delay) wrong.push(delay);
          });
        }
        let total = 0;
        for (const step of steps) {
          clock.advance(step);
          total += step;
        }
        assert.deepEqual(wrong, []);
        if (steps.length > 0) assert.equal(called, delays.filter((delay) => delay <= total).length);
      }),
      { numRuns: 200 },
    );
  });
});

describe('SystemClock', () => {
  const clock: Clock = new SystemClock();

  it('never calls early', async () => {
    const delays = [0, 0.4, 1, 1.5, 2, 3.7, 5, 9.9, 20];
    const early: number[] = [];
    await Promise.all(
      delays.map(
        (delay) =>
          new Promise<void>((resolve) => {
            const asked = clock.monotonic();
            clock.after(delay, () => {
              if (clock.monotonic() - asked < delay) early.push(delay);
              resolve();
            });
            // The timers of this clock do not keep a process alive.
            setTimeout(() => {}, 60);
          }),
      ),
    );
    assert.deepEqual(early, []);
  });

  it('does not take a delay beyond 24.8 days for none', async () => {
    let called = false;
    const timer = clock.after(2 ** 31 + 1000, () => {
      called = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    timer.cancel();
    assert.equal(called, false);
  });

  it('does not call what was cancelled', async () => {
    let called = false;
    clock
      .after(1, () => {
        called = true;
      })
      .cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(called, false);
  });
});
