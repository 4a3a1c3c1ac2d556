/** What a diagnosis goes by: what the device said when it was asked, what was known of it before, and what the server has seen. Plain data. */
import type { Presence, Registration } from '../device/manager';
import type { Value } from '../device/value';
import type { JournalEntry } from './registration-journal';

/** By full path. */
export type Readings = Readonly<Record<string, Value>>;

export interface ServerView {
  /** Why the server cannot be reached by any device; for a person. */
  readonly trouble?: string;
  /** Unix milliseconds: the device was heard last. */
  readonly lastContact?: number;
  /** Messages to and from the device since it has registered. */
  readonly traffic?: { readonly received: number; readonly sent: number; readonly retransmitted: number };
  /** How often the device answered with each response code. */
  readonly codes?: Readonly<Record<string, number>>;
  /** Milliseconds until an answer came: the median of this diagnosis. */
  readonly roundTripMs?: number;
  readonly journal: readonly JournalEntry[];
  readonly waiting: number;
  /** Unix milliseconds: the oldest that waits. */
  readonly waitingSince?: number;
  readonly gateway?: { readonly endpoint: string; readonly presence: Presence };
  /** All devices: how many are registered, and how many have expired in the last minutes. */
  readonly others: { readonly registered: number; readonly expired: number };
}

export interface Evidence {
  readonly device: string;
  /** Unix milliseconds: now. */
  readonly at: number;
  readonly presence: Presence;
  readonly registration?: Pick<Registration, 'lifetime' | 'updatedAt' | 'queueMode' | 'address'>;
  readonly readings: Readings;
  /** Objects that were asked for in vain: with the code of the answer, or `timeout`. */
  readonly refused: Readonly<Record<string, string>>;
  /** From before: what it last said. */
  readonly known: { readonly batteryLevel?: number; readonly powerSources?: readonly number[] };
  readonly server: ServerView;
}
