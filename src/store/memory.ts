/** A store that ends with the process: for tests, and for whoever wants nothing kept. */
import { type Change, checkKey, closed, compareKeys, type Entry, type Range, type Store } from './store';

export class MemoryStore implements Store {
  readonly isFleeting = true;
  private readonly values = new Map<string, Buffer>();
  /** Keys in order. */
  private readonly keys: string[] = [];
  private isClosed = false;

  async get(key: string): Promise<Buffer | undefined> {
    this.mustBeOpen();
    const value = this.values.get(key);
    return value === undefined ? undefined : Buffer.from(value);
  }

  put(key: string, value: Buffer): Promise<void> {
    return this.batch([{ key, value }]);
  }

  delete(key: string): Promise<void> {
    return this.batch([{ key }]);
  }

  async *range({ from, before, limit = Number.POSITIVE_INFINITY, reverse = false }: Range): AsyncIterable<Entry> {
    this.mustBeOpen();
    const chosen = this.keys.slice(this.placeOf(from), this.placeOf(before));
    if (reverse) chosen.reverse();
    const entries = chosen.slice(0, limit).map((key) => ({ key, value: Buffer.from(this.values.get(key) as Buffer) }));
    for (const entry of entries) {
      yield entry;
      this.mustBeOpen();
    }
  }

  async batch(changes: readonly Change[]): Promise<void> {
    this.mustBeOpen();
    for (const { key } of changes) checkKey(key);
    for (const { key, value } of changes) this.apply(key, value);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.values.clear();
    this.keys.length = 0;
  }

  private apply(key: string, value: Buffer | undefined): void {
    const isThere = this.values.has(key);
    if (value !== undefined) this.values.set(key, Buffer.from(value));
    else this.values.delete(key);
    if (isThere === (value !== undefined)) return;
    const place = this.placeOf(key);
    if (isThere) this.keys.splice(place, 1);
    else this.keys.splice(place, 0, key);
  }

  /** Of the first key that is not before `key`. */
  private placeOf(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private mustBeOpen(): void {
    if (this.isClosed) throw closed();
  }
}
