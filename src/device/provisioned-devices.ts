/**
 * The devices that are known before they come, and those that may not come back: a table in memory, asked for every Register and every
 * handshake. Who changes it keeps it (`fleet/kept-devices.ts`).
 */
import { DeviceManagementError } from '../errors';
import { provedName, securityKey } from './credentials';
import { type Identity, identityKey } from './identity';
import type { ProvisionedDevice } from './provisioned-device';

/** Of each 500 bytes or so. */
const MOST_DEVICES = 200_000;
/** Beyond it the oldest is forgotten. */
const MOST_RETIRED = 200_000;

export class ProvisionedDevices {
  private readonly devices = new Map<string, ProvisionedDevice>();
  /** Endpoint by what its credentials prove. */
  private readonly holders = new Map<string, string>();
  /** When it was retired, Unix milliseconds. */
  private readonly retired = new Map<string, number>();

  constructor(private readonly mostDevices = MOST_DEVICES) {}

  get size(): number {
    return this.devices.size;
  }

  get(endpoint: string): ProvisionedDevice | undefined {
    return this.devices.get(endpoint);
  }

  all(): IterableIterator<ProvisionedDevice> {
    return this.devices.values();
  }

  retiredAt(endpoint: string): number | undefined {
    return this.retired.get(endpoint);
  }

  allRetired(): IterableIterator<[endpoint: string, at: number]> {
    return this.retired.entries();
  }

  /** Whose credentials were proved. */
  holderOf(identity: Pick<Identity, 'security' | 'name'>): string | undefined {
    return this.holders.get(identityKey(identity) ?? '');
  }

  /** @throws DeviceManagementError `invalid-value` when another device has these credentials, `too-large` when there is no room */
  check(device: ProvisionedDevice): void {
    const key = securityKey(device.security);
    const holder = key === undefined ? undefined : this.holders.get(key);
    if (holder !== undefined && holder !== device.endpoint) {
      throw new DeviceManagementError(
        'invalid-value',
        `device '${holder}' has these credentials already (${device.security.mode} ${provedName(device.security)}): each device needs its own`,
        { device: device.endpoint },
      );
    }
    if (!this.devices.has(device.endpoint) && this.devices.size >= this.mostDevices) {
      throw new DeviceManagementError('too-large', `${this.mostDevices} devices are provisioned, which is all that can be`);
    }
  }

  /** Enters a device, in place of what was known of it. It is not retired any more. @throws as `check` */
  put(device: ProvisionedDevice): void {
    this.check(device);
    this.release(device.endpoint);
    this.devices.set(device.endpoint, device);
    this.retired.delete(device.endpoint);
    const key = securityKey(device.security);
    if (key !== undefined) this.holders.set(key, device.endpoint);
  }

  /** @returns what was known of it */
  retire(endpoint: string, at: number): ProvisionedDevice | undefined {
    const known = this.devices.get(endpoint);
    this.release(endpoint);
    this.devices.delete(endpoint);
    this.retired.delete(endpoint);
    this.retired.set(endpoint, at);
    if (this.retired.size > MOST_RETIRED) this.retired.delete(this.retired.keys().next().value as string);
    return known;
  }

  /** @returns whether it was retired */
  readmit(endpoint: string): boolean {
    return this.retired.delete(endpoint);
  }

  private release(endpoint: string): void {
    const known = this.devices.get(endpoint);
    const key = known === undefined ? undefined : securityKey(known.security);
    if (key !== undefined) this.holders.delete(key);
  }
}
