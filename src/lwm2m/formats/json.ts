/** LwM2M JSON, the JSON of LwM2M 1.0 (LwM2M Core 1.0.2 §6.4.4): base name, base time and an array of entries. */
import type { ResourceValue } from '../../device/value';
import { decodeBase64 } from './base64';
import { beyondCap, malformed, notExpressible, shown } from './failure';
import { type DecodeContext, type Format, MOST_VALUES } from './format';
import { decodeJsonItem } from './json-item';
import { parseObjectLink } from './object-link';
import { nameOf, placeOf, scannedIds, scanResourceName } from './resource-name';
import { numberText } from './senml-json';
import { fromWire, toWire, type WireField, type WireValue } from './typed-value';

const NAME = 'LwM2M JSON';
/** The furthest a Date reaches, in milliseconds. */
const FURTHEST_TIME = 8.64e15;

export const json: Format = {
  contentFormat: 11543,
  name: NAME,

  decode(payload, context) {
    const pack = decodeJsonItem(NAME, payload);
    if (!(pack instanceof Map)) throw malformed(NAME, 'offset 0', 'an object with an array "e"', shown(pack));
    const entries: unknown = pack.get('e');
    if (!Array.isArray(entries)) throw malformed(NAME, 'offset 0', '"e" to be an array', shown(entries));
    if (entries.length > MOST_VALUES) throw beyondCap(NAME, 'entries', MOST_VALUES);
    const baseName = textOf(pack, 'bn', 'the base') ?? impliedBase(context);
    const baseTime = secondsOf(pack, 'bt', 'the base');
    return entries.map((entry: unknown, index) => resolved(entry, `entry ${index}`, baseName, baseTime, context));
  },

  canEncode: (_values, context) => context.base.ids.length > 0,

  encode(values, context) {
    const { base, typeOf } = context;
    if (!json.canEncode(values, context)) throw notExpressible(NAME, 'cannot carry several objects');
    const target = nameOf({ path: base.toString() }, context);
    const alone = values.every((entry) => entry.path === base.toString());
    const baseName = alone ? target : `${target}/`;
    const entries = values.map((entry) => {
      const path = nameOf(entry, context);
      if (scanResourceName(path, context) < 0) throw notExpressible(NAME, `has no place for ${entry.path} below ${base}`);
      const field = toWire(entry, typeOf(scannedIds[0] as number, scannedIds[2] as number));
      const name = alone ? '' : `"n":"${path.slice(baseName.length)}",`;
      const time = entry.at === undefined ? '' : `"t":${entry.at / 1000},`;
      return `{${name}${time}${VALUE_TEXTS[field.kind](field)}}`;
    });
    return Buffer.from(`{"bn":${JSON.stringify(baseName)},"e":[${entries.join(',')}]}`);
  },
};

/** A device that leaves the base name out means the path that was asked for. */
function impliedBase(context: DecodeContext): string {
  return nameOf({ path: context.base.toString() }, context);
}

function resolved(
  entry: unknown,
  where: string,
  baseName: string,
  baseTime: number | undefined,
  context: DecodeContext,
): ResourceValue {
  if (!(entry instanceof Map)) throw malformed(NAME, where, 'an object', shown(entry));
  const name = joined(baseName, textOf(entry, 'n', where) ?? '');
  const from = scanResourceName(name, context);
  if (from < 0) throw malformed(NAME, where, `the name of a resource at or below ${context.base}`, shown(name));
  const type = context.typeOf(scannedIds[0] as number, scannedIds[2] as number);
  let value = wireValueOf(entry, where, name);
  if (type === 'opaque' && typeof value === 'string') value = decodeBase64(value) ?? value;
  const time = secondsOf(entry, 't', where);
  const place = placeOf(name, from, context);
  if (time === undefined && baseTime === undefined) return { ...place, value: fromWire(value, type) };
  return { ...place, value: fromWire(value, type), at: unixMilliseconds((baseTime ?? 0) + (time ?? 0), context.now, where) };
}

/** Base name and name are one string, but coap-node leaves the slash between "/3/0" and "9" out; nobody splits an id in two. */
function joined(baseName: string, name: string): string {
  if (name === '' || baseName === '' || baseName.endsWith('/') || name.startsWith('/')) return baseName + name;
  return `${baseName}/${name}`;
}

/** A positive time is Unix seconds, a negative one lies before now, zero is now (LwM2M Core 1.0.2 §6.4.4). */
function unixMilliseconds(seconds: number, now: number, where: string): number {
  const at = Math.round(seconds * 1000) + (seconds > 0 ? 0 : now);
  if (Math.abs(at) <= FURTHEST_TIME) return at;
  throw malformed(NAME, where, 'a time within 270,000 years', `${seconds} seconds`);
}

/** What may hold the value, and what it has to be. */
const VALUE_FIELDS: readonly (readonly [string, string, (value: unknown) => WireValue | undefined])[] = [
  ['v', 'a number', (value) => (typeof value === 'number' || typeof value === 'bigint' ? value : undefined)],
  ['sv', 'text', (value) => (typeof value === 'string' ? value : undefined)],
  ['bv', 'true or false', (value) => (typeof value === 'boolean' ? value : undefined)],
  ['ov', 'an object link', (value) => (typeof value === 'string' ? parseObjectLink(value) : undefined)],
];

function wireValueOf(entry: ReadonlyMap<unknown, unknown>, where: string, path: string): WireValue {
  let found: WireValue | undefined;
  for (const [name, expects, read] of VALUE_FIELDS) {
    if (!entry.has(name)) continue;
    if (found !== undefined) throw malformed(NAME, where, 'one value', `${name} as well in ${path}`);
    found = read(entry.get(name));
    if (found === undefined) throw malformed(NAME, where, `${name} to be ${expects}`, shown(entry.get(name)));
  }
  if (found === undefined) throw malformed(NAME, where, 'one of v, sv, bv, ov', `none in ${path}`);
  return found;
}

function textOf(fields: ReadonlyMap<unknown, unknown>, name: string, where: string): string | undefined {
  const value = fields.get(name);
  if (value === undefined || typeof value === 'string') return value;
  throw malformed(NAME, where, `${name} to be text`, shown(value));
}

function secondsOf(fields: ReadonlyMap<unknown, unknown>, name: string, where: string): number | undefined {
  const value = fields.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw malformed(NAME, where, `${name} to be a number`, shown(value));
}

const VALUE_TEXTS: Readonly<Record<WireField['kind'], (field: WireField) => string>> = {
  number: (field) => `"v":${numberText(NAME, field.value)}`,
  text: (field) => `"sv":${JSON.stringify(field.value)}`,
  boolean: (field) => `"bv":${field.value}`,
  bytes: (field) => `"sv":"${(field.value as Buffer).toString('base64')}"`,
  link: (field) => `"ov":"${field.value}"`,
};
