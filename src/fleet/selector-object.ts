/** A selector as an object, as messages have it: `{tags: ["floor-2"], firmware: "<2.0", near: {latitude, longitude, metres}}`; all of it must hold. */
import { DeviceManagementError } from '../errors';
import {
  type Comparison,
  circleOf,
  comparisonOf,
  FIELD_NAMES,
  type FieldName,
  fieldNamed,
  OPERATORS,
  type Operator,
} from './selector-fields';
import { type Condition, DEEPEST_EXPRESSION } from './selector-syntax';

/** Together, at every depth: each is evaluated for each device. */
const MOST_CONDITIONS = 1_000;

const COMPARISON = /^(!=|<=|>=|<|>|=)\s*(.*)$/s;
/** "…>=1.2 <2": the next comparison begins. */
const NEXT_COMPARISON = /\s+(?=[!<>=])/;

/** @throws DeviceManagementError `invalid-request`, naming the property */
export function readSelectorObject(given: Readonly<Record<string, unknown>>): Condition {
  return new ObjectReader().read(given, 0);
}

class ObjectReader {
  private count = 0;

  read(given: Readonly<Record<string, unknown>>, depth: number): Condition {
    if (depth > DEEPEST_EXPRESSION) throw invalid(`it is nested more than ${DEEPEST_EXPRESSION} deep`);
    const parts = Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => this.property(name, value, depth));
    if (parts.length === 0) throw invalid('it is empty: name a field, such as {"tags": ["floor-2"]}');
    return one('all', parts);
  }

  private property(name: string, value: unknown, depth: number): Condition {
    if (name === 'not') return { not: this.read(objectOf(name, value), depth + 1) };
    if (name === 'any' || name === 'all') {
      return one(
        name,
        listOf(name, value).map((part) => this.read(objectOf(name, part), depth + 1)),
      );
    }
    const field = fieldNamed(name);
    if (field === undefined)
      throw invalid(`there is no field ${JSON.stringify(name.slice(0, 40))}: they are ${FIELD_NAMES.join(', ')}, any, all, not`);
    if (field === 'near' && typeof value === 'object') return this.counted(near(value));
    // Whoever lists tags wants all of them, and of anything else a device has one.
    const together = field === 'tag' || field === 'object' ? 'all' : 'any';
    return one(
      together,
      (Array.isArray(value) ? value : [value]).map((entry) => this.comparisons(field, entry)),
    );
  }

  private comparisons(field: FieldName, value: unknown): Condition {
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw invalid(`${field} must be a text, such as ${JSON.stringify('<2.0')}, or a list of them, but it is a ${typeof value}`);
    }
    const text = String(value).trim();
    const parts = COMPARISON.test(text) ? text.split(NEXT_COMPARISON) : [`=${text}`];
    return one(
      'all',
      parts.map((part) => {
        const [, operator = '=', operand = ''] = COMPARISON.exec(part) ?? [];
        const comparison = comparisonOf(field, operatorOf(operator), operand.trim());
        if (typeof comparison === 'string') throw invalid(comparison);
        return this.counted(comparison);
      }),
    );
  }

  private counted(comparison: Comparison): Comparison {
    if (++this.count > MOST_CONDITIONS) throw invalid(`it has more than ${MOST_CONDITIONS} conditions`);
    return comparison;
  }
}

function near(value: unknown): Comparison {
  const { latitude, longitude, metres } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const circle = circleOf(Number(latitude), Number(longitude), Number(metres));
  if (circle !== undefined) return { field: 'near', operator: '=', value: circle };
  throw invalid('near must be {"latitude": 52.52, "longitude": 13.40, "metres": 5000}');
}

function one(kind: 'any' | 'all', parts: readonly Condition[]): Condition {
  if (parts.length === 0) throw invalid(`a list is empty: leave it out, or say what may be in it`);
  if (parts.length === 1) return parts[0] as Condition;
  return kind === 'any' ? { any: parts } : { all: parts };
}

function operatorOf(text: string): Operator {
  return OPERATORS.find((operator) => operator === text) ?? '=';
}

function objectOf(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw invalid(`${name} must be an object such as {"tags": ["floor-2"]}, or for any and all a list of them`);
}

function listOf(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${name} must be a list of objects`);
}

function invalid(why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `the selector cannot be used: ${why}`);
}
