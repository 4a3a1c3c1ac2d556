/** What there is to tell of devices: what was done to them, and what they have reported over time. */
import { Path } from '../../src/device/path';
import { DeviceManagementError } from '../../src/errors';
import { analyse } from '../../src/fleet/series-analysis';
import { USAGE_KINDS } from '../../src/fleet/usage-record';
import { diagnoseDevice } from '../runtime/diagnosing';
import { everyDevice } from './device-record';
import type { ActionContext, Actions } from './devices-action';

type Reader = (name: string, value: unknown) => unknown;

const AUDIT_QUERY: Readonly<Record<string, Reader>> = {
  device: textOf,
  thread: textOf,
  actor: textOf,
  action: textOf,
  from: timeOf,
  to: timeOf,
  limit: countOf,
  cursor: countOf,
};
const HISTORY_QUERY: Readonly<Record<string, Reader>> = { from: timeOf, to: timeOf, limit: countOf };
const ANALYSIS_QUERY: Readonly<Record<string, Reader>> = { from: timeOf, to: timeOf, reaches: numberOf };
const USAGE_QUERY: Readonly<Record<string, Reader>> = { kind: kindOf, period: textOf, limit: countOf, cursor: textOf };
/** Each asks a device for five objects. */
const DIAGNOSED_AT_ONCE = 8;

export const REPORTS: Actions = {
  audit: async ({ server, payload, devicesOrAll }) => {
    const { single } = await devicesOrAll();
    const query = { ...(single !== undefined && { device: single }), ...queryOf(payload, AUDIT_QUERY) };
    const { entries, cursor } = await server.fleet.audit.query(query);
    return { entries, ...(cursor !== undefined && { cursor }) };
  },
  history: async (context) => {
    const { server, payload } = context;
    const query = { devices: await devicesOf(context), ...pathOf(context), ...queryOf(payload, HISTORY_QUERY) };
    return server.fleet.history.query(query);
  },
  analyse: async (context) => {
    const { server, payload } = context;
    const { path } = pathOf(context);
    if (path === undefined) throw invalid('which resource? send its path in msg.path, such as /3/0/9');
    const query = { devices: await devicesOf(context), path, ...queryOf(payload, ANALYSIS_QUERY) };
    return analyse(server.fleet.history, query, server.clock.wall());
  },
  /** One report, or of several devices one each by name. */
  diagnose: async ({ server, devices, actor }) => {
    const selector = await devices();
    if (selector.single !== undefined) return diagnoseDevice(server, selector.single, actor);
    const waiting = [...server.fleet.choose(selector)];
    const reports: Record<string, object> = {};
    const next = async (): Promise<void> => {
      for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
        reports[device] = await diagnoseDevice(server, device, actor);
      }
    };
    await Promise.all(Array.from({ length: DIAGNOSED_AT_ONCE }, next));
    return Object.fromEntries(Object.entries(reports).sort(([a], [b]) => (a < b ? -1 : 1)));
  },
  usage: ({ server, payload }) => server.fleet.usage.query({ kind: 'device', ...queryOf(payload, USAGE_QUERY) }),
};

/** Also those that are not here any more. */
async function devicesOf({ server, devices }: ActionContext): Promise<readonly string[]> {
  return server.fleet.choose(await devices(), everyDevice(server));
}

/** Of the message; everything without. */
function pathOf({ message: { path } }: ActionContext): { readonly path?: string } {
  if (path === undefined || path === '' || path === '/') return {};
  return { path: Path.parse(String(path)).toString() };
}

/** What the payload says of it, where it is an object. @throws DeviceManagementError `invalid-request`, naming what is wrong */
function queryOf(payload: unknown, readers: Readonly<Record<string, Reader>>): Record<string, never> {
  const isQuery = typeof payload === 'object' && payload !== null && !Array.isArray(payload) && !(payload instanceof Date);
  const given = Object.entries(isQuery ? payload : {}).filter(([, value]) => value !== undefined);
  const read = given.map(([name, value]) => {
    if (!Object.hasOwn(readers, name))
      throw invalid(`there is no "${name}": the payload may have ${Object.keys(readers).join(', ')}`);
    return [name, (readers[name] as Reader)(name, value)] as const;
  });
  return Object.fromEntries(read) as Record<string, never>;
}

function kindOf(name: string, value: unknown): string {
  if (USAGE_KINDS.some((kind) => kind === value)) return String(value);
  throw invalid(`${name} must be ${USAGE_KINDS.join(' or ')}`);
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(`${name} must be a number`);
}

function textOf(_name: string, value: unknown): string {
  return String(value);
}

function countOf(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw invalid(`${name} must be a whole number above 0`);
}

function timeOf(name: string, value: unknown): number {
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : value;
  if (typeof time === 'number' && Number.isFinite(time)) return time;
  throw invalid(`${name} must be a time: a Date, milliseconds since 1970, or "2026-05-01T08:00:00Z"`);
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `that cannot be asked: ${text}`);
}
