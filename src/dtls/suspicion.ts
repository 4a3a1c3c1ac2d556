/**
 * Sources of forged records. An eight-byte tag can be guessed, so guessing is slowed down: after many wrong tags a source is not
 * listened to for a while. The association stays: otherwise anybody who sees an address or a CID could end it.
 */

const MOST_FAILURES = 128;
/** Failures are forgotten after this long, and quiet lasts as long. */
const PERIOD_MS = 1_000;
/** Sources remembered; the oldest gives way. */
const MOST_SOURCES = 1_024;

interface Source {
  failures: number;
  since: number;
}

export class Suspicion {
  private readonly sources = new Map<string, Source>();

  /** @returns whether this failure begins a quiet period */
  failed(address: string, port: number, now: number): boolean {
    const key = sourceKey(address, port);
    let source = this.sources.get(key);
    if (source === undefined || now - source.since >= PERIOD_MS) {
      this.sources.delete(key);
      if (this.sources.size >= MOST_SOURCES) this.sources.delete(this.sources.keys().next().value as string);
      source = { failures: 0, since: now };
      this.sources.set(key, source);
    }
    source.failures++;
    if (source.failures === MOST_FAILURES) source.since = now;
    return source.failures === MOST_FAILURES;
  }

  isQuiet(address: string, port: number, now: number): boolean {
    // No string is made while nobody is suspected, which is always but under attack.
    if (this.sources.size === 0) return false;
    const source = this.sources.get(sourceKey(address, port));
    if (source === undefined) return false;
    if (now - source.since >= PERIOD_MS) {
      this.sources.delete(sourceKey(address, port));
      return false;
    }
    return source.failures >= MOST_FAILURES;
  }
}

function sourceKey(address: string, port: number): string {
  return `${address} ${port}`;
}
