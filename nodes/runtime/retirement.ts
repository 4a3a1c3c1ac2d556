/** The end of a device's service, and its return: what is to be done at every place that knows it. */
import { DeviceManagementError } from '../../src/errors';
import type { RunningServer } from './running-server';

/** Whether anything has ever been known of it. */
export function isKnownDevice({ provisioning: { devices }, fleet }: RunningServer, endpoint: string): boolean {
  const isProvisioned = devices.get(endpoint) !== undefined || devices.retiredAt(endpoint) !== undefined;
  return isProvisioned || fleet.knows(endpoint) || fleet.devices.isKnown(endpoint);
}

/**
 * Out of service, and not back by itself: what waits for it is taken back, its session ends, its credentials are revoked, its tags go.
 * @throws DeviceManagementError `not-registered` when nobody knows it, `store-failed`
 */
export async function retireDevice(server: RunningServer, endpoint: string): Promise<void> {
  const { provisioning, fleet } = server;
  if (!isKnownDevice(server, endpoint)) {
    throw new DeviceManagementError('not-registered', `no device '${endpoint}' is provisioned or registered`, {
      device: endpoint,
    });
  }
  for (const { id } of fleet.requests.line(endpoint)) fleet.requests.withdraw(endpoint, id);
  await provisioning.retire(endpoint);
  fleet.facts.forget(endpoint);
  await fleet.tags.remove([endpoint]);
}
