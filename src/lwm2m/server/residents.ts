/**
 * Who is at which address. Usually one registration; several when a proxy speaks for many devices, or when a NAT has given the
 * port of a silent device to another one. The two cannot be told apart when the second one comes, and asking the wrong
 * device would be worse than asking none: so the newest owns the address, and the one before it counts as displaced, until
 * it is heard from there again. That proves the address to be shared, and from then on nobody there displaces anybody.
 *
 * Every step takes the same time however many share an address: a stranger could register thousands at his.
 */
import type { Endpoint } from '../../coap/endpoint';
import type { RegistrationRecord } from './registration';

export class Residents {
  /** The newest at each address; the others hang on it as `older`. */
  private readonly newest = new Map<Endpoint, RegistrationRecord>();
  private readonly shared = new Set<Endpoint>();

  /** @param onVacated told of an address that a registration has left: nobody may be there any more */
  constructor(private readonly onVacated: (peer: Endpoint) => void) {}

  newestAt(peer: Endpoint): RegistrationRecord | undefined {
    return this.newest.get(peer);
  }

  /** Newest first. */
  at(peer: Endpoint): readonly RegistrationRecord[] {
    const found: RegistrationRecord[] = [];
    for (let record = this.newest.get(peer); record !== undefined; record = record.older) found.push(record);
    return found;
  }

  isShared(peer: Endpoint): boolean {
    return this.shared.has(peer);
  }

  isAlone(record: RegistrationRecord): boolean {
    return record.older === undefined && record.newer === undefined;
  }

  /**
   * Puts a registration at its address.
   * @returns the registration displaced by it
   */
  moveIn(record: RegistrationRecord): RegistrationRecord | undefined {
    const { peer } = record;
    const before = this.newest.get(peer);
    const displaced = this.displaceAt(peer);
    record.displaced = false;
    record.older = before;
    if (before !== undefined) before.newer = record;
    this.newest.set(peer, record);
    peer.retain();
    return displaced;
  }

  /** Takes a registration from its address. */
  moveOut(record: RegistrationRecord): void {
    const { peer, older, newer } = record;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else if (older !== undefined) this.newest.set(peer, older);
    else {
      this.newest.delete(peer);
      this.shared.delete(peer);
    }
    record.older = undefined;
    record.newer = undefined;
    peer.release();
    this.onVacated(peer);
  }

  /** A registration is heard from its address, maybe after another has come there. */
  heardAt(record: RegistrationRecord): void {
    if (!record.displaced) return;
    record.displaced = false;
    this.shared.add(record.peer);
  }

  /**
   * Another has come to this address.
   * @returns who owned it; undefined when nobody did, or when it is shared
   */
  displaceAt(peer: Endpoint): RegistrationRecord | undefined {
    // At an address that is not shared only the newest is not displaced already.
    const owner = this.newest.get(peer);
    if (owner === undefined || owner.displaced || this.shared.has(peer)) return undefined;
    owner.displaced = true;
    return owner;
  }
}
