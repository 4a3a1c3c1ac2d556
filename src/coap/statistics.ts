/** Counters of the message layer. Plain numbers, read at any time. */

export class LayerStatistics {
  received = 0;
  sent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  malformed = 0;
  duplicates = 0;
  /** RST messages sent and received. */
  resetsSent = 0;
  resetsReceived = 0;
  handlerErrors = 0;
  private readonly codesIn = new Uint32Array(256);
  private readonly codesOut = new Uint32Array(256);

  countIn(code: number, bytes: number): void {
    this.received++;
    this.bytesReceived += bytes;
    this.codesIn[code] = (this.codesIn[code] as number) + 1;
  }

  countOut(code: number, bytes: number): void {
    this.sent++;
    this.bytesSent += bytes;
    this.codesOut[code] = (this.codesOut[code] as number) + 1;
  }

  /** Messages by code: {"2.05": 12}; only what occurred. */
  codes(direction: 'in' | 'out', text: (code: number) => string): Record<string, number> {
    const counts = direction === 'in' ? this.codesIn : this.codesOut;
    const found: Record<string, number> = {};
    for (let code = 0; code < counts.length; code++) if (counts[code] !== 0) found[text(code)] = counts[code] as number;
    return found;
  }
}

/** What a layer holds for its peers; each number has a cap in `LayerLimits`, or is what its owner asked for. */
export interface Held {
  readonly endpoints: number;
  /** Requests under way and observations. */
  readonly tokens: number;
  readonly deduplicationEntries: number;
  readonly deduplicationBytes: number;
  /** Bodies being received in blocks, and those being served. */
  readonly blockTransfers: number;
  readonly blockBytes: number;
}
