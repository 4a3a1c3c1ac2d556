/** What a client is told when it is made, and what holds where it is not told. */
import type { Clock } from '../../clock';
import type { Random } from '../../coap/layer';
import type { LayerLimits, TransmissionParameters } from '../../coap/parameters';
import type { Transport } from '../../coap/transport';
import type { BackoffRules } from './backoff';
import type { ClientSecurity } from './client-security';
import type { EndDevice } from './end-devices';
import type { ObjectTree } from './objects';

/** Of the URIs in its Security object. */
export type Scheme = 'coap' | 'coaps' | 'coap+tcp' | 'coaps+tcp';

export interface ClientBootstrapOptions {
  readonly host: string;
  readonly port?: number;
  /** Whether to ask for everything at once before the dialogue (default: from LwM2M 1.2 on). */
  readonly pack?: boolean;
  /** Content format it prefers to be written in (default SenML CBOR, TLV in 1.0). */
  readonly preferredFormat?: number;
}

export interface Lwm2mClientOptions {
  /** Its LwM2M name. */
  readonly endpoint: string;
  /** Who manages it, when that is known from the factory. One of `server` and `bootstrap` is needed. */
  readonly server?: { readonly host: string; readonly port?: number };
  /** Who tells it its servers: asked when it knows none, when the server says so, and when none lets it register. */
  readonly bootstrap?: ClientBootstrapOptions;
  /** How it speaks to the server it knows from the factory (default coap). What a bootstrap server writes may say otherwise. */
  readonly scheme?: Scheme;
  /** How it proves itself to that server, and the server to it; needed for coaps and coaps+tcp. */
  readonly security?: ClientSecurity;
  /** Its objects; Security and Server are added, and the LwM2M version is the tree's. */
  readonly objects: ObjectTree;
  /** Makes it a gateway: devices behind it, which may be none yet. Its objects need version 2.0 of object 25. */
  readonly endDevices?: readonly EndDevice[];
  /** Seconds (default 86,400). The server may change it. */
  readonly lifetime?: number;
  /** Letters of LwM2M Core §6.2.1 (default "U", over TCP "T"). */
  readonly binding?: string;
  readonly queueMode?: boolean;
  /** Queue mode: how long it listens after the last message (default MAX_TRANSMIT_WAIT, 93 s). */
  readonly awakeMs?: number;
  /** Confirmable notifications: always, or one a day (default). */
  readonly confirmableNotifications?: boolean;
  /** Whether Send is disabled until the server allows it (default true, as the specification has it). */
  readonly muteSend?: boolean;
  readonly backoff?: Partial<BackoffRules>;
  /** In place of UDP, or where it is reliable, of TCP. It carries DTLS too. */
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<LayerLimits>;
}

/** RFC 7252 §6, RFC 8323 §8. */
export const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = { coap: 5683, coaps: 5684, 'coap+tcp': 5683, 'coaps+tcp': 5684 };
export const DEFAULT_LIFETIME_SECONDS = 86_400;
/** One server talks to us; the rest of the network has no business here, and a device little memory. */
export const CLIENT_LIMITS: Partial<LayerLimits> = {
  unknownEndpoints: 32,
  deduplicationBytes: 256 * 1024,
  blockTransfers: 16,
  blockBytes: 4 * 1024 * 1024,
};
