/** When and where a device may be served: windows of its local time, and a circle it must be in. Pure rules; what the time is and where it is, others know. */
import { DeviceManagementError } from '../errors';

export interface TimeWindow {
  /** 0 = Sunday, as in Date; none = every day. A window over midnight belongs to the day it begins on. */
  readonly days: readonly number[];
  /** Minutes since midnight; `to` before `from` = on the next day. */
  readonly from: number;
  readonly to: number;
}

export interface Position {
  /** Degrees (WGS 84), as in object 6. */
  readonly latitude: number;
  readonly longitude: number;
}

export interface Area extends Position {
  /** Metres. */
  readonly radius: number;
}

export interface AccessRules {
  /** None = at any time. */
  readonly times: readonly TimeWindow[];
  /** Name of the IANA database, of `times`. */
  readonly timeZone: string;
  readonly area?: Area;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const MINUTES_A_DAY = 1440;
const MOST_WINDOWS = 50;
const EARTH_RADIUS_METRES = 6_371_000;
const FARTHEST_METRES = 20_037_500;

/** @param now Unix milliseconds */
export function isWithinTimes({ times, timeZone }: AccessRules, now: number): boolean {
  if (times.length === 0) return true;
  const { day, minute } = localTime(now, timeZone);
  return times.some(({ days, from, to }) => {
    const begins = (on: number): boolean => days.length === 0 || days.includes(on);
    if (from < to) return begins(day) && minute >= from && minute < to;
    return (begins(day) && minute >= from) || (begins((day + 6) % 7) && minute < to);
  });
}

export function isWithinArea(area: Area, position: Position): boolean {
  return distance(area, position) <= area.radius;
}

/** Metres, along the surface of a sphere; what that leaves out is less than what a GNSS receiver does. */
export function distance(a: Position, b: Position): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const sine = (degrees: number): number => Math.sin(radians(degrees) / 2) ** 2;
  const haversine =
    sine(b.latitude - a.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * sine(b.longitude - a.longitude);
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(haversine)));
}

/**
 * Reads `{times: [{days: ["mon", "tue"], from: "08:00", to: "18:00"}], timeZone: "Europe/Berlin", area: {latitude, longitude, radius}}`;
 * every part may be left out.
 * @throws DeviceManagementError `invalid-value`, naming the property
 */
export function readAccess(given: unknown): AccessRules {
  const { times, timeZone, area } = fieldsOf(given, 'access');
  if (times !== undefined && (!Array.isArray(times) || times.length > MOST_WINDOWS)) {
    throw invalid(`access.times must be a list of at most ${MOST_WINDOWS} windows`);
  }
  return {
    times: (times ?? []).map(readWindow),
    timeZone: readTimeZone(timeZone),
    ...(area !== undefined && area !== null && { area: readArea(area) }),
  };
}

/** As `readAccess` takes it. */
export function shownAccess({ times, timeZone, area }: AccessRules): object {
  const shownTimes = times.map(({ days, from, to }) => ({
    ...(days.length > 0 && { days: days.map((day) => DAYS[day]) }),
    from: clockText(from),
    to: clockText(to),
  }));
  return { times: shownTimes, timeZone, ...(area !== undefined && { area }) };
}

function readWindow(given: unknown): TimeWindow {
  const { days, from, to } = fieldsOf(given, 'access.times[]');
  if (days !== undefined && !Array.isArray(days)) throw invalid(`access.times[].days must be a list of ${DAYS.join(', ')}`);
  return { days: (days ?? []).map(readDay), from: readMinute(from, 'from'), to: readMinute(to, 'to') };
}

function readDay(given: unknown): number {
  const day = DAYS.indexOf(given as (typeof DAYS)[number]);
  if (day < 0) throw invalid(`access.times[].days must be a list of ${DAYS.join(', ')}`);
  return day;
}

/** "24:00" ends a day. */
function readMinute(given: unknown, property: string): number {
  const match = typeof given === 'string' ? /^(\d{1,2}):(\d{2})$/.exec(given) : null;
  const minute = match === null ? Number.NaN : Number(match[1]) * 60 + Number(match[2]);
  if (minute <= MINUTES_A_DAY && Number(match?.[2]) < 60) return minute;
  throw invalid(`access.times[].${property} must be a time of day such as "08:00"`);
}

function readTimeZone(given: unknown): string {
  if (given === undefined || given === '') return 'UTC';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: String(given) }).resolvedOptions().timeZone;
  } catch {
    throw invalid('access.timeZone must be a name such as "Europe/Berlin"');
  }
}

function readArea(given: unknown): Area {
  const { latitude, longitude, radius } = fieldsOf(given, 'access.area');
  return {
    latitude: readNumber(latitude, 'latitude', -90, 90),
    longitude: readNumber(longitude, 'longitude', -180, 180),
    radius: readNumber(radius, 'radius', 1, FARTHEST_METRES),
  };
}

function readNumber(given: unknown, property: string, least: number, most: number): number {
  const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
  if (typeof number === 'number' && number >= least && number <= most) return number;
  throw invalid(`access.area.${property} must be a number from ${least} to ${most}`);
}

function fieldsOf(given: unknown, property: string): Readonly<Record<string, unknown>> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Readonly<Record<string, unknown>>;
  throw invalid(`${property} must be an object`);
}

/** Making a formatter takes as long as a Register; there are few time zones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function localTime(now: number, timeZone: string): { day: number; minute: number } {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formatters.set(timeZone, formatter);
  }
  const parts = Object.fromEntries(formatter.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = DAYS.indexOf(String(parts.weekday).toLowerCase() as (typeof DAYS)[number]);
  return { day, minute: Number(parts.hour) * 60 + Number(parts.minute) };
}

function clockText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}
