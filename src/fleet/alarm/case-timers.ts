/** One timer for each case that has something due. */
import type { Clock, Timer } from '../../clock';

export class CaseTimers {
  private readonly timers = new Map<string, Timer>();

  /** @param due told the key of the case */
  constructor(
    private readonly clock: Clock,
    private readonly due: (key: string) => void,
  ) {}

  /** In place of what was set before. @param times Unix milliseconds; the first counts, and none at all ends the wait */
  set(key: string, times: readonly (number | undefined)[]): void {
    this.timers.get(key)?.cancel();
    this.timers.delete(key);
    const at = Math.min(...times.filter((time) => time !== undefined));
    if (Number.isFinite(at))
      this.timers.set(
        key,
        this.clock.after(at - this.clock.wall(), () => this.due(key)),
      );
  }

  close(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}
