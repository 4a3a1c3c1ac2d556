/**
 * Between devices and a flow: what has come and not been passed on. Devices are acknowledged long before; a flow that is slower than
 * its devices gets the newest of each, and the number of those it missed. Drained in short slices, so that sockets and
 * other flows have their turn.
 */
import type { Clock } from '../../src/clock';

export interface SourceRules<Item> {
  /** Items of the same key may be made one: device and path. */
  readonly keyOf: (item: Item) => string;
  /** What stands for both, the newer deciding. */
  readonly merge: (older: Item, newer: Item) => Item;
}

/** Beyond this, items of the same key are made one. */
const LIMIT = 1_000;
/** Beyond this many different keys the oldest goes; only a fleet of that size, all speaking at once, comes here. */
const MOST_KEYS = 100_000;
const SLICE_MS = 5;
/** What the flow may make of one slice: beyond it the next slice is smaller, below it greater. */
const TURN_MS = 25;
const MOST_PER_SLICE = 1_000;
/**
 * Between slices the loop goes round until a turn brings nothing new, for this long at most: a socket is read 32 datagrams a turn, so
 * that one slice after the other would leave most of what devices send unread and unacknowledged.
 */
const LONGEST_PAUSE_MS = 50;

interface Entry<Item> {
  item: Item;
  readonly key: string;
}

export class SourceBuffer<Item> {
  private entries: Entry<Item>[] = [];
  private head = 0;
  /** The newest entry of each key among those waiting. */
  private readonly newest = new Map<string, Entry<Item>>();
  private missed = 0;
  private unreported = 0;
  private held = false;
  private scheduled = false;
  private perSlice = 50;
  private sliceEnded = 0;
  private pausedSince: number | undefined;
  private followsSlice = false;
  /** Since the last turn. */
  private hasArrived = false;
  private emit: ((item: Item, dropped: number) => void) | undefined;

  /** @param schedule calls back in a later turn of the loop */
  constructor(
    private readonly rules: SourceRules<Item>,
    private readonly clock: Clock,
    private readonly schedule: (turn: () => void) => void = setImmediate,
  ) {}

  get size(): number {
    return this.entries.length - this.head;
  }

  /** Items made one with a newer of the same key, since the beginning. */
  get dropped(): number {
    return this.missed;
  }

  push(item: Item): void {
    const key = this.rules.keyOf(item);
    this.hasArrived = true;
    if (this.size >= LIMIT) {
      const newest = this.newest.get(key);
      if (newest !== undefined) {
        newest.item = this.rules.merge(newest.item, item);
        this.miss();
        return;
      }
      this.makeRoom();
    }
    const entry = { item, key };
    this.entries.push(entry);
    this.newest.set(key, entry);
    this.wake();
  }

  /** @param emit gets each item, and how many were missed since the one before */
  attach(emit: (item: Item, dropped: number) => void): void {
    this.emit = emit;
    this.wake();
  }

  detach(): void {
    this.emit = undefined;
  }

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.wake();
  }

  private wake(): void {
    if (this.scheduled || this.held || this.emit === undefined || this.size === 0) return;
    this.scheduled = true;
    this.sliceEnded = this.clock.monotonic();
    this.schedule(this.turn);
  }

  private readonly turn = (): void => {
    this.scheduled = false;
    const began = this.clock.monotonic();
    if (this.pausesAt(began)) {
      this.scheduled = true;
      this.schedule(this.turn);
      return;
    }
    for (let count = 0; count < this.perSlice; count++) {
      if (this.size === 0 || this.held || this.emit === undefined) break;
      const item = this.take();
      const dropped = this.unreported;
      this.unreported = 0;
      this.emit(item, dropped);
      if (this.clock.monotonic() - began >= SLICE_MS) break;
    }
    this.wake();
    this.followsSlice = this.scheduled;
  };

  /** Whether this turn belongs to the sockets. The first one after a slice shows what the flow made of it. */
  private pausesAt(now: number): boolean {
    if (this.pausedSince === undefined) {
      const isSlow = now - this.sliceEnded > TURN_MS;
      this.perSlice = isSlow ? Math.max(1, this.perSlice >> 1) : Math.min(MOST_PER_SLICE, this.perSlice * 2);
      this.pausedSince = now;
    }
    const pauses = this.followsSlice && this.hasArrived && now - this.pausedSince < LONGEST_PAUSE_MS;
    this.hasArrived = false;
    if (!pauses) this.pausedSince = undefined;
    return pauses;
  }

  private take(): Item {
    const entry = this.entries[this.head++] as Entry<Item>;
    if (this.newest.get(entry.key) === entry) this.newest.delete(entry.key);
    if (this.head === this.entries.length) {
      this.entries = [];
      this.head = 0;
    } else if (this.head >= LIMIT) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
    return entry.item;
  }

  /** One entry for each key, where its first stood; if there were none to merge, the oldest goes once there are too many keys. */
  private makeRoom(): void {
    if (this.newest.size === this.size) {
      if (this.size < MOST_KEYS) return;
      this.take();
      this.miss();
      return;
    }
    const merged = new Map<string, Entry<Item>>();
    for (const entry of this.entries.slice(this.head)) {
      const first = merged.get(entry.key);
      if (first === undefined) merged.set(entry.key, entry);
      else {
        first.item = this.rules.merge(first.item, entry.item);
        this.miss();
      }
    }
    this.entries = [...merged.values()];
    this.head = 0;
    for (const entry of this.entries) this.newest.set(entry.key, entry);
  }

  private miss(): void {
    this.missed++;
    this.unreported++;
  }
}
