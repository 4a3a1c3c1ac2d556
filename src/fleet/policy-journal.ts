/**
 * What observe policies know of devices beyond which paths are observed, in a store: attributes that were set, and how a device notifies. Written
 * a little later, for whatever of it is lost is found out again: attributes are set once more, which changes nothing.
 */
import type { Clock, Timer } from '../clock';
import { GroupCommit } from '../store/group-commit';
import { type DamagedRecord, type RecordKind, Records } from '../store/records';
import type { Store } from '../store/store';
import type { AttributeSet } from './observe-policy';

export interface KeptPath {
  readonly path: string;
  /** As they stand on the device. */
  readonly attributes: AttributeSet;
  readonly attributesRefused: boolean;
  readonly extent: number;
}

export interface KeptPaths {
  /** Of the registration it is true of. */
  readonly registeredAt: number;
  /** It notifies in parts, and what overlaps shares an observation. */
  readonly partial: boolean;
  readonly paths: readonly KeptPath[];
}

const KIND: RecordKind<KeptPaths> = { prefix: 'policies/', version: 1, read };
const WRITE_BEHIND_MS = 5_000;

export class PolicyJournal {
  private readonly records: Records<KeptPaths>;
  private readonly commits: GroupCommit;
  private readonly changed = new Set<string>();
  private timer: Timer | undefined;
  private stateOf: (device: string) => KeptPaths | undefined = () => undefined;

  constructor(
    store: Store,
    private readonly clock: Clock,
    private readonly trouble: (reason: string) => void,
  ) {
    this.records = new Records(store, KIND);
    this.commits = new GroupCommit(store, clock);
  }

  /** @param stateOf what is to be written of a device; nothing when there is nothing to know */
  begin(stateOf: (device: string) => KeptPaths | undefined): void {
    this.stateOf = stateOf;
  }

  async *load(): AsyncIterable<{ readonly device: string; readonly kept: KeptPaths }> {
    for await (const { id, value } of this.records.all((record) => this.trouble(damaged(record))))
      yield { device: id, kept: value };
  }

  /** Something is not as it was written. */
  change(device: string): void {
    this.changed.add(device);
    this.timer ??= this.clock.after(WRITE_BEHIND_MS, () => this.write());
  }

  flush(): Promise<void> {
    this.write();
    return this.commits.flush();
  }

  private write(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const changes = [...this.changed].map((device) => this.records.change(device, this.stateOf(device)));
    this.changed.clear();
    // Who keeps the devices themselves tells that nothing can be kept.
    if (changes.length > 0) this.commits.commit(changes).catch(() => undefined);
  }
}

function damaged({ key, reason, movedTo }: DamagedRecord): string {
  const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
  return `what is observed of a device (${key}) cannot be read: ${reason}; ${where}`;
}

/** @throws Error when it is not what it should be */
function read(value: unknown): KeptPaths {
  const { registeredAt, partial, paths } = (value ?? {}) as Partial<KeptPaths>;
  const isWhole =
    typeof registeredAt === 'number' && typeof partial === 'boolean' && Array.isArray(paths) && paths.every(isKeptPath);
  if (!isWhole) throw new Error('it is not a list of paths');
  return value as KeptPaths;
}

function isKeptPath(value: unknown): boolean {
  const { path, attributes, attributesRefused, extent } = (value ?? {}) as Partial<KeptPath>;
  return (
    typeof path === 'string' &&
    typeof attributes === 'object' &&
    attributes !== null &&
    Object.values(attributes).every((one) => typeof one === 'number') &&
    typeof attributesRefused === 'boolean' &&
    typeof extent === 'number'
  );
}
