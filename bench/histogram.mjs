/** Latencies in buckets 3 % wide: constant memory, and no allocation while measuring. */

const SMALLEST_MS = 0.005;
const GROWTH = Math.log(1.03);
const BUCKETS = 512;

export class Histogram {
  counts = new Uint32Array(BUCKETS);
  total = 0;
  longest = 0;

  add(ms) {
    const bucket = ms <= SMALLEST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / SMALLEST_MS) / GROWTH));
    this.counts[bucket]++;
    this.total++;
    if (ms > this.longest) this.longest = ms;
  }

  /** The upper edge of the bucket that holds this share of all values, in milliseconds. */
  quantile(share) {
    let left = Math.ceil(this.total * share);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.counts[bucket];
      if (left <= 0) return Number((SMALLEST_MS * Math.exp(bucket * GROWTH)).toFixed(3));
    }
    return this.longest;
  }

  summary() {
    return {
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max: Number(this.longest.toFixed(3)),
    };
  }
}
