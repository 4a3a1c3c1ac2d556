/**
 * Observe policies against devices: keeps what is declared, and sees to it that each device is observed accordingly, whenever it
 * registers, wakes, changes its objects, or a policy changes. Sends only the difference; one device is spoken to step by step,
 * and only so many devices at a time.
 */
import type { DeviceManager, LifecycleEvent, NotificationEvent } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import type { ResourceValue } from '../device/value';
import { asDeviceManagementError, type DeviceManagementError } from '../errors';
import type { Unsubscribe } from '../events';
import { type ObservePolicy, samePolicy } from './observe-policy';
import { isPassing, ObservedDevice, type ObservedPath, type Refusal } from './observed-device';
import { Pacer } from './pacer';

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

export class ObservePolicies {
  private readonly policies = new Map<string, ObservePolicy>();
  private readonly devices = new Map<string, ObservedDevice>();
  private readonly listeners = new Map<string, PolicyListener>();
  private readonly subscriptions: Unsubscribe[];
  private readonly pacer: Pacer;
  private held = false;
  private closed = false;

  constructor(
    private readonly manager: DeviceManager,
    private readonly wall: () => number,
    devicesAtOnce = DEVICES_AT_ONCE,
  ) {
    this.pacer = new Pacer(devicesAtOnce);
    const { events } = manager;
    this.subscriptions = [
      events.on('lifecycle', (event) => LIFECYCLE[event.event]?.(this, event)),
      events.on('notification', (event) => this.notified(event)),
      events.on('observation-ended', ({ device, path, reason }) => this.ended(device, path, reason)),
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

  /** While policies are being declared one by one (a deploy), devices are left alone; `release` sends the sum of it. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const device of this.devices.values()) this.attend(device);
  }

  close(): void {
    this.closed = true;
    this.pacer.clear();
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  // Called by the table of events below.

  registered(name: string): void {
    const device = this.deviceOf(name);
    if (device === undefined) return;
    device.reset();
    this.want(device);
  }

  /** Heard from again: what could not be done while it was away. An Update is frequent, and mostly there is nothing to do. */
  listening(name: string): void {
    const device = this.devices.get(name);
    if (device !== undefined) this.attend(device);
    else this.objectsChanged(name);
  }

  objectsChanged(name: string): void {
    const device = this.deviceOf(name);
    if (device === undefined) return;
    // What it could not be observed at may be there now.
    for (const path of device.paths.values()) path.refusal = undefined;
    this.want(device);
  }

  left(name: string): void {
    const device = this.devices.get(name);
    if (device === undefined) return;
    device.generation++;
    this.devices.delete(name);
  }

  private changed(policies: readonly ObservePolicy[]): void {
    for (const { endpoint } of this.manager.registrations()) {
      if (!policies.some(({ devices }) => devices.matches(endpoint))) continue;
      const device = this.deviceOf(endpoint);
      if (device === undefined) continue;
      // Asked for anew, by a person: worth another try.
      for (const { paths } of policies) for (const path of paths) this.forgive(device, path);
      this.want(device);
    }
  }

  private forgive(device: ObservedDevice, path: string): void {
    const observed = device.paths.get(path);
    if (observed !== undefined) observed.refusal = undefined;
  }

  /** A device no policy chooses costs nothing. */
  private deviceOf(name: string): ObservedDevice | undefined {
    const known = this.devices.get(name);
    if (known !== undefined) return known;
    if (![...this.policies.values()].some(({ devices }) => devices.matches(name))) return undefined;
    const device = new ObservedDevice(name);
    this.devices.set(name, device);
    return device;
  }

  private want(device: ObservedDevice): void {
    const policies = [...this.policies.values()].filter(({ devices }) => devices.matches(device.name));
    device.want(policies, this.manager.registration(device.name));
    if (policies.length === 0 && device.paths.size === 0) this.devices.delete(device.name);
    else this.attend(device);
  }

  private attend(device: ObservedDevice): void {
    if (this.held || this.closed || device.busy || device.next() === undefined || !this.isReachable(device)) return;
    device.busy = true;
    this.pacer.run(async () => {
      // Whatever else is declared in this turn goes into the same difference.
      await Promise.resolve();
      let goesOn = true;
      while (goesOn && !this.held && !this.closed && this.isReachable(device)) {
        const step = device.next();
        if (step === undefined) break;
        goesOn = await this.take(device, step.path, step.request);
      }
      device.busy = false;
      device.tidy();
      if (device.paths.size === 0 && this.devices.get(device.name) === device) this.devices.delete(device.name);
      if (goesOn) this.attend(device);
    });
  }

  private isReachable(device: ObservedDevice): boolean {
    return this.devices.get(device.name) === device && this.manager.presence(device.name) === 'reachable';
  }

  /** @returns whether there is sense in going on now */
  private async take(device: ObservedDevice, path: ObservedPath, request: OperationRequest): Promise<boolean> {
    const { generation } = device;
    path.asking = true;
    try {
      const result = await this.manager.perform(device.name, request);
      if (device.generation !== generation) return true;
      if (request.operation === 'write-attributes') path.actual = afterwards(path, request);
      else if (request.operation === 'cancel-observation') path.observed = false;
      else if (result.observed === false) this.refuse(device, path, NOT_OBSERVABLE(device.name, path.path));
      else path.observed = true;
      if (request.operation === 'observe') this.deliver(path, { ...result, initial: true });
      return true;
    } catch (caught) {
      if (device.generation !== generation) return true;
      return this.failed(device, path, request, asDeviceManagementError(caught));
    } finally {
      path.asking = false;
    }
  }

  private failed(device: ObservedDevice, path: ObservedPath, request: OperationRequest, error: DeviceManagementError): boolean {
    if (isPassing(error)) return false;
    if (request.operation === 'observe') this.refuse(device, path, error);
    else if (request.operation === 'cancel-observation') path.observed = false;
    else if (path.policies.length === 0) path.actual = {};
    else path.attributesWereRefused();
    return true;
  }

  private refuse(device: ObservedDevice, path: ObservedPath, { code, message }: { code: string; message: string }): void {
    path.refusal = { path: path.path, code, message, at: this.wall() };
    path.observed = false;
    const event = { device: device.name, ...path.refusal };
    for (const owner of ownersOf(path.policies)) this.listeners.get(owner)?.refused(event);
  }

  private notified(event: NotificationEvent): void {
    const path = this.devices.get(event.device)?.paths.get(event.path);
    if (path !== undefined) this.deliver(path, { ...event, initial: false });
  }

  /** Ended by the device, or by a decoder that cannot read it: beginning again at once would end the same way. */
  private ended(name: string, path: string, reason: string): void {
    const device = this.devices.get(name);
    const observed = device?.paths.get(path);
    if (device === undefined || observed === undefined || !observed.observed) return;
    observed.observed = false;
    if (observed.policies.length === 0 || this.manager.presence(name) === 'gone') return;
    const message = `device '${name}' ended the observation of ${path}: ${reason}; it is begun again when the device registers, changes its objects, or the node is deployed`;
    this.refuse(device, observed, { code: /^\d\.\d\d/.exec(reason)?.[0] ?? 'cancelled', message });
  }

  private deliver(path: ObservedPath, event: ObservedValue): void {
    // Once to an owner, though several of its policies may want it.
    const served = new Set<string>();
    for (const policy of path.policies) {
      if (served.has(policy.owner)) continue;
      const conditions = path.conditionsOf(policy);
      const values = conditions === undefined ? event.values : conditions.pass(event.values, event.at);
      if (values.length === 0 && event.values.length > 0) continue;
      served.add(policy.owner);
      const { device, contentFormat, at, initial } = event;
      this.listeners.get(policy.owner)?.value({
        device,
        path: path.path,
        values,
        ...(contentFormat !== undefined && { contentFormat }),
        at,
        initial,
      });
    }
  }
}

/** What each event means for observations; the others mean nothing. */
const LIFECYCLE: Partial<Record<LifecycleEvent['event'], (policies: ObservePolicies, event: LifecycleEvent) => void>> = {
  registered: (policies, { device }) => policies.registered(device),
  updated: (policies, { device }) => policies.listening(device),
  awake: (policies, { device }) => policies.listening(device),
  'objects-changed': (policies, { device }) => policies.objectsChanged(device),
  expired: (policies, { device }) => policies.left(device),
  deregistered: (policies, { device }) => policies.left(device),
};

const NOT_OBSERVABLE = (device: string, path: string): { code: string; message: string } => ({
  code: 'unsupported',
  message: `device '${device}' answered at ${path} but will not be observed there; read it from time to time instead`,
});

function ownersOf(policies: readonly ObservePolicy[]): ReadonlySet<string> {
  return new Set(policies.map(({ owner }) => owner));
}

function afterwards(path: ObservedPath, request: OperationRequest & { operation: 'write-attributes' }): ObservedPath['actual'] {
  const merged = Object.entries({ ...path.actual, ...request.attributes }).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(merged);
}
