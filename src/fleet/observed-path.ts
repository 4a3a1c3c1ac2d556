/** One path of a device as the observe policies see it: who wants what of it, what stands on the device, and the next step between the two. */
import { type HasDeadline, NO_DEADLINE } from '../deadlines';
import type { NotificationAttributes } from '../device/attributes';
import type { OperationRequest } from '../device/operation';
import type { ResourceValue } from '../device/value';
import { Conditions } from './conditions';
import { Excerpt } from './excerpt';
import { type AttributeSet, combine, difference, given, isConditional, type ObservePolicy } from './observe-policy';
import type { KeptPath } from './policy-journal';

/** Losses in a row after which an observation is not asked for again before something has changed. */
export const MOST_LOSSES = 3;

export interface Refusal {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly at: number;
}

/** What a policy wants: an observed path, or something below it where one observation serves both. */
export interface Wish {
  readonly policy: ObservePolicy;
  readonly path: string;
}

/** A wish that is served by an observed path, with what stands between the notification and the policy. */
class Share implements Wish {
  private conditions: Conditions | undefined;
  private excerpt: Excerpt | undefined;

  constructor(
    public policy: ObservePolicy,
    readonly path: string,
    isPart: boolean,
  ) {
    if (isPart) this.excerpt = new Excerpt(path, given(policy.attributes).pmax);
  }

  /** What of a notification is for this policy; `undefined` when nothing is. */
  pass(values: readonly ResourceValue[], at: number): readonly ResourceValue[] | undefined {
    const own = this.excerpt === undefined ? values : this.excerpt.pass(values, at);
    if (this.excerpt !== undefined && own.length === 0) return undefined;
    const passed = this.conditions === undefined ? own : this.conditions.pass(own, at);
    return passed.length === 0 && own.length > 0 ? undefined : passed;
  }

  /** Kept where there are any: what was last passed on is part of the condition. */
  applyConditions(here: boolean): void {
    const own = given(this.policy.attributes);
    if (!here || !isConditional(own)) this.conditions = undefined;
    else this.conditions ??= new Conditions(own);
  }

  /** The device has begun anew, and so does what is passed on. */
  reset(): void {
    this.conditions = undefined;
    if (this.excerpt !== undefined) this.excerpt = new Excerpt(this.path, given(this.policy.attributes).pmax);
  }
}

/** Attributes that an Observe-Composite can carry (LwM2M Core 1.2 §6.4.4). */
const OF_SEVERAL: ReadonlySet<string> = new Set(['pmin', 'pmax', 'epmin', 'epmax', 'con']);

/** A path of a device, or a list of paths (`path-list.ts`), that is, or should be, or should no longer be observed. */
export class ObservedPath implements HasDeadline {
  /** The watch's (notification-watch.ts). */
  deadline = NO_DEADLINE;
  shares: readonly Share[] = [];
  policies: readonly ObservePolicy[] = [];
  wanted: AttributeSet = {};
  /** What we have set since the device registered. */
  actual: AttributeSet = {};
  observed = false;
  /** A step is under way: what will be on the device is not known, so this is not forgotten. */
  asking = false;
  /** Observed, but not to be relied on any more: it is asked for again. */
  stale = false;
  /** Lost, and not yet to be asked for again. */
  resting = false;
  /** It should have notified while the device slept. */
  isOverdue = false;
  /** How often it was lost since the last notification. */
  losses = 0;
  /** Values of the first answer: a notification with fewer is a partial one. */
  extent = 0;
  /** When the device last showed that it notifies, by the monotonic clock. */
  provedAt = 0;
  /** The device would not be observed here; not asked again before something has changed. */
  refusal: Refusal | undefined;
  /** The device knows no attributes, or not these; then they are all applied here. */
  attributesRefused = false;
  private version: string | undefined;
  /** The paths of a list. */
  private readonly members: readonly string[];
  /** Members that have the attributes that are wanted now. */
  private adjusted = 0;

  constructor(
    readonly device: string,
    readonly path: string,
  ) {
    this.members = path.split(',');
  }

  get isList(): boolean {
    return this.members.length > 1;
  }

  /** @param version LwM2M version of the device, where known */
  want(wishes: readonly Wish[], version = this.version): void {
    this.version = version;
    this.shares = wishes.map((wish) => this.shareFor(wish));
    this.policies = [...new Set(wishes.map(({ policy }) => policy))];
    if (wishes.length === 0) {
      this.setWanted({});
      return;
    }
    // Thresholds are of resources, and mean nothing at the instance that is observed for the sake of several.
    const isShared = wishes.some(({ path }) => path !== this.path);
    const { attributes, filtered } = combine(this.policies, { thresholdsHere: isShared, version });
    if (difference(this.wanted, attributes) !== undefined) this.attributesRefused = false;
    this.setWanted(this.isList ? ofSeveral(attributes) : attributes);
    this.applyConditions(this.attributesRefused ? this.policies : filtered);
  }

  /** The device has done what a step asked for. */
  took(request: OperationRequest): void {
    if (request.operation === 'observe-composite') {
      if (this.carriesAttributes) this.actual = this.wanted;
    } else if (request.operation === 'cancel-observation') {
      if (this.carriesAttributes) this.actual = {};
    } else if (request.operation === 'write-attributes') {
      // Something else is wanted by now: what the members have of it differs, and is written to each of them anew.
      if (this.isList && !isSame(request.attributes, difference(this.actual, this.wanted))) return;
      this.adjusted++;
      if (this.adjusted < this.members.length) return;
      this.adjusted = 0;
      this.actual = given({ ...this.actual, ...request.attributes });
    }
  }

  /** It stands on the device since an earlier life of this process. */
  adopt({ attributes, attributesRefused }: Pick<KeptPath, 'attributes' | 'attributesRefused'>): void {
    this.actual = attributes;
    if (attributesRefused) this.attributesWereRefused();
  }

  attributesWereRefused(): void {
    this.attributesRefused = true;
    this.applyConditions(this.policies);
  }

  /** The device has begun anew: it knows nothing of what was. */
  reset(): void {
    this.actual = {};
    this.adjusted = 0;
    this.observed = false;
    this.forgive();
    this.stale = false;
    this.attributesRefused = false;
    for (const share of this.shares) share.reset();
    this.want(this.shares);
  }

  /** Whatever went wrong before counts no more. */
  forgive(): void {
    this.refusal = undefined;
    this.resting = false;
    this.isOverdue = false;
    this.losses = 0;
  }

  /**
   * Nothing came although it was due: asked for again, unless that has not helped before. Silence while it slept, or without pmax, is no
   * fault of the device.
   */
  fellSilent(): void {
    if (this.actual.pmax !== undefined && !this.isOverdue) this.losses++;
    this.isOverdue = false;
    this.stale = this.observed && this.losses <= MOST_LOSSES;
  }

  /** Attributes first, so that the first notification obeys them. */
  nextStep(): OperationRequest | undefined {
    const { path } = this;
    if (this.isLeft && this.observed) return { operation: 'cancel-observation', path };
    if (this.refusal !== undefined || this.resting) return undefined;
    const attributes = this.attributesRefused ? undefined : difference(this.actual, this.wanted);
    const mustBegin = !this.isLeft && (!this.observed || this.stale);
    if (attributes !== undefined && !this.carriesAttributes) {
      return { operation: 'write-attributes', path: this.members[this.adjusted] as string, attributes };
    }
    if (!this.isList) return mustBegin ? { operation: 'observe', path } : undefined;
    const isOther = attributes !== undefined && !this.isLeft;
    if (!mustBegin && !isOther) return undefined;
    return { operation: 'observe-composite', path, ...(this.carriesAttributes && { attributes: this.wanted }) };
  }

  /** Attributes of a list are those of its observation, where the device can have such; else each path gets them. */
  private get carriesAttributes(): boolean {
    return this.isList && this.version === '1.2';
  }

  private setWanted(attributes: AttributeSet): void {
    if (difference(this.wanted, attributes) !== undefined) this.adjusted = 0;
    this.wanted = attributes;
  }

  /** Nobody wants it any more. */
  get isLeft(): boolean {
    return this.shares.length === 0;
  }

  /** And nothing of it is left on the device. */
  get isDone(): boolean {
    return this.isLeft && !this.asking && this.nextStep() === undefined;
  }

  /** A change told without the rest of what is observed, as Wakaama does. A single resource is always whole. */
  isPartial(values: readonly ResourceValue[]): boolean {
    return values.length > 0 && values.length < this.extent && this.path.split('/').length <= 3;
  }

  private shareFor({ policy, path }: Wish): Share {
    const known = this.shares.find((share) => share.policy.id === policy.id && share.path === path);
    if (known === undefined || !sameAttributes(known.policy, policy)) return new Share(policy, path, path !== this.path);
    known.policy = policy;
    return known;
  }

  private applyConditions(here: readonly ObservePolicy[]): void {
    for (const share of this.shares) share.applyConditions(here.includes(share.policy));
  }
}

function isSame(a: NotificationAttributes, b: NotificationAttributes | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function ofSeveral(attributes: AttributeSet): AttributeSet {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => OF_SEVERAL.has(name)));
}

function sameAttributes(a: ObservePolicy, b: ObservePolicy): boolean {
  return difference(given(a.attributes), given(b.attributes)) === undefined;
}
