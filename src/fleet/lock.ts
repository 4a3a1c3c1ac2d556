/**
 * One disruptive piece of work on a device at a time. Kept in memory: whoever holds a lock is itself durable, and takes it again when it
 * is taken up after a restart, which is before the first device is heard.
 */
import type { Clock } from '../clock';
import { Events } from '../events';

export interface Lock {
  readonly device: string;
  /** Whose work it is: "job nightly-reboot". The work of one holder does not exclude itself. */
  readonly holder: string;
  /** For a person: "firmware update to 2.1". */
  readonly why: string;
  /** Unix milliseconds. */
  readonly since: number;
}

export interface LockEvents {
  taken: Lock;
  released: Lock;
}

export interface LockTerms {
  readonly holder: string;
  readonly why: string;
  /** Which part of the holder's work takes it, "step 4" of a job; the holder itself without it. It is free when the last part has released it. */
  readonly part?: string;
}

interface Held {
  readonly lock: Lock;
  readonly parts: Set<string>;
}

export class Locks {
  readonly events = new Events<LockEvents>();
  private readonly held = new Map<string, Held>();

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.held.size;
  }

  /** @returns whether the holder has it now; taking it twice is taking it once */
  take(device: string, { holder, why, part = holder }: LockTerms): boolean {
    const held = this.held.get(device);
    if (held !== undefined) {
      if (held.lock.holder !== holder) return false;
      held.parts.add(part);
      return true;
    }
    const lock = { device, holder, why, since: this.clock.wall() };
    this.held.set(device, { lock, parts: new Set([part]) });
    this.events.emit('taken', lock);
    return true;
  }

  /** Of what is not held by this holder: nothing. */
  release(device: string, holder: string, part: string = holder): void {
    const held = this.held.get(device);
    if (held === undefined || held.lock.holder !== holder) return;
    held.parts.delete(part);
    if (held.parts.size > 0) return;
    this.held.delete(device);
    this.events.emit('released', held.lock);
  }

  /** The holder's work has ended, all of it. */
  releaseAll(holder: string): void {
    for (const [device, { lock }] of this.held) {
      if (lock.holder !== holder) continue;
      this.held.delete(device);
      this.events.emit('released', lock);
    }
  }

  holderOf(device: string): Lock | undefined {
    return this.held.get(device)?.lock;
  }
}
