/** A table in memory that outlives the process: what changes is written soon, together, and again when it could not be. */
import type { Clock, Timer } from '../clock';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import { type DamagedRecord, type RecordKind, Records } from '../store/records';
import type { Store } from '../store/store';
import { Turns } from '../turns';
import type { Durable, Trouble } from './durable';

/** In one batch, so that none keeps other writers waiting for long. */
const MOST_TOGETHER = 500;

export interface KeptTableOptions<T> {
  readonly kind: RecordKind<T>;
  readonly clock: Clock;
  /** For a person: "the tags of devices". */
  readonly what: string;
  /** How long a change may be in memory alone. */
  readonly withinMs: number;
}

export class KeptTable<T> implements Durable {
  private readonly values = new Map<string, T>();
  /** Changed since they were written. */
  private readonly dirty = new Set<string>();
  private records: Records<T> | undefined;
  private store: Store | undefined;
  private trouble: Trouble = () => undefined;
  private isTroubled = false;
  private timer: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: KeptTableOptions<T>) {}

  get size(): number {
    return this.values.size;
  }

  get(id: string): T | undefined {
    return this.values.get(id);
  }

  ids(): IterableIterator<string> {
    return this.values.keys();
  }

  entries(): IterableIterator<[id: string, value: T]> {
    return this.values.entries();
  }

  /** Holds at once. @param value undefined: it goes */
  set(id: string, value: T | undefined): void {
    if (value === undefined) this.values.delete(id);
    else this.values.set(id, value);
    this.changed(id);
  }

  /** A value has changed in its place. */
  changed(id: string): void {
    this.dirty.add(id);
    if (this.store === undefined) return;
    this.timer ??= this.options.clock.after(this.options.withinMs, () => this.writeSoon());
  }

  /** What has been said since the start holds, not what was kept before. */
  async restore(store: Store, trouble: Trouble): Promise<void> {
    this.trouble = trouble;
    this.records = new Records(store, this.options.kind);
    const turns = new Turns();
    const onDamaged = ({ key, reason }: DamagedRecord): void =>
      trouble(`${this.options.what} (${key}) cannot be read: ${reason}`);
    for await (const { id, value } of this.records.all(onDamaged)) {
      if (!this.dirty.has(id)) this.values.set(id, value);
      await turns.next();
    }
    this.store = store;
    if (this.dirty.size > 0) this.timer = this.options.clock.after(this.options.withinMs, () => this.writeSoon());
  }

  /** @throws DeviceManagementError `store-failed`: it holds, but only until the server ends */
  flush(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    this.writing = this.writing.catch(() => undefined).then(() => this.write());
    return this.writing;
  }

  async keepAll(): Promise<void> {
    for (const id of this.values.keys()) this.dirty.add(id);
    await this.flush();
  }

  private writeSoon(): void {
    this.flush().catch((caught) => {
      if (!this.isTroubled) this.trouble(asDeviceManagementError(caught).message);
      this.isTroubled = true;
    });
  }

  private async write(): Promise<void> {
    const { store, records } = this;
    if (store === undefined || records === undefined) return;
    while (this.dirty.size > 0) {
      const ids = [...this.dirty].slice(0, MOST_TOGETHER);
      for (const id of ids) this.dirty.delete(id);
      try {
        await store.batch(ids.map((id) => records.change(id, this.values.get(id))));
        this.isTroubled = false;
      } catch (caught) {
        for (const id of ids) this.dirty.add(id);
        throw new DeviceManagementError(
          'store-failed',
          `${this.options.what} are in memory only, and would not survive a restart: ${asDeviceManagementError(caught).message}`,
          { cause: caught },
        );
      }
    }
  }
}
