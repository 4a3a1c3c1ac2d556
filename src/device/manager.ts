/**
 * What any device management protocol offers to the fleet: operations, presence, events. `lwm2m/server` implements it first.
 * Everything that crosses it is plain, structured-cloneable data, so that a protocol can run in another thread or process.
 */
import type { ErrorCode } from '../errors';
import type { Events } from '../events';
import type { BootstrapEvent } from './bootstrap';
import type { SecurityMode } from './identity';
import type { OperationOptions, OperationRequest, OperationResult } from './operation';
import type { ResourceType, ResourceValue } from './value';

export interface Registration {
  readonly endpoint: string;
  /** Seconds; 0 = never expires (1.2). */
  readonly lifetime: number;
  /** "1.0", "1.1", "1.2". */
  readonly version: string;
  /** Letters of TS Core §6.2.1, for example "U". */
  readonly binding: string;
  readonly queueMode: boolean;
  /** "192.168.1.20:56830" or "[fe80::1]:56830". */
  readonly address: string;
  /** Objects and instances the device announced: "/1", "/3/0". Shared between devices that announce the same; never changed in place. */
  readonly objects: readonly string[];
  /** Object versions it announced: {"3303": "1.1"}. */
  readonly versions: Readonly<Record<string, string>>;
  /** Alternate root path, "" when none. */
  readonly rootPath: string;
  /** Content formats it announced (`ct` of the root link). */
  readonly contentFormats: readonly number[];
  /** Further query parameters of its Register. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly registeredAt: number;
  readonly updatedAt: number;
  readonly security: SecurityMode;
  /** Of a device behind a gateway (LwM2M objects 25 and 26): whose registration carries it, and what stands before its paths there. */
  readonly gateway?: { readonly endpoint: string; readonly prefix: string };
}

export type LifecycleEventName =
  | 'registered'
  | 'updated'
  | 'objects-changed'
  | 'asleep'
  | 'awake'
  | 'expired'
  | 'deregistered'
  | 'replaced'
  | 'refused';

export interface LifecycleEvent {
  readonly event: LifecycleEventName;
  readonly device: string;
  /** Absent only for `refused`. */
  readonly registration?: Registration;
  /** `replaced`: the registration that went; `updated`, `objects-changed`: the one before. */
  readonly previous?: Registration;
  /** `refused`: why, where from, and the remedy, in a sentence for a person; how often so far from this source. */
  readonly refusal?: { readonly reason: string; readonly remedy: string; readonly address: string; readonly count: number };
  readonly at: number;
}

export interface NotificationEvent {
  readonly device: string;
  /** The observed path. */
  readonly path: string;
  /** Oldest first. A partial notification (Wakaama) holds only what changed. */
  readonly values: readonly ResourceValue[];
  readonly contentFormat?: number;
  /** Of its payload; of one with values of several devices, told with the first. */
  readonly bytes?: number;
  readonly at: number;
}

export interface SendEvent {
  readonly device: string;
  /** Oldest first. */
  readonly values: readonly ResourceValue[];
  readonly contentFormat: number;
  /** Of its payload; of one with values of several devices, told with the first. */
  readonly bytes?: number;
  readonly at: number;
}

export interface ObservationEndedEvent {
  readonly device: string;
  readonly path: string;
  /** For a person. */
  readonly reason: string;
  /** Where the device ended it: its response code, or `protocol-error`. Absent where this side did. */
  readonly code?: ErrorCode;
}

/** Something a device sent that cannot be understood. Nothing ended by it: the next may be readable again. */
export interface ProblemEvent {
  readonly device: string;
  /** The observed path; absent for what the device sent by itself. */
  readonly path?: string;
  /** For a person. */
  readonly reason: string;
  readonly at: number;
}

export interface ManagerEvents {
  lifecycle: LifecycleEvent;
  notification: NotificationEvent;
  send: SendEvent;
  'observation-ended': ObservationEndedEvent;
  problem: ProblemEvent;
  bootstrap: BootstrapEvent;
}

export type Presence = 'reachable' | 'asleep' | 'gone';

/** What the model says of a resource of this device, by the object version it registered. */
export interface ResourceDescription {
  readonly id: number;
  readonly name: string;
  readonly type: ResourceType;
  readonly operations: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly range?: string;
  readonly units?: string;
}

export interface ObjectDescription {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly multiple: boolean;
  readonly resources: readonly ResourceDescription[];
}

export interface DeviceManager {
  readonly events: Events<ManagerEvents>;
  /** The current registration; `undefined` when the device is not registered. */
  registration(device: string): Registration | undefined;
  /** Registered devices, in order of registration. */
  registrations(): Iterable<Registration>;
  readonly size: number;
  presence(device: string): Presence;
  /** Definition of an object as this device speaks it; `undefined` for an unknown object. */
  describe(device: string | undefined, object: number): ObjectDescription | undefined;
  /**
   * Asks a reachable device. Never waits for a sleeping one: that is the fleet's request queue.
   * @throws DeviceManagementError with the device's code, or `timeout`, `reset`, `not-registered`, `asleep`, `invalid-…`
   */
  perform(device: string, request: OperationRequest, options?: OperationOptions): Promise<OperationResult>;
  /** Paths this device is being observed at. */
  observations(device: string): readonly string[];
}
