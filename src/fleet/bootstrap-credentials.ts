/**
 * Pre-shared keys made for single devices when they are bootstrapped. Whoever needs them (the configuration to be written, the security of
 * the server the device then registers at) finds them here, and nobody else sees them: they stand in no event, message or log.
 */
import { randomBytes } from 'node:crypto';

export interface GeneratedCredential {
  readonly device: string;
  /** The server it is for. */
  readonly shortServerId: number;
  readonly identity: string;
  readonly key: Buffer;
}

/** Where generated credentials are kept; in memory, until a store takes them over. */
export interface CredentialStore {
  /** The one of this device for this server, made when there is none. */
  issue(device: string, shortServerId: number): GeneratedCredential;
  /** By the identity that a handshake brings. */
  find(identity: string): GeneratedCredential | undefined;
  /** A device has taken what was issued to it. */
  confirm(device: string): void;
  /** Forgets those of a device: it gets others with its next bootstrap. @returns whether there were any */
  revoke(device: string): boolean;
}

/** A name that no other device has, and that tells nothing of the device to who reads the first flight of a handshake. */
const IDENTITY_BYTES = 12;
/** For suites with AES-128 (LwM2M Transport 1.1.1 §5.2.8). */
const KEY_BYTES = 16;
/** Each is about 300 bytes. On an open server a stranger can ask under ever new names: those nobody has confirmed go first. */
const MOST_DEVICES = 100_000;

export class MemoryCredentials implements CredentialStore {
  /** By device, then by server. */
  private readonly devices = new Map<string, Map<number, GeneratedCredential>>();
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
    const known = own.get(shortServerId);
    if (known !== undefined) return known;
    const identity = this.bytes(IDENTITY_BYTES).toString('base64url');
    const made = { device, shortServerId, identity, key: this.bytes(KEY_BYTES) };
    own.set(shortServerId, made);
    this.byIdentity.set(identity, made);
    return made;
  }

  find(identity: string): GeneratedCredential | undefined {
    return this.byIdentity.get(identity);
  }

  confirm(device: string): void {
    this.unconfirmed.delete(device);
  }

  revoke(device: string): boolean {
    for (const { identity } of this.devices.get(device)?.values() ?? []) this.byIdentity.delete(identity);
    this.unconfirmed.delete(device);
    return this.devices.delete(device);
  }

  private begin(device: string): Map<number, GeneratedCredential> {
    if (this.devices.size >= this.mostDevices) {
      const [oldest] = this.unconfirmed;
      if (oldest === undefined)
        throw new Error(`keys have been made for ${this.mostDevices} devices, which is all that are kept`);
      this.revoke(oldest);
    }
    const own = new Map<number, GeneratedCredential>();
    this.devices.set(device, own);
    this.unconfirmed.add(device);
    return own;
  }
}
