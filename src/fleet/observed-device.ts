/** One device as the observe policies see it: per path what is wanted, what stands on the device, and the next step between the two. */
import type { Registration } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import type { DeviceManagementError } from '../errors';
import { Conditions } from './conditions';
import { type AttributeSet, combine, difference, given, isConditional, type ObservePolicy } from './observe-policy';

export interface Refusal {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly at: number;
}

/** A path of a device that is, or should be, or should no longer be observed. */
export class ObservedPath {
  policies: readonly ObservePolicy[] = [];
  wanted: AttributeSet = {};
  /** What we have set since the device registered. */
  actual: AttributeSet = {};
  observed = false;
  /** A step is under way: what will be on the device is not known, so this is not forgotten. */
  asking = false;
  /** The device would not be observed here; not asked again before something has changed. */
  refusal: Refusal | undefined;
  /** The device knows no attributes, or not these; then they are all applied here. */
  attributesRefused = false;
  private conditions = new Map<string, Conditions>();

  constructor(readonly path: string) {}

  want(policies: readonly ObservePolicy[]): void {
    this.policies = policies;
    if (policies.length === 0) {
      this.wanted = {};
      this.conditions.clear();
      return;
    }
    const { attributes, filtered } = combine(policies);
    if (difference(this.wanted, attributes) !== undefined) this.attributesRefused = false;
    this.wanted = attributes;
    this.applyHere(this.attributesRefused ? policies : filtered);
  }

  attributesWereRefused(): void {
    this.attributesRefused = true;
    this.applyHere(this.policies);
  }

  /** The device has begun anew: it knows nothing of what was. */
  reset(): void {
    this.actual = {};
    this.observed = false;
    this.refusal = undefined;
    this.attributesRefused = false;
    this.conditions.clear();
    this.want(this.policies);
  }

  conditionsOf(policy: ObservePolicy): Conditions | undefined {
    return this.conditions.get(policy.id);
  }

  /** Attributes first, so that the first notification obeys them. */
  nextStep(): OperationRequest | undefined {
    const { path } = this;
    if (this.policies.length === 0 && this.observed) return { operation: 'cancel-observation', path };
    if (this.refusal !== undefined) return undefined;
    const attributes = this.attributesRefused ? undefined : difference(this.actual, this.wanted);
    if (attributes !== undefined) return { operation: 'write-attributes', path, attributes };
    return this.policies.length > 0 && !this.observed ? { operation: 'observe', path } : undefined;
  }

  /** Nobody wants it, and nothing of it is left on the device. */
  get isDone(): boolean {
    return this.policies.length === 0 && !this.asking && this.nextStep() === undefined;
  }

  /** Kept where nothing has changed: what was last passed on is part of the condition. */
  private applyHere(policies: readonly ObservePolicy[]): void {
    const next = new Map<string, Conditions>();
    for (const { id, attributes } of policies) {
      const own = given(attributes);
      if (!isConditional(own)) continue;
      const known = this.conditions.get(id);
      const isSame = known !== undefined && difference(known.attributes, own) === undefined;
      next.set(id, isSame ? known : new Conditions(own));
    }
    this.conditions = next;
  }
}

export class ObservedDevice {
  readonly paths = new Map<string, ObservedPath>();
  /** Counts registrations: an answer that belongs to the one before says nothing of this one. */
  generation = 0;
  /** Waiting for its turn, or being asked. */
  busy = false;

  constructor(readonly name: string) {}

  /** Wants exactly what `policies` say, of the paths this device has. */
  want(policies: readonly ObservePolicy[], registration: Registration | undefined): void {
    const byPath = new Map<string, ObservePolicy[]>();
    for (const policy of policies) {
      for (const path of policy.paths) {
        if (policy.devices.single === undefined && !isAnnounced(path, registration)) continue;
        const sharing = byPath.get(path);
        if (sharing === undefined) byPath.set(path, [policy]);
        else sharing.push(policy);
      }
    }
    for (const path of byPath.keys()) if (!this.paths.has(path)) this.paths.set(path, new ObservedPath(path));
    for (const observed of this.paths.values()) observed.want(byPath.get(observed.path) ?? []);
    this.tidy();
  }

  reset(): void {
    this.generation++;
    for (const path of this.paths.values()) path.reset();
    this.tidy();
  }

  tidy(): void {
    for (const path of this.paths.values()) if (path.isDone) this.paths.delete(path.path);
  }

  next(): { path: ObservedPath; request: OperationRequest } | undefined {
    for (const path of this.paths.values()) {
      const request = path.nextStep();
      if (request !== undefined) return { path, request };
    }
    return undefined;
  }
}

/** Whoever chooses devices by a pattern wants the value of those that have it. What a device announces are objects and instances. */
function isAnnounced(path: string, registration: Registration | undefined): boolean {
  if (registration === undefined) return false;
  const [, object, instance] = path.split('/');
  const whole = `/${object}`;
  const prefix = `${whole}/`;
  if (instance === undefined)
    return registration.objects.some((announced) => announced === whole || announced.startsWith(prefix));
  const one = `${prefix}${instance}`;
  return registration.objects.some((announced) => announced === whole || announced === one);
}

/** Failures that say nothing of the path: the device is tried again when it comes. */
const PASSING: ReadonlySet<string> = new Set([
  'timeout',
  'reset',
  'asleep',
  'not-registered',
  'cancelled',
  'server-unavailable',
  'queue-full',
]);

export function isPassing(error: DeviceManagementError): boolean {
  return PASSING.has(error.code) || error.code.startsWith('5.');
}
