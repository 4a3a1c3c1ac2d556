/** Which record numbers were seen (RFC 6347 §4.1.2.6). Checked before decrypting, marked only after the tag proved the record. */

export type WindowSize = 64 | 128 | 256;

export class ReplayWindow {
  /** The highest number seen; -1 before the first. */
  top = -1;
  /** One bit per number modulo the size. */
  private readonly seen: Uint32Array;

  constructor(private readonly size: WindowSize) {
    this.seen = new Uint32Array(size / 32);
  }

  /** Whether `sequence` may still be new. */
  isFresh(sequence: number): boolean {
    if (sequence > this.top) return true;
    if (sequence <= this.top - this.size) return false;
    const bit = sequence % this.size;
    return ((this.seen[bit >>> 5] as number) & (1 << (bit & 31))) === 0;
  }

  mark(sequence: number): void {
    if (sequence > this.top) {
      if (sequence - this.top >= this.size) this.seen.fill(0);
      else for (let skipped = this.top + 1; skipped < sequence; skipped++) this.clear(skipped % this.size);
      this.top = sequence;
    }
    const bit = sequence % this.size;
    this.seen[bit >>> 5] = (this.seen[bit >>> 5] as number) | (1 << (bit & 31));
  }

  /** Counts everything up to `top` as seen: what came before a restart is not known one by one. */
  closeBelow(top: number): void {
    this.top = top;
    this.seen.fill(0xffff_ffff);
  }

  private clear(bit: number): void {
    this.seen[bit >>> 5] = (this.seen[bit >>> 5] as number) & ~(1 << (bit & 31));
  }
}
