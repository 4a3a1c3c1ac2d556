/**
 * Who is at which address. Usually one registration; several when a proxy speaks for many devices, or when a NAT has given the
 * port of a silent device to another one. The two cannot be told apart when the second one comes, and asking the wrong
 * device would be worse than asking none: so the newest owns the address, and the older ones count as displaced until they
 * are heard from there again, which proves that the address is shared.
 */
import type { Endpoint } from '../../coap/endpoint';
import type { RegistrationRecord } from './registration';

export class Residents {
  /** The newest at each address; the older ones are its `neighbour`s. */
  private readonly newest = new Map<Endpoint, RegistrationRecord>();

  /** @param onVacated told of an address that a registration has left: nobody may be there any more */
  constructor(private readonly onVacated: (peer: Endpoint) => void) {}

  newestAt(peer: Endpoint): RegistrationRecord | undefined {
    return this.newest.get(peer);
  }

  isAlone(record: RegistrationRecord): boolean {
    return record.neighbour === undefined && this.newest.get(record.peer) === record;
  }

  /**
   * Puts a registration at its address.
   * @returns the registrations displaced by it
   */
  moveIn(record: RegistrationRecord): readonly RegistrationRecord[] {
    const { peer } = record;
    const displaced = this.displaceAllAt(peer);
    record.neighbour = this.newest.get(peer);
    record.displaced = false;
    this.newest.set(peer, record);
    peer.retain();
    return displaced;
  }

  /** Takes a registration from its address. */
  moveOut(record: RegistrationRecord): void {
    const { peer, neighbour } = record;
    record.neighbour = undefined;
    if (this.newest.get(peer) !== record) {
      for (let other = this.newest.get(peer); other !== undefined; other = other.neighbour) {
        if (other.neighbour === record) other.neighbour = neighbour;
      }
    } else if (neighbour !== undefined) this.newest.set(peer, neighbour);
    else this.newest.delete(peer);
    peer.release();
    this.onVacated(peer);
  }

  /** @returns those that were not displaced already */
  displaceAllAt(peer: Endpoint): readonly RegistrationRecord[] {
    const displaced: RegistrationRecord[] = [];
    for (let other = this.newest.get(peer); other !== undefined; other = other.neighbour) {
      if (!other.displaced) displaced.push(other);
      other.displaced = true;
    }
    return displaced;
  }
}
