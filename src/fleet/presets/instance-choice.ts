/** Which instance of an object is meant in a certain device: the one that was named, or the only one it announced. */
import type { Registration } from '../../device/manager';
import { isId } from '../../device/path';
import { DeviceManagementError } from '../../errors';

/** In a path that is not everybody's. */
export const ANY_INSTANCE = '*';
const SERVER_OBJECT = 1;

/**
 * Puts the instance where a path has `*`; other paths stay as they are.
 * @param given what a user said; empty = nothing
 * @param registration absent for a device that is not here now: then its first instance is as good a guess as any
 * @throws DeviceManagementError `invalid-request` for what is no instance, or where the device has several and none was said; `unsupported`
 * where it has none
 */
export function placed(path: string, given: unknown, registration: Registration | undefined): string {
  const [, object = '', instance, ...rest] = path.split('/');
  if (instance !== ANY_INSTANCE) return path;
  const chosen = numberOf(given) ?? onlyInstance(Number(object), registration);
  return ['', object, chosen, ...rest].join('/');
}

function numberOf(given: unknown): number | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  const number = typeof given === 'string' ? Number(given.trim() || Number.NaN) : given;
  if (typeof number === 'number' && isId(number)) return number;
  throw new DeviceManagementError(
    'invalid-request',
    `which instance? it is a number from 0 on, but ${JSON.stringify(given)} came: set Instance in the node, or msg.instance`,
  );
}

function onlyInstance(object: number, registration: Registration | undefined): number {
  if (registration === undefined) return 0;
  const start = `/${object}/`;
  const instances = registration.objects.filter((path) => path.startsWith(start)).map((path) => Number(path.slice(start.length)));
  const [first] = instances;
  if (object === SERVER_OBJECT) return serverInstance(instances);
  if (first !== undefined && instances.length === 1) return first;
  const { endpoint: device } = registration;
  if (first === undefined) {
    throw new DeviceManagementError(
      'unsupported',
      `device '${device}' announced no instance of object ${object}: it cannot do this, or has nothing to do it with`,
      { device },
    );
  }
  throw new DeviceManagementError(
    'invalid-request',
    `which instance of object ${object}? device '${device}' has ${instances.join(', ')}: set Instance in the node, or msg.instance`,
    { device },
  );
}

/**
 * The Server instance of this server is what triggers an Update or disables the registration; many call it /1/1 (Anjay). A device with
 * several serves several servers: then the first is as good a guess as any, and one that shows /1/0 is taken at its word.
 */
function serverInstance(instances: readonly number[]): number {
  return instances.includes(0) ? 0 : (instances[0] ?? 0);
}
