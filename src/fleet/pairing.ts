/** A door that is open for some minutes: unsecured devices of the private network that come meanwhile are listed, and stay so. */
import type { Clock, Timer } from '../clock';
import { DeviceManagementError } from '../errors';

const LONGEST_MINUTES = 60;
const DEFAULT_MINUTES = 10;
/** In one opening; whoever is in the network could fill the list with invented names. */
const MOST_PAIRED = 500;

export class Pairing {
  private closesAt = Number.NEGATIVE_INFINITY;
  private paired = 0;
  private timer: Timer | undefined;
  /** Told when it opens and when it closes. */
  onChange: () => void = () => {};

  constructor(
    private readonly clock: Clock,
    private readonly mostPaired = MOST_PAIRED,
  ) {}

  /**
   * Opens it, or opens it anew.
   * @param minutes 1 to 60; 10 when nothing is said
   * @returns until when, Unix milliseconds
   * @throws DeviceManagementError `invalid-value`
   */
  permit(minutes: unknown = DEFAULT_MINUTES): number {
    const given = typeof minutes === 'string' && minutes.trim() !== '' ? Number(minutes) : minutes;
    if (typeof given !== 'number' || !(given > 0 && given <= LONGEST_MINUTES)) {
      throw new DeviceManagementError('invalid-value', `minutes must be a number up to ${LONGEST_MINUTES}`);
    }
    this.closesAt = this.clock.monotonic() + given * 60_000;
    this.paired = 0;
    this.timer?.cancel();
    this.timer = this.clock.after(given * 60_000, () => this.deny());
    this.onChange();
    return this.clock.wall() + given * 60_000;
  }

  deny(): void {
    this.closesAt = Number.NEGATIVE_INFINITY;
    this.timer?.cancel();
    this.onChange();
  }

  /** Unix milliseconds; undefined while it is closed. */
  get openUntil(): number | undefined {
    const left = this.closesAt - this.clock.monotonic();
    return left > 0 ? this.clock.wall() + left : undefined;
  }

  /** Lets one in. @returns whether it is open, and has room */
  take(): boolean {
    if (this.clock.monotonic() >= this.closesAt || this.paired >= this.mostPaired) return false;
    this.paired++;
    return true;
  }
}
