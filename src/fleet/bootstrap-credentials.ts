/**
 * Pre-shared keys made for single devices when they are bootstrapped. Whoever needs them (the configuration to be written, the security of
 * the server the device then registers at) finds them here, and nobody else sees them: they stand in no event, message or log.
 *
 * A key is renewed without cutting the device off: with its next bootstrap it is given another, and the one before is good until the device
 * has proved that it has the new one.
 */
import { randomBytes } from 'node:crypto';

export interface GeneratedCredential {
  readonly device: string;
  /** The server it is for. */
  readonly shortServerId: number;
  readonly identity: string;
  readonly key: Buffer;
}

/** What a device has for one server. */
export interface IssuedCredential {
  readonly current: GeneratedCredential;
  /** Good until `current` has been proved; newest first. */
  readonly previous: readonly GeneratedCredential[];
  /** The next bootstrap brings another. */
  readonly isStale: boolean;
}

export interface IssuedCredentials {
  /** By short server id. */
  readonly servers: ReadonlyMap<number, IssuedCredential>;
  /** Whether the device has taken them. */
  readonly isTaken: boolean;
  /** Whether it has come here with one of them: then it can, and must. */
  readonly isProved: boolean;
}

/** Where generated credentials are kept; in memory, and in a store where one is given. */
export interface CredentialStore {
  /** The one of this device for this server, made when there is none or when it is to be renewed. */
  issue(device: string, shortServerId: number): GeneratedCredential;
  /** By the identity that a handshake brings. */
  find(identity: string): GeneratedCredential | undefined;
  /** A device has taken what was issued to it. */
  confirm(device: string): void;
  /** With its next bootstrap the device gets others. @returns whether it had any */
  renew(device: string): boolean;
  /** Forgets those of a device at once. @returns the identities that were good */
  revoke(device: string): readonly string[];
}

/** A name that no other device has, and that tells nothing of the device to who reads the first flight of a handshake. */
const IDENTITY_BYTES = 12;
/** For suites with AES-128 (LwM2M Transport 1.1.1 §5.2.8). */
const KEY_BYTES = 16;
/** Each is about 300 bytes. On an open server a stranger can ask under ever new names: those nobody has confirmed go first. */
const MOST_DEVICES = 100_000;

interface Own {
  readonly servers: Map<number, IssuedCredential>;
  isTaken: boolean;
  isProved: boolean;
}

/** A bootstrap may fail half-way: which of its keys the device has then is known to the device alone. */
const MOST_PREVIOUS = 3;

/** Told what a device has from now on; undefined = nothing any more. */
export type CredentialKeeper = (device: string, issued: IssuedCredentials | undefined) => void;

export class MemoryCredentials implements CredentialStore {
  keep: CredentialKeeper = () => {};
  private readonly devices = new Map<string, Own>();
  private readonly byIdentity = new Map<string, GeneratedCredential>();
  /** Issued and not yet taken, oldest first. */
  private readonly unconfirmed = new Set<string>();

  constructor(
    private readonly bytes: (length: number) => Buffer = randomBytes,
    private readonly mostDevices = MOST_DEVICES,
  ) {}

  get size(): number {
    return this.devices.size;
  }

  issue(device: string, shortServerId: number): GeneratedCredential {
    const own = this.devices.get(device) ?? this.begin(device);
    const known = own.servers.get(shortServerId);
    if (known !== undefined && !known.isStale) return known.current;
    const identity = this.bytes(IDENTITY_BYTES).toString('base64url');
    const current = { device, shortServerId, identity, key: this.bytes(KEY_BYTES) };
    const previous = known === undefined ? [] : [known.current, ...known.previous];
    for (const { identity: lost } of previous.splice(MOST_PREVIOUS)) this.byIdentity.delete(lost);
    own.servers.set(shortServerId, { current, previous, isStale: false });
    this.byIdentity.set(identity, current);
    this.keep(device, own);
    return current;
  }

  /** What every device has. */
  all(): IterableIterator<[device: string, issued: IssuedCredentials]> {
    return this.devices.entries();
  }

  has(device: string): boolean {
    return this.devices.has(device);
  }

  find(identity: string): GeneratedCredential | undefined {
    return this.byIdentity.get(identity);
  }

  confirm(device: string): void {
    const own = this.devices.get(device);
    this.unconfirmed.delete(device);
    if (own === undefined || own.isTaken) return;
    own.isTaken = true;
    this.keep(device, own);
  }

  /** Whether a device has shown its credentials, and so must always. They may as well be for another server than this one. */
  isProved(device: string): boolean {
    return this.devices.get(device)?.isProved ?? false;
  }

  /** A device has come with this identity. @returns those that are no longer good for it */
  proved(identity: string): readonly string[] {
    const credential = this.byIdentity.get(identity);
    if (credential === undefined) return [];
    const { device, shortServerId } = credential;
    const own = this.devices.get(device) as Own;
    if (!own.isProved) {
      this.unconfirmed.delete(device);
      own.isTaken = true;
      own.isProved = true;
      this.keep(device, own);
    }
    const { current, previous, isStale } = own.servers.get(shortServerId) as IssuedCredential;
    if (previous.length === 0 || current.identity !== identity) return [];
    own.servers.set(shortServerId, { current, previous: [], isStale });
    const outdated = previous.map((one) => one.identity);
    for (const one of outdated) this.byIdentity.delete(one);
    this.keep(device, own);
    return outdated;
  }

  renew(device: string): boolean {
    const own = this.devices.get(device);
    if (own === undefined) return false;
    for (const [id, issued] of own.servers) own.servers.set(id, { ...issued, isStale: true });
    this.keep(device, own);
    return true;
  }

  revoke(device: string): readonly string[] {
    const own = this.devices.get(device);
    if (own === undefined) return [];
    const identities = [...own.servers.values()].flatMap(({ current, previous }) =>
      [current, ...previous].map((one) => one.identity),
    );
    for (const identity of identities) this.byIdentity.delete(identity);
    this.unconfirmed.delete(device);
    this.devices.delete(device);
    this.keep(device, undefined);
    return identities;
  }

  /** Puts back what an earlier life has left. */
  restore(device: string, { servers, isTaken, isProved }: IssuedCredentials): void {
    this.devices.set(device, { servers: new Map(servers), isTaken, isProved });
    if (!isTaken) this.unconfirmed.add(device);
    for (const { current, previous } of servers.values()) {
      for (const one of [current, ...previous]) this.byIdentity.set(one.identity, one);
    }
  }

  private begin(device: string): Own {
    if (this.devices.size >= this.mostDevices) {
      const [oldest] = this.unconfirmed;
      if (oldest === undefined)
        throw new Error(`keys have been made for ${this.mostDevices} devices, which is all that are kept`);
      this.revoke(oldest);
    }
    const own: Own = { servers: new Map(), isTaken: false, isProved: false };
    this.devices.set(device, own);
    this.unconfirmed.add(device);
    return own;
  }
}
