/**
 * Registrations and observations in a store. What is said here is kept in the order of saying; a device or a caller is answered when what
 * was said before is kept (`settle`). When it cannot be kept, the answer leaves all the same and the trouble is told: devices are served from memory.
 */
import type { Clock, Timer } from '../../clock';
import type { OperationRequest } from '../../device/operation';
import { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, Records, type StoredRecord } from '../../store/records';
import type { Change, Store } from '../../store/store';
import {
  CONTACTS,
  type KeptContact,
  type KeptObservation,
  type KeptRegistration,
  OBSERVATIONS,
  REGISTRATIONS,
} from './kept-kinds';
import type { RegistrationRecord } from './registration';

/** Updates that change nothing are kept this much later; a registration that is restored lives this much longer. */
export const WRITE_BEHIND_MS = 5_000;

/** For a person: what could not be kept, or was found damaged. */
export type KeeperTrouble = (reason: string) => void;

/** An observation that is being made or ended. */
export interface ObservationToKeep {
  readonly record: RegistrationRecord;
  readonly request: OperationRequest;
  readonly spec: KeptObservation['spec'];
  readonly token: Buffer;
}

export class DeviceKeeper {
  private readonly registrationRecords: Records<KeptRegistration>;
  private readonly contactRecords: Records<KeptContact>;
  private readonly observationRecords: Records<KeptObservation>;
  private readonly commits: GroupCommit;
  /** Heard from, not yet written. */
  private readonly late = new Set<RegistrationRecord>();
  private timer: Timer | undefined;
  private troubled = false;

  constructor(
    store: Store,
    private readonly clock: Clock,
    private readonly trouble: KeeperTrouble,
  ) {
    this.registrationRecords = new Records(store, REGISTRATIONS);
    this.contactRecords = new Records(store, CONTACTS);
    this.observationRecords = new Records(store, OBSERVATIONS);
    this.commits = new GroupCommit(store, clock);
  }

  /** A registration that is new, or not what it was. */
  keep(record: RegistrationRecord): void {
    this.say([this.registrationRecords.change(record.endpoint, keptOf(record))]);
  }

  /** An Update came that changed nothing: soon enough. */
  touch(record: RegistrationRecord): void {
    this.late.add(record);
    this.timer ??= this.clock.after(WRITE_BEHIND_MS, () => this.writeLate());
  }

  /** A registration has gone. */
  remove(record: RegistrationRecord): void {
    this.late.delete(record);
    this.forget(record.endpoint);
  }

  /** What was kept of a device that is not registered. */
  forget(device: string): void {
    this.say([this.registrationRecords.change(device, undefined), this.contactRecords.change(device, undefined)]);
  }

  keepObservation({ record, request, spec, token }: ObservationToKeep): void {
    const { endpoint: device, registeredAt } = record.value;
    this.say([this.observationRecords.change(keyOf(token), { device, registeredAt, request, spec, token })]);
  }

  forgetObservation(token: Buffer): void {
    this.say([this.observationRecords.change(keyOf(token), undefined)]);
  }

  /** @param done called when everything said before is kept, or cannot be */
  settle(done: () => void): void {
    this.commits.commit([]).then(done, done).catch(reportBug);
  }

  /** What an earlier life has left. */
  registrations(): AsyncIterable<StoredRecord<KeptRegistration>> {
    return this.registrationRecords.all((record) => this.damaged('registration', record));
  }

  contacts(): AsyncIterable<StoredRecord<KeptContact>> {
    return this.contactRecords.all((record) => this.damaged('time of an Update', record));
  }

  observations(): AsyncIterable<StoredRecord<KeptObservation>> {
    return this.observationRecords.all((record) => this.damaged('observation', record));
  }

  /** Everything that was said is in the store. */
  flush(): Promise<void> {
    this.writeLate();
    return this.commits.flush();
  }

  private writeLate(): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (const record of this.late) {
      const { id, endpoint, value } = record;
      this.say([this.contactRecords.change(endpoint, { id, updatedAt: value.updatedAt })]);
    }
    this.late.clear();
  }

  private say(changes: readonly Change[]): void {
    this.commits.commit(changes).then(
      () => {
        this.troubled = false;
      },
      (caught) => this.failed(caught),
    );
  }

  private failed(caught: unknown): void {
    if (this.troubled) return;
    this.troubled = true;
    const reason = caught instanceof Error ? caught.message : String(caught);
    this.trouble(`registrations and observations are kept in memory only and would not survive a restart: ${reason}`);
  }

  private damaged(what: string, { key, reason, movedTo }: DamagedRecord): void {
    const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
    this.trouble(`a ${what} (${key}) cannot be read: ${reason}; ${where}`);
  }
}

function keptOf({ id, identity, peer, value }: RegistrationRecord): KeptRegistration {
  const { transport, address, port } = peer;
  return { id, ...(identity !== undefined && { identity }), peer: { transport: transport.name, address, port }, value };
}

/** Of whoever waited: not to be swallowed, and nothing here is wrong. */
function reportBug(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'ListenerError');
}

function keyOf(token: Buffer): string {
  return token.toString('hex');
}
