/** Event Log (20) of a simulated device: a line for each thing that happened, while it is told to log. */
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { LockAndWipe } from './lock-and-wipe';

/** LogStatus (20/0/4013), bit by bit. */
const Bit = { Active: 1, HasData: 2 } as const;
/** LogClass (20/0/4010): 0 generic. LogDataFormat (20/0/4015): 0, the device's own. */
const GENERIC = 0;
const OWN_FORMAT = 0;
/** A device has little memory: the oldest lines go. */
const MOST_BYTES = 2_048;

export class EventLog {
  private isActive = false;
  private data = '';

  constructor(
    private readonly tree: ObjectTree,
    lock: LockAndWipe,
    private readonly wall: () => number,
  ) {
    const run = (isActive: boolean) => (): undefined => {
      this.isActive = isActive;
      this.show();
    };
    tree.add(
      20,
      0,
      { 4010: GENERIC, 4013: 0, 4014: Buffer.alloc(0), 4015: OWN_FORMAT },
      lock.over('device', { 4010: {}, 4011: { execute: run(true) }, 4012: { execute: run(false) } }),
    );
  }

  add(text: string): void {
    if (!this.isActive) return;
    const lines = `${this.data}${new Date(this.wall()).toISOString()} ${text}\n`;
    this.data = lines.length <= MOST_BYTES ? lines : lines.slice(lines.indexOf('\n', lines.length - MOST_BYTES) + 1);
    this.show();
  }

  clear(): void {
    this.data = '';
    this.show();
  }

  private show(): void {
    this.tree.setAll([
      ['/20/0/4013', (this.isActive ? Bit.Active : 0) | (this.data === '' ? 0 : Bit.HasData)],
      ['/20/0/4014', Buffer.from(this.data)],
    ]);
  }
}
