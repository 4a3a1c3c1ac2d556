/** All that is known of a device, registered or not, as one plain object; no secret. */
import type { ProvisionedDevice } from '../../src/device/provisioned-device';
import { DeviceManagementError } from '../../src/errors';
import { RECORD_FIELDS } from '../../src/fleet/record-fields';
import { provisionedView } from '../lwm2m-server/provisioned-views';
import type { RunningServer } from '../runtime/running-server';

type Fields = Readonly<Record<string, (server: RunningServer, endpoint: string) => unknown>>;

const STATES = { reachable: 'online', asleep: 'asleep', gone: 'offline' } as const;

/** By the name under which each can be asked for. */
const FIELDS: Fields = {
  endpoint: (_server, endpoint) => endpoint,
  state: ({ manager }, endpoint) => STATES[manager.presence(endpoint)],
  tags: ({ fleet }, endpoint) => fleet.tags.of(endpoint),
  groups: ({ fleet }, endpoint) =>
    fleet.groups.all().flatMap(({ name, devices }) => (fleet.matches(devices, endpoint) ? [name] : [])),
  class: ({ fleet }, endpoint) => fleet.classOf(endpoint),
  facts: ({ fleet }, endpoint) => fleet.facts.of(endpoint),
  registration: ({ manager }, endpoint) => manager.registration(endpoint),
  provisioned: ({ provisioning }, endpoint) => shownProvisioned(provisioning.devices.get(endpoint)),
  retiredAt: ({ provisioning }, endpoint) => provisioning.devices.retiredAt(endpoint),
  observations: ({ manager }, endpoint) => manager.observations(endpoint),
  waiting: ({ fleet }, endpoint) => fleet.requests.line(endpoint).length,
  lock: ({ fleet }, endpoint) => fleet.locks.holderOf(endpoint),
};

function shownProvisioned(device: ProvisionedDevice | undefined): object | undefined {
  return device === undefined ? undefined : provisionedView(device);
}

/**
 * Which fields are wanted, from a list or a text with commas; none: all of them. The name of the device is always among them.
 * @throws DeviceManagementError `invalid-request`, naming one there is not
 */
export function recordFields(given: unknown): readonly string[] {
  if (given === undefined || given === null || given === '') return RECORD_FIELDS;
  const names = (typeof given === 'string' ? given.split(',') : Array.isArray(given) ? given : [given]).map((name) =>
    String(name).trim(),
  );
  const stranger = names.find((name) => !RECORD_FIELDS.includes(name));
  if (stranger !== undefined) {
    throw new DeviceManagementError(
      'invalid-request',
      `there is no field "${stranger}" of a device: they are ${RECORD_FIELDS.join(', ')}`,
    );
  }
  return [...new Set(['endpoint', ...names])];
}

/** A copy: a flow may do with its message what it likes. */
export function deviceRecord(
  server: RunningServer,
  endpoint: string,
  fields: readonly string[] = RECORD_FIELDS,
): Record<string, unknown> {
  const known = fields.map((name) => [name, FIELDS[name]?.(server, endpoint)] as const);
  return structuredClone(Object.fromEntries(known.filter(([, value]) => value !== undefined)));
}

/** All devices of which anything is known, those out of service too. */
export function everyDevice({ fleet, provisioning: { devices } }: RunningServer): ReadonlySet<string> {
  const provisioned = [...devices.all()].map(({ endpoint }) => endpoint);
  const retired = [...devices.allRetired()].map(([endpoint]) => endpoint);
  return new Set([...fleet.known(), ...provisioned, ...retired]);
}
