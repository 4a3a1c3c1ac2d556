/**
 * Observe policies against devices: keeps what is declared, and sees to it that each device is observed accordingly, whenever it
 * registers, wakes, changes its objects, falls silent, or a policy changes. Sends only the difference; one device is spoken to step by
 * step, and only so many devices at a time.
 */
import type { Clock } from '../clock';
import type { DeviceManager, LifecycleEvent, NotificationEvent, ObservationEndedEvent, Registration } from '../device/manager';
import type { ResourceValue } from '../device/value';
import type { Unsubscribe } from '../events';
import { NOTHING_KNOWN } from './knowledge';
import { NotificationWatch } from './notification-watch';
import { type ObservePolicy, samePolicy } from './observe-policy';
import { ObserveSteps, type ObserveStepsContext, type Reason } from './observe-steps';
import { ObservedDevice } from './observed-device';
import { MOST_LOSSES, type ObservedPath, type Refusal } from './observed-path';
import type { KeptPaths, PolicyJournal } from './policy-journal';
import type { Matches } from './selector';

export interface ObservedValue {
  readonly device: string;
  readonly path: string;
  readonly values: readonly ResourceValue[];
  readonly contentFormat?: number;
  readonly at: number;
  /** The answer to Observe: a state, not a change. */
  readonly initial: boolean;
}

export interface RefusedObservation extends Refusal {
  readonly device: string;
}

export interface PolicyListener {
  value(event: ObservedValue): void;
  refused(event: RefusedObservation): void;
}

/** How a policy stands, for whoever asks. */
export interface PolicyState {
  readonly policy: ObservePolicy;
  /** Observations that stand, over all devices and paths. */
  readonly observed: number;
  readonly pending: number;
  readonly refused: readonly RefusedObservation[];
}

const DEVICES_AT_ONCE = 32;
/** Names kept of devices that notify in parts. */
const MOST_PARTIAL = 10_000;

export class ObservePolicies {
  private readonly policies = new Map<string, ObservePolicy>();
  private readonly devices = new Map<string, ObservedDevice>();
  private readonly listeners = new Map<string, PolicyListener>();
  private readonly subscriptions: Unsubscribe[];
  private readonly steps: ObserveSteps;
  private readonly watch: NotificationWatch;
  /** Devices that notify in parts: those let an observation of an instance end that of its resources (Wakaama). */
  private readonly partial = new Set<string>();
  private journal: PolicyJournal | undefined;

  constructor(
    private readonly manager: DeviceManager,
    private readonly clock: Clock,
    devicesAtOnce = DEVICES_AT_ONCE,
    private readonly matches: Matches = (selector, device) => selector.matches(device, NOTHING_KNOWN),
  ) {
    this.watch = new NotificationWatch(clock, (path) => this.due(path));
    const context: ObserveStepsContext = {
      manager,
      watch: this.watch,
      isCurrent: (device) => this.devices.get(device.name) === device,
      answered: (path, result) => this.deliver(path, { ...result, initial: true }),
      refused: (device, path, reason) => this.refuse(device, path, reason),
      separate: (device, paths) => this.separate(device, paths),
      changed: ({ name }) => this.journal?.change(name),
      done: (device) => {
        if (this.devices.get(device.name) === device) this.devices.delete(device.name);
      },
    };
    this.steps = new ObserveSteps(context, devicesAtOnce);
    const { events } = manager;
    this.subscriptions = [
      events.on('lifecycle', (event) => LIFECYCLE[event.event]?.(this, event)),
      events.on('notification', (event) => this.notified(event)),
      events.on('observation-ended', (event) => this.ended(event)),
    ];
  }

  /** Where the values for an owner's policies go; outlives a change of its policies. */
  listen(owner: string, listener: PolicyListener): void {
    this.listeners.set(owner, listener);
  }

  /** Declares a policy, or changes it: what stays the same is left alone. */
  set(policy: ObservePolicy): void {
    const before = this.policies.get(policy.id);
    if (before !== undefined && samePolicy(before, policy)) return;
    this.policies.set(policy.id, policy);
    this.changed([...(before === undefined ? [] : [before]), policy]);
  }

  remove(id: string): void {
    const policy = this.policies.get(id);
    if (policy === undefined) return;
    this.policies.delete(id);
    this.changed([policy]);
  }

  /** The owner is gone for good. */
  removeOwner(owner: string): void {
    this.listeners.delete(owner);
    for (const policy of this.ofOwner(owner)) this.remove(policy.id);
  }

  ofOwner(owner: string): readonly ObservePolicy[] {
    return [...this.policies.values()].filter((policy) => policy.owner === owner);
  }

  state(policy: ObservePolicy): PolicyState {
    let observed = 0;
    let pending = 0;
    const refused: RefusedObservation[] = [];
    for (const device of this.devices.values()) {
      for (const path of device.paths.values()) {
        if (!path.policies.includes(policy)) continue;
        if (path.refusal !== undefined) refused.push({ device: device.name, ...path.refusal });
        else if (path.observed) observed++;
        else pending++;
      }
    }
    return { policy, observed, pending, refused };
  }

  /**
   * Goes on, with a device that was there before the start, where an earlier life has left off: what it is observed at as it should be is
   * not asked for again.
   */
  restored({ endpoint, registeredAt }: Registration, kept: KeptPaths | undefined): void {
    const before = kept?.registeredAt === registeredAt ? kept : undefined;
    if (before?.partial === true) this.partial.add(endpoint);
    const observed = this.manager.observations(endpoint);
    const device = this.deviceOf(endpoint) ?? (before === undefined ? undefined : this.newDevice(endpoint));
    if (device === undefined) return;
    this.wishFor(device);
    for (const { path, extent } of device.adopt(observed, before?.paths ?? [])) this.watch.began(path, extent);
    this.want(device);
  }

  keepAll(): void {
    for (const name of this.devices.keys()) this.journal?.change(name);
  }

  /** From now on what is known of devices is kept there. */
  keepIn(journal: PolicyJournal): void {
    this.journal = journal;
    journal.begin((name) => this.keptOf(name));
  }

  /** While policies are being declared one by one (a deploy), devices are left alone; `release` sends the sum of it. */
  hold(): void {
    this.steps.hold();
  }

  release(): void {
    this.steps.release();
    for (const device of this.devices.values()) this.steps.attend(device);
  }

  close(): void {
    this.steps.close();
    this.watch.stop();
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  // Called by the table of events below.

  registered(name: string): void {
    const device = this.deviceOf(name);
    if (device === undefined) return;
    for (const path of device.paths.values()) this.watch.forget(path);
    device.reset();
    this.journal?.change(name);
    this.want(device);
  }

  /** Heard from again: what could not be done while it was away. An Update is frequent, and mostly there is nothing to do. */
  listening(name: string): void {
    const device = this.devices.get(name);
    if (device === undefined) return this.objectsChanged(name);
    for (const path of device.paths.values()) if (path.isOverdue) this.watch.woke(path);
    this.steps.attend(device);
  }

  /** An Update does not end observations; but a device that comes from elsewhere may not be what it was. */
  moved(name: string): void {
    for (const path of this.devices.get(name)?.paths.values() ?? []) this.watch.moved(path);
  }

  objectsChanged(name: string): void {
    const device = this.deviceOf(name);
    if (device === undefined) return;
    // What it could not be observed at may be there now.
    for (const path of device.paths.values()) path.forgive();
    device.alone.clear();
    this.want(device);
  }

  /** It may have come to be among those that are meant, or have ceased to be. */
  reconsider(name: string): void {
    if (![...this.policies.values()].some(({ devices }) => devices.isDynamic)) return;
    if (this.manager.registration(name) === undefined) return;
    const device = this.deviceOf(name);
    if (device !== undefined) this.want(device);
  }

  left(name: string): void {
    const device = this.devices.get(name);
    if (device === undefined) return;
    device.generation++;
    for (const path of device.paths.values()) this.watch.forget(path);
    this.devices.delete(name);
    this.journal?.change(name);
  }

  private changed(policies: readonly ObservePolicy[]): void {
    for (const { endpoint } of this.manager.registrations()) {
      if (!policies.some(({ devices }) => this.matches(devices, endpoint))) continue;
      const device = this.deviceOf(endpoint);
      if (device === undefined) continue;
      // Asked for anew, by a person: worth another try.
      for (const { paths } of policies) for (const path of paths) device.paths.get(path)?.forgive();
      this.want(device);
    }
  }

  /** A device no policy chooses costs nothing. */
  private deviceOf(name: string): ObservedDevice | undefined {
    const known = this.devices.get(name);
    if (known !== undefined) return known;
    if (![...this.policies.values()].some(({ devices }) => this.matches(devices, name))) return undefined;
    return this.newDevice(name);
  }

  private newDevice(name: string): ObservedDevice {
    const device = new ObservedDevice(name, this.partial.has(name));
    this.devices.set(name, device);
    return device;
  }

  private keptOf(name: string): KeptPaths | undefined {
    const paths = this.devices.get(name)?.kept() ?? [];
    const registration = this.manager.registration(name);
    if (registration === undefined || paths.length === 0) return undefined;
    return { registeredAt: registration.registeredAt, partial: this.partial.has(name), paths };
  }

  private want(device: ObservedDevice): void {
    const policies = this.wishFor(device);
    if (policies.length === 0 && device.paths.size === 0) this.devices.delete(device.name);
    else this.steps.attend(device);
  }

  private wishFor(device: ObservedDevice): readonly ObservePolicy[] {
    const policies = [...this.policies.values()].filter(({ devices }) => this.matches(devices, device.name));
    device.want(policies, this.manager.registration(device.name));
    return policies;
  }

  private separate(device: ObservedDevice, paths: readonly string[]): void {
    for (const path of paths) device.alone.add(path);
    this.want(device);
  }

  private refuse(device: ObservedDevice, path: ObservedPath, { code, message }: Reason): void {
    if (path.isList) {
      // Whatever it has against the list, each path by itself shows which of them is meant.
      this.watch.ended(path);
      return this.separate(device, path.path.split(','));
    }
    path.refusal = { path: path.path, code, message, at: this.clock.wall() };
    this.watch.ended(path);
    // What shared its observation is asked for by itself.
    if (device.sharesOverlaps) this.wishFor(device);
    const event = { device: device.name, ...path.refusal };
    for (const owner of ownersOf(path.policies)) this.listeners.get(owner)?.refused(event);
  }

  private notified(event: NotificationEvent): void {
    const device = this.devices.get(event.device);
    const path = device?.paths.get(event.path);
    if (device === undefined || path === undefined) return;
    this.watch.notified(path);
    if (!device.sharesOverlaps && path.isPartial(event.values)) this.notifiesInParts(device);
    this.deliver(path, { ...event, initial: false });
  }

  private notifiesInParts(device: ObservedDevice): void {
    this.partial.add(device.name);
    this.journal?.change(device.name);
    const [oldest] = this.partial;
    if (this.partial.size > MOST_PARTIAL && oldest !== undefined) this.partial.delete(oldest);
    if (device.shareOverlaps()) this.want(device);
  }

  /** Of the watch: a notification has not come, or the time to try again has. */
  private due(path: ObservedPath): void {
    const device = this.devices.get(path.device);
    if (device?.paths.get(path.path) !== path) return;
    if (path.resting) path.resting = false;
    else if (!this.steps.isReachable(device)) path.isOverdue = true;
    else path.fellSilent();
    this.steps.attend(device);
  }

  /**
   * Ended by the device: where it says that the path is the reason, beginning again would end the same way. Otherwise, and where this side
   * had to let go of it, it is begun again.
   */
  private ended({ device: name, path, reason, code }: ObservationEndedEvent): void {
    const device = this.devices.get(name);
    const observed = device?.paths.get(path);
    if (device === undefined || !observed?.observed) return;
    this.watch.ended(observed);
    this.journal?.change(name);
    if (observed.isLeft || code === undefined || this.manager.presence(name) === 'gone') return;
    if (!code.startsWith('4.') && observed.losses++ < MOST_LOSSES) return this.watch.rest(observed);
    const message = `device '${name}' ended the observation of ${path}: ${reason}; it is begun again when the device registers, changes its objects, or the node is deployed`;
    this.refuse(device, observed, { code, message });
  }

  private deliver(path: ObservedPath, event: ObservedValue): void {
    // Once to an owner, though several of its policies may want it.
    const served = path.shares.length > 1 ? new Set<string>() : undefined;
    const { device, contentFormat, at, initial } = event;
    for (const share of path.shares) {
      const { owner } = share.policy;
      const key = `${owner} ${share.path}`;
      const values = served?.has(key) ? undefined : share.pass(event.values, at);
      if (values === undefined) continue;
      served?.add(key);
      const value = { device, path: share.path, values, ...(contentFormat !== undefined && { contentFormat }), at, initial };
      this.listeners.get(owner)?.value(value);
    }
  }
}

/** What each event means for observations; the others mean nothing. */
const LIFECYCLE: Partial<Record<LifecycleEvent['event'], (policies: ObservePolicies, event: LifecycleEvent) => void>> = {
  registered: (policies, { device }) => policies.registered(device),
  updated: (policies, { device, registration, previous }) => {
    if (previous !== undefined && previous.address !== registration?.address) policies.moved(device);
    policies.listening(device);
  },
  awake: (policies, { device }) => policies.listening(device),
  'objects-changed': (policies, { device }) => policies.objectsChanged(device),
  expired: (policies, { device }) => policies.left(device),
  deregistered: (policies, { device }) => policies.left(device),
};

function ownersOf(policies: readonly ObservePolicy[]): ReadonlySet<string> {
  return new Set(policies.map(({ owner }) => owner));
}
