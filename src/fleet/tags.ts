/**
 * Static tags of devices: words such as "floor-2", or "key=value". Those given when a device was provisioned count as well; they stand with its other
 * provisioned properties, and are changed there.
 */
import type { Clock } from '../clock';
import { MOST_TAGS, readTags } from '../device/provisioned-device';
import { DeviceManagementError } from '../errors';
import { Events } from '../events';
import type { RecordKind } from '../store/records';
import type { Store } from '../store/store';
import type { Durable, Trouble } from './durable';
import { KeptTable } from './kept-table';

/** Where devices have tags of before they came. */
export interface ProvisionedTags {
  tagsOf(device: string): readonly string[];
  /** @throws DeviceManagementError `store-failed` */
  retag(device: string, tags: readonly string[]): Promise<void>;
}

const KIND: RecordKind<readonly string[]> = { prefix: 'tags/', version: 1, read: readTags };
const MOST_DEVICES = 200_000;
/** A person waits for it, and others may come in the same moment. */
const KEPT_WITHIN_MS = 5;
const NOBODY: ProvisionedTags = { tagsOf: () => [], retag: async () => undefined };

export class Tags implements Durable {
  readonly events = new Events<{ changed: string }>();
  private readonly table: KeptTable<readonly string[]>;

  constructor(
    clock: Clock,
    private readonly provisioned: ProvisionedTags = NOBODY,
  ) {
    this.table = new KeptTable({ kind: KIND, clock, what: 'the tags of devices', withinMs: KEPT_WITHIN_MS });
  }

  of(device: string): readonly string[] {
    const own = this.table.get(device);
    const provisioned = this.provisioned.tagsOf(device);
    if (own === undefined) return provisioned;
    return provisioned.length === 0 ? own : [...new Set([...provisioned, ...own])].sort();
  }

  /** Of the tag "key=value". */
  value(device: string, key: string): string | undefined {
    const begin = `${key}=`;
    return this.of(device)
      .find((tag) => tag.startsWith(begin))
      ?.slice(begin.length);
  }

  devices(): Iterable<string> {
    return this.table.ids();
  }

  /**
   * One that has a value takes the place of another value of the same key. Resolves when it outlives the process.
   * @throws DeviceManagementError `invalid-value`, `too-large`; `store-failed`: it holds, but only until the server ends
   */
  async add(devices: readonly string[], given: unknown): Promise<void> {
    const added = readTags(given);
    const keys = added.filter((tag) => tag.includes('=')).map((tag) => tag.slice(0, tag.indexOf('=') + 1));
    const without = (tags: readonly string[]): readonly string[] =>
      tags.filter((tag) => !keys.some((key) => tag.startsWith(key)) && !added.includes(tag));
    const changes = devices.map((device) => {
      const wanted = [...without(this.table.get(device) ?? []), ...added].sort();
      if (wanted.length > MOST_TAGS)
        throw new DeviceManagementError('invalid-value', `a device has at most ${MOST_TAGS} tags`, { device });
      return [device, wanted] as const;
    });
    if (this.table.size + changes.length > MOST_DEVICES) {
      throw new DeviceManagementError('too-large', `${MOST_DEVICES} devices have tags, which is all that can`);
    }
    for (const [device, wanted] of changes) {
      await this.retag(device, without(this.provisioned.tagsOf(device)));
      this.put(device, wanted);
    }
    await this.table.flush();
  }

  /** What a device does not have is no mistake. @param given undefined: all of them @throws as `add` */
  async remove(devices: readonly string[], given?: unknown): Promise<void> {
    const removed = given === undefined ? undefined : readTags(given);
    const without = (tags: readonly string[]): readonly string[] =>
      removed === undefined ? [] : tags.filter((tag) => !removed.includes(tag));
    for (const device of devices) {
      await this.retag(device, without(this.provisioned.tagsOf(device)));
      this.put(device, without(this.table.get(device) ?? []));
    }
    await this.table.flush();
  }

  restore(store: Store, trouble: Trouble): Promise<void> {
    return this.table.restore(store, trouble);
  }

  flush(): Promise<void> {
    return this.table.flush();
  }

  keepAll(): Promise<void> {
    return this.table.keepAll();
  }

  private async retag(device: string, tags: readonly string[]): Promise<void> {
    if (tags.length !== this.provisioned.tagsOf(device).length) await this.provisioned.retag(device, tags);
  }

  private put(device: string, tags: readonly string[]): void {
    if (tags.join('\n') === (this.table.get(device) ?? []).join('\n')) return;
    this.table.set(device, tags.length === 0 ? undefined : tags);
    this.events.emit('changed', device);
  }
}
