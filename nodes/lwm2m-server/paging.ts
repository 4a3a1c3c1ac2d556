/** Registered devices, a page at a time, in the order of their names: so that a cursor stays right while devices come and go. */
import type { Registration } from '../../src/device/manager';
import { Selector } from '../../src/fleet/selector';
import type { RunningServer } from '../runtime/running-server';
import { deviceView } from './device-views';

const DEFAULT_LIMIT = 100;
const GREATEST_LIMIT = 1_000;

interface Page {
  readonly devices: readonly object[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** @returns the page, or what is wrong with the question */
export function page(server: RunningServer, query: Readonly<Record<string, unknown>>): Page | string {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > GREATEST_LIMIT)
    return `limit must be a number from 1 to ${GREATEST_LIMIT}`;
  const after = query.cursor === undefined ? '' : decodeCursor(query.cursor);
  if (after === undefined) return 'cursor must be one that an earlier page gave';
  const selector = selectorOf(query.select);
  if (selector === undefined)
    return 'select must be an endpoint name, a pattern such as kitchen-*, or several separated by commas';
  const fields = typeof query.fields === 'string' && query.fields !== '' ? query.fields.split(',') : undefined;

  const chosen = [...server.manager.registrations()].filter(({ endpoint }) => endpoint > after && selector.matches(endpoint));
  chosen.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  const devices = chosen.slice(0, limit);
  const last = devices[devices.length - 1];
  return {
    devices: devices.map((registration) => view(server, registration, fields)),
    ...(chosen.length > limit && last !== undefined && { cursor: encodeCursor(last.endpoint) }),
  };
}

function view(server: RunningServer, registration: Registration, fields: readonly string[] | undefined): object {
  const whole = deviceView(server, registration);
  if (fields === undefined) return whole;
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name === 'endpoint' || fields.includes(name)));
}

function selectorOf(select: unknown): Selector | undefined {
  if (select === undefined || select === '') return Selector.everyone;
  if (typeof select !== 'string' || select.split(',').some((part) => part.trim() === '')) return undefined;
  return Selector.of(select.split(','));
}

function encodeCursor(endpoint: string): string {
  return Buffer.from(endpoint).toString('base64url');
}

function decodeCursor(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string') return undefined;
  const endpoint = Buffer.from(cursor, 'base64url').toString();
  return encodeCursor(endpoint) === cursor ? endpoint : undefined;
}
