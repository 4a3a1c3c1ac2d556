/** Work on very many items without keeping the event loop from everything else. */

/** Items between two turns of the event loop: a millisecond or so. */
const SLICE = 50;

export class Turns {
  private count = 0;

  /** After each item. */
  async next(): Promise<void> {
    if (++this.count % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
