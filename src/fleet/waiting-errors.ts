/** What is told to whoever asked for a request that waited, or would have had to. */
import { DeviceManagementError } from '../errors';
import type { Order } from './outcomes';

export const DEFAULT_TTL_MS = 86_400_000;

export function contextOf({ device, request }: Order): { device: string; path: string } {
  return { device, path: request.path };
}

export function asleep(order: Order): DeviceManagementError {
  const text = `device '${order.device}' is asleep (queue mode); let the request wait for it (queue), or send it when the device is awake`;
  return new DeviceManagementError('asleep', text, contextOf(order));
}

export function superseded(order: Order): DeviceManagementError {
  const { operation, path } = order.request;
  const text = `while it waited for device '${order.device}', a later ${operation} of ${path} took its place; nothing of this one was sent`;
  return new DeviceManagementError('superseded', text, contextOf(order));
}

export function expired(order: Order): DeviceManagementError {
  const seconds = Math.round((order.ttlMs ?? DEFAULT_TTL_MS) / 1000);
  const text = `device '${order.device}' did not come within ${seconds} s, so the request was given up; allow a longer wait, or see why the device is silent`;
  return new DeviceManagementError('queue-expired', text, contextOf(order));
}

export function interrupted(order: Order): DeviceManagementError {
  const { operation, path } = order.request;
  const text = `the server ended while it asked device '${order.device}' for ${operation} ${path}; whether the device did it is not known, and it is not asked twice: read what it should have changed`;
  return new DeviceManagementError('interrupted', text, contextOf(order));
}

export function withdrawn(order: Order): DeviceManagementError {
  return new DeviceManagementError('cancelled', 'the waiting request was withdrawn', contextOf(order));
}

export function stopped(order: Order): DeviceManagementError {
  const text = 'the server has stopped while the request waited for the device; send it again when the server runs';
  return new DeviceManagementError('cancelled', text, contextOf(order));
}
