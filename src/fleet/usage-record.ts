/** What is accounted for in a month, of whom: counters, their sum, and a table of them as CSV. */

/** Who asked, or who was asked. */
export const USAGE_KINDS = ['application', 'device'] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];

export interface UsageCounters {
  /** Operations asked for, and how many of them failed. */
  readonly requests: number;
  readonly failed: number;
  /** Notifications and Sends. */
  readonly reports: number;
  /** Of payloads: of requests that were answered well, and of reports. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** That devices took to answer. */
  readonly answerMs: number;
  /** That the device was registered; of an application nothing. */
  readonly onlineMs: number;
  /** Different devices an application has asked. */
  readonly devices: number;
}

export interface UsageRecord extends UsageCounters {
  /** "2026-11", a month of UTC. */
  readonly period: string;
  readonly kind: UsageKind;
  /** Endpoint name; of an application "token 5c (billing)", "user admin", "node 3f2a". */
  readonly name: string;
}

export type Counting = { -readonly [Name in keyof UsageCounters]: UsageCounters[Name] };

export function noUsage(): Counting {
  return { requests: 0, failed: 0, reports: 0, bytesSent: 0, bytesReceived: 0, answerMs: 0, onlineMs: 0, devices: 0 };
}

/** @returns `into`, to which `more` was added */
export function add(into: Counting, more: Partial<UsageCounters>): Counting {
  for (const [name, value] of Object.entries(more) as [keyof UsageCounters, number][]) into[name] += value;
  return into;
}

export function periodOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** Months earlier or later. */
export function shifted(period: string, months: number): string {
  const [year, month] = period.split('-').map(Number) as [number, number];
  return periodOf(Date.UTC(year, month - 1 + months));
}

const COLUMNS = ['period', 'kind', 'name', ...(Object.keys(noUsage()) as (keyof UsageCounters)[])] as const;

/** RFC 4180, with a line of names first. */
export function csvOf(records: readonly UsageRecord[]): string {
  const lines = records.map((record) => COLUMNS.map((column) => cell(record[column])).join(','));
  return `${[COLUMNS.join(','), ...lines].join('\r\n')}\r\n`;
}

/** A name is what a device says it is: to a spreadsheet it must not be a formula. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
