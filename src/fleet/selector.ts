/**
 * Which devices: an endpoint, several, patterns in which `*` stands for anything, or what is known of them, as an object or an expression
 * (docs/selectors.md). Text that crosses to a store stays readable: "a,kitchen-*,model=x & firmware<2".
 */
import { DeviceManagementError } from '../errors';
import { type Test, testOf } from './condition-test';
import type { Knowledge } from './knowledge';
import type { Comparison, FieldName } from './selector-fields';
import { readSelectorObject } from './selector-object';
import { type Condition, isExpression, parseExpression, printed } from './selector-syntax';
import { wildcard } from './wildcard';

/** True of devices that are not here; only who asks for them means those. */
const OF_ABSENT: ReadonlySet<FieldName> = new Set(['state', 'lastSeen']);

export class Selector {
  static readonly everyone = Selector.of('*');
  private readonly outright: ReadonlySet<string>;
  private readonly patterns: readonly RegExp[];
  private readonly conditions: readonly Condition[];
  private readonly tests: readonly Test[];

  private constructor(parts: readonly Part[]) {
    const names = parts.filter((part) => typeof part === 'string');
    this.outright = new Set(names.filter((name) => !name.includes('*')));
    this.patterns = names.filter((name) => name.includes('*')).map((pattern) => wildcard(pattern));
    this.conditions = parts.filter((part) => typeof part !== 'string');
    this.tests = this.conditions.map(testOf);
    this.text = [...new Set(parts.map(textOf))].join(',');
  }

  /** Canonical: two selectors with the same text choose the same devices. */
  readonly text: string;

  /**
   * @param choice an endpoint, a pattern, an expression, an object of conditions, or an array of them
   * @throws DeviceManagementError `invalid-request`, saying where an expression is wrong
   */
  static of(choice: unknown): Selector {
    return new Selector((Array.isArray(choice) ? choice : [choice]).flatMap(partsOf));
  }

  /** Whether it names exactly one device, registered or not. */
  get single(): string | undefined {
    if (this.patterns.length > 0 || this.tests.length > 0 || this.outright.size !== 1) return undefined;
    const [name] = this.outright;
    return name;
  }

  /** Whether it asks for more than names, so that a device may come to be among those meant, and cease to be. */
  get isDynamic(): boolean {
    return this.tests.length > 0;
  }

  /** Whether devices that are not registered may be meant without being named. */
  get meansAbsent(): boolean {
    return this.conditions.flatMap(comparisonsOf).some(({ field }) => OF_ABSENT.has(field));
  }

  /** The groups it speaks of. */
  get groups(): readonly string[] {
    return this.conditions.flatMap(comparisonsOf).flatMap(({ field, value }) => (field === 'group' ? [String(value)] : []));
  }

  /** Whether it names this device outright, and not by what it is. */
  names(endpoint: string): boolean {
    return this.outright.has(endpoint);
  }

  matches(endpoint: string, knowledge: Knowledge): boolean {
    return (
      this.outright.has(endpoint) ||
      this.patterns.some((pattern) => pattern.test(endpoint)) ||
      this.tests.some((test) => test(endpoint, knowledge))
    );
  }

  /** Endpoints named outright come even when they are not among `candidates`: that they are missing is worth telling. */
  choose(candidates: Iterable<string>, knowledge: Knowledge): readonly string[] {
    const chosen = new Set(this.outright);
    if (this.patterns.length > 0 || this.tests.length > 0) {
      for (const endpoint of candidates) if (this.matches(endpoint, knowledge)) chosen.add(endpoint);
    }
    return [...chosen];
  }
}

/** Whether a selector means a device, with all that is known of it. */
export type Matches = (selector: Selector, device: string) => boolean;

/** A name, a pattern, or a condition. */
type Part = string | Condition;

function partsOf(choice: unknown): readonly Part[] {
  if (typeof choice === 'string' && choice.trim() !== '') {
    const text = choice.trim();
    return isExpression(text) ? namesOf(conditionOf(text)) : [text];
  }
  if (typeof choice === 'object' && choice !== null && !Array.isArray(choice)) {
    return namesOf(readSelectorObject(choice as Readonly<Record<string, unknown>>));
  }
  throw new DeviceManagementError(
    'invalid-request',
    `the device must be an endpoint name, a pattern such as "kitchen-*", a selector such as "tag=floor-2 & firmware<2", or an array of them, but ${kindOf(choice)} came`,
  );
}

function conditionOf(text: string): Condition {
  const parsed = parseExpression(text);
  if ('condition' in parsed) return parsed.condition;
  const { at, reason } = parsed.mistake;
  throw new DeviceManagementError(
    'invalid-request',
    `the selector ${JSON.stringify(text.slice(0, 100))} cannot be used: at character ${at}, ${reason}`,
  );
}

/** An expression that only names devices is the same as their names. */
function namesOf(condition: Condition): readonly Part[] {
  if ('any' in condition) return condition.any.flatMap(namesOf);
  const isName = 'field' in condition && condition.field === 'endpoint' && condition.operator === '=';
  return [isName ? String(condition.value) : condition];
}

function textOf(part: Part): string {
  if (typeof part !== 'string') return printed(part);
  return isExpression(part) ? printed({ field: 'endpoint', operator: '=', value: part }) : part;
}

function comparisonsOf(condition: Condition): readonly Comparison[] {
  if ('any' in condition) return condition.any.flatMap(comparisonsOf);
  if ('all' in condition) return condition.all.flatMap(comparisonsOf);
  return 'not' in condition ? comparisonsOf(condition.not) : [condition];
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (value === '') return 'an empty text';
  return Array.isArray(value) ? 'a nested array' : `a ${typeof value}`;
}
