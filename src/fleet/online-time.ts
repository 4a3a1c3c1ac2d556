/** How long each device is registered: told when it leaves, and from time to time while it is here. */
import type { Clock } from '../clock';

export class OnlineTime {
  /** Monotonic: since when its time has not been told. */
  private readonly since = new Map<string, number>();

  /** @param passed told of milliseconds */
  constructor(
    private readonly clock: Clock,
    private readonly passed: (device: string, ms: number) => void,
  ) {}

  came(device: string): void {
    if (!this.since.has(device)) this.since.set(device, this.clock.monotonic());
  }

  left(device: string): void {
    this.tell(device);
    this.since.delete(device);
  }

  /** Tells of all that are here. */
  tellAll(): void {
    for (const device of this.since.keys()) this.tell(device);
  }

  private tell(device: string): void {
    const since = this.since.get(device);
    if (since === undefined) return;
    const now = this.clock.monotonic();
    this.since.set(device, now);
    if (now > since) this.passed(device, Math.round(now - since));
  }
}
