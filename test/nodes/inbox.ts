/** What has come to one place of a flow, to be waited for by arrival and never by time. */
export class Inbox<Item> {
  readonly all: Item[] = [];
  private read = 0;
  private readonly waiting = new Set<() => void>();

  push(item: Item): void {
    this.all.push(item);
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  /** The next one nobody has taken yet. */
  async next(): Promise<Item> {
    while (this.read >= this.all.length) await this.arrival();
    return this.all[this.read++] as Item;
  }

  /** The first that fits, of those that have come and those to come. */
  async first(fits: (item: Item) => boolean): Promise<Item> {
    for (let at = 0; ; at++) {
      while (at >= this.all.length) await this.arrival();
      const item = this.all[at] as Item;
      if (fits(item)) return item;
    }
  }

  /** Until so many have come. */
  async count(many: number): Promise<void> {
    while (this.all.length < many) await this.arrival();
  }

  private arrival(): Promise<void> {
    return new Promise((resolve) => this.waiting.add(resolve));
  }
}
