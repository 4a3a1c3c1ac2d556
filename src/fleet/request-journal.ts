/**
 * Requests that wait, in a store: written before their asker is told that they wait, and gone when they are settled. What reaches a device
 * twice must do no harm, so a request that cannot be repeated is marked before it is sent.
 */
import type { Clock } from '../clock';
import { GroupCommit } from '../store/group-commit';
import { type DamagedRecord, type RecordKind, Records } from '../store/records';
import type { Change, Store } from '../store/store';
import type { Order } from './outcomes';

export interface KeptRequest {
  readonly order: Order;
  /** Unix milliseconds. */
  readonly since: number;
  readonly expiresAt: number;
  /** It was about to be sent, and must not be sent again. */
  readonly sent: boolean;
}

/** For a person: what the store could not do, or what it found. */
export type JournalTrouble = (reason: string) => void;

const KIND: RecordKind<KeptRequest> = { prefix: 'queue/', version: 1, read };
/** Digits of an id in its key: the order of keys is that of asking. */
const ID_DIGITS = 12;

export class RequestJournal {
  private readonly records: Records<KeptRequest>;
  private readonly commits: GroupCommit;
  private troubled = false;

  constructor(
    store: Store,
    clock: Clock,
    private readonly trouble: JournalTrouble,
  ) {
    this.records = new Records(store, KIND);
    this.commits = new GroupCommit(store, clock);
  }

  /** What an earlier life has left, in order of asking. */
  async *load(): AsyncIterable<{ readonly id: number; readonly kept: KeptRequest }> {
    for await (const { id, value } of this.records.all((record) => this.trouble(damaged(record))))
      yield { id: Number(id), kept: value };
  }

  /** Resolves when it is kept, or cannot be: then it waits in memory alone, which is told once. */
  async keep(id: number, kept: KeptRequest): Promise<void> {
    try {
      await this.commits.commit([this.change(id, kept)]);
      this.troubled = false;
    } catch (caught) {
      this.tell(caught);
    }
  }

  forget(id: number): void {
    this.commits.commit([this.change(id, undefined)]).catch((caught) => this.tell(caught));
  }

  /** Everything that was said is in the store. */
  flush(): Promise<void> {
    return this.commits.flush();
  }

  private change(id: number, kept: KeptRequest | undefined): Change {
    return this.records.change(String(id).padStart(ID_DIGITS, '0'), kept);
  }

  private tell(caught: unknown): void {
    if (this.troubled) return;
    this.troubled = true;
    const reason = caught instanceof Error ? caught.message : String(caught);
    this.trouble(`waiting requests are kept in memory only and would not survive a restart: ${reason}`);
  }
}

function damaged({ key, reason, movedTo }: DamagedRecord): string {
  const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
  return `a waiting request (${key}) cannot be read: ${reason}; ${where}`;
}

/** @throws Error when it is no request: a store may have been written to by anything */
function read(value: unknown): KeptRequest {
  const { order, since, expiresAt, sent } = (value ?? {}) as Partial<KeptRequest>;
  const { owner, device, request, whenAsleep } = (order ?? {}) as Partial<Order>;
  const isOrder =
    typeof owner === 'string' &&
    typeof device === 'string' &&
    whenAsleep === 'queue' &&
    typeof request?.operation === 'string' &&
    typeof request.path === 'string';
  if (!isOrder || typeof since !== 'number' || typeof expiresAt !== 'number' || typeof sent !== 'boolean')
    throw new Error('it is not a request');
  return value as KeptRequest;
}
