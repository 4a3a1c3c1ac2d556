/**
 * What is known of devices and what was made for them, in a store: their keys sealed under a key that is not there. Reads everything at the
 * start; afterwards the tables in memory are asked, and only changes come here.
 */
import type { DeviceSecurity } from '../device/credentials';
import type { ProvisionedDevice } from '../device/provisioned-device';
import { asDeviceManagementError } from '../errors';
import { type DamagedRecord, type RecordKind, Records } from '../store/records';
import type { Seal } from '../store/seal';
import { below, type Change, type Store } from '../store/store';
import type { GeneratedCredential, IssuedCredentials } from './bootstrap-credentials';

/** As it is stored: without its endpoint, which is its id, and with its key sealed. */
type KeptDevice = Omit<ProvisionedDevice, 'endpoint' | 'security'> & { readonly security: KeptSecurity };
type KeptSecurity =
  | Exclude<DeviceSecurity, { mode: 'psk' }>
  | { readonly mode: 'psk'; readonly identity: string; readonly sealed: Buffer };

interface KeptKey {
  readonly shortServerId: number;
  readonly identity: string;
  readonly sealed: Buffer;
}
interface KeptKeys {
  readonly isTaken: boolean;
  readonly isProved: boolean;
  readonly servers: readonly { readonly current: KeptKey; readonly previous: readonly KeptKey[]; readonly isStale: boolean }[];
}

const DEVICES: RecordKind<KeptDevice> = { prefix: 'device/', version: 1, read: readDevice };
const KEYS: RecordKind<KeptKeys> = { prefix: 'device-keys/', version: 1, read: readKeys };
const RETIRED: RecordKind<{ readonly at: number }> = { prefix: 'device-retired/', version: 1, read: readRetired };

/** What an earlier life has left. */
export interface KeptContents {
  readonly devices: ProvisionedDevice[];
  readonly retired: (readonly [endpoint: string, at: number])[];
  readonly issued: (readonly [endpoint: string, issued: IssuedCredentials])[];
}

export class KeptDevices {
  private readonly devices: Records<KeptDevice>;
  private readonly keys: Records<KeptKeys>;
  private readonly retired: Records<{ at: number }>;
  /** Keys that could not be opened, as they are: another change of their device must not lose them. */
  private readonly unopened = new Map<string, Buffer>();

  /** @param trouble for a person: what cannot be read */
  constructor(
    private readonly store: Store,
    private readonly seal: Seal,
    private readonly trouble: (reason: string) => void,
  ) {
    this.devices = new Records(store, DEVICES);
    this.keys = new Records(store, KEYS);
    this.retired = new Records(store, RETIRED);
  }

  /** @throws DeviceManagementError `store-failed` */
  async load(): Promise<KeptContents> {
    const contents: KeptContents = { devices: [], retired: [], issued: [] };
    const onDamaged = (record: DamagedRecord): void => {
      this.trouble(damaged(record));
      // Whoever it was must not come in because nothing is known of it any more.
      if (record.key.startsWith(DEVICES.prefix)) contents.devices.push(unreadable(record.key.slice(DEVICES.prefix.length)));
    };
    for await (const { id, value } of this.retired.all(onDamaged)) contents.retired.push([id, value.at]);
    for await (const { id, value } of this.devices.all(onDamaged)) contents.devices.push(this.opened(id, value));
    for await (const { id, value } of this.keys.all(onDamaged)) {
      const issued = this.openedKeys(id, value);
      if (issued !== undefined) contents.issued.push([id, issued]);
    }
    return contents;
  }

  /** Resolves when it outlives the process. @throws DeviceManagementError `store-failed` */
  put(device: ProvisionedDevice): Promise<void> {
    const { endpoint, security, ...rest } = device;
    const change = this.devices.change(endpoint, { ...rest, security: this.sealed(endpoint, security) });
    return this.store.batch([change, this.retired.change(endpoint, undefined)]);
  }

  /** The device and all its keys go, the memory that it was retired stays. */
  retire(endpoint: string, at: number): Promise<void> {
    this.unopened.delete(endpoint);
    const gone: Change[] = [this.devices.change(endpoint, undefined), this.keys.change(endpoint, undefined)];
    return this.store.batch([...gone, this.retired.change(endpoint, { at })]);
  }

  /** It is not remembered any more that it was retired. */
  readmit(endpoint: string): Promise<void> {
    return this.store.batch([this.retired.change(endpoint, undefined)]);
  }

  /** Those that were made for a device; undefined: none any more. */
  putKeys(endpoint: string, issued: IssuedCredentials | undefined): Promise<void> {
    const change = this.keys.change(endpoint, issued === undefined ? undefined : this.sealedKeys(issued));
    return this.store.batch([change]);
  }

  /** Devices whose generated keys are kept. */
  async *withKeys(): AsyncIterable<string> {
    for await (const { key } of this.store.range(below(KEYS.prefix))) yield key.slice(KEYS.prefix.length);
  }

  private sealed(endpoint: string, security: DeviceSecurity): KeptSecurity {
    if (security.mode !== 'psk') return security;
    const { mode, identity, key } = security;
    const untouched = key.length === 0 ? this.unopened.get(endpoint) : undefined;
    if (untouched === undefined) this.unopened.delete(endpoint);
    return { mode, identity, sealed: untouched ?? this.seal.seal(key, purposeOf(endpoint)) };
  }

  private opened(endpoint: string, { security, ...rest }: KeptDevice): ProvisionedDevice {
    if (security.mode !== 'psk') return { endpoint, security, ...rest };
    const { mode, identity, sealed } = security;
    let key: Buffer;
    try {
      key = this.seal.open(sealed, purposeOf(endpoint));
    } catch (caught) {
      this.trouble(asDeviceManagementError(caught).message);
      this.unopened.set(endpoint, sealed);
      // It is known, and nobody can prove to be it.
      key = Buffer.alloc(0);
    }
    return { endpoint, security: { mode, identity, key }, ...rest };
  }

  private sealedKeys({ servers, isTaken, isProved }: IssuedCredentials): KeptKeys {
    const sealed = ({ device, shortServerId, identity, key }: GeneratedCredential): KeptKey => ({
      shortServerId,
      identity,
      sealed: this.seal.seal(key, purposeOf(device, identity)),
    });
    const kept = [...servers.values()].map(({ current, previous, isStale }) => ({
      current: sealed(current),
      previous: previous.map(sealed),
      isStale,
    }));
    return { isTaken, isProved, servers: kept };
  }

  private openedKeys(device: string, { servers, isTaken, isProved }: KeptKeys): IssuedCredentials | undefined {
    const opened = ({ shortServerId, identity, sealed }: KeptKey): GeneratedCredential => ({
      device,
      shortServerId,
      identity,
      key: this.seal.open(sealed, purposeOf(device, identity)),
    });
    try {
      const issued = servers.map(({ current, previous, isStale }) => {
        return [current.shortServerId, { current: opened(current), previous: previous.map(opened), isStale }] as const;
      });
      return { servers: new Map(issued), isTaken, isProved };
    } catch (caught) {
      this.trouble(`${asDeviceManagementError(caught).message}; the device gets another with its next bootstrap`);
      return undefined;
    }
  }
}

/** What a secret belongs to; it can be opened for nothing else. */
function purposeOf(endpoint: string, identity?: string): string {
  return identity === undefined ? `psk/${endpoint}` : `generated/${identity}/${endpoint}`;
}

function unreadable(endpoint: string): ProvisionedDevice {
  const security: DeviceSecurity = { mode: 'none' };
  return {
    endpoint,
    tags: [],
    security,
    level: 'normal',
    blockedUntil: Number.POSITIVE_INFINITY,
    origin: 'provisioned',
    since: 0,
  };
}

function damaged({ key, reason, movedTo }: DamagedRecord): string {
  const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
  return `what was known of a device (${key}) cannot be read: ${reason}; ${where}. It is blocked until you provision it anew`;
}

/** @throws Error when it is none: a store may have been written to by anything */
function readDevice(value: unknown): KeptDevice {
  const { tags, level, origin, since, security } = (value ?? {}) as Partial<KeptDevice>;
  const isDevice = Array.isArray(tags) && typeof level === 'string' && typeof origin === 'string' && typeof since === 'number';
  if (!isDevice || !isSecurity(security)) throw new Error('it is not a device');
  return value as KeptDevice;
}

function isSecurity(value: Partial<KeptSecurity> | undefined): boolean {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (fields.mode === 'none') return true;
  if (fields.mode === 'psk') return typeof fields.identity === 'string' && Buffer.isBuffer(fields.sealed);
  return Buffer.isBuffer(fields.fingerprint) || (fields.mode === 'x509' && typeof fields.name === 'string');
}

function readKeys(value: unknown): KeptKeys {
  const { isTaken, isProved, servers } = (value ?? {}) as Partial<KeptKeys>;
  const isKey = (key: Partial<KeptKey> | undefined): boolean =>
    typeof key?.shortServerId === 'number' && typeof key.identity === 'string' && Buffer.isBuffer(key.sealed);
  const areKeys =
    Array.isArray(servers) &&
    servers.every(({ current, previous }) => isKey(current) && Array.isArray(previous) && previous.every(isKey));
  if (typeof isTaken !== 'boolean' || typeof isProved !== 'boolean' || !areKeys) throw new Error('it is not keys');
  return value as KeptKeys;
}

function readRetired(value: unknown): { at: number } {
  if (typeof (value as { at?: unknown } | undefined)?.at !== 'number') throw new Error('it is not a time');
  return value as { at: number };
}
