/** What makes an alarm: a condition on values of a path or on events of a device, read from what a person wrote and checked field by field. */
import { DeviceManagementError } from '../../errors';

/** X.733 §8.1.2.3, worst first; "cleared" is no severity of an open alarm. */
export const SEVERITIES = ['critical', 'major', 'minor', 'warning', 'indeterminate'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** X.733 §8.1.1 and, for security, X.736. */
const EVENT_TYPES = [
  'communications',
  'quality-of-service',
  'processing-error',
  'equipment',
  'environmental',
  'security',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What the server tells of a device by itself. */
const SOURCE_EVENTS = [
  'expired',
  'deregistered',
  'registered',
  'updated',
  'replaced',
  'refused',
  'observation-ended',
  'problem',
] as const;
export type SourceEvent = (typeof SOURCE_EVENTS)[number];

const COMPARISONS = ['below', 'above', 'equals', 'not'] as const;
/** Exactly one of them. */
export type Comparison = Readonly<Partial<Record<(typeof COMPARISONS)[number], number | string | boolean>>>;

export interface AlarmRule {
  /** Of the alarm: with device and instance its key. */
  readonly type: string;
  readonly severity: Severity;
  readonly eventType: EventType;
  /** X.733 probable cause. */
  readonly cause: string;
  /** "/3/0/9", or with a star for the instance: each by itself. */
  readonly path?: string;
  readonly raise?: Comparison;
  /** Between raise and clear nothing changes (deadband). */
  readonly clear?: Comparison;
  readonly raiseOn?: readonly SourceEvent[];
  readonly clearOn?: readonly SourceEvent[];
  /** Seconds without a word of the device; of one that sleeps its lifetime, where that is longer. */
  readonly silence?: number;
  /** Seconds after which an alarm nobody acknowledged goes up by one severity; 0: never. */
  readonly escalateAfter: number;
  /** Seconds a condition must last before it counts. */
  readonly onDelay: number;
  /** Seconds it must be gone before the alarm clears. */
  readonly offDelay: number;
  /** Only after so many times within so many seconds. */
  readonly times: number;
  readonly within: number;
  readonly latch: boolean;
  /** What to do about it, for a person. */
  readonly repair?: string;
}

/** Characters of a type; it is part of keys. */
const LONGEST_TYPE = 60;
/** Seconds; a week. */
const LONGEST_SECONDS = 604_800;
/** Each is a time that is kept for each device. */
const MOST_TIMES = 100;
const PATH = /^\/\d{1,5}\/(\d{1,5}|\*)\/\d{1,5}$/;

type Fields = Readonly<Record<string, unknown>>;

/** @throws DeviceManagementError `invalid-request`, naming the field */
export function readRule(value: unknown): AlarmRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('a rule', 'must be an object');
  const fields = value as Fields;
  const { type } = fields;
  if (typeof type !== 'string' || !/^[\w.-]+$/.test(type) || type.length > LONGEST_TYPE)
    throw wrong('type', `of a rule must be a word of at most ${LONGEST_TYPE} letters, digits, ".", "-" and "_"`);
  const own = new RuleFields(type, fields);
  const condition = own.condition();
  const within = own.number('within', 0, LONGEST_SECONDS, 0);
  const times = own.number('times', 1, MOST_TIMES, 1);
  if (times > 1 && within === 0) throw own.wrong('within', 'must say in how many seconds, because "times" is more than 1');
  return {
    type,
    severity: own.oneOf('severity', SEVERITIES, 'warning'),
    eventType: own.oneOf('eventType', EVENT_TYPES, 'equipment'),
    cause: own.text('cause') ?? type,
    ...condition,
    escalateAfter: own.number('escalateAfter', 0, LONGEST_SECONDS, 0),
    onDelay: own.number('onDelay', 0, LONGEST_SECONDS, 0),
    offDelay: own.number('offDelay', 0, LONGEST_SECONDS, 0),
    times,
    within,
    latch: fields.latch === true,
    ...(fields.repair !== undefined && { repair: own.text('repair') as string }),
  };
}

/** What a value says: `undefined` between the thresholds, and `wrong-type` where it cannot be compared. */
export function judge(rule: AlarmRule, value: unknown): boolean | undefined | 'wrong-type' {
  const raises = compare(rule.raise, value);
  if (raises === 'wrong-type' || raises) return raises;
  if (rule.clear === undefined) return false;
  const clears = compare(rule.clear, value);
  return clears === true ? false : clears === false ? undefined : clears;
}

function compare(comparison: Comparison = {}, value: unknown): boolean | 'wrong-type' {
  const { below, above, equals, not } = comparison;
  if (below !== undefined) return typeof value === 'number' ? value < Number(below) : 'wrong-type';
  if (above !== undefined) return typeof value === 'number' ? value > Number(above) : 'wrong-type';
  const wanted = equals ?? not;
  if (typeof value !== typeof wanted) return 'wrong-type';
  return equals === undefined ? value !== not : value === equals;
}

class RuleFields {
  constructor(
    private readonly type: string,
    private readonly fields: Fields,
  ) {}

  wrong(field: string, what: string): DeviceManagementError {
    return wrong(field, `of the rule "${this.type}" ${what}`);
  }

  condition(): Pick<AlarmRule, 'path' | 'raise' | 'clear' | 'raiseOn' | 'clearOn' | 'silence'> {
    const { path, raiseOn, clearOn, silence } = this.fields;
    const conditions = [path, raiseOn, silence].filter((condition) => condition !== undefined);
    if (conditions.length !== 1) throw this.wrong('path', 'or "raiseOn" or "silence" must be given, and only one of them');
    if (silence !== undefined) return { silence: this.number('silence', 1, LONGEST_SECONDS, 0) };
    if (path === undefined)
      return {
        raiseOn: this.events('raiseOn', raiseOn),
        ...(clearOn !== undefined && { clearOn: this.events('clearOn', clearOn) }),
      };
    if (typeof path !== 'string' || !PATH.test(path))
      throw this.wrong('path', 'must be that of a resource, "/3/0/9", or "/3303/*/5700" for every instance');
    const raise = this.comparison('raise');
    if (raise === undefined) throw this.wrong('raise', 'is missing: for instance {"below": 20}');
    const clear = this.comparison('clear');
    this.checkDeadband(raise, clear);
    return { path, raise, ...(clear !== undefined && { clear }) };
  }

  private checkDeadband(raise: Comparison, clear: Comparison | undefined): void {
    if (clear === undefined) return;
    const never = (what: string): DeviceManagementError => this.wrong('clear', `contradicts "raise": ${what}`);
    const { below, above } = raise;
    if (below !== undefined && !(Number(clear.above) >= Number(below)))
      throw never(`what is raised below ${below} must be cleared above ${below} or more`);
    if (above !== undefined && !(Number(clear.below) <= Number(above)))
      throw never(`what is raised above ${above} must be cleared below ${above} or less`);
    if (JSON.stringify(raise) === JSON.stringify(clear)) throw never('one value cannot do both');
  }

  private comparison(field: 'raise' | 'clear'): Comparison | undefined {
    const value = this.fields[field];
    if (value === undefined) return undefined;
    const known = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const [name, limit] = known[0] ?? [];
    if (known.length !== 1 || !COMPARISONS.includes(name as never))
      throw this.wrong(field, `must be an object with one of ${COMPARISONS.join(', ')}`);
    const isOrder = name === 'below' || name === 'above';
    const fits = isOrder ? Number.isFinite(limit) : ['number', 'string', 'boolean'].includes(typeof limit);
    if (!fits) throw this.wrong(field, `must have a ${isOrder ? 'number' : 'number, text or Boolean'} as "${name}"`);
    return { [name as string]: limit as number };
  }

  private events(field: string, value: unknown): readonly SourceEvent[] {
    const all = Array.isArray(value) ? value : [value];
    if (all.length === 0 || !all.every((event) => SOURCE_EVENTS.includes(event as never)))
      throw this.wrong(field, `must be one or several of ${SOURCE_EVENTS.join(', ')}`);
    return [...new Set(all as SourceEvent[])];
  }

  oneOf<Name extends string>(field: string, names: readonly Name[], otherwise: Name): Name {
    const value = this.fields[field] ?? otherwise;
    if (!names.includes(value as Name))
      throw this.wrong(field, `must be one of ${names.join(', ')}, not ${JSON.stringify(value)}`);
    return value as Name;
  }

  number(field: string, least: number, most: number, otherwise: number): number {
    const value = this.fields[field] ?? otherwise;
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw this.wrong(field, `must be a number from ${least} to ${most}`);
    return value;
  }

  text(field: string): string | undefined {
    const value = this.fields[field];
    if (value !== undefined && (typeof value !== 'string' || value.length > 200))
      throw this.wrong(field, 'must be a text of at most 200 characters');
    return value;
  }
}

function wrong(field: string, what: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `"${field}" ${what}`);
}
