/** Look-ups of keys at the same time, bounded; what is beyond the bound waits, and there are no more than handshakes under way. */
import type { Answer } from './settings';

interface Waiting {
  readonly address: string;
  readonly start: () => void;
}

/** Called once: with the answer, or with why there is none. */
export type LookUpCallback<T> = (answer: T | undefined, error?: unknown) => void;

export class LookUps {
  private running = 0;
  private readonly perAddress = new Map<string, number>();
  private waiting: Waiting[] = [];

  constructor(
    private readonly most: number,
    private readonly mostPerAddress: number,
  ) {}

  /** An answer that is there at once is passed on at once. A `start` that throws has failed. */
  ask<T>(address: string, start: () => Answer<T>, done: LookUpCallback<T>): void {
    if (!this.hasRoom(address)) {
      this.waiting.push({ address, start: () => this.ask(address, start, done) });
      return;
    }
    let answer: Answer<T>;
    try {
      answer = start();
    } catch (error) {
      return done(undefined, error);
    }
    if (!(answer instanceof Promise)) return done(answer);
    this.count(address, 1);
    answer
      .then(
        (found) => done(found),
        (error: unknown) => done(undefined, error ?? new Error('the look-up failed')),
      )
      .finally(() => {
        this.count(address, -1);
        this.resume();
      });
  }

  private resume(): void {
    const ready = this.waiting.findIndex(({ address }) => this.hasRoom(address));
    if (ready >= 0) this.waiting.splice(ready, 1)[0]?.start();
  }

  private hasRoom(address: string): boolean {
    return this.running < this.most && (this.perAddress.get(address) ?? 0) < this.mostPerAddress;
  }

  private count(address: string, change: 1 | -1): void {
    this.running += change;
    const left = (this.perAddress.get(address) ?? 0) + change;
    if (left === 0) this.perAddress.delete(address);
    else this.perAddress.set(address, left);
  }
}
