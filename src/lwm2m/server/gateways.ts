/**
 * Gateways (LwM2M Gateway 1.1, objects 25 and 26): each device that a gateway announces is a registration of its own for whoever looks
 * at this server, carried by that of the gateway. It comes when the gateway has said that it is there, sleeps and wakes with the
 * gateway, and goes when the gateway goes or no longer announces it.
 */
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { Admit } from '../../device/admission';
import type { Identity } from '../../device/identity';
import type { LifecycleEvent, LifecycleEventName, ProblemEvent, Registration } from '../../device/manager';
import type { ResourceValue } from '../../device/value';
import type { DeviceManagementError } from '../../errors';
import { type ObjectLists, sameObjects } from './announced-objects';
import type { DeviceKeeper } from './device-keeper';
import { type AnnouncedChild, GATEWAY_OBJECT, readTable } from './gateway-table';
import { GatewayWatch, type GatewayWatchContext } from './gateway-watch';
import { Mistake } from './mistake';
import { hostOf } from './peers';
import type { Refusals } from './refusals';
import { carriedValue, childValue, isCarriedAlike, type RegistrationRecord } from './registration';
import { isEndpointName } from './registration-query';
import type { Registrations } from './registrations';

export interface GatewaysContext extends GatewayWatchContext {
  readonly registrations: Registrations;
  readonly objectLists: ObjectLists;
  readonly refusals: Refusals;
  readonly mostRegistrations: number;
  readonly mostPerGateway: number;
  readonly admit: Admit;
  readonly identityOf: (peer: Endpoint) => Identity;
  /** Drops what this server had under way with a device. */
  readonly drop: (record: RegistrationRecord, why: string) => void;
  readonly tell: (event: LifecycleEvent) => void;
  readonly problem: (event: ProblemEvent) => void;
  /** Absent while everything ends with the process. */
  readonly keeper: () => DeviceKeeper | undefined;
}

interface Gateway {
  readonly record: RegistrationRecord;
  readonly watch: GatewayWatch;
  /** By prefix. */
  readonly children: Map<string, RegistrationRecord>;
  /** Devices it announced last that were not let in: the reason may pass. */
  hasRefused: boolean;
  /** What was told of its table last, told once. */
  problem: string;
  isAsleep: boolean;
}

type End = 'replaced' | 'deregistered' | 'expired' | 'moved';

const REASONS: Readonly<Record<End, string>> = {
  replaced: 'its gateway registered anew',
  deregistered: 'its gateway has left',
  expired: 'the registration of its gateway expired',
  moved: 'its gateway moved to an address that others use too, or to another connection',
};
const NO_LONGER_BEHIND = 'its gateway no longer announces it';
const BEHIND_ANEW = 'its gateway announces it anew';

const FULL = new Mistake(
  Code.ServiceUnavailable,
  'the server holds as many registrations as it may',
  'Raise the limit of the server, or remove devices; the gateway is asked again with its next Update.',
);

export class Gateways {
  /** By endpoint name: a gateway that registers anew keeps its place until it has said what is behind it now. */
  private readonly gateways = new Map<string, Gateway>();
  private readonly followers: Readonly<Partial<Record<LifecycleEventName, (event: LifecycleEvent) => void>>> = {
    registered: ({ device }) => this.registered(device),
    updated: ({ device }) => this.updated(device),
    'objects-changed': ({ device }) => this.objectsChanged(device),
    asleep: (event) => this.passOn(event),
    awake: (event) => this.passOn(event),
  };

  constructor(private readonly context: GatewaysContext) {}

  /** What is told of devices, after it was told. */
  follow(event: LifecycleEvent): void {
    if (event.registration !== undefined && event.registration.gateway === undefined) this.followers[event.event]?.(event);
  }

  /** A registration has gone or, `moved`, has lost its address: a gateway's, or one of a device behind it. */
  abandoned(record: RegistrationRecord, why: End): void {
    const { gateway: carrier } = record;
    if (carrier !== undefined) return this.forget(record);
    const gateway = this.gateways.get(record.endpoint);
    if (gateway?.record !== record) return;
    gateway.watch.rest();
    if (why === 'deregistered' || why === 'expired') return this.end(gateway, why);
    for (const child of gateway.children.values()) {
      child.peer = record.peer;
      this.context.drop(child, REASONS[why]);
      // Its prefix may be another device's by now: it is not asked until the gateway has said so.
      if (why === 'replaced' && !gateway.isAsleep) this.tell('asleep', child);
    }
  }

  /**
   * A gateway of an earlier life of this process, with what was known to be behind it.
   * @param lookAfterMs it may have changed meanwhile, and is asked when the others are not
   */
  restore(record: RegistrationRecord, children: readonly Registration[], lookAfterMs: number): void {
    if (!announcesGateway(record.value)) return;
    const gateway = this.gatewayOf(record, new Map());
    gateway.isAsleep = this.context.presence.of(record) === 'asleep';
    for (const value of children) {
      const prefix = value.gateway?.prefix as string;
      gateway.children.set(prefix, this.context.registrations.addBehind(record, value));
    }
    this.gateways.set(record.endpoint, gateway);
    gateway.watch.lookLater(lookAfterMs);
  }

  /** The device that a value with a prefix is of. */
  behind(record: RegistrationRecord, prefix: string): RegistrationRecord | undefined {
    const gateway = this.gateways.get(record.endpoint);
    const child = gateway?.record === record ? gateway.children.get(prefix) : undefined;
    return child?.gateway === record ? child : undefined;
  }

  /** A gateway sent values of a device that is not known here: its table is older than the device. */
  metStranger(record: RegistrationRecord): void {
    this.gateways.get(record.endpoint)?.watch.resume(true);
  }

  stop(): void {
    for (const { watch } of this.gateways.values()) watch.rest();
  }

  private registered(device: string): void {
    const record = this.context.registrations.byEndpoint(device);
    if (record === undefined) return;
    const before = this.gateways.get(device);
    if (!announcesGateway(record.value)) {
      if (before !== undefined) this.end(before, 'deregistered');
      return;
    }
    const gateway = this.gatewayOf(record, before?.children ?? new Map());
    this.gateways.set(device, gateway);
    gateway.watch.look();
  }

  private gatewayOf(record: RegistrationRecord, children: Gateway['children']): Gateway {
    const gateway: Gateway = {
      record,
      watch: new GatewayWatch(this.context, record, {
        taken: (values) => this.taken(gateway, values),
        failed: (error) => this.failed(gateway, error),
      }),
      children,
      hasRefused: false,
      problem: '',
      isAsleep: false,
    };
    return gateway;
  }

  private updated(device: string): void {
    const gateway = this.gateways.get(device);
    if (gateway === undefined) return;
    for (const child of gateway.children.values()) if (child.gateway === gateway.record) this.carry(child, gateway.record.value);
    gateway.watch.resume(gateway.hasRefused);
  }

  /** What an Update only confirms is not said again for each of a thousand devices. */
  private carry(child: RegistrationRecord, gateway: Registration): void {
    const previous = child.value;
    if (isCarriedAlike(previous, gateway)) return;
    child.value = carriedValue(previous, gateway);
    this.context.keeper()?.keep(child);
    const { value: registration, endpoint: device } = child;
    this.context.tell({ event: 'updated', device, registration, previous, at: registration.updatedAt });
  }

  private objectsChanged(device: string): void {
    const gateway = this.gateways.get(device);
    if (gateway === undefined) return this.registered(device);
    if (announcesGateway(gateway.record.value)) gateway.watch.resume(true);
    else this.end(gateway, 'deregistered');
  }

  private passOn({ event, device, at }: LifecycleEvent): void {
    const gateway = this.gateways.get(device);
    if (gateway === undefined) return;
    gateway.isAsleep = event === 'asleep';
    for (const child of gateway.children.values()) {
      if (child.gateway === gateway.record) this.context.tell({ event, device: child.endpoint, registration: child.value, at });
    }
    if (event === 'awake') gateway.watch.resume();
  }

  private taken(gateway: Gateway, values: readonly ResourceValue[]): void {
    const { objectLists, mostPerGateway } = this.context;
    const { children, mistakes } = readTable(values, objectLists);
    const problems = [...mistakes];
    if (children.length > mostPerGateway) {
      problems.push(
        `it announces ${children.length} devices, of which the first ${mostPerGateway} are taken, which is the limit`,
      );
    }
    this.reconcile(gateway, children.slice(0, mostPerGateway));
    this.tellProblem(gateway, problems.length === 0 ? '' : `what is behind it: ${problems.join('; ')}`);
  }

  private failed(gateway: Gateway, error: DeviceManagementError): void {
    this.tellProblem(gateway, `what is behind it cannot be known: ${error.message}`);
  }

  private tellProblem(gateway: Gateway, reason: string): void {
    if (reason === gateway.problem) return;
    gateway.problem = reason;
    if (reason === '') return;
    this.context.problem({ device: gateway.record.endpoint, path: `/${GATEWAY_OBJECT}`, reason, at: this.context.clock.wall() });
  }

  /** First who goes, then who changes, then who comes: names and prefixes may have changed hands. */
  private reconcile(gateway: Gateway, announced: readonly AnnouncedChild[]): void {
    const wanted = namesOf(gateway.record.endpoint, announced);
    const before = new Map<string, Registration>();
    for (const child of [...gateway.children.values()]) {
      const entry = wanted.get(child.endpoint);
      if (entry === undefined) this.leave(gateway, child, 'deregistered', NO_LONGER_BEHIND);
      else if (child.gateway === gateway.record && child.value.gateway?.prefix === entry.prefix) this.keep(child, entry);
      else {
        before.set(child.endpoint, child.value);
        this.remove(gateway, child, BEHIND_ANEW);
      }
    }
    gateway.hasRefused = false;
    for (const [name, entry] of wanted) {
      if (gateway.children.get(entry.prefix)?.endpoint === name) continue;
      const previous = before.get(name);
      const refusal = this.refusalOf(gateway.record, name);
      if (refusal === undefined) this.enter(gateway, name, entry, previous);
      else this.refuse(gateway, name, refusal, previous);
    }
  }

  private keep(child: RegistrationRecord, { announced }: AnnouncedChild): void {
    const previous = child.value;
    if (previous.objects === announced.objects || sameObjects(previous, announced)) return;
    const at = this.context.clock.wall();
    child.value = { ...previous, objects: announced.objects, versions: announced.versions, updatedAt: at };
    this.context.keeper()?.keep(child);
    this.context.tell({ event: 'objects-changed', device: child.endpoint, registration: child.value, previous, at });
  }

  private enter(gateway: Gateway, name: string, entry: AnnouncedChild, previous: Registration | undefined): void {
    const { registrations, clock, tell } = this.context;
    const at = clock.wall();
    const value = childValue(gateway.record.value, name, entry.prefix, entry.announced, at);
    const child = registrations.addBehind(gateway.record, value);
    gateway.children.set(entry.prefix, child);
    this.context.keeper()?.keep(child);
    if (previous !== undefined) tell({ event: 'replaced', device: name, registration: value, previous, at });
    this.tell('registered', child);
  }

  /** A device behind a gateway never takes over the name of one that is not behind it. */
  private refusalOf(record: RegistrationRecord, name: string): Mistake | undefined {
    const { registrations, mostRegistrations, admit, identityOf } = this.context;
    if (registrations.byEndpoint(name) !== undefined) {
      return new Mistake(
        Code.Forbidden,
        `a device behind gateway ${record.endpoint} has the name of a device that is registered already`,
        'Give one of them another name (Device ID, 25/x/0, in the gateway); if they are the same device, it comes when the other registration ends.',
      );
    }
    const admission = admit(name, identityOf(record.peer), 'behind');
    if (!admission.admitted) return Mistake.unadmitted(admission, Code.Forbidden);
    return registrations.size >= mostRegistrations ? FULL : undefined;
  }

  private refuse(gateway: Gateway, name: string, { reason, remedy }: Mistake, previous: Registration | undefined): void {
    const { record } = gateway;
    gateway.hasRefused = true;
    if (previous !== undefined) {
      this.context.tell({ event: 'deregistered', device: name, registration: previous, at: this.context.clock.wall() });
    }
    this.context.refusals.refused(name, hostOf(record.peer), record.value.address, reason, remedy);
  }

  private end(gateway: Gateway, why: 'deregistered' | 'expired'): void {
    gateway.watch.rest();
    if (this.gateways.get(gateway.record.endpoint) === gateway) this.gateways.delete(gateway.record.endpoint);
    for (const child of [...gateway.children.values()]) this.leave(gateway, child, why, REASONS[why]);
  }

  private leave(gateway: Gateway, child: RegistrationRecord, event: 'deregistered' | 'expired', why: string): void {
    this.remove(gateway, child, why);
    this.tell(event, child);
  }

  private remove(gateway: Gateway, child: RegistrationRecord, why: string): void {
    gateway.children.delete(child.value.gateway?.prefix as string);
    this.context.registrations.remove(child);
    this.context.drop(child, why);
  }

  /** It registered by itself: from now on it is not behind the gateway. */
  private forget({ value, gateway: carrier }: RegistrationRecord): void {
    const gateway = this.gateways.get(carrier?.endpoint ?? '');
    if (gateway === undefined) return;
    gateway.children.delete(value.gateway?.prefix as string);
    gateway.hasRefused = true;
  }

  private tell(event: LifecycleEventName, { endpoint, value }: RegistrationRecord): void {
    this.context.tell({ event, device: endpoint, registration: value, at: this.context.clock.wall() });
  }
}

const OBJECT_PATH = `/${GATEWAY_OBJECT}`;

function announcesGateway({ objects }: Registration): boolean {
  return objects.some((path) => path === OBJECT_PATH || path.startsWith(`${OBJECT_PATH}/`));
}

/**
 * What they are called here: by the Device ID, which is what people know them by; where several behind the gateway have the same, or it
 * cannot be a name, by gateway and prefix.
 */
function namesOf(gateway: string, announced: readonly AnnouncedChild[]): ReadonlyMap<string, AnnouncedChild> {
  const times = new Map<string, number>();
  for (const { deviceId } of announced) times.set(deviceId, (times.get(deviceId) ?? 0) + 1);
  const names = new Map<string, AnnouncedChild>();
  for (const child of announced) {
    const isName = isEndpointName(child.deviceId) && times.get(child.deviceId) === 1;
    names.set(isName ? child.deviceId : `${gateway}/${child.prefix}`, child);
  }
  return names;
}
