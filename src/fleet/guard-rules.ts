/** What a guard asks for, as plain data: from a dialog, a message or a store. */
import { Path } from '../device/path';
import { invalidSetting, quoted } from './invalid-setting';
import { readWindow, type WindowRule } from './window';

export type GuardReason =
  | 'offline'
  | 'asleep'
  | 'locked'
  | 'window'
  | 'updating'
  | 'battery'
  | 'signal'
  | 'memory'
  | 'busy'
  | 'errors'
  | 'rebooted'
  | 'unknown'; // a reading that a rule needs is missing

export interface GuardContext {
  /** Whose work it is; what it has locked itself does not stand in its way. */
  readonly holder: string;
  /** What is to be loaded. */
  readonly imageBytes?: number;
  /** Goes whatever the rules say, on the word of this actor: "user admin", "node 3f2a". */
  readonly force?: string;
}

export type MissingPolicy = 'block' | 'allow' | 'warn';

export interface GuardRules {
  /** No firmware update is under way (5/0/3). */
  readonly notUpdating?: boolean;
  /** Battery level in percent, at least (3/0/9, 3/0/20); not asked of a device with mains (3/0/6) or one that is being charged. */
  readonly battery?: number;
  /** Signal strength in dBm, at least (4/0/2). */
  readonly signal?: number;
  /** Free memory (3/0/10), at least so many times the image. */
  readonly memoryFactor?: number;
  /** It is in use while this resource has this value. */
  readonly busy?: { readonly path: string; readonly equals: string | number | boolean };
  /** Error codes that must not stand in 3/0/11. */
  readonly errors?: readonly number[];
  /** It has not registered anew within so many milliseconds. */
  readonly rebootedWithinMs?: number;
  readonly window?: WindowRule | readonly WindowRule[];
  /** Nobody else works on it; true unless said otherwise. */
  readonly lock?: boolean;
  /** When a reading is missing; `warn` unless said otherwise. */
  readonly missing?: MissingPolicy;
}

type Check = (value: unknown, field: string) => void;

const MISSING: readonly string[] = ['block', 'allow', 'warn'];
const MOST_ERROR_CODES = 100;

const FIELDS: Readonly<Record<keyof GuardRules, Check>> = {
  notUpdating: isBoolean,
  battery: isNumber(0, 100, '%'),
  signal: isNumber(-200, 0, 'dBm'),
  memoryFactor: isNumber(0.1, 100, 'times the image'),
  busy(value, field) {
    const { path, equals } = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
    const isResource = typeof path === 'string' && Path.parse(path).resource !== undefined;
    if (!isResource)
      throw invalidSetting(`${field}.path must be the path of a resource such as "/3350/0/5850", but is ${quoted(path)}`);
    if (!['string', 'number', 'boolean'].includes(typeof equals))
      throw invalidSetting(`${field}.equals must be a text, number or Boolean, but is ${quoted(equals)}`);
  },
  errors(value, field) {
    const isList =
      Array.isArray(value) && value.length <= MOST_ERROR_CODES && value.every((code) => Number.isInteger(code) && code >= 0);
    if (!isList)
      throw invalidSetting(
        `${field} must be an array of at most ${MOST_ERROR_CODES} error codes such as [1, 3], but is ${quoted(value)}`,
      );
  },
  rebootedWithinMs: isNumber(0, Number.MAX_SAFE_INTEGER, 'ms'),
  window: (value, field) => void readWindow(value, field),
  lock: isBoolean,
  missing(value, field) {
    if (!MISSING.includes(String(value))) throw invalidSetting(`${field} must be ${MISSING.join(', ')}, but is ${quoted(value)}`);
  },
};

/**
 * @param value as `GuardRules`; nothing at all: no rules
 * @param field names it in errors
 * @throws DeviceManagementError `invalid-value`, naming the field
 */
export function readGuardRules(value: unknown, field = 'guard'): GuardRules {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidSetting(`${field} must be like {"battery": 30}, but is ${quoted(value)}`);
  for (const [name, rule] of Object.entries(value)) {
    if (!Object.hasOwn(FIELDS, name))
      throw invalidSetting(`${field} has no rule ${quoted(name)}: they are ${Object.keys(FIELDS).join(', ')}`);
    if (rule !== undefined) FIELDS[name as keyof GuardRules](rule, `${field}.${name}`);
  }
  return value as GuardRules;
}

function isBoolean(value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw invalidSetting(`${field} must be true or false, but is ${quoted(value)}`);
}

function isNumber(least: number, most: number, unit: string): Check {
  return (value, field) => {
    if (typeof value === 'number' && value >= least && value <= most) return;
    throw invalidSetting(`${field} must be a number from ${least} to ${most} (${unit}), but is ${quoted(value)}`);
  };
}
