/** Time zones: what a clock on the wall shows where a device is, daylight saving included. */
import { DeviceManagementError } from '../errors';

/** An IANA name, "Europe/Berlin", or an offset, "UTC+02:00". */
export type Zone = string;

/** Days counted from 1970-01-01, and minutes of that day. */
export interface WallTime {
  readonly day: number;
  readonly minute: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Zones whose formatters are kept; devices name theirs, so that there may be any number. */
const MOST_FORMATTERS = 500;
const LONGEST_NAME = 64;

const formatters = new Map<string, Intl.DateTimeFormat>();

/** "UTC+02:00", "GMT-3", "+0530", "Z": what devices write to /3/0/14 (ISO 8601, with or without the letters). @returns milliseconds */
export function offsetOf(text: string): number | undefined {
  const found = /^(?:UTC|GMT)?(?:Z|([+-])(\d{1,2})(?::?([0-5]\d))?)?$/i.exec(text.trim());
  if (found === null || text.trim() === '') return undefined;
  const [, sign, hours = '0', minutes = '0'] = found;
  const total = Number(hours) * 60 + Number(minutes);
  // The widest offset in use is UTC+14.
  return total > 14 * 60 ? undefined : (sign === '-' ? -total : total) * MINUTE_MS;
}

export function isZone(text: string): boolean {
  return text.length <= LONGEST_NAME && (offsetOf(text) !== undefined || formatterOf(text) !== undefined);
}

/** @throws DeviceManagementError `invalid-value`, naming the field */
export function readZone(value: unknown, field: string): Zone {
  if (typeof value === 'string' && isZone(value)) return value.trim();
  const came = typeof value === 'string' ? JSON.stringify(value.slice(0, LONGEST_NAME)) : `a ${typeof value}`;
  throw new DeviceManagementError(
    'invalid-value',
    `${field} must be a time zone such as "Europe/Berlin" or "UTC+02:00", but is ${came}`,
  );
}

export interface ZoneHints {
  /** /3/0/15, an IANA name. */
  readonly timezone?: string | undefined;
  /** /3/0/14. */
  readonly utcOffset?: string | undefined;
  /** What the user says by a tag `tz=`. */
  readonly tag?: string | undefined;
}

/** Where a device is: what it says by name, else by offset, else what the user says of it, else where this server is. */
export function zoneOf({ timezone, utcOffset, tag }: ZoneHints): Zone {
  const known = [timezone, utcOffset, tag].find((text) => text !== undefined && text.trim() !== '' && isZone(text));
  return known?.trim() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** What the clocks of a zone show. @param at Unix milliseconds */
export function wallTimeOf(at: number, zone: Zone): WallTime {
  const local = at + offsetAt(at, zone);
  const day = Math.floor(local / DAY_MS);
  return { day, minute: Math.floor((local - day * DAY_MS) / MINUTE_MS) };
}

/**
 * When the clocks of a zone show this: the first time, where they show it twice; where they leap over it, the moment of the leap.
 * @param minute may be beyond the day
 */
export function momentOf({ day, minute }: WallTime, zone: Zone): number {
  const local = day * DAY_MS + minute * MINUTE_MS;
  // Offsets on both sides: no zone changes twice in two days.
  const [before, after] = [offsetAt(local - DAY_MS, zone), offsetAt(local + DAY_MS, zone)];
  const candidates = [local - before, local - after].sort((a, b) => a - b);
  const shown = candidates.find((at) => offsetAt(at, zone) === local - at);
  return shown ?? leapBetween(candidates[0] as number, candidates[1] as number, zone);
}

/** To the minute: zones change at whole minutes. */
function leapBetween(from: number, to: number, zone: Zone): number {
  const old = offsetAt(from, zone);
  let [low, high] = [from, to];
  while (high - low > MINUTE_MS) {
    const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
    if (offsetAt(middle, zone) === old) low = middle;
    else high = middle;
  }
  return high;
}

/** Milliseconds that a zone is ahead of UTC at a moment. */
function offsetAt(at: number, zone: Zone): number {
  const fixed = offsetOf(zone);
  if (fixed !== undefined) return fixed;
  const formatter = formatterOf(zone);
  if (formatter === undefined) throw new DeviceManagementError('invalid-value', `there is no time zone ${JSON.stringify(zone)}`);
  const part: Record<string, number> = {};
  for (const { type, value } of formatter.formatToParts(at)) part[type] = Number(value);
  const { year = 0, month = 1, day = 0, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

function formatterOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  let made: Intl.DateTimeFormat;
  try {
    made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
  if (formatters.size >= MOST_FORMATTERS) formatters.clear();
  formatters.set(zone, made);
  return made;
}
