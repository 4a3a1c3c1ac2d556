/**
 * Many small changes as few batches: what is changed within a few milliseconds is committed together, and everybody is told when it is. One
 * commit is under way at a time, so changes arrive in the order they were made.
 */
import type { Clock } from '../clock';
import type { Change, Store } from './store';

/** Somebody waits for the answer to a Register: long enough for those who come together, too short to be noticed. */
const LONGEST_WAIT_MS = 1;
/** A batch is one write of this many changes at most, so that none keeps the others waiting for long. */
const MOST_TOGETHER = 1000;

interface Waiting {
  readonly changes: readonly Change[];
  readonly committed: () => void;
  readonly failed: (reason: unknown) => void;
}

export class GroupCommit {
  private waiting: Waiting[] = [];
  private isDue = false;
  private running: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the changes are in the store, all of them; rejects when none is. */
  commit(changes: readonly Change[]): Promise<void> {
    return new Promise((committed, failed) => {
      this.waiting.push({ changes, committed, failed });
      if (this.isDue) return;
      this.isDue = true;
      this.clock.after(LONGEST_WAIT_MS, () => this.begin());
    });
  }

  /** Commits at once what waits, and waits for it. */
  async flush(): Promise<void> {
    while (this.running !== undefined || this.waiting.length > 0) {
      this.begin();
      await this.running;
    }
  }

  private begin(): void {
    this.isDue = false;
    if (this.running !== undefined || this.waiting.length === 0) return;
    this.running = this.writeGroup(this.takeGroup()).finally(() => {
      this.running = undefined;
      // What came meanwhile has waited long enough.
      this.begin();
    });
  }

  private takeGroup(): readonly Waiting[] {
    let count = 0;
    let size = 0;
    while (count < this.waiting.length && (count === 0 || size < MOST_TOGETHER)) {
      size += this.waiting[count]?.changes.length ?? 0;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await this.store.batch(group.flatMap(({ changes }) => changes));
      for (const { committed } of group) committed();
    } catch (caught) {
      for (const { failed } of group) failed(caught);
    }
  }
}
