import type { DeviceManagementError } from '../../src/errors';
import { MemoryStore } from '../../src/store/memory';
import type { Change, Store } from '../../src/store/store';

/** A store that outlives the process that writes to it: what is said after its end does not arrive. */
export class OutlivingStore {
  readonly whole = new MemoryStore();
  /** Keys, in the order of their writing. */
  readonly written: string[] = [];
  failure: DeviceManagementError | undefined;
  private isHeld = false;
  private life = 0;

  /** As one process sees it. */
  open(): Store {
    const life = ++this.life;
    const { whole } = this;
    return {
      get: (key) => whole.get(key),
      put: (key, value) => this.write(life, [{ key, value }]),
      delete: (key) => this.write(life, [{ key }]),
      range: (range) => whole.range(range),
      batch: (changes) => this.write(life, changes),
      close: async () => {},
    };
  }

  /** Nothing of the process is written any more. */
  kill(): void {
    this.life++;
    this.isHeld = false;
  }

  /** Commits do not come to their end. */
  hold(): void {
    this.isHeld = true;
  }

  private write(life: number, changes: readonly Change[]): Promise<void> {
    if (life !== this.life || this.isHeld) return new Promise(() => {});
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.written.push(...changes.map(({ key }) => key));
    return this.whole.batch(changes);
  }
}
