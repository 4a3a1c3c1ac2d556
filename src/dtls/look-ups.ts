/**
 * Look-ups of keys at the same time, bounded; what is beyond the bound waits. A look-up ends with its answer or with the handshake that
 * asked, so that a store that never answers blocks nobody for longer than a handshake may take.
 */
import type { Answer } from './settings';

/** Called once, unless cancelled: with the answer, or with why there is none. */
export type LookUpCallback<T> = (answer: T | undefined, error?: unknown) => void;

/** One that is not answered yet. */
export interface LookUp {
  cancel(): void;
}

const DONE: LookUp = { cancel: () => undefined };

/** One as the table sees it, whatever is asked. */
interface Startable {
  readonly address: string;
  /** @returns whether it goes on after this call */
  start(): boolean;
}

class Pending<T> implements LookUp, Startable {
  private state: 'waiting' | 'running' | 'over' = 'waiting';

  constructor(
    private readonly owner: LookUps,
    readonly address: string,
    private readonly question: () => Answer<T>,
    private readonly done: LookUpCallback<T>,
  ) {}

  start(): boolean {
    let answer: Answer<T>;
    try {
      answer = this.question();
    } catch (error) {
      this.answered(undefined, error);
      return false;
    }
    if (!(answer instanceof Promise)) {
      this.answered(answer);
      return false;
    }
    this.state = 'running';
    answer.then(
      (found) => this.answered(found),
      (error: unknown) => this.answered(undefined, error ?? new Error('no reason was given')),
    );
    return true;
  }

  cancel(): void {
    const { state } = this;
    this.state = 'over';
    if (state === 'waiting') this.owner.forget(this);
    else if (state === 'running') this.owner.ended(this.address);
  }

  private answered(answer: T | undefined, error?: unknown): void {
    const { state } = this;
    if (state === 'over') return;
    this.state = 'over';
    this.done(answer, error);
    if (state === 'running') this.owner.ended(this.address);
  }
}

export class LookUps {
  private running = 0;
  private readonly perAddress = new Map<string, number>();
  private readonly waiting = new Set<Startable>();

  constructor(
    private readonly most: number,
    private readonly mostPerAddress: number,
  ) {}

  /** An answer that is there at once is passed on at once. A `question` that throws has failed. */
  ask<T>(address: string, question: () => Answer<T>, done: LookUpCallback<T>): LookUp {
    const pending = new Pending(this, address, question, done);
    if (this.hasRoom(address)) return this.start(pending) ? pending : DONE;
    this.waiting.add(pending);
    return pending;
  }

  forget(pending: Startable): void {
    this.waiting.delete(pending);
  }

  ended(address: string): void {
    this.count(address, -1);
    for (const pending of this.waiting) {
      if (!this.hasRoom(pending.address)) continue;
      this.waiting.delete(pending);
      if (this.start(pending)) return;
    }
  }

  private start(pending: Startable): boolean {
    const goesOn = pending.start();
    if (goesOn) this.count(pending.address, 1);
    return goesOn;
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
