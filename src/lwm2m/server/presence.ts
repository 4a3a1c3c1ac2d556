/**
 * Who can be asked now. A device in queue mode is awake for MAX_TRANSMIT_WAIT after the last message exchanged with it
 * (LwM2M Core 1.1.1 §6.5): any message, not only Register and Update. Every other registered device counts as reachable,
 * except one whose address another registration has taken, or whose connection has ended. A device behind a gateway is what its
 * gateway is, and cannot be asked while the gateway has registered anew and not said yet what is behind it.
 */
import type { Clock } from '../../clock';
import type { Presence as PresenceState } from '../../device/manager';
import { TimerWheel } from '../../timer-wheel';
import type { RegistrationRecord } from './registration';

export interface PresenceOptions {
  readonly clock: Clock;
  /** How long a device in queue mode listens after the last message. */
  readonly awakeMs: number;
  readonly recordOf: (slot: number) => RegistrationRecord | undefined;
  readonly onChange: (record: RegistrationRecord, state: 'awake' | 'asleep') => void;
}

/** The window closes at most this much late; a request in that moment only meets a timeout. */
const TICK_MS = 250;

export class Presence {
  private readonly windows: TimerWheel;
  private readonly asleep = new Set<RegistrationRecord>();

  constructor(private readonly options: PresenceOptions) {
    this.windows = new TimerWheel(options.clock, TICK_MS, (slot) => {
      const record = options.recordOf(slot);
      if (record !== undefined) this.sleep(record);
    });
  }

  of(record: RegistrationRecord | undefined): PresenceState {
    if (record === undefined || record.gone) return 'gone';
    const carrier = record.gateway ?? record;
    return carrier.gone || this.asleep.has(carrier) ? 'asleep' : 'reachable';
  }

  /** A message was exchanged with the device. */
  heard(record: RegistrationRecord): void {
    if (record.gateway !== undefined) {
      if (!record.gateway.gone) this.heard(record.gateway);
      return;
    }
    if (record.value.queueMode) this.windows.set(record.slot, this.options.awakeMs);
    // An answer that was under way when another took the address does not bring the address back.
    if (record.displaced || this.asleep.size === 0) return;
    if (this.asleep.delete(record)) this.options.onChange(record, 'awake');
  }

  /** As it must be taken to be after a restart, which nobody is told: `awakeMs` is what is left of its window; 0 or less = it sleeps. */
  restore(record: RegistrationRecord, awakeMs: number): void {
    if (awakeMs <= 0) this.asleep.add(record);
    else if (record.value.queueMode) this.windows.set(record.slot, awakeMs);
  }

  /** Queue mode may have been turned on or off by an Update (LwM2M 1.0). */
  queueModeChanged(record: RegistrationRecord): void {
    if (!record.value.queueMode) this.windows.clear(record.slot);
    this.heard(record);
  }

  /** Its window closed, it did not answer within it, its address went to another, or its connection ended. */
  sleep(record: RegistrationRecord): void {
    if (record.gateway !== undefined) return this.sleep(record.gateway);
    if (record.gone || this.asleep.has(record)) return;
    this.windows.clear(record.slot);
    this.asleep.add(record);
    this.options.onChange(record, 'asleep');
  }

  /** The registration is gone. */
  forget(record: RegistrationRecord): void {
    this.windows.clear(record.slot);
    this.asleep.delete(record);
  }

  stop(): void {
    this.windows.stop();
  }
}
