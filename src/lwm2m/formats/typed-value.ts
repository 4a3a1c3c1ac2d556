/**
 * Between what a self-describing format carries (numbers, text, Booleans, bytes) and what the object model says of a resource.
 * Decoding never refuses a value because the model disagrees: the model may be of another version than the device, and one odd
 * resource must not cost a notification of twenty. Encoding is strict: a device must not be sent what its resource cannot hold.
 */
import { integerValue, type ResourceType, type ResourceValue, type Value } from '../../device/value';
import { unfit } from './failure';
import { parseObjectLink } from './object-link';

/** What came off the wire; a bigint is an integer that a number cannot hold exactly. */
export type WireValue = string | number | bigint | boolean | Buffer;

/** What goes on the wire, by the five kinds that formats tell apart. */
export type WireField =
  | { readonly kind: 'number'; readonly value: number | bigint; readonly float: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'link'; readonly value: string };

/** The furthest a Date reaches, in seconds (ECMA-262 §21.4.1.1). */
const FURTHEST_SECONDS = 8.64e12;

/** A wire value as the model understands it, or as it came where the model does not fit it. */
export function fromWire(value: WireValue, type: ResourceType | undefined): Value {
  if (typeof value === 'number') {
    if (type === 'time') return timeValue(value);
    if (type === 'boolean' && (value === 0 || value === 1)) return value === 1;
    return value;
  }
  if (typeof value === 'bigint') return type === 'float' ? Number(value) : integerValue(value);
  if (typeof value === 'string') {
    if (type === 'objlnk') return parseObjectLink(value) ?? value;
    if (type === 'time') return dateOfText(value) ?? value;
  }
  return value;
}

/** Unix seconds as a Date; what no Date can hold stays a number. */
export function timeValue(seconds: number): Date | number {
  return Math.abs(seconds) <= FURTHEST_SECONDS ? new Date(Math.round(seconds * 1000)) : seconds;
}

/** An RFC 3339 date, as CBOR tag 0 brings it. `Date.parse` alone takes "1" and much else. */
function dateOfText(text: string): Date | undefined {
  if (text.length > 40 || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text)) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/**
 * A value as its type goes on the wire; without a type as JavaScript says.
 * @throws DeviceManagementError `invalid-value`
 */
export function toWire(entry: ResourceValue, type: ResourceType | undefined): WireField {
  const field = type === undefined ? untyped(entry.value) : WRITERS[type](entry.value);
  if (field === undefined) throw unfit(entry.path, type, entry.value);
  return field;
}

const WRITERS: Readonly<Record<ResourceType, (value: Value) => WireField | undefined>> = {
  string: text,
  corelnk: text,
  integer: (value) => integer(value, -(2n ** 63n), 2n ** 63n - 1n),
  unsigned: (value) => integer(value, 0n, 2n ** 64n - 1n),
  float: (value) => {
    if (typeof value === 'number') return { kind: 'number', value, float: true };
    const whole = typeof value === 'string' ? wholeNumber(value) : undefined; // beyond 2^53, as it came from a device
    return whole === undefined ? undefined : { kind: 'number', value: Number(whole), float: true };
  },
  boolean: (value) => (typeof value === 'boolean' ? { kind: 'boolean', value } : undefined),
  opaque: bytes,
  time: (value) => (value instanceof Date ? unixSeconds(value) : integer(value, -(2n ** 63n), 2n ** 63n - 1n)),
  objlnk: (value) => {
    const link = typeof value === 'string' ? parseObjectLink(value) : undefined;
    return link === undefined ? undefined : { kind: 'link', value: link };
  },
  none: () => undefined, // executable: it has no value
};

function untyped(value: Value): WireField | undefined {
  if (typeof value === 'number') {
    return { kind: 'number', value, float: !Number.isSafeInteger(value) || Object.is(value, -0) };
  }
  if (typeof value === 'boolean') return { kind: 'boolean', value };
  return text(value) ?? bytes(value) ?? (value instanceof Date ? unixSeconds(value) : undefined);
}

function text(value: Value): WireField | undefined {
  return typeof value === 'string' ? { kind: 'text', value } : undefined;
}

/** A Buffer that went through a structured clone is a Uint8Array. */
function bytes(value: Value): WireField | undefined {
  if (!((value as unknown) instanceof Uint8Array)) return undefined;
  const view = value as Uint8Array;
  return { kind: 'bytes', value: Buffer.from(view.buffer, view.byteOffset, view.byteLength) };
}

/** LwM2M times are whole seconds (LwM2M Core 1.1.1 Appendix C). */
function unixSeconds(date: Date): WireField | undefined {
  const seconds = Math.floor(date.getTime() / 1000);
  return Number.isNaN(seconds) ? undefined : { kind: 'number', value: seconds, float: false };
}

function integer(value: Value, least: bigint, most: bigint): WireField | undefined {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || (least === 0n && value < 0)) return undefined;
    return { kind: 'number', value: value + 0, float: false }; // -0 is 0
  }
  const whole = typeof value === 'string' ? wholeNumber(value) : undefined;
  if (whole === undefined || whole < least || whole > most) return undefined;
  const small = Number(whole);
  return { kind: 'number', value: Number.isSafeInteger(small) ? small : whole, float: false };
}

/** A decimal string of at most 64 bits; longer ones never fit, and BigInt takes quadratic time over them. */
export function wholeNumber(text: string): bigint | undefined {
  return text.length <= 20 && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}
