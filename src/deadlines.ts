/** Deadlines of objects: a timer wheel (timer-wheel.ts) that keeps track of which id stands for which object. */
import type { Clock } from './clock';
import { TimerWheel } from './timer-wheel';

/** Whoever has a deadline carries its id; NO_DEADLINE to begin with. */
export interface HasDeadline {
  deadline: number;
}

export const NO_DEADLINE = -1;

export class Deadlines<T extends HasDeadline> {
  private readonly wheel: TimerWheel;
  private readonly items: (T | undefined)[] = [];
  private readonly free: number[] = [];

  constructor(
    clock: Clock,
    tickMs: number,
    private readonly onDue: (item: T) => void,
    slotCount?: number,
  ) {
    this.wheel = new TimerWheel(clock, tickMs, this.due, slotCount);
  }

  get size(): number {
    return this.wheel.size;
  }

  /** Sets or moves the deadline of `item`. */
  set(item: T, delayMs: number): void {
    if (item.deadline === NO_DEADLINE) {
      item.deadline = this.free.pop() ?? this.items.length;
      this.items[item.deadline] = item;
    }
    this.wheel.set(item.deadline, delayMs);
  }

  clear(item: T): void {
    if (item.deadline === NO_DEADLINE) return;
    this.wheel.clear(item.deadline);
    this.release(item);
  }

  stop(): void {
    this.wheel.stop();
    for (const item of this.items) if (item !== undefined) item.deadline = NO_DEADLINE;
    this.items.length = 0;
    this.free.length = 0;
  }

  private readonly due = (id: number): void => {
    const item = this.items[id] as T;
    this.release(item);
    this.onDue(item);
  };

  private release(item: T): void {
    this.items[item.deadline] = undefined;
    this.free.push(item.deadline);
    item.deadline = NO_DEADLINE;
  }
}
