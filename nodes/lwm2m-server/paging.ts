/** Devices, registered or provisioned, a page at a time, in the order of their names: so that a cursor stays right while devices come and go. */
import type { Registration } from '../../src/device/manager';
import type { ProvisionedDevice } from '../../src/device/provisioned-device';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import { Selector } from '../../src/fleet/selector';
import { isExpression } from '../../src/fleet/selector-syntax';
import type { RunningServer } from '../runtime/running-server';
import { deviceView, knownOf } from './device-views';
import { provisionedView } from './provisioned-views';

const DEFAULT_LIMIT = 100;
const GREATEST_LIMIT = 1_000;

/** One of which only something is known is neither. */
type Listed = Registration | ProvisionedDevice | { readonly endpoint: string };

interface Page {
  readonly devices: readonly object[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** @param permitted whom the caller may see @returns the page, or what is wrong with the question */
export function page(server: RunningServer, query: Readonly<Record<string, unknown>>, permitted: Selector): Page | string {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > GREATEST_LIMIT)
    return `limit must be a number from 1 to ${GREATEST_LIMIT}`;
  const after = query.cursor === undefined ? '' : decodeCursor(query.cursor);
  if (after === undefined) return 'cursor must be one that an earlier page gave';
  const selector = selectorOf(query.select);
  const fields = typeof query.fields === 'string' && query.fields !== '' ? query.fields.split(',') : undefined;

  const { provisioned = 'false' } = query;
  if (provisioned !== 'true' && provisioned !== 'false') return 'provisioned must be true or false';
  const chosen: Listed[] = [];
  for (const device of provisioned === 'true' ? server.provisioning.devices.all() : candidates(server, selector)) {
    const { endpoint } = device;
    if (endpoint > after && server.fleet.matches(selector, endpoint) && server.fleet.matches(permitted, endpoint))
      chosen.push(device);
  }
  chosen.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  const devices = chosen.slice(0, limit);
  const last = devices[devices.length - 1];
  return {
    devices: devices.map((device) => view(server, device, fields)),
    ...(chosen.length > limit && last !== undefined && { cursor: encodeCursor(last.endpoint) }),
  };
}

/** Registered ones; others only where it is asked for what is true of them. */
function* candidates({ manager, fleet }: RunningServer, selector: Selector): Iterable<Listed> {
  if (!selector.meansAbsent) return yield* manager.registrations();
  for (const endpoint of fleet.known()) yield manager.registration(endpoint) ?? { endpoint };
}

function view(server: RunningServer, device: Listed, fields: readonly string[] | undefined): object {
  const { endpoint } = device;
  const { manager, fleet } = server;
  const known = { endpoint, presence: manager.presence(endpoint), ...knownOf(fleet, endpoint) };
  const whole =
    'lifetime' in device
      ? deviceView(server, device)
      : { ...known, ...('origin' in device && { provisioned: provisionedView(device) }) };
  if (fields === undefined) return whole;
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name === 'endpoint' || fields.includes(name)));
}

/** @throws DeviceManagementError `invalid-request`, saying what is wrong and where */
export function selectorOf(select: unknown): Selector {
  if (select === undefined || select === '') return Selector.everyone;
  try {
    return Selector.of(typeof select === 'string' && !isExpression(select) ? select.split(',') : select);
  } catch (caught) {
    const { message } = asDeviceManagementError(caught);
    throw new DeviceManagementError('invalid-request', `select must be names, patterns, or an expression: ${message}`);
  }
}

function encodeCursor(endpoint: string): string {
  return Buffer.from(endpoint).toString('base64url');
}

function decodeCursor(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string') return undefined;
  const endpoint = Buffer.from(cursor, 'base64url').toString();
  return encodeCursor(endpoint) === cursor ? endpoint : undefined;
}
