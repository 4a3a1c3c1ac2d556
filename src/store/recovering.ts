/**
 * A store that comes back: when it cannot be written to (a full disk, one that has gone), it is opened anew from time to time, since a log that
 * ends in the middle of a record must not be written on. Whoever uses it is told when it fails, and when it can be written to again: what was
 * said meanwhile is not in it.
 */
import type { Clock, Timer } from '../clock';
import { asDeviceManagementError, type DeviceManagementError } from '../errors';
import { type Change, closed, type Entry, type How, type Range, type Store } from './store';

export interface StoreWatcher {
  failed(error: DeviceManagementError): void;
  recovered(): void;
}

const RETRY_MS = 30_000;
const PROBE = 'probe';

export class RecoveringStore implements Store {
  private failure: DeviceManagementError | undefined;
  private retry: Timer | undefined;
  private reopening: Promise<void> | undefined;
  private isClosed = false;

  private constructor(
    private store: Store,
    private readonly open: () => Promise<Store>,
    private readonly clock: Clock,
    private readonly watcher: StoreWatcher,
  ) {}

  /** @throws DeviceManagementError `store-failed` when it cannot be opened at first */
  static async open(open: () => Promise<Store>, clock: Clock, watcher: StoreWatcher): Promise<RecoveringStore> {
    return new RecoveringStore(await open(), open, clock, watcher);
  }

  get isFleeting(): boolean {
    return this.store.isFleeting === true;
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.store.get(key);
  }

  put(key: string, value: Buffer): Promise<void> {
    return this.batch([{ key, value }]);
  }

  delete(key: string): Promise<void> {
    return this.batch([{ key }]);
  }

  range(range: Range): AsyncIterable<Entry> {
    return this.store.range(range);
  }

  async batch(changes: readonly Change[], how?: How): Promise<void> {
    if (this.isClosed) throw closed();
    if (this.failure !== undefined) throw this.failure;
    try {
      await this.store.batch(changes, how);
    } catch (caught) {
      const error = asDeviceManagementError(caught);
      // A key that is none is a mistake of whoever gave it.
      if (error.code === 'store-failed') this.fail(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.retry?.cancel();
    await this.reopening;
    await this.store.close();
  }

  private fail(error: DeviceManagementError): void {
    if (this.isClosed || this.failure !== undefined) return;
    this.failure = error;
    this.watcher.failed(error);
    this.tryLater();
  }

  private tryLater(): void {
    this.retry = this.clock.after(RETRY_MS, () => {
      this.reopening = this.reopen();
    });
  }

  private async reopen(): Promise<void> {
    try {
      await this.store.close();
      this.store = await this.open();
      await this.store.batch([{ key: PROBE, value: Buffer.of(1) }]);
      await this.store.batch([{ key: PROBE }]);
    } catch {
      if (!this.isClosed) this.tryLater();
      return;
    }
    this.failure = undefined;
    if (!this.isClosed) this.watcher.recovered();
  }
}
