/** Statistics over values in time, on series whose answers are known. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { forecastOf, outliersOf, type Point, summaryOf, type Trend, trendOf } from '../../src/fleet/analysis';

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const daily = (...values: number[]): Point[] => values.map((value, day) => ({ at: START + day * DAY, value }));
const close = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);

describe('A summary', () => {
  it('has count, minimum, maximum, mean, 95th percentile and the newest', () => {
    const values = Array.from({ length: 20 }, (_, index) => index + 1);
    assert.deepEqual(summaryOf(daily(...values)), { count: 20, min: 1, max: 20, mean: 10.5, p95: 19, last: 20 });
  });

  it('takes the newest by time, whatever the order', () => {
    const [first, second] = daily(1, 2);
    assert.equal(summaryOf([second as Point, first as Point])?.last, 2);
  });

  it('of one value is that value, of none is none', () => {
    assert.deepEqual(summaryOf(daily(7)), { count: 1, min: 7, max: 7, mean: 7, p95: 7, last: 7 });
    assert.equal(summaryOf([]), undefined);
  });
});

describe('A trend', () => {
  it('of a line is the line, and explains all of it', () => {
    assert.deepEqual(trendOf(daily(100, 98, 96, 94)), { perDay: -2, now: 94, at: START + 3 * DAY, fit: 1 });
  });

  it('of scattered values is the closest line, with its share of their variation', () => {
    // By hand: days -3 … 0, mean -1.5; values 1, 3, 2, 4, mean 2.5; sums 4 and 5.
    const { perDay, now, fit } = trendOf(daily(1, 3, 2, 4)) as Trend;
    close(perDay, 0.8);
    close(now, 3.7);
    close(fit, 0.64);
  });

  it('of values that stay is level; of one moment there is none', () => {
    assert.deepEqual(trendOf(daily(5, 5, 5)), { perDay: 0, now: 5, at: START + 2 * DAY, fit: 1 });
    assert.equal(trendOf([...daily(5), ...daily(6)]), undefined);
    assert.equal(trendOf([]), undefined);
  });
});

describe('A forecast', () => {
  it('says when a line reaches a value', () => {
    const trend = trendOf(daily(100, 98, 96, 94)) as Trend;
    assert.equal(forecastOf(trend, 0), START + (3 + 47) * DAY);
    assert.equal(forecastOf(trend, 94), START + 3 * DAY);
  });

  it('is null where the line leads away, stays, or takes more than ten years', () => {
    assert.equal(forecastOf(trendOf(daily(90, 92)) as Trend, 0), null);
    assert.equal(forecastOf(trendOf(daily(90, 90)) as Trend, 0), null);
    assert.equal(forecastOf(trendOf(daily(90, 89.9999)) as Trend, 0), null);
  });

  it('is within 10 % on a line with noise on it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 }), (noise) => {
        // A battery that loses one percent a day, measured to one percent: 40 days are left.
        const trend = trendOf(daily(...noise.map((off, day) => 99 - day + off))) as Trend;
        const left = ((forecastOf(trend, 0) as number) - (START + 59 * DAY)) / DAY;
        return Math.abs(left - 40) <= 4;
      }),
    );
  });
});

describe('Outliers', () => {
  it('are those far from the median, the strangest first, each with its score', () => {
    // Median 21, deviations 1 1 0 0 1 1 … : their median is 1.
    const found = outliersOf({ a: 20, b: 20, c: 21, d: 21, e: 22, f: 22, g: 35, h: -40 });
    assert.deepEqual(
      found.map(({ device, value, median }) => [device, value, median]),
      [
        ['h', -40, 21],
        ['g', 35, 21],
      ],
    );
    close(found[0]?.score as number, -61 * 0.6745);
    close(found[1]?.score as number, 14 * 0.6745);
  });

  it('are found although most of the group agree exactly', () => {
    assert.deepEqual(
      outliersOf({ a: 5, b: 5, c: 5, d: 5, e: 5, f: 9 }).map(({ device }) => device),
      ['f'],
    );
  });

  it('are none in a group of equals, in one that varies, and in one too small to say', () => {
    assert.deepEqual(outliersOf({ a: 5, b: 5, c: 5, d: 5 }), []);
    assert.deepEqual(outliersOf({ a: 1, b: 2, c: 3, d: 4, e: 5 }), []);
    assert.deepEqual(outliersOf({ a: 1, b: 1, c: 100 }), []);
  });
});
