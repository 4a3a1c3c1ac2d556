/**
 * A table from whole numbers to objects for entries that come and go with every message. A Map would do, but V8 makes it a new table
 * every so many deletions and lets each old one point to the next: once an old one has reached the old generation, all that ever was in
 * those after it survives too, until a full collection. Here an entry leaves nothing behind. Open addressing, linear probing.
 */

const EMPTY = -1;
const SMALLEST = 64;

export class NumberTable<Value extends object> {
  private keys = new Float64Array(SMALLEST).fill(EMPTY);
  private held: (Value | undefined)[] = new Array<Value | undefined>(SMALLEST).fill(undefined);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** @param key 0 … 2^53 - 1 */
  get(key: number): Value | undefined {
    return this.held[this.find(key)];
  }

  has(key: number): boolean {
    return this.keys[this.find(key)] === key;
  }

  set(key: number, value: Value): void {
    // At most half full, so that runs stay short and `find` always meets an empty place.
    if ((this.count + 1) * 2 > this.keys.length) this.enlarge();
    const at = this.find(key);
    if (this.keys[at] === EMPTY) this.count++;
    this.keys[at] = key;
    this.held[at] = value;
  }

  delete(key: number): boolean {
    let hole = this.find(key);
    if (this.keys[hole] === EMPTY) return false;
    this.count--;
    const last = this.keys.length - 1;
    // What stands behind in the same run moves up, unless it would come to stand before its own place.
    for (let at = (hole + 1) & last; this.keys[at] !== EMPTY; at = (at + 1) & last) {
      const home = this.placeOf(this.keys[at] as number);
      if (((at - home) & last) < ((at - hole) & last)) continue;
      this.keys[hole] = this.keys[at] as number;
      this.held[hole] = this.held[at];
      hole = at;
    }
    this.keys[hole] = EMPTY;
    this.held[hole] = undefined;
    return true;
  }

  /** A copy: the table may change while its values are being worked through. */
  values(): Value[] {
    return this.held.filter((value) => value !== undefined);
  }

  /** Where `key` is, or the empty place where it would be. */
  private find(key: number): number {
    const last = this.keys.length - 1;
    let at = this.placeOf(key);
    while (this.keys[at] !== key && this.keys[at] !== EMPTY) at = (at + 1) & last;
    return at;
  }

  private placeOf(key: number): number {
    // Both halves of the number take part (Fibonacci hashing); the constants are odd and otherwise arbitrary.
    const mixed = Math.imul(key | 0, 0x9e3779b1) ^ Math.imul((key / 0x1_0000_0000) | 0, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (this.keys.length - 1);
  }

  private enlarge(): void {
    const { keys, held } = this;
    this.keys = new Float64Array(keys.length * 2).fill(EMPTY);
    this.held = new Array<Value | undefined>(keys.length * 2).fill(undefined);
    this.count = 0;
    for (let at = 0; at < keys.length; at++) if (keys[at] !== EMPTY) this.set(keys[at] as number, held[at] as Value);
  }
}
