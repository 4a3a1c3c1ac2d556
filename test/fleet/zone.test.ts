/** What the clocks show where a device is. */
import assert from 'node:assert/strict';
import type { DeviceManagementError } from '../../src/errors';
import { isZone, momentOf, offsetOf, readZone, wallTimeOf, zoneOf } from '../../src/fleet/zone';

const HOUR = 3_600_000;
const day = (date: string): number => Date.parse(`${date}T00:00:00Z`) / (24 * HOUR);
const utc = (text: string): number => Date.parse(`${text}Z`);

describe('A time zone', () => {
  it('is an IANA name or an offset in the forms devices write it', () => {
    const offsets: [string, number | undefined][] = [
      ['UTC+02:00', 2 * HOUR],
      ['+05:30', 5.5 * HOUR],
      ['-0330', -3.5 * HOUR],
      ['GMT-3', -3 * HOUR],
      ['Z', 0],
      ['UTC', 0],
      ['+15:00', undefined],
      ['', undefined],
      ['Berlin', undefined],
    ];
    for (const [text, offset] of offsets) assert.equal(offsetOf(text), offset, text);
    assert.equal(isZone('Europe/Berlin'), true);
    assert.equal(isZone('Europe/Atlantis'), false);
  });

  it('is told as wrong by its field', () => {
    assert.throws(
      () => readZone('Mars/Base', 'window.zone'),
      (error: DeviceManagementError) =>
        error.message === 'window.zone must be a time zone such as "Europe/Berlin" or "UTC+02:00", but is "Mars/Base"',
    );
  });

  it('of a device is what it names, else its offset, else what its tag says, else that of this server', () => {
    assert.equal(zoneOf({ timezone: 'Asia/Tokyo', utcOffset: '+01:00', tag: 'Europe/Paris' }), 'Asia/Tokyo');
    assert.equal(zoneOf({ timezone: 'nonsense', utcOffset: '+01:00', tag: 'Europe/Paris' }), '+01:00');
    assert.equal(zoneOf({ timezone: '', tag: 'Europe/Paris' }), 'Europe/Paris');
    assert.equal(zoneOf({}), Intl.DateTimeFormat().resolvedOptions().timeZone);
  });

  it('tells what its clocks show, before and after a change to summer time', () => {
    assert.deepEqual(wallTimeOf(utc('2026-03-29T00:59:00'), 'Europe/Berlin'), { day: day('2026-03-29'), minute: 119 });
    assert.deepEqual(wallTimeOf(utc('2026-03-29T01:00:00'), 'Europe/Berlin'), { day: day('2026-03-29'), minute: 180 });
    assert.deepEqual(wallTimeOf(utc('2026-07-01T23:30:00'), '+05:30'), { day: day('2026-07-02'), minute: 300 });
  });

  it('tells when its clocks show a time', () => {
    const at = (date: string, minute: number, zone: string): string =>
      new Date(momentOf({ day: day(date), minute }, zone)).toISOString();
    assert.equal(at('2026-01-15', 120, 'Europe/Berlin'), '2026-01-15T01:00:00.000Z');
    assert.equal(at('2026-07-15', 120, 'Europe/Berlin'), '2026-07-15T00:00:00.000Z');
    assert.equal(at('2026-03-08', 90, 'America/New_York'), '2026-03-08T06:30:00.000Z');
  });

  it('takes the moment of the leap for a time that is left out', () => {
    assert.equal(momentOf({ day: day('2026-03-29'), minute: 150 }, 'Europe/Berlin'), utc('2026-03-29T01:00:00'));
    // Lord Howe Island leaps by half an hour.
    assert.equal(momentOf({ day: day('2026-10-04'), minute: 135 }, 'Australia/Lord_Howe'), utc('2026-10-03T15:30:00'));
  });

  it('takes the first of a time that comes twice', () => {
    assert.equal(momentOf({ day: day('2026-10-25'), minute: 150 }, 'Europe/Berlin'), utc('2026-10-25T00:30:00'));
  });
});
