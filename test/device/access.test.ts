import assert from 'node:assert/strict';
import fc from 'fast-check';
import { distance, isWithinArea, isWithinTimes, readAccess, shownAccess } from '../../src/device/access';

const at = (text: string): number => Date.parse(text);

describe('times of access', () => {
  const office = readAccess({
    times: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
    timeZone: 'Europe/Berlin',
  });

  const cases: readonly (readonly [string, boolean, string])[] = [
    ['2026-01-05T07:00:00Z', true, 'Monday 08:00 in winter'],
    ['2026-01-05T06:59:59Z', false, 'a second before'],
    ['2026-01-05T17:00:00Z', false, 'Monday 18:00: the end is not within'],
    ['2026-07-06T06:00:00Z', true, 'Monday 08:00 in summer'],
    ['2026-07-06T16:30:00Z', false, 'Monday 18:30 in summer'],
    ['2026-01-04T11:00:00Z', false, 'Sunday noon'],
    ['2026-03-29T10:00:00Z', false, 'the Sunday the clocks change'],
  ];
  for (const [time, expected, what] of cases) {
    it(`${what}: ${expected ? 'served' : 'refused'}`, () => assert.equal(isWithinTimes(office, at(time)), expected));
  }

  it('a window over midnight belongs to the day it begins on', () => {
    const night = readAccess({ times: [{ days: ['fri'], from: '22:00', to: '06:00' }] });
    assert.equal(isWithinTimes(night, at('2026-01-02T22:00:00Z')), true, 'Friday');
    assert.equal(isWithinTimes(night, at('2026-01-03T05:59:00Z')), true, 'Saturday morning');
    assert.equal(isWithinTimes(night, at('2026-01-03T06:00:00Z')), false);
    assert.equal(isWithinTimes(night, at('2026-01-02T05:00:00Z')), false, 'Friday morning is Thursday’s night');
  });

  it('without windows at any time; a whole day is 00:00 to 24:00', () => {
    assert.equal(isWithinTimes(readAccess({}), at('2026-01-01T00:00:00Z')), true);
    const day = readAccess({ times: [{ from: '00:00', to: '24:00' }] });
    assert.equal(isWithinTimes(day, at('2026-01-01T23:59:59Z')), true);
  });
});

describe('the area of access', () => {
  it('distances as a map has them', () => {
    const berlin = { latitude: 52.52, longitude: 13.405 };
    const hamburg = { latitude: 53.5511, longitude: 9.9937 };
    assert.ok(Math.abs(distance(berlin, hamburg) - 255_000) < 2_000);
    assert.ok(distance({ latitude: 0, longitude: 179.999 }, { latitude: 0, longitude: -179.999 }) < 300, 'over the date line');
  });

  it('within the circle and outside', () => {
    const area = { latitude: 52.52, longitude: 13.405, radius: 1_000 };
    assert.equal(isWithinArea(area, { latitude: 52.525, longitude: 13.405 }), true);
    assert.equal(isWithinArea(area, { latitude: 52.54, longitude: 13.405 }), false);
  });
});

describe('readAccess', () => {
  it('what it shows it takes', () => {
    const minute = fc.integer({ min: 0, max: 1440 });
    const pad = (number: number): string => String(number).padStart(2, '0');
    const text = minute.map((m) => `${pad(Math.floor(m / 60))}:${pad(m % 60)}`);
    const days = fc.subarray(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']);
    const times = fc.array(fc.record({ days, from: text, to: text }), { maxLength: 5 });
    fc.assert(
      fc.property(times, (given) => {
        const access = readAccess({ times: given, timeZone: 'Asia/Tokyo' });
        assert.deepEqual(readAccess(JSON.parse(JSON.stringify(shownAccess(access)))), access);
      }),
    );
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['always', /^access must be an object/],
    [{ times: 'always' }, /^access\.times must be a list/],
    [{ times: [{ from: '8', to: '18:00' }] }, /^access\.times\[\]\.from must be a time of day/],
    [{ times: [{ from: '08:60', to: '18:00' }] }, /from must be/],
    [{ times: [{ from: '08:00', to: '24:01' }] }, /to must be/],
    [{ times: [{ days: ['monday'], from: '08:00', to: '18:00' }] }, /days must be a list of sun, mon/],
    [{ timeZone: 'Mars/Olympus' }, /^access\.timeZone must be a name/],
    [{ area: { latitude: 91, longitude: 0, radius: 1 } }, /^access\.area\.latitude must be a number from -90 to 90/],
    [{ area: { latitude: 0, longitude: 0 } }, /^access\.area\.radius/],
  ];
  for (const [given, expected] of wrong) {
    it(`refuses ${JSON.stringify(given)}`, () =>
      assert.throws(() => readAccess(given), { code: 'invalid-value', message: expected }));
  }
});
