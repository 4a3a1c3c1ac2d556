/** One device as the observe policies see it: its paths, which of them share an observation, and the next step of them all. */
import type { Registration } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import { isPathList, pathListText } from '../device/path-list';
import type { DeviceManagementError } from '../errors';
import { given, type ObservePolicy } from './observe-policy';
import { ObservedPath, type Wish } from './observed-path';
import type { KeptPath } from './policy-journal';

export class ObservedDevice {
  readonly paths = new Map<string, ObservedPath>();
  /** Counts registrations: an answer that belongs to the one before says nothing of this one. */
  generation = 0;
  /** Waiting for its turn, or being asked. */
  busy = false;
  /** Paths that are observed by themselves though their policies are composite: the device would not, or had nothing of them. */
  readonly alone = new Set<string>();

  constructor(
    readonly name: string,
    /** An observation of /3/0 ends that of /3/0/9 on this device: what overlaps shares one. */
    public sharesOverlaps: boolean,
  ) {}

  /** Wants exactly what `policies` say, of the paths this device has. */
  want(policies: readonly ObservePolicy[], registration: Registration | undefined): void {
    const wishes: Wish[] = [];
    for (const policy of policies) {
      for (const path of policy.paths) {
        if (policy.devices.single !== undefined || isAnnounced(path, registration)) wishes.push({ policy, path });
      }
    }
    const served = this.served(wishes, listsOf(wishes.filter((wish) => this.mayShareList(wish, registration))));
    for (const path of served.keys()) if (!this.paths.has(path)) this.paths.set(path, new ObservedPath(this.name, path));
    for (const observed of this.paths.values()) observed.want(served.get(observed.path) ?? [], registration?.version);
    this.tidy();
  }

  /** From now on what overlaps shares one observation. @returns whether anything does */
  shareOverlaps(): boolean {
    this.sharesOverlaps = true;
    let overlaps = false;
    for (const { path } of this.paths.values()) {
      const above = this.outermost(path, this.paths);
      if (above === path) continue;
      overlaps = true;
      // Whose token the device notifies by now is not known.
      const carrier = this.paths.get(above);
      if (carrier?.observed === true) carrier.stale = true;
    }
    return overlaps;
  }

  /**
   * Takes up what is observed on the device since an earlier life of this process, be it wanted still or only to be ended.
   * @param observed paths that the manager has
   */
  adopt(observed: readonly string[], kept: readonly KeptPath[]): readonly { path: ObservedPath; extent: number }[] {
    const known = new Map(kept.map((one) => [one.path, one]));
    const adopted: { path: ObservedPath; extent: number }[] = [];
    for (const name of observed) {
      const before = known.get(name);
      if (before !== undefined && !this.paths.has(name)) this.paths.set(name, new ObservedPath(this.name, name));
      const path = this.paths.get(name);
      if (path === undefined) continue;
      if (before !== undefined) path.adopt(before);
      adopted.push({ path, extent: before?.extent ?? 0 });
    }
    return adopted;
  }

  /** What `adopt` needs in the next life. */
  kept(): readonly KeptPath[] {
    return [...this.paths.values()]
      .filter(({ observed }) => observed)
      .map(({ path, actual, attributesRefused, extent }) => ({ path, attributes: actual, attributesRefused, extent }));
  }

  private mayShareList({ policy, path }: Wish, registration: Registration | undefined): boolean {
    const canCompose = registration !== undefined && registration.version !== '1.0' && !this.sharesOverlaps;
    return canCompose && policy.composite === true && !this.alone.has(path);
  }

  reset(): void {
    this.generation++;
    this.alone.clear();
    for (const path of this.paths.values()) path.reset();
    this.tidy();
  }

  tidy(): void {
    for (const path of this.paths.values()) if (path.isDone) this.paths.delete(path.path);
  }

  /** What ends comes first: its cancel must not meet what has just begun. */
  next(): { path: ObservedPath; request: OperationRequest } | undefined {
    return this.nextOf((path) => path.isLeft) ?? this.nextOf((path) => !path.isLeft);
  }

  private nextOf(chosen: (path: ObservedPath) => boolean): { path: ObservedPath; request: OperationRequest } | undefined {
    for (const path of this.paths.values()) {
      const request = chosen(path) ? path.nextStep() : undefined;
      if (request !== undefined) return { path, request };
    }
    return undefined;
  }

  /** Wishes by the path to observe for them. */
  private served(wishes: readonly Wish[], lists: ReadonlyMap<Wish, string>): ReadonlyMap<string, Wish[]> {
    const asked = new Set(wishes.map(({ path }) => path));
    const served = new Map<string, Wish[]>();
    for (const wish of wishes) {
      const path = this.sharesOverlaps ? this.outermost(wish.path, asked) : (lists.get(wish) ?? wish.path);
      const sharing = served.get(path);
      if (sharing === undefined) served.set(path, [wish]);
      else sharing.push(wish);
    }
    return served;
  }

  /** The outermost of `others` that contains `path` and that the device does not refuse; at worst itself. */
  private outermost(path: string, others: { has(path: string): boolean }): string {
    const ids = path.split('/');
    for (let length = 2; length < ids.length; length++) {
      const above = ids.slice(0, length).join('/');
      if (others.has(above) && this.paths.get(above)?.refusal === undefined) return above;
    }
    return path;
  }
}

/** Wishes of one owner with equal attributes share a list, where there are at least two paths in it. */
function listsOf(wishes: readonly Wish[]): ReadonlyMap<Wish, string> {
  const groups = new Map<string, Wish[]>();
  for (const wish of wishes) {
    const { owner, attributes } = wish.policy;
    const key = `${owner} ${JSON.stringify(Object.entries(given(attributes)).sort())}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [wish]);
    else group.push(wish);
  }
  const lists = new Map<Wish, string>();
  for (const group of groups.values()) {
    const list = pathListText([...new Set(group.map(({ path }) => path))].sort());
    if (isPathList(list)) for (const wish of group) lists.set(wish, list);
  }
  return lists;
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
  'disconnected',
  'asleep',
  'not-registered',
  'cancelled',
  'server-unavailable',
  'queue-full',
]);

export function isPassing(error: DeviceManagementError): boolean {
  return PASSING.has(error.code) || error.code.startsWith('5.');
}
