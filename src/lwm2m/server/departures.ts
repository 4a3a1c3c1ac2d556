/** How registrations end: what ends with them, and who is told. */
import type { Clock } from '../../clock';
import type { LifecycleEvent } from '../../device/manager';
import type { DeviceOperations } from './device-operations';
import type { Gateways } from './gateways';
import type { Observations } from './observations';
import type { RegistrationRecord } from './registration';
import type { Registrations } from './registrations';

/** Why a registration's observations and requests end, for a person. */
const ABANDONED = {
  replaced: 'the device registered anew',
  deregistered: 'the device has left',
  expired: 'the registration expired',
  moved: 'the device moved to an address that others use too, or to another connection',
  stopped: 'the server stopped',
} as const;

export interface DeparturesContext {
  readonly clock: Clock;
  readonly registrations: Registrations;
  readonly operations: DeviceOperations;
  readonly observations: Observations;
  readonly gateways: () => Gateways;
  readonly tell: (event: LifecycleEvent) => void;
}

export class Departures {
  constructor(private readonly context: DeparturesContext) {}

  /** Its lifetime has run out; the registry has removed it. */
  expired(record: RegistrationRecord): void {
    this.abandon(record, 'expired');
    this.tell('expired', record);
  }

  /** It is to be served no longer. */
  leave(record: RegistrationRecord): void {
    this.context.registrations.remove(record);
    this.abandon(record, 'deregistered');
    this.tell('deregistered', record);
  }

  abandon(record: RegistrationRecord, why: Exclude<keyof typeof ABANDONED, 'stopped'>): void {
    this.drop(record, ABANDONED[why]);
    this.context.gateways().abandoned(record, why);
  }

  drop(record: RegistrationRecord, why: string): void {
    const { operations, observations } = this.context;
    operations.cancelAll(record, why);
    observations.dropAll(record, why);
  }

  /** The server stops: what is asked ends, and the registrations stay for its next life. */
  stop(): void {
    const { registrations, operations } = this.context;
    for (const record of registrations.all()) operations.cancelAll(record, ABANDONED.stopped);
  }

  private tell(event: 'expired' | 'deregistered', { endpoint: device, value: registration }: RegistrationRecord): void {
    this.context.tell({ event, device, registration, at: this.context.clock.wall() });
  }
}
