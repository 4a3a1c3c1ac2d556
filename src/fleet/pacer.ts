/**
 * So many tasks at a time, the others in order of coming. A thousand devices that register in one second (a power cut is over) must
 * not be met by a thousand conversations begun at once.
 */
export class Pacer {
  private waiting: (() => Promise<void>)[] = [];
  /** Taken by position: shifting a long array once for each task would cost its length each time. */
  private next = 0;
  private running = 0;

  constructor(private readonly atOnce: number) {}

  /** Tasks waiting for their turn. */
  get backlog(): number {
    return this.waiting.length - this.next;
  }

  /** @param task must not reject */
  run(task: () => Promise<void>): void {
    this.waiting.push(task);
    this.proceed();
  }

  /** Forgets whoever has not begun. */
  clear(): void {
    this.waiting = [];
    this.next = 0;
  }

  private proceed(): void {
    while (this.running < this.atOnce) {
      const task = this.waiting[this.next];
      if (task === undefined) {
        this.clear();
        return;
      }
      this.next++;
      this.running++;
      void task().finally(() => {
        this.running--;
        this.proceed();
      });
    }
  }
}
