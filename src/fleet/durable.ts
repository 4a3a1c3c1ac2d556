/** A part of the fleet whose state outlives the process. The fleet has a list of them; whoever has a store goes through it. */
import type { Store } from '../store/store';

/** For a person: what the store could not do, or what it found. */
export type Trouble = (reason: string) => void;

export interface Durable {
  /**
   * Takes up what an earlier life has left, in slices, and keeps every change there from now on. Before the first device is heard; asks
   * no device anything. What is damaged is told and does not stand in the way. @throws DeviceManagementError `store-failed`
   */
  restore(store: Store, trouble: Trouble): Promise<void>;
  /** Everything that was said is in the store. */
  flush(): Promise<void>;
  /** Writes all of it once more, where the store may not have it. */
  keepAll(): Promise<void>;
}
