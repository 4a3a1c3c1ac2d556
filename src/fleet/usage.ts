/**
 * Accounting: who has asked how much of which devices, and what devices have used, by month (Y.4702 requirements 41 and 42). Counted in memory and
 * written a minute later at most, which is what a crash may cost; months that are over are in the store alone.
 */
import type { Clock, Timer } from '../clock';
import type { DeviceManager } from '../device/manager';
import type { Unsubscribe } from '../events';
import { MemoryStore } from '../store/memory';
import { type RecordKind, Records } from '../store/records';
import { below, type Change, compareKeys, type Store } from '../store/store';
import { Turns } from '../turns';
import type { Durable, Trouble } from './durable';
import { OnlineTime } from './online-time';
import type { Outcome } from './outcomes';
import {
  add,
  type Counting,
  noUsage,
  periodOf,
  shifted,
  USAGE_KINDS,
  type UsageCounters,
  type UsageKind,
  type UsageRecord,
} from './usage-record';

export interface UsageQuery {
  readonly kind: UsageKind;
  /** "2026-11"; the present month without. */
  readonly period?: string;
  readonly limit?: number;
  /** Goes on behind this name. */
  readonly cursor?: string;
}

export interface UsagePage {
  readonly period: string;
  /** Of all, not of this page alone. `devices` of applications are added up: one that two have asked counts twice. */
  readonly total: UsageCounters;
  /** By name. */
  readonly records: readonly UsageRecord[];
  /** Where the next page begins; absent on the last. */
  readonly cursor?: string;
}

const WRITE_MS = 60_000;
/** So much online time a crash may cost. */
const ACCRUE_MS = 3_600_000;
const MOST_MONTHS = 24;
/** Of each kind in a month; all others are counted together. */
const MOST_NAMES = 100_000;
const OTHERS = '(others)';
/** An application's different devices; what comes beyond is not told apart. */
const MOST_PAIRS = 200_000;
const LONGEST_NAME = 255;
/** Of one batch. */
const CHANGES = 500;
/** A page of the HTTP API. */
export const MOST_USAGE_ANSWERED = 10_000;

const COUNTS: RecordKind<Counting> = { prefix: 'usage/', version: 1, read: readCounting };
/** That an application has asked a device, by its name. */
const PAIRS: RecordKind<true> = { prefix: 'usage-pair/', version: 1, read: () => true };

export class Usage implements Durable {
  private store: Store = new MemoryStore();
  private counts = new Records(this.store, COUNTS);
  private pairs = new Records(this.store, PAIRS);
  private trouble: Trouble = () => undefined;
  private isTroubled = false;
  private period: string;
  /** "2026-11/device/boiler". */
  private readonly counting = new Map<string, Counting>();
  private readonly dirty = new Set<string>();
  private readonly met = new Set<string>();
  private readonly dirtyPairs = new Set<string>();
  private readonly names: Record<UsageKind, number> = { application: 0, device: 0 };
  private readonly online: OnlineTime;
  private timer: Timer | undefined;
  private accrual: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly subscriptions: readonly Unsubscribe[];

  constructor(
    private readonly manager: Pick<DeviceManager, 'events' | 'registrations'>,
    private readonly clock: Clock,
  ) {
    this.period = periodOf(clock.wall());
    this.online = new OnlineTime(clock, (device, onlineMs) => this.count('device', device, { onlineMs }));
    const { events } = manager;
    this.subscriptions = [
      events.on('notification', ({ device, bytes }) => this.reported(device, bytes)),
      events.on('send', ({ device, bytes }) => this.reported(device, bytes)),
      events.on('lifecycle', ({ event, device }) => {
        if (event === 'expired' || event === 'deregistered') this.left(device);
        else if (event === 'registered') this.online.came(device);
      }),
    ];
  }

  /** An operation has ended. @param application who had asked: "token 5c (billing)", "node 3f2a" */
  asked(application: string, device: string, outcome: Outcome): void {
    this.turnOver();
    const failed = 'error' in outcome ? 1 : 0;
    const { rtt = 0, bytes = { sent: 0, received: 0 } } = 'result' in outcome ? outcome.result : {};
    const more = { requests: 1, failed, answerMs: Math.round(rtt), bytesSent: bytes.sent, bytesReceived: bytes.received };
    this.count('device', device, more);
    this.count('application', application, { ...more, devices: this.meets(application, device) ? 1 : 0 });
  }

  /** @throws DeviceManagementError `store-failed` */
  async query({ kind, period = periodOf(this.clock.wall()), limit = 1000, cursor = '' }: UsageQuery): Promise<UsagePage> {
    this.online.tellAll();
    const prefix = `${period}/${kind}/`;
    const total = noUsage();
    const records: UsageRecord[] = [];
    const most = Math.min(limit, MOST_USAGE_ANSWERED);
    let goesOn = false;
    for await (const { id, value } of period === this.period ? this.counted(prefix) : this.kept(prefix)) {
      add(total, value);
      const name = id.slice(prefix.length);
      if (compareKeys(name, cursor) <= 0) continue;
      if (records.length < most) records.push({ period, kind, name, ...value });
      else goesOn = true;
    }
    return { period, total, records, ...(goesOn && { cursor: (records[most - 1] as UsageRecord).name }) };
  }

  /** What was counted before is added to what an earlier life has left. */
  async restore(store: Store, trouble: Trouble): Promise<void> {
    await this.flush();
    [this.store, this.counts, this.pairs] = [store, new Records(store, COUNTS), new Records(store, PAIRS)];
    this.trouble = trouble;
    const turns = new Turns();
    for await (const { id } of this.pairs.all(({ reason }) => this.damaged(reason))) {
      if (id.startsWith(`${this.period}/`)) this.met.add(id);
      await turns.next();
    }
    for await (const { id, value } of this.kept(`${this.period}/`)) {
      const before = this.counting.get(id);
      if (before === undefined) this.names[kindOf(id)]++;
      this.counting.set(id, add(before ?? noUsage(), value));
      await turns.next();
    }
    for (const id of this.counting.keys()) this.dirty.add(id);
    for (const { endpoint } of this.manager.registrations()) this.online.came(endpoint);
    this.accrueLater();
    await this.forgetOld();
  }

  async flush(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    await this.writing;
  }

  async keepAll(): Promise<void> {
    for (const id of this.counting.keys()) this.dirty.add(id);
    for (const id of this.met) this.dirtyPairs.add(id);
    await this.flush();
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    // What is flushed after this has all of it.
    this.online.tellAll();
    this.accrual?.cancel();
    this.timer?.cancel();
  }

  private reported(device: string, bytes = 0): void {
    this.turnOver();
    this.count('device', device, { reports: 1, bytesReceived: bytes });
  }

  private left(device: string): void {
    this.turnOver();
    this.online.left(device);
  }

  private count(kind: UsageKind, name: string, more: Partial<UsageCounters>): void {
    const id = this.idOf(kind, name.slice(0, LONGEST_NAME));
    let counting = this.counting.get(id);
    if (counting === undefined) {
      counting = noUsage();
      this.counting.set(id, counting);
      this.names[kind]++;
    }
    add(counting, more);
    this.dirty.add(id);
    this.timer ??= this.clock.after(WRITE_MS, () => void this.flush());
  }

  private idOf(kind: UsageKind, name: string): string {
    const id = `${this.period}/${kind}/${name}`;
    return this.names[kind] < MOST_NAMES || this.counting.has(id) ? id : `${this.period}/${kind}/${OTHERS}`;
  }

  /** @returns whether it is the first time */
  private meets(application: string, device: string): boolean {
    const id = `${this.period}/${application.slice(0, LONGEST_NAME)} ${device.slice(0, LONGEST_NAME)}`;
    if (this.met.has(id) || this.met.size >= MOST_PAIRS) return false;
    this.met.add(id);
    this.dirtyPairs.add(id);
    return true;
  }

  private accrueLater(): void {
    this.accrual?.cancel();
    this.accrual = this.clock.after(ACCRUE_MS, () => {
      this.turnOver();
      this.online.tellAll();
      this.accrueLater();
    });
  }

  /** A month has ended: what belongs to it is written, and then only in the store. */
  private turnOver(): void {
    const period = periodOf(this.clock.wall());
    // A clock that was set back does not begin an old month again.
    if (period <= this.period) return;
    this.online.tellAll();
    this.period = period;
    for (const kind of USAGE_KINDS) this.names[kind] = 0;
    void this.flush()
      .then(() => this.forgetOld())
      .catch((caught) => this.tell(caught));
  }

  private async forgetOld(): Promise<void> {
    const oldest = shifted(this.period, 1 - MOST_MONTHS);
    const keys: Change[] = [];
    for (const { prefix } of [COUNTS, PAIRS]) {
      // Of months that are over the number is enough.
      const before = `${prefix}${prefix === PAIRS.prefix ? this.period : oldest}`;
      for await (const { key } of this.store.range({ from: prefix, before })) keys.push({ key });
    }
    for (let at = 0; at < keys.length; at += CHANGES) await this.store.batch(keys.slice(at, at + CHANGES));
  }

  private async write(): Promise<void> {
    while (this.dirty.size + this.dirtyPairs.size > 0) {
      const ids = [...this.dirty].slice(0, CHANGES);
      const pairs = [...this.dirtyPairs].slice(0, CHANGES);
      for (const id of ids) this.dirty.delete(id);
      for (const id of pairs) this.dirtyPairs.delete(id);
      try {
        await this.store.batch([
          ...ids.map((id) => this.counts.change(id, this.counting.get(id))),
          ...pairs.map((id) => this.pairs.change(id, true)),
        ]);
        this.isTroubled = false;
      } catch (caught) {
        for (const id of ids) this.dirty.add(id);
        for (const id of pairs) this.dirtyPairs.add(id);
        return this.tell(caught);
      }
    }
    for (const table of [this.counting, this.met]) {
      for (const id of table.keys()) if (!id.startsWith(this.period)) table.delete(id);
    }
  }

  /** Of the present month, by name. */
  private *counted(prefix: string): Iterable<{ readonly id: string; readonly value: Counting }> {
    const ids = [...this.counting.keys()].filter((id) => id.startsWith(prefix)).sort(compareKeys);
    for (const id of ids) yield { id, value: this.counting.get(id) as Counting };
  }

  private async *kept(prefix: string): AsyncIterable<{ readonly id: string; readonly value: Counting }> {
    const turns = new Turns();
    for await (const { key } of this.store.range(below(`${COUNTS.prefix}${prefix}`))) {
      const id = key.slice(COUNTS.prefix.length);
      const value = await this.counts.get(id, ({ reason }) => this.damaged(reason));
      if (value !== undefined) yield { id, value };
      await turns.next();
    }
  }

  private damaged(reason: string): void {
    this.trouble(`a record of usage cannot be read: ${reason}`);
  }

  private tell(caught: unknown): void {
    if (!this.isTroubled) this.trouble(`usage cannot be written: ${caught instanceof Error ? caught.message : caught}`);
    this.isTroubled = true;
  }
}

function kindOf(id: string): UsageKind {
  return id.split('/', 2)[1] === 'device' ? 'device' : 'application';
}

/** @throws Error when it is none */
function readCounting(value: unknown): Counting {
  const given = (value ?? {}) as Readonly<Record<string, unknown>>;
  const counting = noUsage();
  for (const name of Object.keys(counting) as (keyof Counting)[]) {
    const number = given[name];
    if (typeof number !== 'number' || number < 0) throw new Error(`its ${name} is no number`);
    counting[name] = number;
  }
  return counting;
}
