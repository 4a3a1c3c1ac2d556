/**
 * Queue mode (LwM2M Core 1.1.1 §6.5): some time after the last message the device stops listening, and whatever it sends wakes it.
 * Without queue mode it is always awake.
 */
import type { Clock, Timer } from '../../clock';
import type { Radio } from './radio';

export interface QueueModeOptions {
  readonly enabled: boolean;
  /** How long it listens after the last message. */
  readonly awakeMs: number;
  readonly clock: Clock;
  readonly radio: Radio;
  /** Only a registered device may sleep: an unregistered one is waiting for its answer. */
  readonly maySleep: () => boolean;
  readonly onChange: (event: 'asleep' | 'awake') => void;
}

export class QueueMode {
  private lastTraffic = 0;
  private sleeping = false;
  private timer: Timer | undefined;

  constructor(private readonly options: QueueModeOptions) {}

  /** A message went out or came in. */
  traffic(): void {
    const { enabled, awakeMs, clock, onChange } = this.options;
    if (!enabled) return;
    this.lastTraffic = clock.monotonic();
    if (this.sleeping) {
      this.sleeping = false;
      onChange('awake');
    }
    if (this.timer === undefined) this.sleepAfter(awakeMs);
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.sleeping = false;
  }

  private sleepAfter(delayMs: number): void {
    const { awakeMs, clock, radio, maySleep, onChange } = this.options;
    this.timer = clock.after(delayMs, () => {
      this.timer = undefined;
      const idleMs = clock.monotonic() - this.lastTraffic;
      if (idleMs < awakeMs) return this.sleepAfter(awakeMs - idleMs);
      if (radio.state !== 'on' || !maySleep()) return;
      radio.state = 'asleep';
      this.sleeping = true;
      onChange('asleep');
    });
  }
}
