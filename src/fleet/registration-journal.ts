/**
 * What became of each device's registration, the last few events of it: when it came, moved to another address, expired, left or was refused.
 * Mere updates and sleep are not among them. The log of connections of Y.4702 requirement 39, as far as the server knows of it.
 */
import type { Clock } from '../clock';
import type { DeviceManager, LifecycleEvent } from '../device/manager';
import type { Unsubscribe } from '../events';

export type JournalEventName = 'registered' | 'moved' | 'expired' | 'deregistered' | 'replaced' | 'refused';

export interface JournalEntry {
  readonly event: JournalEventName;
  /** Unix milliseconds. */
  readonly at: number;
  readonly address?: string;
  /** `refused`: why, and what to do. */
  readonly detail?: string;
}

/** Of one device; enough to see that something repeats. */
const MOST_ENTRIES = 20;
/** Beyond it the devices go of which nothing was heard for longest: a stranger under ever new names must not fill the memory. */
const MOST_DEVICES = 20_000;
const FORGET_TRIES = 16;

export class RegistrationJournal {
  /** By device, the one longest without an event first; entries oldest first. */
  private readonly entries = new Map<string, readonly JournalEntry[]>();
  private readonly unsubscribe: Unsubscribe;

  constructor(
    private readonly manager: Pick<DeviceManager, 'events' | 'registration'>,
    private readonly clock: Clock,
  ) {
    this.unsubscribe = manager.events.on('lifecycle', (event) => this.heard(event));
  }

  /** Oldest first. */
  of(device: string): readonly JournalEntry[] {
    return this.entries.get(device) ?? [];
  }

  /** Devices that have expired since, and have not come back. */
  expiredSince(since: number): number {
    let count = 0;
    for (const known of this.entries.values()) {
      const last = known[known.length - 1] as JournalEntry;
      if (last.event === 'expired' && last.at >= since) count++;
    }
    return count;
  }

  close(): void {
    this.unsubscribe();
  }

  private heard({ event, device, registration, previous, refusal }: LifecycleEvent): void {
    const name = nameOf(event, registration?.address !== previous?.address && previous !== undefined);
    if (name === undefined) return;
    const address = refusal?.address ?? registration?.address;
    const known = this.entries.get(device) ?? [];
    const entry: JournalEntry = {
      event: name,
      at: this.clock.wall(),
      ...(address !== undefined && { address }),
      ...(refusal !== undefined && { detail: `${refusal.reason}. ${refusal.remedy}` }),
    };
    this.entries.delete(device);
    this.entries.set(device, [...known.slice(1 - MOST_ENTRIES), entry]);
    if (this.entries.size > MOST_DEVICES) this.forgetOne();
  }

  /** The longest silent that is not here. */
  private forgetOne(): void {
    for (let tries = 0; tries < FORGET_TRIES; tries++) {
      const [oldest] = this.entries;
      if (oldest === undefined) return;
      this.entries.delete(oldest[0]);
      if (this.manager.registration(oldest[0]) === undefined) return;
      this.entries.set(...oldest);
    }
  }
}

function nameOf(event: LifecycleEvent['event'], hasMoved: boolean): JournalEventName | undefined {
  if (event === 'updated' || event === 'objects-changed') return hasMoved ? 'moved' : undefined;
  return event === 'asleep' || event === 'awake' ? undefined : event;
}
