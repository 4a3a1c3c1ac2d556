/**
 * What of an endpoint outlives the process: a peer is connected when its association is stored, and goes on with whoever takes that up.
 * Where it is stored is not known here.
 */
import type { Clock } from '../clock';
import type { Association } from './association';
import type { AssociationView } from './association-view';
import { type Associations, cidKey } from './associations';
import { firstNumberIn, NUMBERS_PER_LIFE } from './lives';
import type { Settings } from './settings';
import { type AssociationPlace, type AssociationSnapshot, placeOf, readSnapshot, writeSnapshot } from './snapshot';

/** Whoever stores associations; what has ended is told by the endpoint's events. */
export interface AssociationStorage {
  /** Resolves when it is stored, or cannot be; never rejects. */
  keep(snapshot: AssociationSnapshot): Promise<void>;
}

export interface OutlivingContext {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly associations: Associations;
  /** Into the tables, in place of what was there. */
  connect(association: Association): void;
  onBug(error: unknown): void;
}

export class Outliving {
  private life = 0;
  private storage: AssociationStorage | undefined;

  constructor(private readonly context: OutlivingContext) {}

  /** Whether peers may count on being known after a restart. */
  get isOn(): boolean {
    return this.storage !== undefined;
  }

  /** From now on. @param life of this process (`lives.ts`), which must be on disk */
  begin(life: number, storage: AssociationStorage): void {
    this.life = life;
    this.storage = storage;
    for (const association of this.context.associations.all()) this.bear(association);
  }

  /** @param then called when what the peer is about to rely on is stored: at once, where nothing is */
  keep(association: Association, then: () => void): void {
    if (this.storage === undefined) return then();
    this.bear(association);
    this.storage
      .keep(this.stored(association))
      .then(then)
      .catch((bug) => this.context.onBug(bug));
  }

  /** All of an association as it is now; `state-due` tells when its place is another. */
  snapshot(id: number): AssociationSnapshot | undefined {
    const association = this.context.associations.get(id);
    return association?.role === 'server' ? this.stored(association) : undefined;
  }

  /** Its place alone. */
  place(id: number): AssociationPlace | undefined {
    const association = this.context.associations.get(id);
    if (association === undefined) return undefined;
    association.dueTop = association.records.window.top + 1;
    return placeOf(association);
  }

  /** Takes an association of an earlier life up again under its id. @returns undefined when there is no way to go on with it */
  takeUp(id: number, secret: Uint8Array, place: AssociationPlace): AssociationView | undefined {
    const { associations, settings, clock } = this.context;
    if (associations.get(id) !== undefined) return undefined;
    const association = readSnapshot(id, secret, place, settings.replayWindow);
    if (association === undefined) return undefined;
    const { records, born } = association;
    const first = firstNumberIn(this.life, born);
    if (first === undefined) return undefined;
    const { ownCid } = records;
    if (ownCid.length > 0 && ownCid.length !== settings.cidLength) return undefined;
    if (ownCid.length > 0 && !associations.claimCid(cidKey(ownCid, 0, ownCid.length), association)) return undefined;
    records.sequence = first;
    records.sequenceEnd = first + NUMBERS_PER_LIFE;
    association.dueTop = records.window.top + 1;
    association.heardAt = clock.monotonic();
    this.context.connect(association);
    return association;
  }

  private bear(association: Association): void {
    association.born = this.life;
    association.records.sequenceEnd = NUMBERS_PER_LIFE;
  }

  private stored(association: Association): AssociationSnapshot {
    association.dueTop = association.records.window.top + 1;
    return writeSnapshot(association);
  }
}
