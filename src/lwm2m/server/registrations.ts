/**
 * The registry: registrations by endpoint name, by id, and by who is speaking; and their expiry. The key is identity and
 * registration, never the address, which is an attribute that changes.
 */
import { randomFillSync } from 'node:crypto';
import type { Clock } from '../../clock';
import type { Endpoint } from '../../coap/endpoint';
import type { Registration } from '../../device/manager';
import { TimerWheel } from '../../timer-wheel';
import { RegistrationRecord } from './registration';
import { Residents } from './residents';

export interface RegistrationsOptions {
  readonly clock: Clock;
  /**
   * Added to each lifetime. Late Updates are usual on slow networks, and one that is being retransmitted may arrive
   * MAX_TRANSMIT_WAIT after it was first sent.
   */
  readonly graceMs: number;
  /** Called when a lifetime has run out; the registration is already gone. */
  readonly onExpired: (record: RegistrationRecord) => void;
  /** Called whenever a registration leaves, before its slot is given to another. */
  readonly onRemoved: (record: RegistrationRecord) => void;
  /** Called when a registration has left an address. */
  readonly onVacated: (peer: Endpoint) => void;
  /** Makes the last segment of a Location-Path. */
  readonly makeId?: () => string;
}

/** What came of placing a registration. */
export interface Placement {
  readonly record: RegistrationRecord;
  /** The registration of the same endpoint that it replaced. */
  readonly replaced: RegistrationRecord | undefined;
  /** The registration of another endpoint whose address it took. */
  readonly displaced: RegistrationRecord | undefined;
}

/** What came of meeting a device where it may not have been before. */
export interface Meeting {
  /** `joined`: at an address with others or on another connection, and without what the layer below held for it. */
  readonly outcome: 'at-home' | 'moved' | 'joined';
  readonly displaced: RegistrationRecord | undefined;
}

const AT_HOME: Meeting = { outcome: 'at-home', displaced: undefined };

/** No request names a device behind a gateway; ids are longer. */
const NO_ID = '';

/** Lifetimes are seconds; nothing is gained by expiring more precisely. */
const EXPIRY_TICK_MS = 1000;

export class Registrations {
  private readonly names = new Map<string, RegistrationRecord>();
  private readonly ids = new Map<string, RegistrationRecord>();
  private readonly identities = new Map<string, RegistrationRecord>();
  private readonly residents: Residents;
  private readonly slots: (RegistrationRecord | undefined)[] = [];
  private readonly freeSlots: number[] = [];
  private readonly lifetimes: TimerWheel;
  private readonly makeId: () => string;

  constructor(private readonly options: RegistrationsOptions) {
    this.residents = new Residents(options.onVacated);
    this.makeId = options.makeId ?? randomId;
    this.lifetimes = new TimerWheel(options.clock, EXPIRY_TICK_MS, (slot) => this.expire(slot));
  }

  get size(): number {
    return this.names.size;
  }

  byEndpoint(name: string): RegistrationRecord | undefined {
    return this.names.get(name);
  }

  byId(id: string): RegistrationRecord | undefined {
    return this.ids.get(id);
  }

  bySlot(slot: number): RegistrationRecord | undefined {
    return this.slots[slot];
  }

  /** Whose message this is that names no registration (Send): by what the transport proved, else by the address. */
  bySender(peer: Endpoint, identity: string | undefined): RegistrationRecord | undefined {
    if (identity !== undefined) return this.identities.get(identity);
    const newest = this.residents.newestAt(peer);
    // A registration made by a proven identity cannot be spoken for by a bare address.
    return newest?.identity === undefined ? newest : undefined;
  }

  /** All whose messages come from `peer`. */
  at(peer: Endpoint): readonly RegistrationRecord[] {
    return this.residents.at(peer);
  }

  /** In order of registration. */
  all(): IterableIterator<RegistrationRecord> {
    return this.names.values();
  }

  /** Enters a registration; one of the same endpoint goes (LwM2M Core 1.1.1 §6.2.1). */
  add(peer: Endpoint, identity: string | undefined, value: Registration): Placement {
    const replaced = this.names.get(value.endpoint);
    if (replaced !== undefined) {
      if (replaced.peer === peer) this.residents.heardAt(replaced);
      this.remove(replaced);
    }
    const record = new RegistrationRecord(this.freshId(), this.takeSlot(), identity, peer, value);
    this.slots[record.slot] = record;
    this.names.set(value.endpoint, record);
    this.ids.set(record.id, record);
    if (identity !== undefined) this.identities.set(identity, record);
    const displaced = this.residents.moveIn(record);
    this.arm(record);
    return { record, replaced, displaced };
  }

  /**
   * Enters a registration of an earlier life of this process; its name must be free.
   * @param id as the device knows it; empty for a device behind a gateway
   * @param leftMs of its lifetime, grace and all; undefined = it never expires
   */
  restore(id: string, identity: string | undefined, peer: Endpoint, value: Registration, leftMs: number | undefined): Placement {
    const record = new RegistrationRecord(id, this.takeSlot(), identity, peer, value);
    this.slots[record.slot] = record;
    this.names.set(value.endpoint, record);
    this.ids.set(record.id, record);
    if (identity !== undefined) this.identities.set(identity, record);
    const other = this.residents.newestAt(peer);
    let displaced = this.residents.moveIn(record);
    // Who was heard last owns the address, whatever the order they are read in.
    if (other !== undefined && other.value.updatedAt > value.updatedAt) {
      this.residents.moveOut(other);
      displaced = this.residents.moveIn(other);
    }
    if (leftMs !== undefined) this.lifetimes.set(record.slot, leftMs);
    return { record, replaced: undefined, displaced };
  }

  /**
   * Enters a device behind a gateway: it lives by the registration of its gateway, so it has no id, address or lifetime of its own. Its
   * name must be free.
   */
  addBehind(gateway: RegistrationRecord, value: Registration): RegistrationRecord {
    const record = new RegistrationRecord(NO_ID, this.takeSlot(), gateway.identity, gateway.peer, value, gateway);
    this.slots[record.slot] = record;
    this.names.set(value.endpoint, record);
    return record;
  }

  /** Puts an updated value in place and starts its lifetime anew. */
  update(record: RegistrationRecord, value: Registration): void {
    record.value = value;
    this.arm(record);
  }

  /**
   * The device was heard from `peer`, where it may not have been before.
   * @param carry tells the layer below that a peer has another address, so that what it holds for the peer goes along
   * @returns what became of it, and of whom it took the address
   */
  meet(record: RegistrationRecord, peer: Endpoint, carry: (from: Endpoint, to: Endpoint) => void): Meeting {
    if (record.peer === peer) {
      this.residents.heardAt(record);
      return AT_HOME;
    }
    // The layer below moves an address as a whole: only one that is this registration's alone, and not to where others live.
    if (canCarry(record.peer, peer) && this.residents.isAlone(record) && !record.displaced && !this.residents.isShared(peer)) {
      carry(record.peer, peer);
      return { outcome: 'moved', displaced: this.residents.displaceAt(peer) };
    }
    this.residents.moveOut(record);
    record.peer = peer;
    return { outcome: 'joined', displaced: this.residents.moveIn(record) };
  }

  /** A message that only this registration can send came from its address. */
  heardAtHome(record: RegistrationRecord): void {
    this.residents.heardAt(record);
  }

  remove(record: RegistrationRecord): void {
    if (record.gone) return;
    record.gone = true;
    this.options.onRemoved(record);
    this.lifetimes.clear(record.slot);
    this.slots[record.slot] = undefined;
    this.freeSlots.push(record.slot);
    if (this.names.get(record.endpoint) === record) this.names.delete(record.endpoint);
    if (record.gateway !== undefined) return;
    this.ids.delete(record.id);
    if (record.identity !== undefined && this.identities.get(record.identity) === record) this.identities.delete(record.identity);
    this.residents.moveOut(record);
  }

  /** Forgets all deadlines; nothing expires any more. */
  stop(): void {
    this.lifetimes.stop();
  }

  private arm(record: RegistrationRecord): void {
    const { lifetime } = record.value;
    // 0 = never (LwM2M Core 1.2 §6.2.1).
    if (lifetime === 0) this.lifetimes.clear(record.slot);
    else this.lifetimes.set(record.slot, lifetime * 1000 + this.options.graceMs);
  }

  private expire(slot: number): void {
    const record = this.slots[slot];
    if (record === undefined) return;
    this.remove(record);
    this.options.onExpired(record);
  }

  private takeSlot(): number {
    return this.freeSlots.pop() ?? this.slots.length;
  }

  private freshId(): string {
    for (;;) {
      const id = this.makeId();
      if (!this.ids.has(id)) return id;
    }
  }
}

/** What is under way on a connection, or expected by datagram, is not answered elsewhere. */
function canCarry(from: Endpoint, to: Endpoint): boolean {
  return from.transport === to.transport && !to.reliable;
}

/** Any NoSec peer that knows the id can end the registration, so nobody may guess it: eight random bytes as text. */
const ID_BYTES = 8;
/** Drawn in bulk: a call of the generator costs more than the rest of a registration. */
const pool = Buffer.alloc(ID_BYTES * 256);
let poolAt = pool.length;

function randomId(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += ID_BYTES;
  return pool.toString('base64url', poolAt - ID_BYTES, poolAt);
}
