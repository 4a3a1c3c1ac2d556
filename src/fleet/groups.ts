/** Dynamic groups: selectors with a name, which mean whatever devices fit at the moment. */
import type { Clock } from '../clock';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import { Events } from '../events';
import type { RecordKind } from '../store/records';
import type { Store } from '../store/store';
import type { Durable, Trouble } from './durable';
import { KeptTable } from './kept-table';
import { Selector } from './selector';

export interface Group {
  readonly name: string;
  readonly devices: Selector;
  /** As it was given. */
  readonly select: unknown;
}

interface KeptGroup {
  readonly select: unknown;
}

const KIND: RecordKind<KeptGroup> = { prefix: 'group/', version: 1, read };
const MOST_GROUPS = 1_000;
const LONGEST_NAME = 100;
/** As JSON. */
const LONGEST_SELECT = 20_000;
/** Groups that speak of groups; each is evaluated for each device. */
const DEEPEST = 8;
const KEPT_WITHIN_MS = 5;

export class Groups implements Durable {
  readonly events = new Events<{ changed: Group }>();
  private readonly groups = new Map<string, Group>();
  private readonly table: KeptTable<KeptGroup>;

  constructor(clock: Clock) {
    this.table = new KeptTable({ kind: KIND, clock, what: 'the groups of devices', withinMs: KEPT_WITHIN_MS });
  }

  all(): readonly Group[] {
    return [...this.groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): Group | undefined {
    return this.groups.get(name);
  }

  /**
   * Declares a group, or declares it anew. Resolves when it outlives the process.
   * @throws DeviceManagementError `invalid-value`, `invalid-request` for a selector that cannot be used or leads back to the group, `too-large`;
   * `store-failed`: it holds, but only until the server ends
   */
  async set(name: unknown, select: unknown): Promise<Group> {
    const group = this.read(name, select);
    this.groups.set(group.name, group);
    this.table.set(group.name, { select });
    this.events.emit('changed', group);
    await this.table.flush();
    return group;
  }

  /** @returns whether it was there @throws DeviceManagementError `store-failed`: it is gone, and would be back after a restart */
  async remove(name: string): Promise<boolean> {
    const group = this.groups.get(name);
    if (group === undefined) return false;
    this.groups.delete(name);
    this.table.set(name, undefined);
    this.events.emit('changed', group);
    await this.table.flush();
    return true;
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    await this.table.restore(store, trouble);
    for (const [name, { select }] of this.table.entries()) {
      try {
        this.groups.set(name, this.read(name, select));
      } catch (caught) {
        trouble(`the group ${JSON.stringify(name)} cannot be used: ${asDeviceManagementError(caught).message}`);
      }
    }
  }

  flush(): Promise<void> {
    return this.table.flush();
  }

  keepAll(): Promise<void> {
    return this.table.keepAll();
  }

  private read(name: unknown, select: unknown): Group {
    if (typeof name !== 'string' || name.trim() === '' || name.length > LONGEST_NAME || /\p{C}/u.test(name)) {
      throw new DeviceManagementError('invalid-value', `a group has a name of 1 to ${LONGEST_NAME} characters`);
    }
    if (JSON.stringify(select ?? null).length > LONGEST_SELECT) {
      throw new DeviceManagementError('too-large', `the selector of a group has at most ${LONGEST_SELECT} characters`);
    }
    if (!this.groups.has(name.trim()) && this.groups.size >= MOST_GROUPS) {
      throw new DeviceManagementError('too-large', `there are ${MOST_GROUPS} groups, which is all that can be: remove some`);
    }
    const group = { name: name.trim(), devices: Selector.of(select), select };
    this.checkDepth(group, group.devices, 1);
    return group;
  }

  private checkDepth(group: Group, { groups }: Selector, depth: number): void {
    for (const name of groups) {
      if (name === group.name) throw endless(group.name, 'leads back to itself');
      if (depth >= DEEPEST) throw endless(group.name, `speaks of groups more than ${DEEPEST} deep`);
      const next = this.groups.get(name);
      if (next !== undefined) this.checkDepth(group, next.devices, depth + 1);
    }
  }
}

function endless(name: string, why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `the group ${JSON.stringify(name)} ${why}`);
}

/** @throws Error when it is none */
function read(value: unknown): KeptGroup {
  if (typeof value !== 'object' || value === null || !('select' in value)) throw new Error('it is no group');
  return value as KeptGroup;
}
