/** What is known of one rule at one device: the newest condition, what is due, and the alarm if there is one. Plain data, one record each. */
import type { Clock } from '../../clock';
import { GroupCommit } from '../../store/group-commit';
import { type RecordKind, Records } from '../../store/records';
import type { Store } from '../../store/store';
import type { Trouble } from '../durable';
import type { Alarm } from './alarm';

export interface Case {
  readonly key: string;
  readonly device: string;
  readonly type: string;
  readonly instance?: string;
  /** What the newest value or event said. */
  met: boolean;
  value?: Alarm['value'];
  /** When it was met, as far back as the rule counts; Unix milliseconds, as all of these. */
  times: readonly number[];
  /** When the alarm came or went, as far back as flapping counts. */
  transitions: readonly number[];
  /** A delay ends: then the condition counts. */
  dueAt?: number | undefined;
  escalateAt?: number | undefined;
  /** The parent is well again: what is still wrong then is the device's own. */
  revealAt?: number | undefined;
  /** Whose trouble explains this one's. */
  parent?: string | undefined;
  alarm?: Alarm | undefined;
}

const KIND: RecordKind<Case> = { prefix: 'alarm/', version: 1, read };

export function caseKey(device: string, type: string, instance = ''): string {
  return [device, type, instance].map(encodeURIComponent).join('/');
}

/** Cases in a store; a failure is told once and mended by the next `keepAll`. */
export class CaseJournal {
  private readonly records: Records<Case>;
  private readonly commits: GroupCommit;
  private isTroubled = false;

  constructor(
    store: Store,
    clock: Clock,
    private readonly trouble: Trouble,
  ) {
    this.records = new Records(store, KIND);
    this.commits = new GroupCommit(store, clock);
  }

  async *load(): AsyncIterable<Case> {
    const damaged = ({ key, reason }: { key: string; reason: string }): void =>
      this.trouble(`the state of an alarm (${key}) cannot be read and was set aside: ${reason}`);
    for await (const { value } of this.records.all(damaged)) yield value;
  }

  /** @param kept `undefined`: it is over */
  keep(key: string, kept: Case | undefined): void {
    this.commits.commit([this.records.change(key, kept)]).then(
      () => {
        this.isTroubled = false;
      },
      (caught: unknown) => {
        if (!this.isTroubled) this.trouble(`alarms are kept in memory only and would not survive a restart: ${String(caught)}`);
        this.isTroubled = true;
      },
    );
  }

  flush(): Promise<void> {
    return this.commits.flush();
  }
}

/** @throws Error when it is no case: a store may have been written to by anything */
function read(value: unknown): Case {
  const { key, device, type, met, times, transitions } = (value ?? {}) as Partial<Case>;
  const isCase =
    [key, device, type].every((text) => typeof text === 'string') &&
    typeof met === 'boolean' &&
    Array.isArray(times) &&
    Array.isArray(transitions);
  if (!isCase) throw new Error('it is not the state of an alarm');
  return value as Case;
}
