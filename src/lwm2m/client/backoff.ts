/** How long to wait before the next attempt: doubling, with jitter, so that a fleet does not come back in step. */
export interface BackoffRules {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** The first as Communication Retry Timer (1/x/18) has it; the last bounds what a person waits after repairing a server. */
export const DEFAULT_BACKOFF: BackoffRules = { firstMs: 60_000, longestMs: 3_600_000 };

export class Backoff {
  private attempts = 0;

  constructor(
    private readonly rules: BackoffRules,
    private readonly fraction: () => number,
  ) {}

  /** @param leastMs what the server asked for (Max-Age of a 5.03) */
  next(leastMs = 0): number {
    const { firstMs, longestMs } = this.rules;
    const nominal = Math.min(firstMs * 2 ** this.attempts, longestMs);
    this.attempts++;
    const jittered = nominal * (0.5 + this.fraction() / 2);
    return leastMs === 0 ? jittered : leastMs + this.fraction() * Math.min(leastMs, nominal);
  }

  reset(): void {
    this.attempts = 0;
  }
}
