/**
 * All associations: by id, by address, by connection id, by identity, and in the order of last use. Those whose peers put a CID into
 * their records are not found by address: it may be another's by now.
 */
import type { Association } from './association';

/** Something per address and port, without a joined string for every datagram. */
export class ByAddress<T> {
  private readonly addresses = new Map<string, Map<number, T>>();

  get(address: string, port: number): T | undefined {
    return this.addresses.get(address)?.get(port);
  }

  /** How many there are at one address. */
  countAt(address: string): number {
    return this.addresses.get(address)?.size ?? 0;
  }

  set(address: string, port: number, item: T): void {
    const ports = this.addresses.get(address);
    if (ports === undefined) this.addresses.set(address, new Map([[port, item]]));
    else ports.set(port, item);
  }

  /** Only if it is this one that is there. */
  delete(address: string, port: number, item: T): void {
    const ports = this.addresses.get(address);
    if (ports?.get(port) !== item) return;
    ports.delete(port);
    if (ports.size === 0) this.addresses.delete(address);
  }

  *values(): Iterable<T> {
    for (const ports of this.addresses.values()) yield* ports.values();
  }
}

export class Associations {
  private readonly byId = new Map<number, Association>();
  private readonly byAddress = new ByAddress<Association>();
  private readonly byCid = new Map<string, Association>();
  private readonly byName = new Map<string, Set<Association>>();
  private oldest: Association | undefined;
  private newest: Association | undefined;

  get size(): number {
    return this.byId.size;
  }

  get leastRecent(): Association | undefined {
    return this.oldest;
  }

  get(id: number): Association | undefined {
    return this.byId.get(id);
  }

  at(address: string, port: number): Association | undefined {
    return this.byAddress.get(address, port);
  }

  withCid(cid: string): Association | undefined {
    return this.byCid.get(cid);
  }

  of(name: string): readonly Association[] {
    return [...(this.byName.get(name) ?? [])];
  }

  all(): Iterable<Association> {
    return this.byId.values();
  }

  /** A CID leads to its association from the first handshake message on, when the record layer may see it. */
  claimCid(cid: string, association: Association): boolean {
    if (this.byCid.has(cid)) return false;
    this.byCid.set(cid, association);
    return true;
  }

  releaseCid(association: Association): void {
    const { ownCid } = association.records;
    const cid = cidKey(ownCid, 0, ownCid.length);
    if (this.byCid.get(cid) === association) this.byCid.delete(cid);
  }

  /** A connected one. */
  add(association: Association): void {
    this.byId.set(association.id, association);
    if (!association.movable) this.byAddress.set(association.address, association.port, association);
    const name = association.identity?.name ?? '';
    const others = this.byName.get(name);
    if (others === undefined) this.byName.set(name, new Set([association]));
    else others.add(association);
    this.append(association);
  }

  remove(association: Association): void {
    if (this.byId.get(association.id) !== association) return;
    this.byId.delete(association.id);
    this.byAddress.delete(association.address, association.port, association);
    this.releaseCid(association);
    const name = association.identity?.name ?? '';
    const others = this.byName.get(name);
    others?.delete(association);
    if (others?.size === 0) this.byName.delete(name);
    this.unlink(association);
  }

  /** It was used just now. */
  touch(association: Association): void {
    if (this.newest === association) return;
    this.unlink(association);
    this.append(association);
  }

  private append(association: Association): void {
    association.older = this.newest;
    association.newer = undefined;
    if (this.newest === undefined) this.oldest = association;
    else this.newest.newer = association;
    this.newest = association;
  }

  private unlink(association: Association): void {
    const { older, newer } = association;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    association.older = undefined;
    association.newer = undefined;
  }
}

/** A CID as the key of a table. */
export function cidKey(bytes: Buffer, at: number, length: number): string {
  return bytes.toString('latin1', at, at + length);
}
