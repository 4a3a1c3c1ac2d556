/**
 * The associations of a DTLS endpoint in a store. A new one is there before its peer is told that it is connected, its place (address and
 * replay window) soon after each change, and one that has ended is gone from it.
 */
import type { Clock, Timer } from '../../clock';
import type { DtlsEndpoint } from '../../dtls/dtls';
import type { AssociationPlace, AssociationSnapshot } from '../../dtls/snapshot';
import type { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, Records } from '../../store/records';
import type { Change, Store } from '../../store/store';
import { Turns } from '../../turns';
import { ASSOCIATIONS, type KeptAssociation, PLACES } from './association-kinds';
import type { ProofSeal } from './proof-seal';

/**
 * How much later than a record its number is stored as received. What came in this time before a crash may be played to the server once
 * more after it.
 */
const PLACE_BEHIND_MS = 1_000;
/** Ids in their order, which is that of the handshakes. */
const ID_DIGITS = 15;

export interface Commits {
  readonly commits: GroupCommit;
  /** Told of a change that is not kept. */
  failed(caught: unknown): void;
  committed(): void;
}

export class AssociationKeeper {
  private readonly records: Records<KeptAssociation>;
  private readonly places: Records<AssociationPlace>;
  /** Those in the store. */
  private readonly kept = new Set<number>();
  /** Whose place is another. */
  private readonly late = new Set<number>();
  private timer: Timer | undefined;

  constructor(
    private readonly endpoint: DtlsEndpoint,
    private readonly clock: Clock,
    store: Store,
    private readonly seal: ProofSeal,
    private readonly commits: Commits,
    private readonly damaged: (what: string, record: DamagedRecord) => void,
  ) {
    this.records = new Records(store, ASSOCIATIONS);
    this.places = new Records(store, PLACES);
  }

  /** From now on. */
  begin(life: number): void {
    const { events, outliving } = this.endpoint;
    outliving.begin(life, { keep: (snapshot) => this.keep(snapshot) });
    events.on('closed', ({ association }) => this.forget(association.id));
    events.on('handshake-failed', ({ association }) => this.forget(association));
    events.on('rebind', ({ association }) => this.touch(association.id));
    events.on('state-due', ({ id }) => this.touch(id));
  }

  /** What an earlier life has left. @param areNumbersKnown how far its record numbers went; if not, none is taken up */
  async restore(areNumbersKnown: boolean): Promise<void> {
    const turns = new Turns();
    const places = new Map<string, AssociationPlace>();
    for await (const { id, value } of this.places.all((record) => this.damaged('place of a DTLS association', record))) {
      places.set(id, value);
      await turns.next();
    }
    for await (const { id, value } of this.records.all((record) => this.damaged('DTLS association', record))) {
      const place = places.get(id);
      places.delete(id);
      const isTakenUp = areNumbersKnown && place !== undefined && this.takeUp(Number(id), value, place);
      if (!isTakenUp) this.say(this.goneChanges(id));
      await turns.next();
    }
    for (const id of places.keys()) this.say(this.goneChanges(id));
  }

  /** Writes all of it once more, where the store may not have it. */
  async keepAll(): Promise<void> {
    const turns = new Turns();
    for (const { id, role } of this.endpoint.connected()) {
      const snapshot = role === 'server' ? this.endpoint.outliving.snapshot(id) : undefined;
      if (snapshot !== undefined) void this.keep(snapshot);
      await turns.next();
    }
    for await (const { id } of this.records.all((record) => this.damaged('DTLS association', record))) {
      if (this.endpoint.association(Number(id)) === undefined) this.say(this.goneChanges(id));
      await turns.next();
    }
  }

  /** What has been put off is said. */
  writeLate(): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (const id of this.late) {
      const place = this.endpoint.outliving.place(id);
      if (place !== undefined) this.say([this.places.change(textOf(id), place)]);
    }
    this.late.clear();
  }

  private keep({ id, identity, secret, place }: AssociationSnapshot): Promise<void> {
    const text = textOf(id);
    const sealed = this.seal.sealed(secret, identity, purposeOf(text));
    // Revoked in this moment: the endpoint is told too.
    if (sealed === undefined) return Promise.resolve();
    this.kept.add(id);
    return this.say([this.records.change(text, { sealed }), this.places.change(text, place)]);
  }

  private takeUp(id: number, { sealed }: KeptAssociation, place: AssociationPlace): boolean {
    let opened: ReturnType<ProofSeal['open']>;
    try {
      opened = this.seal.open(sealed, purposeOf(textOf(id)));
    } catch {
      // Another key of the store: told of where the keys of devices are read.
      return false;
    }
    const association = this.endpoint.outliving.takeUp(id, opened.secret, place);
    if (association === undefined) return false;
    this.kept.add(id);
    if (association.identity !== undefined && opened.isGood(association.identity)) return true;
    this.endpoint.close(id);
    return false;
  }

  private touch(id: number): void {
    if (!this.kept.has(id)) return;
    this.late.add(id);
    this.timer ??= this.clock.after(PLACE_BEHIND_MS, () => this.writeLate());
  }

  private forget(id: number): void {
    this.late.delete(id);
    if (this.kept.delete(id)) this.say(this.goneChanges(textOf(id)));
  }

  private goneChanges(id: string): readonly Change[] {
    return [this.records.change(id, undefined), this.places.change(id, undefined)];
  }

  private say(changes: readonly Change[]): Promise<void> {
    const { commits } = this.commits;
    return commits.commit(changes).then(
      () => this.commits.committed(),
      (caught) => this.commits.failed(caught),
    );
  }
}

function textOf(id: number): string {
  return String(id).padStart(ID_DIGITS, '0');
}

function purposeOf(id: string): string {
  return `association/${id}`;
}
