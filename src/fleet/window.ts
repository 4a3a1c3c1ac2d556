/**
 * Maintenance windows: recurring spans in which a disruptive step may begin, by the clocks where the device is. A window that would begin
 * in the hour that daylight saving leaves out begins after it; an hour that comes twice counts once.
 */

import { invalidSetting, quoted } from './invalid-setting';
import { momentOf, readZone, wallTimeOf, type Zone } from './zone';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

export interface WindowRule {
  /** On which it begins; every day without. */
  readonly days?: readonly Day[];
  /** "02:00". */
  readonly from: string;
  /** "04:00"; not later than `from`: on the next day. */
  readonly to: string;
  /** `device` (default): where the device is. */
  readonly zone?: 'device' | Zone;
  /** Dates on which it does not begin, "2026-12-24". */
  readonly except?: readonly string[];
}

interface Rule {
  readonly days: ReadonlySet<number>;
  readonly from: number;
  readonly minutes: number;
  readonly zone: 'device' | Zone;
  readonly except: ReadonlySet<number>;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

const DAY_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;
/** Of one window: more than a calendar anybody reads. */
const MOST_RULES = 20;
const MOST_EXCEPTIONS = 400;
/** How far ahead an opening is looked for: a year with all its exceptions. */
const DAYS_AHEAD = 400;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 3;

export class MaintenanceWindow {
  /** @param rules it is open when one of them is */
  constructor(private readonly rules: readonly Rule[]) {}

  isOpen(at: number, device: Zone): boolean {
    return this.openSpan(at, device) !== undefined;
  }

  /** When it is open next, from `at` on, Unix milliseconds; `undefined`: not within a year. */
  opensAt(at: number, device: Zone): number | undefined {
    if (this.isOpen(at, device)) return at;
    const next = this.rules.flatMap((rule) => nextOf(rule, at, device) ?? []);
    return next.length === 0 ? undefined : Math.min(...next);
  }

  /** When the window that is open at `at` ends; `undefined` while it is closed. */
  closesAt(at: number, device: Zone): number | undefined {
    return this.openSpan(at, device)?.to;
  }

  /** The one that is open longest. */
  private openSpan(at: number, device: Zone): Span | undefined {
    const open = this.rules.flatMap((rule) => spansAround(rule, at, device)).filter(({ from, to }) => from <= at && at < to);
    return open.sort((a, b) => b.to - a.to)[0];
  }
}

/**
 * @param value a WindowRule or an array of them, as a dialog or a message has it
 * @param field names it in errors
 * @throws DeviceManagementError `invalid-value`, naming what is wrong
 */
export function readWindow(value: unknown, field = 'window'): MaintenanceWindow {
  const rules = Array.isArray(value) ? value : [value];
  if (rules.length === 0 || rules.length > MOST_RULES) throw invalidSetting(`${field} must have 1 to ${MOST_RULES} rules`);
  return new MaintenanceWindow(rules.map((rule, index) => readRule(rule, Array.isArray(value) ? `${field}[${index}]` : field)));
}

function readRule(value: unknown, field: string): Rule {
  if (typeof value !== 'object' || value === null) throw invalidSetting(`${field} must be like {"from": "02:00", "to": "04:00"}`);
  const { days, from: begins, to: ends, zone = 'device', except = [] } = value as Readonly<Record<string, unknown>>;
  const [from, to] = [minuteOf(begins, `${field}.from`), minuteOf(ends, `${field}.to`)];
  return {
    days:
      days === undefined
        ? new Set(DAYS.keys())
        : new Set(listOf(days, `${field}.days`).map((day) => dayOf(day, `${field}.days`))),
    from,
    minutes: to > from ? to - from : to + DAY_MINUTES - from,
    zone: zone === 'device' ? zone : readZone(zone, `${field}.zone`),
    except: new Set(listOf(except, `${field}.except`, 0).map((date) => dateOf(date, `${field}.except`))),
  };
}

function listOf(value: unknown, field: string, least = 1): readonly unknown[] {
  if (Array.isArray(value) && value.length >= least && value.length <= MOST_EXCEPTIONS) return value;
  throw invalidSetting(`${field} must be an array with ${least} to ${MOST_EXCEPTIONS} entries`);
}

function dayOf(value: unknown, field: string): number {
  const day = DAYS.indexOf(String(value).toLowerCase() as Day);
  if (day < 0) throw invalidSetting(`${field} may have ${DAYS.join(', ')}, but has ${quoted(value)}`);
  return day;
}

function minuteOf(value: unknown, field: string): number {
  const found = typeof value === 'string' ? /^(\d{1,2}):(\d{2})$/.exec(value.trim()) : null;
  const [hour, minute] = [Number(found?.[1]), Number(found?.[2])];
  if (found === null || hour > 24 || minute > 59 || hour * 60 + minute > DAY_MINUTES)
    throw invalidSetting(`${field} must be a time of day such as "02:00", but is ${quoted(value)}`);
  return hour * 60 + minute;
}

function dateOf(value: unknown, field: string): number {
  const at = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  // 2026-02-30 parses to another day, or to none.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== value)
    throw invalidSetting(`${field} must have dates such as "2026-12-24", but has ${quoted(value)}`);
  return at / (DAY_MINUTES * MINUTE_MS);
}

/** Those that may hold a moment: begun on its day or on one of the two before, for a leap may carry one beyond its day. */
function spansAround(rule: Rule, at: number, device: Zone): Span[] {
  const { day } = wallTimeOf(at, zoneFor(rule, device));
  return [day - 2, day - 1, day].flatMap((begin) => spanOf(rule, begin, device) ?? []);
}

function nextOf(rule: Rule, at: number, device: Zone): number | undefined {
  const { day } = wallTimeOf(at, zoneFor(rule, device));
  for (let begin = day; begin <= day + DAYS_AHEAD; begin++) {
    const span = spanOf(rule, begin, device);
    if (span !== undefined && span.from >= at) return span.from;
  }
  return undefined;
}

/** The one that begins on a day. */
function spanOf({ days, from: minute, minutes, except, ...rule }: Rule, day: number, device: Zone): Span | undefined {
  if (!days.has((day + FIRST_WEEKDAY) % 7) || except.has(day)) return undefined;
  const zone = zoneFor(rule, device);
  const from = momentOf({ day, minute }, zone);
  const byClock = momentOf({ day, minute: minute + minutes }, zone);
  const byLength = from + minutes * MINUTE_MS;
  // Wholly in the hour left out: as long as it was meant to be, after it. An hour that comes twice does not make it longer.
  return { from, to: byClock <= from ? byLength : Math.min(byClock, byLength) };
}

function zoneFor({ zone }: Pick<Rule, 'zone'>, device: Zone): Zone {
  return zone === 'device' ? device : zone;
}
