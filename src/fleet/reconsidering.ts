/** Devices of which something has changed that selectors ask for: considered anew soon, once for however many changes, and few at a time. */
import type { Clock, Timer } from '../clock';
import { Turns } from '../turns';

/** The values of a first read come together; so do the tags of a bulk import. */
const AFTER_MS = 200;

export class Reconsidering {
  private readonly waiting = new Set<string>();
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly reconsider: (device: string) => void,
  ) {}

  changed(device: string): void {
    if (this.isClosed) return;
    this.waiting.add(device);
    this.timer ??= this.clock.after(AFTER_MS, () => void this.run());
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.waiting.clear();
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    const turns = new Turns();
    for (const device of this.waiting) {
      this.waiting.delete(device);
      this.reconsider(device);
      await turns.next();
    }
  }
}
