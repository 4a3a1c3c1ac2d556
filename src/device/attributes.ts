/**
 * Notification attributes (LwM2M Core 1.1.1 §5.1.2, 1.2 §7.3): when a device shall notify, and how. The rules are checked here, because devices answer every
 * mistake with the same 4.00.
 */
import { DeviceManagementError } from '../errors';
import { parseVersion } from './models/versions';
import type { PathLevel } from './path';
import type { ResourceType } from './value';

/** Absent: left alone. `null`: cleared. Times in seconds. */
export interface NotificationAttributes {
  readonly pmin?: number | null;
  readonly pmax?: number | null;
  readonly gt?: number | null;
  readonly lt?: number | null;
  readonly st?: number | null;
  readonly epmin?: number | null;
  readonly epmax?: number | null;
  /** 0: on the way from true to false, 1: from false to true. */
  readonly edge?: number | null;
  /** 1: notifications are to be acknowledged. */
  readonly con?: number | null;
  /** So many values are kept while notifications cannot be sent. */
  readonly hqmax?: number | null;
}

export type AttributeName = keyof NotificationAttributes;

interface AttributeRule {
  /** What a message calls it. */
  readonly title: string;
  /** LwM2M 1.x that introduced it. */
  readonly sinceMinor: 0 | 1 | 2;
  readonly levels: readonly PathLevel[];
  readonly kind: 'seconds' | 'threshold' | 'step' | 'flag' | 'count';
  /** What the resource must be, where its type is known. */
  readonly needs?: 'numeric' | 'boolean';
}

const TIMED_LEVELS: readonly PathLevel[] = ['object', 'instance', 'resource', 'resource-instance'];
const VALUE_LEVELS: readonly PathLevel[] = ['resource', 'resource-instance'];
const FITTING_TYPES: Readonly<Record<NonNullable<AttributeRule['needs']>, readonly (ResourceType | undefined)[]>> = {
  numeric: ['integer', 'unsigned', 'float', undefined],
  boolean: ['boolean', undefined],
};

/** In the order they are sent. */
const RULES: Readonly<Record<AttributeName, AttributeRule>> = {
  pmin: { title: 'minimum period', sinceMinor: 0, levels: TIMED_LEVELS, kind: 'seconds' },
  pmax: { title: 'maximum period', sinceMinor: 0, levels: TIMED_LEVELS, kind: 'seconds' },
  gt: { title: 'greater than', sinceMinor: 0, levels: VALUE_LEVELS, kind: 'threshold', needs: 'numeric' },
  lt: { title: 'less than', sinceMinor: 0, levels: VALUE_LEVELS, kind: 'threshold', needs: 'numeric' },
  st: { title: 'step', sinceMinor: 0, levels: VALUE_LEVELS, kind: 'step', needs: 'numeric' },
  epmin: { title: 'minimum evaluation period', sinceMinor: 1, levels: TIMED_LEVELS, kind: 'seconds' },
  epmax: { title: 'maximum evaluation period', sinceMinor: 1, levels: TIMED_LEVELS, kind: 'seconds' },
  edge: { title: 'edge', sinceMinor: 2, levels: VALUE_LEVELS, kind: 'flag', needs: 'boolean' },
  con: { title: 'confirmable', sinceMinor: 2, levels: TIMED_LEVELS, kind: 'flag' },
  hqmax: { title: 'maximum history', sinceMinor: 2, levels: TIMED_LEVELS, kind: 'count' },
};

export const ATTRIBUTE_NAMES = Object.keys(RULES) as readonly AttributeName[];

/** Seconds are sent as a whole number that fits the 32 bits clients keep them in. */
const LONGEST_SECONDS = 2 ** 31 - 1;

type Mutable = { -readonly [Name in AttributeName]?: number | null };

/**
 * Reads attributes as dialogs and messages give them: numbers or numeric strings; "" and undefined leave an attribute alone, null and "null"
 * clear it.
 * @throws DeviceManagementError `invalid-value`
 */
export function parseAttributes(input: Readonly<Record<string, unknown>>): NotificationAttributes {
  const attributes: Mutable = {};
  for (const [name, value] of Object.entries(input)) {
    if (!isAttributeName(name)) {
      throw invalid(`"${name}" is no notification attribute. Use ${ATTRIBUTE_NAMES.join(', ')}.`);
    }
    const text = typeof value === 'string' ? value.trim() : value;
    if (text === undefined || text === '') continue;
    attributes[name] = text === null || text === 'null' ? null : numberOf(name, text);
  }
  return attributes;
}

export interface AttributeTarget {
  readonly level: PathLevel;
  /** Of the resource, where known. */
  readonly type?: ResourceType | undefined;
  /** LwM2M version of the device: "1.1". */
  readonly version: string;
}

/**
 * Checks attributes against each other and against what carries them.
 * @throws DeviceManagementError `invalid-value`; `unsupported` when the device's LwM2M version has no such attribute or level
 */
export function checkAttributes(attributes: NotificationAttributes, target: AttributeTarget): void {
  const minor = minorOf(target.version);
  for (const name of namesIn(attributes)) {
    checkTarget(name, target, minor);
    const value = attributes[name];
    if (typeof value === 'number') checkValue(name, value);
  }
  checkPeriods(attributes, minor);
  checkThresholds(attributes);
}

/** Whether devices of a LwM2M version have an attribute. */
export function isKnownTo(version: string, name: AttributeName): boolean {
  return minorOf(version) >= RULES[name].sinceMinor;
}

/** Uri-Query of Write-Attributes: "pmin=5", and the bare name to clear. */
export function toQuery(attributes: NotificationAttributes): string[] {
  return namesIn(attributes).map((name) => {
    const value = attributes[name];
    return typeof value === 'number' ? `${name}=${decimal(value)}` : name;
  });
}

/**
 * What a device gets where policies overlap on one path: whatever any of them needs, reaches the server. So the smallest pmin, pmax, st,
 * epmin and epmax, where no pmin, st or epmin at all is the smallest, and no pmax or epmax the largest; gt, lt and edge only where all agree,
 * because who wants every change must not lose one; con and hqmax as soon as one asks for them. `null` where some policy clears an attribute and none keeps it.
 */
export function mergeAttributes(policies: readonly NotificationAttributes[]): NotificationAttributes {
  const merged: Mutable = {};
  for (const name of ATTRIBUTE_NAMES) {
    const value = MERGE[name](policies.map((policy) => policy[name] ?? undefined));
    if (value !== undefined) merged[name] = value;
    else if (policies.some((policy) => policy[name] === null)) merged[name] = null;
  }
  return merged;
}

type Merge = (values: readonly (number | undefined)[]) => number | undefined;

/** One without the attribute wants it smallest. */
const smallestOfAll: Merge = (values) => (values.includes(undefined) ? undefined : smallestGiven(values));
/** One without the attribute does not mind. */
const smallestGiven: Merge = (values) => {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
};
/** Who asks for less is served by more. */
const largestGiven: Merge = (values) => {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.max(...given);
};
const whereAllAgree: Merge = (values) => (new Set(values).size === 1 ? values[0] : undefined);

const MERGE: Readonly<Record<AttributeName, Merge>> = {
  pmin: smallestOfAll,
  pmax: smallestGiven,
  gt: whereAllAgree,
  lt: whereAllAgree,
  st: smallestOfAll,
  epmin: smallestOfAll,
  epmax: smallestGiven,
  edge: whereAllAgree,
  con: largestGiven,
  hqmax: largestGiven,
};

function checkTarget(name: AttributeName, target: AttributeTarget, minor: number): void {
  const rule = RULES[name];
  if (minor < rule.sinceMinor) {
    throw new DeviceManagementError(
      'unsupported',
      `${labelOf(name)} came with LwM2M 1.${rule.sinceMinor}, and this device speaks ${target.version}: leave it empty.`,
    );
  }
  if (target.level === 'resource-instance' && minor < 1) {
    throw new DeviceManagementError(
      'unsupported',
      `A device of LwM2M ${target.version} has no attributes on resource instances: use the resource.`,
    );
  }
  if (!rule.levels.includes(target.level)) {
    const where = rule.levels === VALUE_LEVELS ? 'a resource' : 'an object, instance or resource';
    throw invalid(
      `${labelOf(name)} can be set on ${where}, not on ${target.level === 'instance' ? 'an instance' : `the ${target.level}`}.`,
    );
  }
  if (rule.needs !== undefined && !FITTING_TYPES[rule.needs].includes(target.type)) {
    throw invalid(`${labelOf(name)} needs a ${rule.needs} resource, and this one is of type ${target.type}: leave it empty.`);
  }
}

function checkValue(name: AttributeName, value: number): void {
  const { kind } = RULES[name];
  if (!Number.isFinite(value)) throw invalid(`${labelOf(name)} must be a finite number, not ${value}.`);
  if (kind === 'seconds' && (!Number.isInteger(value) || value < 0 || value > LONGEST_SECONDS)) {
    throw invalid(`${labelOf(name)} takes whole seconds from 0 to ${LONGEST_SECONDS}, not ${value}.`);
  }
  if (kind === 'count' && (!Number.isInteger(value) || value < 0 || value > LONGEST_SECONDS)) {
    throw invalid(`${labelOf(name)} is a number of values, 0 or more, not ${value}.`);
  }
  if (kind === 'flag' && value !== 0 && value !== 1) throw invalid(`${labelOf(name)} is 0 or 1, not ${value}.`);
  if (kind === 'step' && value <= 0)
    throw invalid(`${labelOf(name)} must be above 0, not ${value}. Leave it empty to hear every change.`);
}

/**
 * LwM2M 1.0.2 and 1.2 say that pmax must not be smaller than pmin, 1.1 and 1.1.1 that it must be greater; a device ignores what breaks the
 * rule without a word, so it is refused here.
 */
function checkPeriods({ pmin, pmax, epmin, epmax }: NotificationAttributes, minor: number): void {
  if (isNumber(pmin) && isNumber(pmax)) {
    if (pmax < pmin)
      throw invalid(`${labelOf('pmax')} ${pmax} is below ${labelOf('pmin')} ${pmin}: raise it, or clear one of them.`);
    if (pmax === pmin && minor === 1) {
      throw invalid(`${labelOf('pmax')} and ${labelOf('pmin')} are both ${pmax}; LwM2M 1.1 wants pmax greater: use ${pmax + 1}.`);
    }
  }
  if (isNumber(epmin) && isNumber(epmax) && epmin >= epmax) {
    throw invalid(`${labelOf('epmin')} ${epmin} must be below ${labelOf('epmax')} ${epmax}.`);
  }
}

/** lt < gt, and lt + 2·st < gt: the band between them must leave room for a step either way. */
function checkThresholds({ gt, lt, st }: NotificationAttributes): void {
  if (!isNumber(gt) || !isNumber(lt)) return;
  if (lt >= gt)
    throw invalid(`${labelOf('lt')} ${lt} must be below ${labelOf('gt')} ${gt}: a device notifies when either is crossed.`);
  if (isNumber(st) && lt + 2 * st >= gt) {
    throw invalid(`${labelOf('st')} ${st} is too large between lt ${lt} and gt ${gt}: lt + 2·st must be below gt.`);
  }
}

/** A version newer than those known has all that they have. */
function minorOf(version: string): number {
  const parsed = parseVersion(version);
  if (parsed === undefined || parsed.major < 1) return 0;
  return parsed.major > 1 ? 2 : parsed.minor;
}

function numberOf(name: AttributeName, value: unknown): number {
  const isNumeric = typeof value === 'string' && /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i.test(value);
  const isFlag = typeof value === 'boolean' && RULES[name].kind === 'flag';
  const number = typeof value === 'number' ? value : isNumeric || isFlag ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw invalid(`${labelOf(name)} must be a number, not ${JSON.stringify(value) ?? typeof value}.`);
  checkValue(name, number);
  return number;
}

/** The grammar of the TS has no exponent. */
function decimal(value: number): string {
  const [mantissa, exponent] = String(value).split('e') as [string, string?];
  if (exponent === undefined) return mantissa;
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.') as [string, string?];
  const sign = value < 0 ? '-' : '';
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(shift, '0')}`;
}

function namesIn(attributes: NotificationAttributes): AttributeName[] {
  return ATTRIBUTE_NAMES.filter((name) => attributes[name] !== undefined);
}

function isAttributeName(name: string): name is AttributeName {
  return Object.hasOwn(RULES, name);
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}

function labelOf(name: AttributeName): string {
  return `${name} (${RULES[name].title})`;
}

function invalid(message: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', message);
}
