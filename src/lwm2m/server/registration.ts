/**
 * One registration: the record, and the pure rules that make it from a Register and change it by an Update
 * (LwM2M Core 1.1.1 §6.2). The value that others see is immutable and replaced as a whole, so an event can carry old and new.
 */
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { Identity } from '../../device/identity';
import type { Registration } from '../../device/manager';
import { type AnnouncedObjects, sameObjects } from './announced-objects';
import { Mistake } from './mistake';
import { compact } from './peers';
import { DEFAULT_LIFETIME_SECONDS, type RegistrationQuery, type RegistrationRules } from './registration-query';

/** A registered device inside the server. Small: there may be a hundred thousand, nearly all idle. */
export class RegistrationRecord {
  /** Others at the same address; see `residents.ts`. */
  older: RegistrationRecord | undefined = undefined;
  newer: RegistrationRecord | undefined = undefined;
  /** Another registration has taken the address since this one was last heard. */
  displaced = false;
  /** Whether it is still the registration of its endpoint name; set once, when it goes. */
  gone = false;

  constructor(
    /** Last segment of its Location-Path. */
    readonly id: string,
    /** Small integer: its place in timer wheels. */
    readonly slot: number,
    /** What a secured transport proved, as one string; undefined without security. */
    readonly identity: string | undefined,
    /** Where it is now. */
    public peer: Endpoint,
    public value: Registration,
    /** Of a device behind a gateway: the registration that carries it, which may have gone before it. */
    readonly gateway: RegistrationRecord | undefined = undefined,
  ) {}

  get endpoint(): string {
    return this.value.endpoint;
  }
}

/** A Register that may be accepted, apart from admission and capacity. */
export interface NewRegistration {
  readonly endpoint: string;
  readonly version: string;
  readonly lifetime: number;
  readonly binding: string;
  readonly queueMode: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
}

/** What an Update may say. */
const SAID = [
  'lifetime',
  'binding',
  'queueMode',
  'address',
  'objects',
  'versions',
  'rootPath',
  'contentFormats',
  'parameters',
] as const;

const NO_PARAMETERS: Readonly<Record<string, string>> = Object.freeze({});
const NO_PROFILES: readonly string[] = Object.freeze([]);
const NO_FORMATS: readonly number[] = Object.freeze([]);

/** The mandatory parameters and defaults of Register, by version. @param owner whose the proved identity is */
export function newRegistration(
  query: RegistrationQuery,
  owner: string | undefined,
  rules: RegistrationRules,
): NewRegistration | Mistake {
  const { version } = query;
  if (version === undefined) return bad('no LwM2M version in the Register', 'Send "lwm2m=1.0", "1.1" or "1.2" in the query.');
  const endpoint = query.endpoint ?? ownName(owner, version);
  if (endpoint === undefined) {
    return bad(
      'no endpoint name in the Register',
      'Set the endpoint name ("ep") in the device; only a secured device may leave it out.',
    );
  }
  if (query.lifetime === undefined && version === '1.2' && rules.strict) {
    return bad('no lifetime in the Register', 'LwM2M 1.2 makes "lt" mandatory: send it in seconds.');
  }
  const lifetime = query.lifetime ?? DEFAULT_LIFETIME_SECONDS;
  const mistake = lifetimeMistake(lifetime, version);
  if (mistake !== undefined) return mistake;
  return {
    endpoint,
    version,
    lifetime,
    binding: query.binding ?? 'U',
    queueMode: query.queueMode ?? false,
    parameters: query.others ?? NO_PARAMETERS,
    profiles: query.profiles ?? NO_PROFILES,
  };
}

/** The value of a registration at `address`, as others see it. */
export function registrationValue(
  request: NewRegistration,
  announced: AnnouncedObjects,
  identity: Identity,
  address: string,
  now: number,
): Registration {
  return {
    endpoint: compact(request.endpoint),
    lifetime: request.lifetime,
    version: request.version,
    binding: request.binding,
    queueMode: request.queueMode,
    address,
    objects: announced.objects,
    versions: announced.versions,
    rootPath: announced.rootPath ?? '',
    contentFormats: announced.contentFormats ?? NO_FORMATS,
    parameters: request.parameters,
    registeredAt: now,
    updatedAt: now,
    security: identity.security,
  };
}

/** What an Update makes of a registration; what it leaves out stays (LwM2M Core 1.1.1 §6.2.2). */
export function updatedRegistration(
  before: Registration,
  query: RegistrationQuery,
  announced: AnnouncedObjects | undefined,
  address: string,
  now: number,
): Registration | Mistake {
  if (query.lifetime !== undefined) {
    const mistake = lifetimeMistake(query.lifetime, before.version);
    if (mistake !== undefined) return mistake;
  }
  return {
    endpoint: before.endpoint,
    lifetime: query.lifetime ?? before.lifetime,
    version: before.version,
    binding: query.binding ?? before.binding,
    queueMode: updatedQueueMode(before, query),
    address,
    objects: announced?.objects ?? before.objects,
    versions: announced?.versions ?? before.versions,
    // Later lists often come without the root link, or with a root link without `ct` (Leshan): what was said then stays true.
    rootPath: announced?.rootPath ?? before.rootPath,
    contentFormats: announced?.contentFormats ?? before.contentFormats,
    parameters: query.others === undefined ? before.parameters : { ...before.parameters, ...query.others },
    registeredAt: before.registeredAt,
    updatedAt: now,
    security: before.security,
  };
}

/** The value of a device behind a gateway: what is announced of it, and all else is its gateway's. */
export function childValue(
  gateway: Registration,
  endpoint: string,
  prefix: string,
  announced: Pick<AnnouncedObjects, 'objects' | 'versions'>,
  now: number,
): Registration {
  return {
    ...gateway,
    endpoint,
    objects: announced.objects,
    versions: announced.versions,
    parameters: NO_PARAMETERS,
    registeredAt: now,
    updatedAt: now,
    gateway: { endpoint: gateway.endpoint, prefix },
  };
}

/** Whether a device behind a gateway has all that its gateway says for it. */
export function isCarriedAlike(child: Registration, gateway: Registration): boolean {
  return (['lifetime', 'binding', 'queueMode', 'address', 'rootPath', 'contentFormats'] as const).every(
    (name) => child[name] === gateway[name],
  );
}

/** What an Update of its gateway makes of a device behind it. */
export function carriedValue(child: Registration, gateway: Registration): Registration {
  const { lifetime, binding, queueMode, address, rootPath, contentFormats, updatedAt } = gateway;
  return { ...child, lifetime, binding, queueMode, address, rootPath, contentFormats, updatedAt };
}

/** Whether an Update said more than that the device is still there. A list of objects that is not the same value counts as another. */
export function isSaidAnew(before: Registration, after: Registration): boolean {
  return SAID.some((name) => before[name] !== after[name]);
}

/** Whether an Update brought another object list, not just other bytes for the same one. */
export function objectsChanged(before: Registration, after: Registration): boolean {
  return before.objects !== after.objects && !sameObjects(before, after);
}

/** Seconds as 0 = never expires; only 1.2 knows that. */
function lifetimeMistake(lifetime: number, version: string): Mistake | undefined {
  if (lifetime > 0 || version === '1.2') return undefined;
  return bad(`lifetime 0 has no meaning in LwM2M ${version}`, 'Send a lifetime ("lt") of at least one second.');
}

/** In 1.0 queue mode is a letter of the binding and may change with it; later it can only be turned on by `Q`. */
function updatedQueueMode(before: Registration, query: RegistrationQuery): boolean {
  if (query.queueMode !== undefined) return query.queueMode;
  return before.version === '1.0' && query.binding !== undefined ? false : before.queueMode;
}

/** LwM2M Core 1.1.1 §6.2.1: from 1.1 on, a device whose security identity tells its name may leave `ep` out. */
function ownName(owner: string | undefined, version: string): string | undefined {
  return version === '1.0' || owner === '' ? undefined : owner;
}

function bad(reason: string, remedy: string): Mistake {
  return new Mistake(Code.BadRequest, reason, remedy);
}
