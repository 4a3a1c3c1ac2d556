/**
 * The life of what devices prove themselves by: provisioned before they come, generated when they are bootstrapped, changed, and revoked
 * when they are retired. A change holds at once; it is done when it is in the store.
 */
import type { Clock } from '../clock';
import { isSameSecurity, provedName, securityKey } from '../device/credentials';
import type { Identity } from '../device/identity';
import { changedDevice, type DeviceChange, type ProvisionedDevice } from '../device/provisioned-device';
import { ProvisionedDevices } from '../device/provisioned-devices';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import { Events } from '../events';
import { MemoryCredentials } from './bootstrap-credentials';
import type { KeptDevices } from './kept-devices';

export interface ProvisioningEvents {
  /** What is known of a device before it comes is not what it was. */
  changed: { readonly device: string };
  /** A device is not to be served any more, or not by what it has proved. */
  ended: {
    readonly device: string;
    /** What is no longer good of what it may have proved (`Identity`). */
    readonly names: readonly string[];
    /** Whether its registration goes too; not when it has already come with something newer. */
    readonly dismissed: boolean;
    /** For a person. */
    readonly why: string;
  };
}

export class Provisioning {
  readonly events = new Events<ProvisioningEvents>();
  readonly devices = new ProvisionedDevices();
  /** For the bootstrap configurations. */
  readonly generated = new MemoryCredentials();
  /** Whether all that was kept could be read; if not, whom it says nothing of may be anybody. */
  isWhole = true;
  private kept: KeptDevices | undefined;
  /** Keys of devices that are part of this process, by endpoint. */
  private readonly lent = new Map<string, Buffer>();

  /** @param trouble for a person: what was not kept */
  constructor(
    private readonly clock: Clock,
    private readonly trouble: (reason: string) => void = () => {},
  ) {}

  /** @throws DeviceManagementError `invalid-value`, `too-large`; `store-failed`: it holds, but only until the server ends */
  async provision(change: DeviceChange): Promise<ProvisionedDevice> {
    const { endpoint } = change;
    const before = this.devices.get(endpoint);
    const device = changedDevice(before, change, this.clock.wall());
    this.check(device);
    this.devices.put(device);
    this.events.emit('changed', { device: endpoint });
    this.endWhatChanged(before, device);
    await this.keep((kept) => kept.put(device));
    return device;
  }

  /** All or none: they are checked together before the first is entered. @throws as `provision` */
  async provisionAll(changes: readonly DeviceChange[]): Promise<void> {
    const holders = new Map<string, string>();
    for (const change of changes) {
      const device = changedDevice(this.devices.get(change.endpoint), change, this.clock.wall());
      this.check(device);
      const key = securityKey(device.security);
      const holder = key === undefined ? undefined : holders.get(key);
      if (holder !== undefined) {
        const text = `devices '${holder}' and '${device.endpoint}' have the same credentials: each device needs its own`;
        throw new DeviceManagementError('invalid-value', text, { device: device.endpoint });
      }
      if (key !== undefined) holders.set(key, device.endpoint);
    }
    for (const change of changes) await this.provision(change);
  }

  /**
   * Takes a device out of service: its credentials are no longer good, and it does not come back by itself. Of one that nobody has
   * provisioned too.
   * @throws DeviceManagementError `store-failed`: it holds, but only until the server ends
   */
  async retire(endpoint: string): Promise<void> {
    const at = this.clock.wall();
    const known = this.devices.retire(endpoint, at);
    const provisioned = known === undefined ? undefined : provedName(known.security);
    const names = [...(provisioned === undefined ? [] : [provisioned]), ...this.generated.revoke(endpoint)];
    this.events.emit('ended', { device: endpoint, names, dismissed: true, why: 'it was retired' });
    this.events.emit('changed', { device: endpoint });
    await this.keep((kept) => kept.retire(endpoint, at));
  }

  /**
   * A device that was retired may come again; what it proved itself by is still revoked.
   * @returns whether it was retired
   * @throws DeviceManagementError `store-failed`: it holds, but only until the server ends
   */
  async readmit(endpoint: string): Promise<boolean> {
    if (!this.devices.readmit(endpoint)) return false;
    await this.keep((kept) => kept.readmit(endpoint));
    return true;
  }

  /** Given when it was provisioned. */
  tagsOf(endpoint: string): readonly string[] {
    return this.devices.get(endpoint)?.tags ?? [];
  }

  /** @throws as `provision` */
  async retag(endpoint: string, tags: readonly string[]): Promise<void> {
    await this.provision({ endpoint, tags });
  }

  /** A device of this process, a simulated one, proves itself by this key; its identity is its endpoint. Kept nowhere. */
  lend(endpoint: string, key: Buffer): void {
    this.lent.set(endpoint, key);
  }

  /** What was lent is no longer good. */
  takeBack(endpoint: string): void {
    if (!this.lent.delete(endpoint)) return;
    this.events.emit('ended', { device: endpoint, names: [endpoint], dismissed: false, why: 'its key was lent, and taken back' });
  }

  /** Enters a device that has come unsecured while that was permitted. */
  pair(endpoint: string): void {
    const device: ProvisionedDevice = {
      endpoint,
      tags: [],
      security: { mode: 'none' },
      level: 'normal',
      origin: 'paired',
      since: this.clock.wall(),
    };
    this.devices.put(device);
    this.keep((kept) => kept.put(device)).catch((caught: Error) => this.trouble(caught.message));
  }

  /** Whose the proved identity is. One that nobody has been given is the name of its endpoint, unless that has been given another. */
  ownerOf(identity: Identity): string | undefined {
    if (identity.security === 'none') return undefined;
    const { name = '' } = identity;
    return this.holderOf(identity) ?? (this.isSecured(name) ? undefined : name);
  }

  /** Whom the proved credentials were given to: by an administrator, in a bootstrap, or for as long as this process lasts. */
  holderOf(identity: Pick<Identity, 'security' | 'name'>): string | undefined {
    const provisioned = this.devices.holderOf(identity);
    const { security, name = '' } = identity;
    if (provisioned !== undefined || security !== 'psk') return provisioned;
    return this.generated.find(name)?.device ?? (this.lent.has(name) ? name : undefined);
  }

  /** Whether a device has credentials, and so must show them. */
  isSecured(endpoint: string): boolean {
    const mode = this.devices.get(endpoint)?.security.mode ?? 'none';
    return mode !== 'none' || this.generated.isProved(endpoint) || this.lent.has(endpoint);
  }

  /** The key of a PSK identity, for the handshake; undefined: nobody's. */
  keyOf(identity: string): Buffer | undefined {
    const holder = this.devices.holderOf({ security: 'psk', name: identity });
    const security = holder === undefined ? undefined : this.devices.get(holder)?.security;
    const key = security?.mode === 'psk' ? security.key : (this.generated.find(identity)?.key ?? this.lent.get(identity));
    // Without a byte: sealed under a key we do not have.
    return key === undefined || key.length === 0 ? undefined : key;
  }

  /** A device has come with what it was given last: what it had before is no longer good. */
  proved(identity: Identity): void {
    if (identity.security !== 'psk' || identity.name === undefined) return;
    const device = this.generated.find(identity.name)?.device;
    const names = this.generated.proved(identity.name);
    if (device === undefined || names.length === 0) return;
    this.events.emit('ended', { device, names, dismissed: false, why: 'it has proved its new key' });
  }

  /** Takes up what an earlier life has left, and keeps there what changes from now on. @throws DeviceManagementError `store-failed` */
  async restore(kept: KeptDevices): Promise<void> {
    this.isWhole = false;
    const { devices, retired, issued } = await kept.load();
    for (const [endpoint, at] of retired) this.devices.retire(endpoint, at);
    for (const device of devices) this.putBack(device);
    for (const [endpoint, credentials] of issued) this.generated.restore(endpoint, credentials);
    this.kept = kept;
    this.generated.keep = (endpoint, credentials) => {
      kept.putKeys(endpoint, credentials).catch((caught) => this.trouble(unkept(caught).message));
    };
    this.isWhole = true;
  }

  /** Writes all of it once more, where the store may not have it. @throws DeviceManagementError `store-failed` */
  async keepAll(): Promise<void> {
    const { kept, devices, generated } = this;
    if (kept === undefined) return;
    for (const device of devices.all()) await kept.put(device);
    for (const [endpoint, at] of devices.allRetired()) await kept.retire(endpoint, at);
    for (const [endpoint, issued] of generated.all()) await kept.putKeys(endpoint, issued);
    // Keys that were revoked meanwhile must not be good again after a restart.
    for await (const endpoint of kept.withKeys()) if (!generated.has(endpoint)) await kept.putKeys(endpoint, undefined);
  }

  private async keep(write: (kept: KeptDevices) => Promise<void>): Promise<void> {
    if (!this.isWhole) throw unkept(new Error('the store could not be read when the server began'));
    if (this.kept === undefined) return;
    try {
      await write(this.kept);
    } catch (caught) {
      throw unkept(caught);
    }
  }

  private putBack(device: ProvisionedDevice): void {
    try {
      this.devices.put(device);
    } catch (caught) {
      this.trouble(asDeviceManagementError(caught).message);
    }
  }

  /** A generated identity is 96 random bits: whoever names one of another device's has seen it. */
  private check(device: ProvisionedDevice): void {
    this.devices.check(device);
    const { endpoint, security } = device;
    const holder = security.mode === 'psk' ? this.generated.find(security.identity)?.device : undefined;
    if (holder === undefined || holder === endpoint) return;
    const text = `device '${holder}' was given this PSK identity when it was bootstrapped: each device needs its own`;
    throw new DeviceManagementError('invalid-value', text, { device: endpoint });
  }

  private endWhatChanged(before: ProvisionedDevice | undefined, { endpoint, security, blockedUntil }: ProvisionedDevice): void {
    const outdated = before === undefined || isSameSecurity(before.security, security) ? undefined : provedName(before.security);
    const isBlocked = blockedUntil !== undefined && blockedUntil > this.clock.wall();
    const cameOtherwise = before === undefined ? security.mode !== 'none' : !isSameSecurity(before.security, security);
    if (!isBlocked && !cameOtherwise) return;
    const why = isBlocked ? 'it was blocked' : 'it has other credentials now';
    this.events.emit('ended', { device: endpoint, names: outdated === undefined ? [] : [outdated], dismissed: true, why });
  }
}

function unkept(caught: unknown): DeviceManagementError {
  const { message } = asDeviceManagementError(caught);
  return new DeviceManagementError('store-failed', `this holds until the server ends, and is forgotten then: ${message}`, {
    cause: caught,
  });
}
