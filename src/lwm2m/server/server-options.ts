/** What a server is told when it is made, and what holds where it is not told. */
import type { Clock } from '../../clock';
import type { Endpoint } from '../../coap/endpoint';
import type { Random } from '../../coap/layer';
import type { LayerLimits, TransmissionParameters } from '../../coap/parameters';
import type { Transport } from '../../coap/transport';
import type { TcpLimits } from '../../coap/transports/tcp-limits';
import { type Admission, type Admit, admit } from '../../device/admission';
import type { BootstrapSource } from '../../device/bootstrap';
import type { Identity } from '../../device/identity';
import type { Catalogue } from '../../device/models/catalogue';
import type { RegistrationRules } from './registration-query';
import type { ListenOptions } from './transports';

/** Caps on what devices can make this server hold. */
export interface ServerLimits {
  readonly registrations: number;
  readonly observationsPerDevice: number;
  /** Devices behind one gateway; they count as registrations too. */
  readonly devicesPerGateway: number;
  /** Devices being bootstrapped at the same time. */
  readonly bootstrapSessions: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  registrations: 200_000,
  observationsPerDevice: 200,
  devicesPerGateway: 1_000,
  bootstrapSessions: 1_000,
};

export interface Lwm2mServerOptions {
  /** Default: UDP port 5683 on all interfaces, no TCP. */
  readonly listen?: ListenOptions;
  /** In place of UDP. */
  readonly transport?: Transport;
  /** Beside it, for devices that prove who they are: `DtlsTransport`, `TlsTransport`. */
  readonly secure?: Transport | readonly Transport[];
  readonly tcpLimits?: Partial<TcpLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly catalogue?: Catalogue;
  /** A mode, or a function that decides; default `secured`. */
  readonly admission?: Admission | Admit;
  /** Who a peer is; by default what its transport proved. */
  readonly identityOf?: (peer: Endpoint) => Identity;
  /** The endpoint a proved identity is of, and no other; by default that of its name. */
  readonly endpointOf?: (identity: Identity) => string | undefined;
  readonly rules?: Partial<RegistrationRules>;
  /** Object lists known by profile id (1.2): {"6:27354b9a": "</1/0>,</3/0>"}. */
  readonly profiles?: Readonly<Record<string, string>>;
  /** Makes it a bootstrap server too, at the same port: the configuration for a device that asks. Absent: it is none. */
  readonly bootstrap?: BootstrapSource;
  /** For each answer of a device in a bootstrap (default two minutes, as Leshan). */
  readonly bootstrapTimeoutMs?: number;
  /** Added to lifetimes; default MAX_TRANSMIT_WAIT, and not to be less. */
  readonly graceMs?: number;
  /** How long a device in queue mode listens after the last message; default MAX_TRANSMIT_WAIT. */
  readonly awakeMs?: number;
  /** Last segments of Location-Paths; unguessable by default, and another choice is for replaying recorded devices only. */
  readonly makeId?: () => string;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly layerLimits?: Partial<LayerLimits>;
  readonly limits?: Partial<ServerLimits>;
}

/** A device counts EXCHANGE_LIFETIME (247 s) from the last operation, then it gives up (LwM2M Core 1.1.1 §6.1.7.2). */
export const BOOTSTRAP_TIMEOUT_MS = 120_000;

/** A mode as the function it stands for. */
export function admitting(admission: Admission | Admit, endpointOf: (identity: Identity) => string | undefined): Admit {
  if (typeof admission === 'function') return admission;
  return (endpoint, identity, occasion) => admit(admission, endpoint, identity, occasion, endpointOf(identity));
}
