import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ReplayWindow, type WindowSize } from '../../src/dtls/replay-window';

describe('the replay window', () => {
  it('agrees with a plain list of everything seen, in any order', () => {
    const sizes = fc.constantFrom<WindowSize>(64, 128, 256);
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 300 }), (size, numbers) => {
        const window = new ReplayWindow(size);
        const seen = new Set<number>();
        let top = -1;
        for (const number of numbers) {
          assert.equal(window.isFresh(number), number > top - size && !seen.has(number), `${number} with top ${top}`);
          if (!window.isFresh(number)) continue;
          window.mark(number);
          seen.add(number);
          top = Math.max(top, number);
          assert.equal(window.top, top);
        }
      }),
    );
  });

  it('replay-old-window: what is older than the window is not fresh', () => {
    const window = new ReplayWindow(64);
    window.mark(100);
    assert.equal(window.isFresh(36), false);
    assert.equal(window.isFresh(37), true);
  });

  it('works up to the last number there is', () => {
    const window = new ReplayWindow(64);
    window.mark(2 ** 48 - 1);
    assert.equal(window.isFresh(2 ** 48 - 1), false);
    assert.equal(window.isFresh(2 ** 48 - 2), true);
  });

  it('counts everything up to a stored top as seen', () => {
    const window = new ReplayWindow(64);
    window.closeBelow(500);
    assert.equal(window.isFresh(500), false);
    assert.equal(window.isFresh(470), false);
    assert.equal(window.isFresh(501), true);
  });
});
