/** When a disruptive step may begin, by the clocks where the device is. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readWindow } from '../../src/fleet/window';

const BERLIN = 'Europe/Berlin';
const utc = (text: string): number => Date.parse(`${text}Z`);
const iso = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
const MINUTE = 60_000;

describe('A maintenance window', () => {
  const nightly = readWindow({ from: '02:00', to: '04:00' });

  it('is open from its first minute to before its last, by the clocks of the device', () => {
    assert.equal(nightly.isOpen(utc('2026-01-15T00:59'), BERLIN), false);
    assert.equal(nightly.isOpen(utc('2026-01-15T01:00'), BERLIN), true);
    assert.equal(nightly.isOpen(utc('2026-01-15T02:59'), BERLIN), true);
    assert.equal(nightly.isOpen(utc('2026-01-15T03:00'), BERLIN), false);
    assert.equal(nightly.isOpen(utc('2026-01-15T01:00'), 'Asia/Tokyo'), false);
    assert.equal(nightly.isOpen(utc('2026-01-14T17:00'), 'Asia/Tokyo'), true);
  });

  it('says when it opens next and when it closes', () => {
    assert.equal(iso(nightly.opensAt(utc('2026-01-15T12:00'), BERLIN)), '2026-01-16T01:00');
    assert.equal(iso(nightly.opensAt(utc('2026-01-15T01:30'), BERLIN)), '2026-01-15T01:30');
    assert.equal(iso(nightly.closesAt(utc('2026-01-15T01:30'), BERLIN)), '2026-01-15T03:00');
    assert.equal(nightly.closesAt(utc('2026-01-15T12:00'), BERLIN), undefined);
  });

  it('may cross midnight, and belongs to the day on which it begins', () => {
    const weekend = readWindow({ days: ['sat'], from: '22:00', to: '06:00' });
    // 2026-01-17 is a Saturday.
    assert.equal(weekend.isOpen(utc('2026-01-18T04:30'), BERLIN), true);
    assert.equal(weekend.isOpen(utc('2026-01-17T04:30'), BERLIN), false);
    assert.equal(iso(weekend.opensAt(utc('2026-01-18T05:30'), BERLIN)), '2026-01-24T21:00');
  });

  it('does not begin on an excepted date', () => {
    const window = readWindow({ from: '02:00', to: '04:00', except: ['2026-12-24', '2026-12-25'] });
    assert.equal(iso(window.opensAt(utc('2026-12-23T12:00'), BERLIN)), '2026-12-26T01:00');
  });

  it('may be in a zone of its own, wherever the device is', () => {
    const window = readWindow({ from: '02:00', to: '04:00', zone: 'UTC+00:00' });
    assert.equal(window.isOpen(utc('2026-01-15T02:30'), 'Asia/Tokyo'), true);
  });

  it('of several rules is open while one of them is', () => {
    const window = readWindow([
      { days: ['mon'], from: '02:00', to: '04:00' },
      { days: ['thu'], from: '12:00', to: '13:00' },
    ]);
    // 2026-01-15 is a Thursday.
    assert.equal(iso(window.opensAt(utc('2026-01-13T00:00'), BERLIN)), '2026-01-15T11:00');
    assert.equal(iso(window.opensAt(utc('2026-01-15T12:00'), BERLIN)), '2026-01-19T01:00');
  });

  it('that never opens within a year says so', () => {
    const except = Array.from({ length: 400 }, (_, day) =>
      new Date(utc('2026-01-15T00:00') + day * 1440 * MINUTE).toISOString().slice(0, 10),
    );
    assert.equal(
      readWindow({ days: ['thu'], from: '02:00', to: '04:00', except }).opensAt(utc('2026-01-15T12:00'), BERLIN),
      undefined,
    );
  });

  describe('when the clocks change', () => {
    it('that would begin in the hour left out begins after it, as long as ever', () => {
      const window = readWindow({ from: '02:00', to: '03:00' });
      assert.equal(iso(window.opensAt(utc('2026-03-29T00:30'), BERLIN)), '2026-03-29T01:00');
      assert.equal(iso(window.closesAt(utc('2026-03-29T01:30'), BERLIN)), '2026-03-29T02:00');
    });

    it('that begins in the hour left out and ends later ends by the clock', () => {
      assert.equal(iso(nightly.opensAt(utc('2026-03-29T00:30'), BERLIN)), '2026-03-29T01:00');
      assert.equal(iso(nightly.closesAt(utc('2026-03-29T01:30'), BERLIN)), '2026-03-29T02:00');
    });

    it('that lies in the hour that comes twice is open once', () => {
      const window = readWindow({ from: '02:00', to: '03:00' });
      assert.equal(window.isOpen(utc('2026-10-25T00:30'), BERLIN), true);
      assert.equal(window.isOpen(utc('2026-10-25T01:30'), BERLIN), false);
      assert.equal(iso(window.opensAt(utc('2026-10-25T01:00'), BERLIN)), '2026-10-26T01:00');
    });
  });

  it('is open at the moment it says it opens, closed before, and not open longer than it is long', () => {
    const zones = fc.constantFrom(BERLIN, 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', '-03:30', 'Pacific/Apia');
    const minutes = fc.integer({ min: 0, max: 1439 });
    const moments = fc.integer({ min: utc('2025-01-01T00:00') / MINUTE, max: utc('2028-01-01T00:00') / MINUTE });
    const clock = (minute: number): string =>
      `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
    fc.assert(
      fc.property(zones, minutes, minutes, moments, (zone, from, to, at) => {
        const window = readWindow({ from: clock(from), to: clock(to) });
        const opens = window.opensAt(at * MINUTE, zone) as number;
        assert.ok(window.isOpen(opens, zone));
        if (opens > at * MINUTE) assert.ok(!window.isOpen(opens - 1, zone) || to === from);
        const length = (to > from ? to - from : to + 1440 - from) * MINUTE;
        const closes = window.closesAt(opens, zone) as number;
        assert.ok(closes > opens && closes - opens <= length);
      }),
      { numRuns: 300 },
    );
  });

  const MISTAKES: readonly [unknown, string][] = [
    ['02:00-04:00', 'window must be like {"from": "02:00", "to": "04:00"}'],
    [{ from: '2', to: '04:00' }, 'window.from must be a time of day such as "02:00", but is "2"'],
    [{ from: '02:00' }, 'window.to must be a time of day such as "02:00", but is missing'],
    [{ from: '25:00', to: '04:00' }, 'window.from must be a time of day such as "02:00", but is "25:00"'],
    [
      { from: '02:00', to: '04:00', days: ['Monday'] },
      'window.days may have mon, tue, wed, thu, fri, sat, sun, but has "Monday"',
    ],
    [{ from: '02:00', to: '04:00', days: [] }, 'window.days must be an array with 1 to 400 entries'],
    [
      { from: '02:00', to: '04:00', except: ['2026-02-30'] },
      'window.except must have dates such as "2026-12-24", but has "2026-02-30"',
    ],
    [
      { from: '02:00', to: '04:00', zone: 'Mars' },
      'window.zone must be a time zone such as "Europe/Berlin" or "UTC+02:00", but is "Mars"',
    ],
    [[{ from: '02:00', to: '04:00' }, null], 'window[1] must be like {"from": "02:00", "to": "04:00"}'],
    [[], 'window must have 1 to 20 rules'],
  ];
  for (const [spec, sentence] of MISTAKES)
    it(`tells what is wrong with ${JSON.stringify(spec)}`, () => assert.throws(() => readWindow(spec), { message: sentence }));
});
