/**
 * Who did what, kept: every operation with its result and duration, every act that changes something or was refused. Bounded by count and
 * age, hash-chained (`audit-chain`), without secrets: no entry holds a value. Written a second later at most, in chunks, for the sake of memory cards.
 */
import type { Clock, Timer } from '../clock';
import { MemoryStore } from '../store/memory';
import { Records } from '../store/records';
import { below, type Store } from '../store/store';
import { Turns } from '../turns';
import type { AuditEntry } from './audit';
import { AUDIT_KIND, type AuditChunk, type AuditedEntry, chunkId, chunkOf, flawIn } from './audit-chain';
import type { Durable, Trouble } from './durable';

export interface AuditQuery {
  readonly device?: string;
  readonly thread?: string;
  readonly actor?: string;
  /** Begins with this: "write", "write /3/0/14". */
  readonly action?: string;
  /** Unix milliseconds, the first included, the second not. */
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  /** Goes on behind the entry with this number. */
  readonly cursor?: number;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditedEntry[];
  /** Where the next page begins; absent on the last. */
  readonly cursor?: number;
}

export interface AuditProof {
  /** Entries looked at. */
  readonly entries: number;
  /** The first flaw: of the chunk that begins with this entry. */
  readonly flaw?: { readonly number: number; readonly reason: string };
}

export interface AuditLimits {
  readonly mostEntries?: number;
  readonly mostAgeMs?: number;
}

/** A year of a hundred devices, each touched once a day; or an hour of a busy fleet. */
const MOST_ENTRIES = 100_000;
/** Without a store they are in memory. */
const MOST_IN_MEMORY = 10_000;
const MOST_AGE_MS = 90 * 86_400_000;
const WRITE_MS = 1000;
/** Of one record. */
const CHUNK = 200;
/** Not yet written; what comes beyond is counted, and the count stands in the log. */
const MOST_PENDING = 20_000;
/** A page of the HTTP API. */
export const MOST_ANSWERED = 1_000;
/** Characters of a detail; a reason may quote what came. */
const LONGEST_DETAIL = 500;

export class AuditLog implements Durable {
  private store: Store = new MemoryStore();
  private records = new Records(this.store, AUDIT_KIND);
  private trouble: Trouble = () => undefined;
  private pending: (AuditEntry & { readonly at: number })[] = [];
  private dropped = 0;
  /** Of the newest entry that is written. */
  private number = 0;
  private hash = '';
  private isKept = false;
  private timer: Timer | undefined;
  private writing: Promise<void> | undefined;
  private isTroubled = false;

  constructor(
    private readonly clock: Clock,
    private readonly limits: AuditLimits = {},
  ) {}

  record(entry: AuditEntry): void {
    if (this.pending.length >= MOST_PENDING) {
      this.dropped++;
      return;
    }
    const { detail } = entry;
    const short =
      detail === undefined || detail.length <= LONGEST_DETAIL
        ? entry
        : { ...entry, detail: `${detail.slice(0, LONGEST_DETAIL)}…` };
    this.pending.push({ ...short, at: this.clock.wall() });
    this.timer ??= this.clock.after(WRITE_MS, () => void this.flush());
  }

  /** What came before goes behind what an earlier life has left. */
  async restore(store: Store, trouble: Trouble): Promise<void> {
    const before: AuditEntry[] = [];
    for await (const { value } of this.records.all(() => undefined)) before.push(...value.entries);
    [this.store, this.records, this.trouble, this.isKept] = [
      store,
      new Records(store, AUDIT_KIND),
      trouble,
      store.isFleeting !== true,
    ];
    [this.number, this.hash] = [0, ''];
    for await (const { value } of this.chunks(undefined)) {
      this.number = value.entries[value.entries.length - 1]?.number ?? 0;
      this.hash = value.hash;
      break;
    }
    this.pending.unshift(...(before as (AuditEntry & { at: number })[]));
    if (this.pending.length > 0) await this.flush();
  }

  /** Everything that was said is in the store. */
  async flush(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    while (this.writing !== undefined || this.pending.length > 0) {
      this.writing ??= this.write().finally(() => {
        this.writing = undefined;
      });
      await this.writing;
      if (this.isTroubled) return;
    }
  }

  /** What could not be written is still pending. */
  async keepAll(): Promise<void> {
    this.isTroubled = false;
    await this.flush();
  }

  async query({ limit = 100, cursor, from = 0, to = Number.POSITIVE_INFINITY, ...wanted }: AuditQuery): Promise<AuditPage> {
    await this.flush();
    const most = Math.min(limit, MOST_ANSWERED);
    const found: AuditedEntry[] = [];
    const turns = new Turns();
    for await (const { value } of this.chunks(cursor)) {
      for (const entry of [...value.entries].reverse()) {
        if (entry.at < from) return { entries: found };
        if ((cursor !== undefined && entry.number >= cursor) || entry.at >= to || !isWanted(entry, wanted)) continue;
        if (found.length === most) return { entries: found, cursor: (found[most - 1] as AuditedEntry).number };
        found.push(entry);
      }
      await turns.next();
    }
    return { entries: found };
  }

  /** Whether the log is as it was written, from its oldest entry on. */
  async verify(): Promise<AuditProof> {
    await this.flush();
    let entries = 0;
    let previous: AuditChunk | undefined;
    const turns = new Turns();
    for await (const { value } of this.records.all(({ reason }) =>
      this.trouble(`a part of the audit log is damaged: ${reason}`),
    )) {
      const reason = flawIn(value, previous);
      if (reason !== undefined) return { entries, flaw: { number: value.entries[0]?.number ?? 0, reason } };
      entries += value.entries.length;
      previous = value;
      await turns.next();
    }
    return { entries };
  }

  close(): void {
    this.timer?.cancel();
  }

  private async write(): Promise<void> {
    const taken = this.pending.splice(0, CHUNK);
    if (this.pending.length === 0 && this.dropped > 0) {
      const detail = `${this.dropped} entries were not kept: more came than could be written`;
      taken.push({ actor: 'server', action: 'audit', outcome: 'failed', detail, at: this.clock.wall() });
      this.dropped = 0;
    }
    const entries = taken.map((entry, index) => ({ ...entry, number: this.number + 1 + index }));
    const chunk = chunkOf(entries, this.hash);
    try {
      await this.store.batch([this.records.change(chunkId(this.number + 1), chunk), ...(await this.outdated())]);
      [this.number, this.hash, this.isTroubled] = [this.number + entries.length, chunk.hash, false];
    } catch (caught) {
      this.pending.unshift(...taken);
      if (!this.isTroubled) this.trouble(`the audit log cannot be written: ${caught instanceof Error ? caught.message : caught}`);
      this.isTroubled = true;
    }
  }

  /** The oldest chunks, as far as they are too many or too old; a few at a time, for a chunk is written each time. */
  private async outdated(): Promise<{ key: string }[]> {
    const { mostEntries = this.isKept ? MOST_ENTRIES : MOST_IN_MEMORY, mostAgeMs = MOST_AGE_MS } = this.limits;
    const oldest = this.number - mostEntries;
    const since = this.clock.wall() - mostAgeMs;
    const keys: { key: string }[] = [];
    for await (const { key, value } of this.store.range({ ...below(AUDIT_KIND.prefix), limit: 3 })) {
      const id = key.slice(AUDIT_KIND.prefix.length);
      const chunk = await this.records.get(id, () => undefined);
      const last = chunk?.entries[chunk.entries.length - 1];
      if (value.length === 0 || last === undefined || (last.number > oldest && last.at >= since)) break;
      keys.push({ key });
    }
    return keys;
  }

  /** From the newest down; `cursor` ends the search above it. */
  private async *chunks(cursor: number | undefined): AsyncIterable<{ readonly value: AuditChunk }> {
    const all = below(AUDIT_KIND.prefix);
    const before = cursor === undefined ? all.before : `${AUDIT_KIND.prefix}${chunkId(cursor)}`;
    for await (const { key } of this.store.range({ ...all, before, reverse: true })) {
      const value = await this.records.get(key.slice(AUDIT_KIND.prefix.length), ({ reason }) =>
        this.trouble(`a part of the audit log is damaged: ${reason}`),
      );
      if (value !== undefined) yield { value };
    }
  }
}

function isWanted(entry: AuditedEntry, { device, thread, actor, action }: AuditQuery): boolean {
  return (
    (device === undefined || entry.device === device) &&
    (thread === undefined || entry.thread === thread) &&
    (actor === undefined || entry.actor === actor) &&
    (action === undefined || entry.action.startsWith(action))
  );
}
