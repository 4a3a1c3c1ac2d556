/**
 * A store on a disk with a cache: what was not synced is lost when the power goes, but for a beginning of it, for a log is written from its
 * beginning to its end. A sync takes its time, and brings everything before it to the disk.
 */
import type { Clock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import type { Durability } from '../../src/store/level';
import { MemoryStore } from '../../src/store/memory';
import { below, type Change, type How, type Store } from '../../src/store/store';

const LONGEST_SYNC_MS = 15;
/** A system writes of itself what is not synced: after seconds, which here are a part of a life. */
const WRITE_BACK_MS = 150;

export class Disk {
  /** Batches that were lost. */
  lost = 0;
  /** What is safe. */
  private readonly platter = new MemoryStore();
  /** What readers see. */
  private seen = new MemoryStore();
  /** What is seen and not yet safe, in its order. */
  private cache: (readonly Change[])[] = [];
  private life = 0;

  constructor(
    private readonly clock: Clock,
    private readonly durability: Durability,
    private readonly random: () => number,
  ) {}

  /** As one process sees it. */
  open(): Store {
    const { life } = this;
    const batch = (changes: readonly Change[], how?: How): Promise<void> => this.write(life, changes, how);
    return {
      get: (key) => this.seen.get(key),
      range: (range) => this.seen.range(range),
      put: (key, value) => batch([{ key, value }]),
      delete: (key) => batch([{ key }]),
      batch,
      close: async () => {},
    };
  }

  /** The power goes. */
  async cut(): Promise<void> {
    this.life++;
    const { cache } = this;
    const survivors = Math.floor(this.random() * (cache.length + 1));
    this.lost += cache.length - survivors;
    this.cache = [];
    for (const changes of cache.slice(0, survivors)) await this.platter.batch(changes);
    this.seen = new MemoryStore();
    for await (const { key, value } of this.platter.range(below(''))) await this.seen.put(key, value);
  }

  private async write(life: number, changes: readonly Change[], { synced = false }: How = {}): Promise<void> {
    if (life !== this.life) throw new DeviceManagementError('store-failed', 'the power is off');
    await this.seen.batch(changes);
    this.cache.push(changes);
    if (synced || this.durability === 'power') await this.sync(life, changes);
    else this.clock.after(WRITE_BACK_MS, () => void this.writeBack(life, changes));
  }

  private async sync(life: number, changes: readonly Change[]): Promise<void> {
    await new Promise<void>((resolve) => this.clock.after(Math.ceil(this.random() * LONGEST_SYNC_MS), resolve));
    if (life !== this.life) throw new DeviceManagementError('store-failed', 'the power is off');
    await this.writeBack(life, changes);
  }

  private async writeBack(life: number, changes: readonly Change[]): Promise<void> {
    if (life !== this.life) return;
    // A later one may have brought it there.
    const upTo = this.cache.indexOf(changes) + 1;
    for (const safe of this.cache.splice(0, upTo)) await this.platter.batch(safe);
  }
}
