/** How a device is given its servers (LwM2M Core 1.1.1 §6.1): what is to be written, and what became of it. Plain data, as all that crosses the manager. */
import type { Identity } from './identity';
import type { PayloadValue } from './operation';
import type { Value } from './value';

/** How the device proves to a server who it is (0/x/2 to 0/x/5). The keys are secrets: they stand in no event and no log. */
export type AccountSecurity =
  | { readonly mode: 'none' }
  | { readonly mode: 'psk'; readonly identity: string; readonly key: Buffer }
  | {
      readonly mode: 'rpk' | 'x509';
      /** SubjectPublicKeyInfo, or the certificate in DER. */
      readonly publicKey: Buffer;
      readonly serverPublicKey: Buffer;
      /** PKCS#8 in DER. */
      readonly secretKey: Buffer;
    };

/** One server that will manage the device: an instance of Security (0) and one of Server (1). */
export interface ServerAccount {
  /** 1 to 65534; other objects refer to the server by it. */
  readonly shortServerId: number;
  /** "coaps://lwm2m.example:5684" */
  readonly uri: string;
  readonly security: AccountSecurity;
  /** Seconds. */
  readonly lifetime: number;
  /** Letters of LwM2M Core §6.2.1: "U". */
  readonly binding: string;
  /** Notification Storing (1/x/6), default false. */
  readonly storing?: boolean;
  /** Mute Send (1/x/23). Absent: not written, which a device takes for muted. */
  readonly muteSend?: boolean;
}

export interface BootstrapConfiguration {
  /** Removed first, in this order: "/", "/1", "/2/0". The bootstrap account itself always stays (LwM2M Core 1.1.1 §6.1.7.6). */
  readonly deletes: readonly string[];
  readonly servers: readonly ServerAccount[];
  /** What else is written, by instance or resource: {"/2/0": {"0": 3, …}, "/3/0/15": "Europe/Berlin"}. */
  readonly objects: Readonly<Record<string, PayloadValue>>;
  /** Before Finish: Discover again, and read objects 1 and 2 back. */
  readonly verify: boolean;
}

/** The configuration of a device that asks for one; undefined: it has none. */
export type BootstrapSource = (endpoint: string, identity: Identity) => BootstrapConfiguration | undefined;

export type BootstrapOperation = 'request' | 'discover' | 'read' | 'delete' | 'write' | 'finish' | 'pack';

export interface BootstrapStep {
  readonly operation: BootstrapOperation;
  readonly path: string;
  /** Response code, "2.04"; absent when no answer came. */
  readonly code?: string;
  /** Milliseconds until the answer. */
  readonly rtt: number;
}

export type BootstrapEventName = 'started' | 'finished' | 'failed' | 'refused';

export interface BootstrapEvent {
  readonly event: BootstrapEventName;
  /** Endpoint name, "" when it gave none. */
  readonly device: string;
  /** "192.168.1.20:56830" */
  readonly address: string;
  /** A dialogue of Write and Finish, or one answer with everything (1.2). Absent for `refused`. */
  readonly how?: 'sequence' | 'pack';
  /** LwM2M version, where the device told it. */
  readonly version?: string;
  /** What was done so far, in order; the last one is where it failed. */
  readonly steps: readonly BootstrapStep[];
  /** What the device took, by full path. `null`: a key, or something that may be one, and is not told. */
  readonly written: Readonly<Record<string, Value | null>>;
  /** `verify`: what was read back. */
  readonly read?: Readonly<Record<string, Value | null>>;
  /** `failed`: why, in a sentence for a person. */
  readonly error?: { readonly code: string; readonly message: string };
  /** `refused`: why, what to do, and how often so far from this source. */
  readonly refusal?: { readonly reason: string; readonly remedy: string; readonly count: number };
  readonly at: number;
}
