/**
 * Whether observations still live. A device that was told pmax notifies at the latest then; one that does not has lost the observation (it
 * restarted, or its Reset was lost), and is asked again. Bounded: who stays silent again and again does not keep pmax. Spread
 * out: after a power cut thousands fall due in the same second.
 */
import type { Clock } from '../clock';
import { Deadlines, NO_DEADLINE } from '../deadlines';
import { MOST_LOSSES, type ObservedPath } from './observed-path';

const TICK_MS = 1000;
/** MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2): a confirmable notification may be on its way that long. */
const LEAST_MARGIN_MS = 93_000;
const SPREAD_MS = 30_000;
/** A device that has just woken or moved is about to notify by itself. */
const GRACE_MS = 10_000;
/** A device behind a NAT may come from a new port with every Update. */
const PROVEN_FOR_MS = 600_000;
const FIRST_RETRY_MS = 30_000;

export class NotificationWatch {
  private readonly deadlines: Deadlines<ObservedPath>;

  constructor(
    private readonly clock: Clock,
    due: (path: ObservedPath) => void,
  ) {
    this.deadlines = new Deadlines(clock, TICK_MS, due);
  }

  /** @param extent how many values the first answer had */
  began(path: ObservedPath, extent: number): void {
    path.observed = true;
    path.extent = extent;
    this.proved(path);
  }

  /** A notification has come. */
  notified(path: ObservedPath): void {
    path.losses = 0;
    this.proved(path);
  }

  /** It is not observed any more. */
  ended(path: ObservedPath): void {
    path.observed = false;
    this.deadlines.clear(path);
  }

  /** The next is due. */
  private proved(path: ObservedPath): void {
    path.stale = false;
    path.isOverdue = false;
    path.provedAt = this.clock.monotonic();
    const { pmax } = path.actual;
    if (pmax === undefined || path.losses > MOST_LOSSES) return this.deadlines.clear(path);
    this.deadlines.set(path, pmax * 1000 + Math.max(LEAST_MARGIN_MS, pmax * 100) + spread(path) * SPREAD_MS);
  }

  /** It was due while the device slept, which has woken. */
  woke(path: ObservedPath): void {
    if (path.deadline === NO_DEADLINE) this.deadlines.set(path, GRACE_MS);
  }

  /**
   * The device is at a new address. One that was told pmax will show by itself whether it still notifies, the others must be asked; not
   * those who have shown it lately.
   */
  moved(path: ObservedPath): void {
    const isWatched = path.deadline !== NO_DEADLINE;
    if (isWatched || !path.observed || this.clock.monotonic() - path.provedAt < PROVEN_FOR_MS) return;
    this.deadlines.set(path, GRACE_MS + spread(path) * SPREAD_MS);
  }

  /** Asked again after a while, each time a longer one. */
  rest(path: ObservedPath): void {
    path.resting = true;
    this.deadlines.set(path, FIRST_RETRY_MS * 2 ** (path.losses - 1) + spread(path) * SPREAD_MS);
  }

  forget(path: ObservedPath): void {
    this.deadlines.clear(path);
  }

  stop(): void {
    this.deadlines.stop();
  }
}

/** A fraction that is a device's own, so that not all are asked in one second (FNV-1a). */
function spread({ device }: ObservedPath): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < device.length; index++) hash = Math.imul(hash ^ device.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
