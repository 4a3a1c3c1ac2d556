/**
 * Time: what the time is, and "call me later". Everything above takes its time from a Clock, so that a test can run hours of
 * protocol time in a millisecond (VirtualClock) and no rule depends on the speed of the machine it is tested on.
 */

/** A pending call; `cancel` is harmless after it has run. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds that never go back; for intervals and deadlines inside this process. */
  monotonic(): number;
  /** Unix time in milliseconds; for what a person reads or a store keeps. */
  wall(): number;
  /** Calls `callback` once, never before `delayMs` has passed. */
  after(delayMs: number, callback: () => void): Timer;
}

/** setTimeout turns anything longer into 1 ms, and LwM2M lifetimes can be longer (24.8 days). */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The time of this machine. Its timers do not keep the process alive: sockets do. */
export class SystemClock implements Clock {
  monotonic(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    const due = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const left = due - performance.now();
      // A timer of Node may fire up to a millisecond early; "never before" is the contract.
      handle = setTimeout(left > LONGEST_TIMEOUT_MS ? arm : finish, Math.min(Math.max(Math.ceil(left), 0), LONGEST_TIMEOUT_MS));
      handle.unref();
    };
    const finish = (): void => {
      if (performance.now() < due) arm();
      else callback();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }
}

interface VirtualTimer {
  due: number;
  sequence: number;
  callback: () => void;
  live: boolean;
}

/** A clock that moves only when told to; its twin for tests. */
export class VirtualClock implements Clock {
  private time = 0;
  private sequence = 0;
  private timers: VirtualTimer[] = [];

  constructor(private readonly epoch = Date.UTC(2026, 0, 1)) {}

  monotonic(): number {
    return this.time;
  }

  wall(): number {
    return this.epoch + this.time;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { due: this.time + Math.max(delayMs, 0), sequence: this.sequence++, callback, live: true };
    let at = this.timers.length;
    while (at > 0 && isLater(this.timers[at - 1] as VirtualTimer, timer)) at--;
    this.timers.splice(at, 0, timer);
    return {
      cancel: () => {
        timer.live = false;
      },
    };
  }

  /** How many calls are still to come. */
  get pending(): number {
    return this.timers.filter((timer) => timer.live).length;
  }

  /** Moves on by `ms`, running what falls due on the way, in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (let next = this.timers[0]; next !== undefined && next.due <= end; next = this.timers[0]) this.runFirst(next);
    // A callback may itself have advanced, beyond our end.
    this.time = Math.max(this.time, end);
  }

  /** As `advance`, and lets promises settle after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (let next = this.timers[0]; next !== undefined && next.due <= end; next = this.timers[0]) {
      this.runFirst(next);
      await settle();
    }
    this.time = Math.max(this.time, end);
    await settle();
  }

  private runFirst(timer: VirtualTimer): void {
    this.timers.shift();
    if (!timer.live) return;
    this.time = Math.max(this.time, timer.due);
    timer.callback();
  }
}

function isLater(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.due > b.due || (a.due === b.due && a.sequence > b.sequence);
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
