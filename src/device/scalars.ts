/**
 * One value of a flow as one value of a resource, by the resource's type. Converted only where nothing is lost and nothing is
 * guessed; everything else is refused with what was expected, what came, and what to pass instead.
 *
 * - time: Date, ISO 8601 with zone, or a number: below 1e11 seconds (until the year 5138), from there on milliseconds (since 1973), as
 *   Inject and Date.now() give them. Fractions of a second are kept here; most formats have none.
 * - opaque: Buffer, Uint8Array, ArrayBuffer, array of bytes, or a Buffer that went through JSON. A bare string is refused, because it could be
 *   text, hex or base64: say which in front ("hex:0102", "base64:AQI=", "utf8:text").
 */
import { types } from 'node:util';
import { DeviceManagementError } from '../errors';
import { isInRange, parseRange } from './models/range';
import { isId } from './path';
import { integerValue, type ResourceType, type Value } from './value';

/** What the messages call the resource. */
export interface Subject {
  /** "/3/0/9" */
  readonly path: string;
  /** "Battery Level" */
  readonly name?: string;
  /** RangeEnumeration of its definition. */
  readonly range?: string;
}

/** From here on a bare number is milliseconds. */
const FIRST_MILLISECONDS = 1e11;
const INT64 = { low: -(2n ** 63n), high: 2n ** 63n - 1n };
const UINT64 = { low: 0n, high: 2n ** 64n - 1n };
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,4})?$/i;
const WHOLE = /^[+-]?\d{1,40}$/;
/** Date and time need a zone: without one the meaning would depend on where this runs. */
const ISO_TIME = /^[+-]?\d{4,6}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/i;

/** Tries one value; `undefined` when it does not fit. Never by `instanceof`: values of a function node come from another realm. */
type Coercer = (value: unknown) => Value | undefined;

interface Rule {
  readonly coerce: Coercer;
  /** "a whole number" */
  readonly expected: string;
  /** What to do, as the end of a sentence. */
  readonly example: string;
}

const RULES: Readonly<Record<Exclude<ResourceType, 'none'>, Rule>> = {
  string: { coerce: toText, expected: 'a string', example: 'pass text' },
  integer: {
    coerce: (value) => toInteger(value, INT64),
    expected: 'an integer',
    example: 'pass a whole number such as 85, or a decimal string beyond 2^53',
  },
  unsigned: {
    coerce: (value) => toInteger(value, UINT64),
    expected: 'an unsigned integer',
    example: 'pass a whole number from 0 on, or a decimal string beyond 2^53',
  },
  float: { coerce: toFloat, expected: 'a number', example: 'pass a finite number such as 21.5' },
  boolean: { coerce: toBoolean, expected: 'a Boolean', example: 'pass true or false' },
  opaque: {
    coerce: toOpaque,
    expected: 'opaque bytes',
    example: 'pass a Buffer, or a string that says how to read it: "hex:0102", "base64:AQI=" or "utf8:text"',
  },
  time: {
    coerce: toTime,
    expected: 'a time',
    example: 'pass a Date, milliseconds, or an ISO string with its zone such as "2026-01-31T12:00:00Z"',
  },
  objlnk: {
    coerce: toObjectLink,
    expected: 'an object link',
    example: 'pass "object:instance" such as "3:0", or "65535:65535" for none',
  },
  corelnk: { coerce: toCoreLink, expected: 'a CoRE link', example: 'pass links such as "</3/0>,</5/0>"' },
};

/**
 * @param type `undefined` when the model does not know the resource: then the value's own type decides
 * @throws DeviceManagementError `invalid-value`
 */
export function coerce(value: unknown, type: ResourceType | undefined, subject: Subject): Value {
  if (value === undefined || value === null) {
    throw refusal(subject, `${titleOf(subject)} cannot be written: no value came. Pass one, for example in msg.payload.`);
  }
  if (type === 'none') {
    throw refusal(subject, `${titleOf(subject)} holds no value: it is executed, not written. Use Execute.`);
  }
  if (type === undefined) return ownType(value, subject);
  const rule = RULES[type];
  const coerced = rule.coerce(value);
  if (coerced === undefined) {
    throw refusal(subject, `${titleOf(subject)} takes ${rule.expected}, but ${shown(value)} came: ${rule.example}.`);
  }
  checkRange(coerced, type, subject);
  return coerced;
}

function toText(value: unknown): string | undefined {
  // A lone surrogate has no UTF-8 form and would arrive as another character.
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value) ? undefined : value;
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return undefined;
}

function toInteger(value: unknown, limits: { low: bigint; high: bigint }): number | string | undefined {
  const whole = wholeNumber(value);
  return whole === undefined || whole < limits.low || whole > limits.high ? undefined : integerValue(whole);
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  // A number beyond 2^53 has lost digits before it came here.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (WHOLE.test(text)) return BigInt(text.replace(/^\+/, ''));
  return DECIMAL.test(text) && !isRounded(text) ? wholeNumber(Number(text)) : undefined;
}

/** "4503599627370496.1" is no whole number, though Number() makes it one. */
function isRounded(text: string): boolean {
  const digits = text.replace(/e.*$/i, '').replace(/\D/g, '').replace(/^0+/, '');
  return digits.length > 15;
}

function toFloat(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return exactNumber(value);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  // "9007199254740993" would arrive as …992; "143471223131810500" is how a number prints itself.
  if (WHOLE.test(text) && !Number.isSafeInteger(Number(text)) && String(Number(text)) !== text) {
    return exactNumber(BigInt(text.replace(/^\+/, '')));
  }
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function exactNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isFinite(number) && BigInt(number) === value ? number : undefined;
}

const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [1, true],
  [0, false],
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
]);

function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return BOOLEANS.get(typeof value === 'string' ? value.trim().toLowerCase() : value);
}

function toOpaque(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value === 'string') return encodedBytes(value);
  if (Array.isArray(value)) return bytesOf(value);
  return isPlainObject(value) && value.type === 'Buffer' && Array.isArray(value.data) ? bytesOf(value.data) : undefined;
}

function bytesOf(list: readonly unknown[]): Buffer | undefined {
  const areBytes = list.every((byte) => typeof byte === 'number' && Number.isInteger(byte) && byte >= 0 && byte <= 255);
  return areBytes ? Buffer.from(list as number[]) : undefined;
}

/** An empty string is no bytes in every encoding. */
function encodedBytes(text: string): Buffer | undefined {
  if (text === '') return Buffer.alloc(0);
  const match = /^(hex|base64|utf8):(.*)$/is.exec(text);
  if (match === null) return undefined;
  const [, encoding, body] = match as unknown as [string, string, string];
  if (encoding.toLowerCase() === 'utf8') return /\p{Surrogate}/u.test(body) ? undefined : Buffer.from(body, 'utf8');
  const packed = body.replace(/\s/g, '');
  if (encoding.toLowerCase() === 'hex') return /^([0-9a-f]{2})*$/i.test(packed) ? Buffer.from(packed, 'hex') : undefined;
  // Both alphabets; Buffer reads either, but skips what is neither.
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(packed) && packed.replace(/=+$/, '').length % 4 !== 1
    ? Buffer.from(packed, 'base64')
    : undefined;
}

function toTime(value: unknown): Date | undefined {
  if (types.isDate(value)) return validDate(new Date(value.getTime()));
  if (typeof value === 'bigint') return toTime(exactNumber(value));
  if (typeof value === 'number') return validDate(new Date(Math.abs(value) < FIRST_MILLISECONDS ? value * 1000 : value));
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (DECIMAL.test(text)) return toTime(Number(text));
  return ISO_TIME.test(text) ? validDate(new Date(text)) : undefined;
}

function validDate(date: Date): Date | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function toObjectLink(value: unknown): string | undefined {
  const match = typeof value === 'string' ? /^(\d{1,5}):(\d{1,5})$|^\/(\d{1,5})\/(\d{1,5})$/.exec(value.trim()) : null;
  if (match === null) return undefined;
  const object = Number(match[1] ?? match[3]);
  const instance = Number(match[2] ?? match[4]);
  return isId(object) && isId(instance) ? `${object}:${instance}` : undefined;
}

function toCoreLink(value: unknown): string | undefined {
  const text = toText(value);
  return typeof value === 'string' && (text === '' || text?.trimStart().startsWith('<')) ? text : undefined;
}

/** For a resource that no model knows. */
function ownType(value: unknown, subject: Subject): Value {
  if (typeof value === 'string' || typeof value === 'number') {
    const rule = typeof value === 'string' ? RULES.string : RULES.float;
    const coerced = rule.coerce(value);
    if (coerced !== undefined) return coerced;
  }
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return integerValue(value);
  const date = types.isDate(value) ? toTime(value) : undefined;
  if (date !== undefined) return date;
  const bytes = Array.isArray(value) ? undefined : toOpaque(value);
  if (bytes !== undefined) return bytes;
  throw refusal(
    subject,
    `${titleOf(subject)} is in no model, and ${shown(value)} does not say its type: pass a string, number, Boolean, Date or Buffer, or add the definition of object ${subject.path.split('/')[1]} to the models folder.`,
  );
}

function checkRange(value: Value, type: ResourceType, subject: Subject): void {
  const range = subject.range === undefined ? undefined : parseRange(subject.range);
  if (range === undefined) return;
  const isNumeric = type === 'integer' || type === 'unsigned' || type === 'float';
  // The range of a number that speaks of bytes is its width; that of a string or of bytes always is a length.
  const measured = isNumeric ? (range.bytes ? undefined : (value as number | string)) : lengthOf(value, type);
  if (measured === undefined || isInRange(measured, range)) return;
  const what = isNumeric ? shown(value) : `${measured} bytes`;
  throw refusal(
    subject,
    `${titleOf(subject)} takes ${RULES[type as 'string'].expected} in the range ${subject.range}, but ${what} came.`,
  );
}

function lengthOf(value: Value, type: ResourceType): number | undefined {
  if (type === 'string' && typeof value === 'string') return Buffer.byteLength(value);
  return type === 'opaque' && Buffer.isBuffer(value) ? value.length : undefined;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of a function node come from another realm: their prototype is an Object.prototype, but not this one.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function titleOf(subject: Subject): string {
  return subject.name === undefined ? subject.path : `${subject.name} (${subject.path})`;
}

const LONGEST_SHOWN = 40;

/** A value as a message shows it, never at length. */
export function shown(value: unknown): string {
  if (Buffer.isBuffer(value)) return `a Buffer of ${value.length} bytes`;
  if (types.isDate(value)) return `a Date (${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()})`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return `the string ${JSON.stringify(shortened(value))}`;
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined || value === null ? 'nothing' : `a ${typeof value}`;
}

function shortened(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

function refusal(subject: Subject, message: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', message, { path: subject.path });
}
