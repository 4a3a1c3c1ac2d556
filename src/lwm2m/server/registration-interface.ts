/**
 * The registration interface, /rd: Register, Update, De-register (LwM2M Core 1.1.1 §6.2). Each is checked, entered, kept, answered and
 * then told of, in this order: a client that has not seen the answer yet discards what a listener would send it, and what it has been
 * answered must outlive this process.
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { IncomingRequest } from '../../coap/incoming';
import { ContentFormat } from '../../coap/options';
import type { Admit } from '../../device/admission';
import { type Identity, identityKey } from '../../device/identity';
import type { LifecycleEvent, Registration } from '../../device/manager';
import { type AnnouncedObjects, joinedObjects, type ObjectLists } from './announced-objects';
import type { DeviceKeeper } from './device-keeper';
import { Mistake } from './mistake';
import { addressOf, hostOf, isMovable } from './peers';
import type { Presence } from './presence';
import type { Refusals } from './refusals';
import {
  isSaidAnew,
  newRegistration,
  objectsChanged,
  type RegistrationRecord,
  registrationValue,
  updatedRegistration,
} from './registration';
import { type RegistrationRules, readRegistrationQuery } from './registration-query';
import type { Meeting, Placement, Registrations } from './registrations';
import type { CountedOperation, OperationStatistics } from './statistics';

export interface RegistrationInterfaceContext {
  readonly clock: Clock;
  readonly rules: RegistrationRules;
  readonly mostRegistrations: number;
  readonly registrations: Registrations;
  readonly objectLists: ObjectLists;
  readonly presence: Presence;
  readonly refusals: Refusals;
  readonly statistics: OperationStatistics<RegistrationRecord>;
  /** Object lists known by profile id (1.2, `pid`). */
  readonly profiles: ReadonlyMap<string, AnnouncedObjects>;
  readonly admit: Admit;
  readonly identityOf: (peer: Endpoint) => Identity;
  /** The endpoint a proved identity is of. */
  readonly endpointOf: (identity: Identity) => string | undefined;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** Moves what the message layer holds for a peer to another address. */
  readonly carry: (from: Endpoint, to: Endpoint) => void;
  /** Drops what this server had under way with a registration that is gone or, `moved`, has lost its address. */
  readonly abandon: (record: RegistrationRecord, why: 'replaced' | 'deregistered' | 'moved') => void;
  /** Ends a registration, and tells of it. */
  readonly dismiss: (record: RegistrationRecord) => void;
  /** Absent while everything ends with the process. */
  readonly keeper: () => DeviceKeeper | undefined;
  readonly tell: (event: LifecycleEvent) => void;
}

/** A refused Register, and the endpoint it gave as far as it was read. */
class Refusal {
  constructor(
    readonly mistake: Mistake,
    readonly endpoint = '',
  ) {}
}

const NOT_CONFIRMABLE = new Mistake(Code.BadRequest, 'the Register is not confirmable', 'Send Register as CON.');
const NO_OBJECTS = new Mistake(
  Code.BadRequest,
  'no object list in the Register',
  'Send the objects as links, such as </1/0>,</3/0>.',
);
const WRONG_FORMAT = new Mistake(
  Code.UnsupportedContentFormat,
  'the object list is not in link format',
  'Send the object list as application/link-format (40).',
);
const UNKNOWN_PROFILE = new Mistake(Code.Conflict, 'the profile id (pid) is unknown here', 'Register with the full object list.');
const TAKEN = new Mistake(
  Code.Forbidden,
  'a secured device is registered under this endpoint name',
  'Let the device register over DTLS with its own credentials, or choose another endpoint name.',
);
const FULL = new Mistake(
  Code.ServiceUnavailable,
  'the server holds as many registrations as it may',
  'Raise the limit of the server, or remove devices; the device will try again by itself.',
  undefined,
  60,
);

export class RegistrationInterface {
  constructor(private readonly context: RegistrationInterfaceContext) {}

  /** POST to a path that ends in `rd`. */
  register(request: IncomingRequest): void {
    const identity = this.context.identityOf(request.endpoint);
    const accepted = this.examine(request, identity);
    if (accepted instanceof Refusal) return this.refuse(request, accepted);
    const placement = this.context.registrations.add(request.endpoint, identityKey(identity), accepted);
    const keeper = this.context.keeper();
    if (keeper === undefined) return this.registered(request, placement, accepted);
    keeper.keep(placement.record);
    keeper.settle(() => this.registered(request, placement, accepted));
  }

  private registered(request: IncomingRequest, { record, replaced, displaced }: Placement, accepted: Registration): void {
    const { presence } = this.context;
    this.count('register', request, Code.Created, record);
    request.respond({ code: Code.Created, locationPath: ['rd', record.id] });

    const at = accepted.registeredAt;
    // While it was being kept another Register may have taken its place.
    if (!record.gone) presence.heard(record);
    if (displaced !== undefined) presence.sleep(displaced);
    if (replaced !== undefined) {
      this.context.abandon(replaced, 'replaced');
      this.tell({ event: 'replaced', device: accepted.endpoint, registration: accepted, previous: replaced.value, at });
    }
    this.tell({ event: 'registered', device: accepted.endpoint, registration: accepted, at });
  }

  /** POST to a path that ends in `rd` and an id. */
  update(request: IncomingRequest, id: string): void {
    const record = this.context.registrations.byId(id);
    if (record === undefined) return this.answer('update', request, Code.NotFound);
    const peer = request.endpoint;
    if (this.isImpostor(record, peer)) return this.answer('update', request, Code.BadRequest);
    if (this.isUnwelcome(record, request)) return;
    const before = record.value;
    const after = this.examineUpdate(request, record);
    if (after instanceof Mistake) return this.answer('update', request, after.code, record, after.reason);
    const { registrations, carry } = this.context;
    registrations.update(record, after);
    // Before the answer: what the device sends next comes from its new address.
    const meeting = registrations.meet(record, peer, carry);
    const keeper = this.context.keeper();
    if (keeper === undefined) return this.updated(request, record, meeting, before, after);
    if (meeting.outcome === 'at-home' && !isSaidAnew(before, after)) {
      keeper.touch(record);
      return this.updated(request, record, meeting, before, after);
    }
    keeper.keep(record);
    keeper.settle(() => this.updated(request, record, meeting, before, after));
  }

  private updated(
    request: IncomingRequest,
    record: RegistrationRecord,
    { outcome, displaced }: Meeting,
    before: Registration,
    after: Registration,
  ): void {
    const { presence } = this.context;
    this.answer('update', request, Code.Changed, record);

    if (outcome === 'joined') this.context.abandon(record, 'moved');
    if (displaced !== undefined) presence.sleep(displaced);
    // Awake before told of: a listener that asks the device now must not be told that it sleeps.
    if (!record.gone && before.queueMode === after.queueMode) presence.heard(record);
    else if (!record.gone) presence.queueModeChanged(record);
    this.tell({ event: 'updated', device: after.endpoint, registration: after, previous: before, at: after.updatedAt });
    if (objectsChanged(before, after)) {
      this.tell({ event: 'objects-changed', device: after.endpoint, registration: after, previous: before, at: after.updatedAt });
    }
  }

  /** DELETE on a path that ends in `rd` and an id. */
  deregister(request: IncomingRequest, id: string): void {
    const { registrations } = this.context;
    const record = registrations.byId(id);
    if (record === undefined) return this.answer('deregister', request, Code.NotFound);
    if (this.isImpostor(record, request.endpoint)) return this.answer('deregister', request, Code.BadRequest);
    registrations.remove(record);
    const keeper = this.context.keeper();
    if (keeper === undefined) this.deregistered(request, record);
    else keeper.settle(() => this.deregistered(request, record));
  }

  private deregistered(request: IncomingRequest, record: RegistrationRecord): void {
    this.answer('deregister', request, Code.Deleted, record);
    this.context.abandon(record, 'deregistered');
    this.tell({
      event: 'deregistered',
      device: record.endpoint,
      registration: record.value,
      at: this.context.clock.wall(),
    });
  }

  /** All reasons to refuse a Register, what costs least first: most of this is open to strangers. */
  private examine(request: IncomingRequest, identity: Identity): Registration | Refusal {
    const { rules, registrations, admit, endpointOf, clock } = this.context;
    if (!request.confirmable && !request.endpoint.reliable && rules.strict) return new Refusal(NOT_CONFIRMABLE);
    const query = readRegistrationQuery(request.query, rules);
    if (query instanceof Mistake) return new Refusal(query);
    const wanted = newRegistration(query, endpointOf(identity), rules);
    if (wanted instanceof Mistake) return new Refusal(wanted, query.endpoint);
    const { endpoint } = wanted;
    const admission = admit(endpoint, identity, 'register');
    if (!admission.admitted) return new Refusal(Mistake.unadmitted(admission, Code.Forbidden), endpoint);
    const current = registrations.byEndpoint(endpoint);
    if (current?.identity !== undefined && identity.security === 'none') return new Refusal(TAKEN, endpoint);
    if (current === undefined && registrations.size >= this.context.mostRegistrations) return new Refusal(FULL, endpoint);
    const announced = this.announcedBy(request, wanted.profiles, '');
    if (announced instanceof Mistake) return new Refusal(announced, endpoint);
    if (announced === undefined) return new Refusal(NO_OBJECTS, endpoint);
    return registrationValue(wanted, announced, identity, addressOf(request.endpoint), clock.wall());
  }

  private examineUpdate(request: IncomingRequest, record: RegistrationRecord): Registration | Mistake {
    const { rules, clock } = this.context;
    const before = record.value;
    const query = readRegistrationQuery(request.query, rules);
    if (query instanceof Mistake) return query;
    const announced = this.announcedBy(request, query.profiles ?? [], before.rootPath);
    if (announced instanceof Mistake) return announced;
    const isThere = request.endpoint === record.peer && !isMovable(record.peer);
    const address = isThere ? before.address : addressOf(request.endpoint);
    return updatedRegistration(before, query, announced, address, clock.wall());
  }

  /** The list in the payload, joined with those of the profiles; undefined when there is neither. */
  private announcedBy(
    request: IncomingRequest,
    profiles: readonly string[],
    knownRoot: string,
  ): AnnouncedObjects | Mistake | undefined {
    const lists: AnnouncedObjects[] = [];
    for (const profile of profiles) {
      const list = this.context.profiles.get(profile);
      if (list === undefined) return UNKNOWN_PROFILE;
      lists.push(list);
    }
    if (request.payload.length > 0) {
      // Several clients leave the Content-Format out (lwm2m-node-lib, Updates of Wakaama): link format is meant.
      const format = request.contentFormat ?? ContentFormat.LinkFormat;
      if (format !== ContentFormat.LinkFormat) return WRONG_FORMAT;
      const list = this.context.objectLists.read(request.payload, knownRoot);
      if (list instanceof Mistake) return list;
      lists.push(list);
    }
    return lists.length > 1 ? joinedObjects(lists) : lists[0];
  }

  /**
   * Whether a message comes from someone else than who registered. Without security the unguessable id is all there is, and it
   * proves as much from a new address as from the old: a device behind a NAT that gave it another port goes on, although
   * LwM2M Transport 1.2 §6.4.3 would have it register anew.
   */
  private isImpostor(record: RegistrationRecord, peer: Endpoint): boolean {
    return record.identity !== identityKey(this.context.identityOf(peer));
  }

  /**
   * Whether a registered device may not be served any more: its registration ends, and with the Register that follows it learns that it is
   * not admitted. 4.04 is what every client understands here (LwM2M Core 1.1.1 §6.2.2).
   */
  private isUnwelcome(record: RegistrationRecord, request: IncomingRequest): boolean {
    const { admit, identityOf, refusals } = this.context;
    const peer = request.endpoint;
    const admission = admit(record.endpoint, identityOf(peer), 'update');
    if (admission.admitted) return false;
    this.answer('update', request, Code.NotFound, record, Mistake.unadmitted(admission, Code.NotFound).told);
    this.context.dismiss(record);
    refusals.refused(record.endpoint, hostOf(peer), addressOf(peer), admission.reason, admission.remedy);
    return true;
  }

  private refuse(request: IncomingRequest, { mistake, endpoint }: Refusal): void {
    const { code, reason, remedy, told, retryAfter } = mistake;
    this.count('register', request, code, undefined);
    if (retryAfter === undefined) request.respond({ code, payload: Buffer.from(told) });
    else request.respond({ code, maxAge: Math.round(retryAfter * (0.5 + this.context.random())) });
    const peer = request.endpoint;
    this.context.refusals.refused(endpoint, hostOf(peer), addressOf(peer), reason, remedy);
  }

  /** @param reason for the device's log (RFC 7252 §5.5.2) */
  private answer(
    operation: CountedOperation,
    request: IncomingRequest,
    code: number,
    record?: RegistrationRecord,
    reason?: string,
  ): void {
    this.count(operation, request, code, record);
    request.respond(reason === undefined ? { code } : { code, payload: Buffer.from(reason) });
  }

  private count(
    operation: CountedOperation,
    request: IncomingRequest,
    code: number,
    record: RegistrationRecord | undefined,
  ): void {
    this.context.statistics.count(record, operation, code, 0, request.payload.length);
  }

  private tell(event: LifecycleEvent): void {
    this.context.tell(event);
  }
}
