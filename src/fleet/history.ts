/**
 * Values over time: of each device and resource a series, bounded by count and age. A record for each value, so that a new one never
 * rewrites old ones; written 5 s later at most, which is what a crash may cost. Without a store it is kept in memory, a tenth as long.
 */
import type { Clock, Timer } from '../clock';
import type { ResourceValue, Value } from '../device/value';
import { MemoryStore } from '../store/memory';
import { type RecordKind, Records } from '../store/records';
import { below, type Change, type Store } from '../store/store';
import { Turns } from '../turns';
import type { Durable, Trouble } from './durable';

/** Bytes have no place in a series, and long texts none either. */
export type KeptValue = number | boolean | string | Date;

export interface TimedValue {
  readonly device: string;
  /** Of a resource or resource instance. */
  readonly path: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly value: KeptValue;
}

export interface HistoryQuery {
  readonly devices: readonly string[];
  /** This path and all below it; "/3303" is every value of every instance. Everything without. */
  readonly path?: string;
  /** Unix milliseconds, the first included, the second not. */
  readonly from?: number;
  readonly to?: number;
  /** The newest so many. */
  readonly limit?: number;
}

export interface HistoryLimits {
  /** Of one series. */
  readonly mostValues?: number;
  readonly mostAgeMs?: number;
}

const MOST_VALUES = 10_000;
const MOST_VALUES_IN_MEMORY = 1_000;
const MOST_AGE_MS = 30 * 86_400_000;
/** Series that are written to: a device may name any number of paths. */
const MOST_SERIES = 20_000;
/** A page of the HTTP API, and what an analysis looks at. */
export const MOST_HISTORY_ANSWERED = 10_000;
const WRITE_MS = 5000;
/** Waiting to be written; while a store fails, the oldest go. */
const MOST_PENDING = 50_000;
/** Of one batch. */
const CHANGES = 500;
const LONGEST_TEXT = 256;
/** A device whose clock is ahead by more than this does not know what time it is. */
const AHEAD_MS = 86_400_000;
const SWEEP_MS = 3_600_000;
const TIME_DIGITS = 15;
/** Values of one series that may have one time. */
const SAME_TIME = 1000;

const KIND: RecordKind<KeptValue> = { prefix: 'history/', version: 1, read };

interface Series {
  /** In the store; unknown until it is written to for the first time. */
  count: number | undefined;
  last: { readonly at: number; readonly value: KeptValue } | undefined;
  repeats: number;
}

export class History implements Durable {
  private store: Store = new MemoryStore();
  private records = new Records(this.store, KIND);
  private trouble: Trouble = () => undefined;
  private isKept = false;
  /** By "device path"; the longest silent first. */
  private readonly series = new Map<string, Series>();
  private pending: { readonly id: string; readonly series: string; readonly value: KeptValue }[] = [];
  private timer: Timer | undefined;
  private writing: Promise<void> | undefined;
  private isTroubled = false;
  private readonly sweeping: { timer?: Timer } = {};

  constructor(
    private readonly clock: Clock,
    private readonly limits: HistoryLimits = {},
  ) {}

  /** Values of a device, as they came. @param at of those that do not say when they were measured */
  record(device: string, values: readonly ResourceValue[], at: number): void {
    for (const { path, value, at: measured = at } of values) {
      if (isWorthKeeping(value)) this.add(device, path, value, measured > this.clock.wall() + AHEAD_MS ? at : measured);
    }
    if (this.pending.length > 0) this.timer ??= this.clock.after(WRITE_MS, () => void this.flush());
  }

  /** What came before goes where an earlier life has left its own. */
  async restore(store: Store, trouble: Trouble): Promise<void> {
    await this.flush();
    const before: Change[] = [];
    for await (const { id, value } of this.records.all(() => undefined)) before.push(this.records.change(id, value));
    this.series.clear();
    [this.store, this.records, this.trouble, this.isKept] = [store, new Records(store, KIND), trouble, store.isFleeting !== true];
    if (before.length > 0) await store.batch(before);
    this.sweepLater();
  }

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

  async keepAll(): Promise<void> {
    await this.flush();
  }

  /** Oldest first, over all devices and paths asked for. @throws DeviceManagementError `store-failed` */
  async query({
    devices,
    path = '',
    from = 0,
    to = Number.POSITIVE_INFINITY,
    limit = 1000,
  }: HistoryQuery): Promise<readonly TimedValue[]> {
    await this.flush();
    const most = Math.min(limit, MOST_HISTORY_ANSWERED);
    const found: TimedValue[] = [];
    const turns = new Turns();
    for (const device of devices) {
      for (const series of await this.pathsOf(device, path)) {
        const begin = `${prefixOf(device, series)}`;
        const range = {
          from: begin + timeText(from),
          before: begin + timeText(Math.min(to, 10 ** TIME_DIGITS - 1)),
          limit: most,
          reverse: true,
        };
        for await (const { key } of this.store.range(range)) {
          const value = await this.records.get(key.slice(KIND.prefix.length), ({ reason }) => this.damaged(reason));
          if (value !== undefined)
            found.push({ device, path: series, at: Number(key.slice(begin.length, begin.length + TIME_DIGITS)), value });
          await turns.next();
        }
      }
    }
    return found.sort((a, b) => a.at - b.at).slice(-most);
  }

  /** Of which paths there are values, at or below one. */
  async pathsOf(device: string, path = ''): Promise<readonly string[]> {
    const paths: string[] = [];
    const own = `${KIND.prefix}${encodeURIComponent(device)}/`;
    const { before } = below(own);
    // From one series to the next, without reading what is between.
    for (let from = own; ; ) {
      const [first] = await firstOf(this.store, { from, before });
      if (first === undefined) return paths;
      const series = decodeURIComponent(first.slice(own.length, first.lastIndexOf('/')));
      if (path === '' || series === path || series.startsWith(`${path}/`)) paths.push(series);
      from = below(prefixOf(device, series)).before;
    }
  }

  close(): void {
    this.timer?.cancel();
    this.sweeping.timer?.cancel();
  }

  private add(device: string, path: string, value: KeptValue, at: number): void {
    const prefix = prefixOf(device, path);
    const series = this.seriesOf(prefix);
    const { last } = series;
    // Two nodes that observe the same are told of the same value.
    if (last?.at === at && String(last.value) === String(value)) return;
    series.repeats = last?.at === at ? (series.repeats + 1) % SAME_TIME : 0;
    series.last = { at, value };
    const id = `${prefix}${timeText(at)}-${String(series.repeats).padStart(3, '0')}`.slice(KIND.prefix.length);
    this.pending.push({ id, series: prefix, value });
    if (this.pending.length > MOST_PENDING) this.pending.shift();
  }

  private seriesOf(prefix: string): Series {
    const known = this.series.get(prefix) ?? { count: undefined, last: undefined, repeats: 0 };
    this.series.delete(prefix);
    this.series.set(prefix, known);
    if (this.series.size > MOST_SERIES) this.series.delete(this.series.keys().next().value as string);
    return known;
  }

  private async write(): Promise<void> {
    const taken = this.pending.splice(0, CHANGES);
    try {
      await this.store.batch(taken.map(({ id, value }) => this.records.change(id, value)));
      this.isTroubled = false;
      for (const prefix of new Set(taken.map(({ series }) => series))) {
        await this.trim(prefix, taken.filter(({ series }) => series === prefix).length);
      }
    } catch (caught) {
      this.pending.unshift(...taken);
      if (!this.isTroubled) this.trouble(`the history cannot be written: ${caught instanceof Error ? caught.message : caught}`);
      this.isTroubled = true;
    }
  }

  /** Takes the oldest out of a series that has become too long. */
  private async trim(prefix: string, added: number): Promise<void> {
    const series = this.series.get(prefix);
    if (series === undefined) return;
    const { mostValues = this.isKept ? MOST_VALUES : MOST_VALUES_IN_MEMORY } = this.limits;
    if (series.count === undefined) series.count = (await keysOf(this.store, prefix, mostValues + CHANGES)).length;
    else series.count += added;
    const beyond = series.count - mostValues;
    if (beyond <= 0) return;
    const oldest = await keysOf(this.store, prefix, beyond);
    await this.store.batch(oldest.map((key) => ({ key })));
    series.count -= oldest.length;
  }

  private sweepLater(): void {
    this.sweeping.timer = this.clock.after(SWEEP_MS, () => {
      this.sweep()
        .catch((caught: unknown) =>
          this.trouble(`old history cannot be removed: ${caught instanceof Error ? caught.message : caught}`),
        )
        .finally(() => this.sweepLater());
    });
  }

  /** What is too old, also of devices that have fallen silent. */
  private async sweep(): Promise<void> {
    const since = this.clock.wall() - (this.limits.mostAgeMs ?? MOST_AGE_MS);
    const turns = new Turns();
    let outdated: Change[] = [];
    for await (const { key } of this.store.range(below(KIND.prefix))) {
      if (timeIn(key) < since) outdated.push({ key });
      if (outdated.length === CHANGES) {
        await this.store.batch(outdated);
        outdated = [];
      }
      await turns.next();
    }
    if (outdated.length > 0) await this.store.batch(outdated);
    // They are counted anew when they are written to next.
    for (const series of this.series.values()) series.count = undefined;
  }

  private damaged(reason: string): void {
    this.trouble(`a value of the history cannot be read: ${reason}`);
  }
}

function isWorthKeeping(value: Value): value is KeptValue {
  if (typeof value === 'string') return value.length <= LONGEST_TEXT;
  return !Buffer.isBuffer(value);
}

function prefixOf(device: string, path: string): string {
  return `${KIND.prefix}${encodeURIComponent(device)}/${encodeURIComponent(path)}/`;
}

function timeText(at: number): string {
  return String(Math.max(0, Math.floor(at))).padStart(TIME_DIGITS, '0');
}

function timeIn(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1, key.lastIndexOf('/') + 1 + TIME_DIGITS));
}

async function firstOf(store: Store, range: { from: string; before: string }): Promise<readonly string[]> {
  for await (const { key } of store.range({ ...range, limit: 1 })) return [key];
  return [];
}

/** The first keys of a series, oldest first. */
async function keysOf(store: Store, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.range({ ...below(prefix), limit })) keys.push(key);
  return keys;
}

/** @throws Error when it is no value */
function read(value: unknown): KeptValue {
  if (['number', 'boolean', 'string'].includes(typeof value) || value instanceof Date) return value as KeptValue;
  throw new Error('it is no value');
}
