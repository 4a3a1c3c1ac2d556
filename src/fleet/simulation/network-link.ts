/**
 * What becomes of a device whose network is set anew. It leaves the old one; in a network that takes it, it is back within seconds. In one that
 * does not, it is gone until it falls back to the last that worked, and later tries again what it was told: only its server can end that.
 */
import type { Clock, Timer } from '../../clock';

export interface NetworkLinkOptions {
  readonly clock: Clock;
  /** Whether the network takes it as it is set now. */
  readonly works: () => boolean;
  /** Gone for so long; `arrived` is called when it is back. */
  readonly away: (silentMs: number, arrived: () => void) => void;
  /** It is back: on the network it was set to, or not. */
  readonly arrived: (works: boolean) => void;
}

/** The answer to what changes it leaves by the old network. */
const LEAVE_MS = 1_000;
const JOIN_MS = 3_000;
const FALL_BACK_MS = 45_000;
const TRY_AGAIN_MS = 180_000;

export class NetworkLink {
  private timer: Timer | undefined;

  constructor(private readonly options: NetworkLinkOptions) {}

  /** Something of its setting was written. */
  changed(): void {
    this.after(LEAVE_MS);
  }

  stop(): void {
    this.timer?.cancel();
  }

  private after(ms: number): void {
    this.timer?.cancel();
    this.timer = this.options.clock.after(ms, () => this.join());
  }

  private join(): void {
    const works = this.options.works();
    this.options.away(works ? JOIN_MS : FALL_BACK_MS, () => {
      this.options.arrived(works);
      if (!works) this.after(TRY_AGAIN_MS);
    });
  }
}
