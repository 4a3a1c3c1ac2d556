/** A steady pace: one step after the other, so many in a minute, and none made up for later. */
import type { Clock } from '../../clock';

const MINUTE_MS = 60_000;

export class Rate {
  private readonly everyMs: number;
  private nextAt = Number.NEGATIVE_INFINITY;

  /** @param perMinute as many as there is room for without */
  constructor(
    private readonly clock: Clock,
    perMinute: number | undefined,
  ) {
    this.everyMs = perMinute === undefined ? 0 : MINUTE_MS / perMinute;
  }

  /** Milliseconds until the next step may begin; 0 = now. */
  get waitMs(): number {
    return Math.max(0, this.nextAt - this.clock.monotonic());
  }

  /** One has begun. */
  took(): void {
    this.nextAt = Math.max(this.nextAt, this.clock.monotonic()) + this.everyMs;
  }
}
