/**
 * A part of an observed instance, for a policy that asked for that part alone. The device notifies for whatever changes in the instance;
 * the policy hears of its own part when that has changed, or when pmax has gone by since it last heard.
 */
import type { ResourceValue, Value } from '../device/value';

export class Excerpt {
  private readonly passed = new Map<string, Value>();
  private passedAt = 0;

  constructor(
    private readonly path: string,
    /** Seconds. */
    private readonly pmax: number | undefined,
  ) {}

  pass(values: readonly ResourceValue[], at: number): readonly ResourceValue[] {
    const prefix = `${this.path}/`;
    const own = values.filter(({ path }) => path === this.path || path.startsWith(prefix));
    const isDue = this.pmax !== undefined && at - this.passedAt >= this.pmax * 1000;
    // Timed values are a record of what was, and each of them is news.
    if (!isDue && !own.some((value) => value.at !== undefined || !isSame(this.passed.get(value.path), value.value))) return [];
    for (const { path, value } of own) this.passed.set(path, value);
    if (own.length > 0) this.passedAt = at;
    return own;
  }
}

function isSame(a: Value | undefined, b: Value): boolean {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return a === b;
}
