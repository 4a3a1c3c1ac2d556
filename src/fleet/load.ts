/**
 * How much the server has to do, by the devices that come: a power cut or a restart brings them all at once. Low levels of service are sent
 * away first, and are told when to come again; high ones never (Y.4702 requirement 8).
 */
import type { Clock } from '../clock';
import type { ServiceLevel } from '../device/provisioned-device';

/** Devices that come in a second, above which a level is sent away. */
export type LoadLimits = Readonly<Record<ServiceLevel, number>>;

/** A Raspberry Pi registers about two thousand in a second, if it does nothing else. */
export const DEFAULT_LOAD_LIMITS: LoadLimits = { low: 200, normal: 1_500, high: Number.POSITIVE_INFINITY };
/** How fast what has come is forgotten: the mean life of one in the count. */
const MEMORY_MS = 1_000;

export class Load {
  private rate = 0;
  private at = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly limits: LoadLimits = DEFAULT_LOAD_LIMITS,
  ) {}

  /** Another device has come, whatever becomes of it. */
  came(): void {
    this.rate = this.perSecond + 1;
    this.at = this.clock.monotonic();
  }

  isTooMuchFor(level: ServiceLevel): boolean {
    return this.perSecond > this.limits[level];
  }

  private get perSecond(): number {
    return this.rate * Math.exp((this.at - this.clock.monotonic()) / MEMORY_MS) || 0;
  }
}
