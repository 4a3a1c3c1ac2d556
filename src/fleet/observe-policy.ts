/**
 * What should be observed, as somebody declares it, and what follows for a device when several declare for the same path: one
 * observation, with attributes that leave nobody without what he asked for.
 */
import { isKnownTo, type NotificationAttributes } from '../device/attributes';
import type { Selector } from './selector';

export interface ObservePolicy {
  readonly id: string;
  /** Id of the node that declares it and gets the values. */
  readonly owner: string;
  readonly devices: Selector;
  /** Canonical: "/3303/0/5700". */
  readonly paths: readonly string[];
  readonly attributes: NotificationAttributes;
  /** Observed together with the owner's other paths of equal attributes, where the device can (Observe-Composite, LwM2M 1.1). */
  readonly composite?: boolean;
}

type AttributeName = keyof NotificationAttributes;
/** Attributes as they stand or should stand on a device: only those that are set. */
export type AttributeSet = Readonly<Partial<Record<AttributeName, number>>>;

/** The device evaluates this often, or notifies this late at most: the most eager policy decides, the others get more than they asked for. */
const SMALLEST_GIVEN: readonly AttributeName[] = ['pmax', 'epmax'];
/** The same, but who gives none wants no delay at all. */
const SMALLEST_OF_ALL: readonly AttributeName[] = ['pmin', 'epmin'];
const THRESHOLDS: readonly AttributeName[] = ['gt', 'lt'];
/** Who asks for less is served by more. */
const LARGEST_GIVEN: readonly AttributeName[] = ['con', 'hqmax'];

export interface Combination {
  /** For the device. */
  readonly attributes: AttributeSet;
  /** Policies whose own gt, lt, st must be applied here, because the device's differ from theirs. */
  readonly filtered: readonly ObservePolicy[];
}

/**
 * @param policies at least one
 * @param options `thresholdsHere`: the device gets no gt, lt, st, edge; `version`: what the device's LwM2M version lacks it does not get,
 * for it would be refused together with what it has
 */
export function combine(
  policies: readonly ObservePolicy[],
  { thresholdsHere = false, version }: { readonly thresholdsHere?: boolean; readonly version?: string | undefined } = {},
): Combination {
  const sets = policies.map(({ attributes }) => given(attributes));
  const combined: Partial<Record<AttributeName, number>> = {};
  for (const name of SMALLEST_GIVEN) keep(combined, name, smallest(sets, name));
  for (const name of SMALLEST_OF_ALL) if (allGive(sets, name)) keep(combined, name, smallest(sets, name));
  const agreed = !thresholdsHere && THRESHOLDS.every((name) => sets.every((set) => set[name] === sets[0]?.[name]));
  if (agreed) for (const name of THRESHOLDS) keep(combined, name, sets[0]?.[name]);
  for (const name of LARGEST_GIVEN) keep(combined, name, largest(sets, name));
  if (!thresholdsHere && sets.every((set) => set.edge === sets[0]?.edge)) keep(combined, 'edge', sets[0]?.edge);
  // A step on the device withholds changes from whoever has none, unless a threshold they all share is what he waits for.
  if ((allGive(sets, 'st') && !thresholdsHere) || (agreed && hasThreshold(sets[0]))) keep(combined, 'st', smallest(sets, 'st'));
  for (const name of Object.keys(combined) as AttributeName[]) {
    if (version !== undefined && !isKnownTo(version, name)) delete combined[name];
  }
  const filtered = policies.filter((_, index) => isConditional(sets[index]) && !sameConditions(sets[index], combined));
  return { attributes: combined, filtered };
}

/** What to write so that `actual` becomes `wanted`: `null` clears. `undefined` when nothing differs. */
export function difference(actual: AttributeSet, wanted: AttributeSet): NotificationAttributes | undefined {
  const changes: Partial<Record<AttributeName, number | null>> = {};
  for (const [name, value] of Object.entries(wanted) as [AttributeName, number][])
    if (actual[name] !== value) changes[name] = value;
  for (const name of Object.keys(actual) as AttributeName[]) if (wanted[name] === undefined) changes[name] = null;
  return Object.keys(changes).length === 0 ? undefined : changes;
}

/** Whether two policies ask for the same. */
export function samePolicy(a: ObservePolicy, b: ObservePolicy): boolean {
  return (
    a.owner === b.owner &&
    a.devices.text === b.devices.text &&
    a.paths.join() === b.paths.join() &&
    (a.composite ?? false) === (b.composite ?? false) &&
    difference(given(a.attributes), given(b.attributes)) === undefined
  );
}

/** Without what is absent or `null`. */
export function given(attributes: NotificationAttributes): AttributeSet {
  const entries = Object.entries(attributes).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(entries) as AttributeSet;
}

export function isConditional(set: AttributeSet | undefined): boolean {
  return set?.gt !== undefined || set?.lt !== undefined || set?.st !== undefined || set?.edge !== undefined;
}

function sameConditions(own: AttributeSet | undefined, device: AttributeSet): boolean {
  return own?.gt === device.gt && own?.lt === device.lt && own?.st === device.st && own?.edge === device.edge;
}

function hasThreshold(set: AttributeSet | undefined): boolean {
  return set?.gt !== undefined || set?.lt !== undefined;
}

function allGive(sets: readonly AttributeSet[], name: AttributeName): boolean {
  return sets.every((set) => set[name] !== undefined);
}

function smallest(sets: readonly AttributeSet[], name: AttributeName): number | undefined {
  const values = sets.map((set) => set[name]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.min(...values);
}

function largest(sets: readonly AttributeSet[], name: AttributeName): number | undefined {
  const values = sets.map((set) => set[name]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.max(...values);
}

function keep(set: Partial<Record<AttributeName, number>>, name: AttributeName, value: number | undefined): void {
  if (value !== undefined) set[name] = value;
}
