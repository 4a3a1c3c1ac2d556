/**
 * SenML records (RFC 8428, LwM2M Core 1.1.1 §7.4.6) apart from how they are written: which fields there are, how base fields
 * complete the records after them, and what of it LwM2M allows. `senml-json` and `senml-cbor` bring decoded packs, and write
 * the records that `outgoingRecords` composes; `senml-etch` and `senml-paths` are what composite operations make of both.
 */
import type { ResourceChange, ResourceValue } from '../../device/value';
import { beyondCap, malformed, notExpressible, shown } from './failure';
import { type DecodeContext, type EncodeContext, type Format, MOST_VALUES } from './format';
import { parseObjectLink } from './object-link';
import { nameOf, placeOf, scannedIds, scanResourceName } from './resource-name';
import { fromWire, toWire, type WireField, type WireValue } from './typed-value';

/** How a representation names fields and writes bytes. */
export interface Dialect {
  readonly name: string;
  readonly fields: ReadonlyMap<unknown, SenmlField>;
  /** Whether `v` may be null: the resource instance is to be removed (RFC 8790 §3.2). */
  readonly removes?: boolean;
  /** A `vd` as it was decoded, to bytes; undefined when it is none. */
  bytesOf(value: unknown): Buffer | undefined;
}

/** JSON or CBOR. */
export interface Representation {
  readonly dialect: Dialect;
  /** @throws DeviceManagementError `decode-error`, `too-large` */
  read(payload: Uint8Array): unknown;
  write(records: readonly OutgoingRecord[]): Buffer;
}

/** A format of values in a representation. */
export function senmlFormat(contentFormat: number, { dialect, read, write }: Representation): Format {
  return {
    contentFormat,
    name: dialect.name,
    decode: (payload, context) => resolvePack(read(payload), dialect, context) as ResourceValue[],
    canEncode: () => true,
    encode: (values, context) => write(outgoingRecords(dialect, values, context)),
  };
}

export interface SenmlField {
  readonly json: string;
  /** LwM2M keeps `vlo` as text, which has no number of its own. */
  readonly cbor: number | string;
  /** For error texts. */
  readonly expects: string;
  /** Puts a value where it belongs; false when it is of the wrong kind. */
  take(record: IncomingRecord, value: unknown, dialect: Dialect): boolean;
}

/** RFC 8428 §12.2, LwM2M Core 1.1.1 table 7.4.6-1. */
export const SENML_FIELDS: readonly SenmlField[] = [
  { json: 'bn', cbor: -2, expects: 'text', take: (record, value) => typeof value === 'string' && record.setBaseName(value) },
  { json: 'bt', cbor: -3, expects: 'a number', take: (record, value) => isNumber(value) && record.setBaseTime(Number(value)) },
  { json: 'bu', cbor: -4, expects: 'text', take: ignored },
  { json: 'bv', cbor: -5, expects: 'a number', take: (record, value) => isNumber(value) && record.setBaseValue(value) },
  { json: 'bs', cbor: -6, expects: 'a number', take: ignored },
  { json: 'bver', cbor: -1, expects: 'a version up to 10', take: (_record, value) => isUnderstoodVersion(value) },
  { json: 'n', cbor: 0, expects: 'text', take: (record, value) => typeof value === 'string' && record.setName(value) },
  { json: 'u', cbor: 1, expects: 'text', take: ignored },
  {
    json: 'v',
    cbor: 2,
    expects: 'a number',
    take: (record, value, { removes }) =>
      isNumber(value) ? record.setNumber(value) : value === null && removes === true && record.setValue(null),
  },
  { json: 'vs', cbor: 3, expects: 'text', take: (record, value) => typeof value === 'string' && record.setValue(value) },
  {
    json: 'vb',
    cbor: 4,
    expects: 'true or false',
    take: (record, value) => typeof value === 'boolean' && record.setValue(value),
  },
  { json: 's', cbor: 5, expects: 'a number', take: ignored },
  { json: 't', cbor: 6, expects: 'a number', take: (record, value) => isNumber(value) && record.setTime(Number(value)) },
  { json: 'ut', cbor: 7, expects: 'a number', take: ignored },
  { json: 'vd', cbor: 8, expects: 'bytes', take: (record, value, dialect) => record.setValue(dialect.bytesOf(value)) },
  {
    json: 'vlo',
    cbor: 'vlo',
    expects: 'an object link such as "3:0"',
    take: (record, value) => record.setValue(typeof value === 'string' ? parseObjectLink(value) : undefined),
  },
];

/** Times below are relative to now, from it upwards they are Unix seconds (RFC 8428 §4.5.3). */
const FIRST_ABSOLUTE_TIME = 2 ** 28;
/** The furthest a Date reaches, in milliseconds. */
const FURTHEST_TIME = 8.64e15;
/** Versions are sets of features: 10 is RFC 8428, bit 4 its secondary units (RFC 9100), which say nothing about LwM2M values. */
const UNDERSTOOD_FEATURES = 0b1_1111;

/**
 * Values of a decoded pack, in its order; without any null unless the dialect removes.
 * @throws DeviceManagementError `decode-error`, `too-large`
 */
export function resolvePack(pack: unknown, dialect: Dialect, context: DecodeContext): ResourceChange[] {
  return eachRecord(pack, dialect, (record, index) => resolved(record, dialect, context, index));
}

/** What `take` makes of each record, completed by the base fields before it. */
export function eachRecord<T>(pack: unknown, dialect: Dialect, take: (record: IncomingRecord, index: number) => T): T[] {
  if (!Array.isArray(pack)) throw malformed(dialect.name, 'offset 0', 'an array of records', shown(pack));
  if (pack.length > MOST_VALUES) throw beyondCap(dialect.name, 'records', MOST_VALUES);
  const taken: T[] = [];
  const record = new IncomingRecord();
  for (let index = 0; index < pack.length; index++) {
    record.clear();
    fill(record, pack[index], dialect, index);
    taken.push(take(record, index));
  }
  return taken;
}

function fill(record: IncomingRecord, fields: unknown, dialect: Dialect, index: number): void {
  if (!(fields instanceof Map)) throw malformed(dialect.name, `record ${index}`, 'a map of fields', shown(fields));
  for (const [label, value] of fields) {
    const field = dialect.fields.get(label);
    if (field !== undefined) {
      if (!field.take(record, value, dialect)) {
        throw malformed(dialect.name, `record ${index}`, `${field.json} to be ${field.expects}`, shown(value));
      }
    } else if (typeof label === 'string' && label.endsWith('_')) {
      // Such a field changes what the record means (RFC 8428 §4.4); all others may be passed over.
      throw malformed(dialect.name, `record ${index}`, 'only fields we understand', shown(label));
    }
  }
}

function resolved(record: IncomingRecord, dialect: Dialect, context: DecodeContext, index: number): ResourceChange {
  const name = record.baseName + record.name;
  const from = scanResourceName(name, context);
  if (from < 0) {
    throw malformed(dialect.name, `record ${index}`, `the name of a resource at or below ${context.base}`, shown(name));
  }
  if (record.valueFields !== 1 || record.value === undefined) {
    throw malformed(dialect.name, `record ${index}`, 'one value', `${record.valueFields} in ${name}`);
  }
  const type = context.typeOf(scannedIds[0] as number, scannedIds[2] as number);
  if (record.value === null) return { ...placeOf(name, from, context), value: null };
  const value = fromWire(record.value, type);
  const isTimed = record.time !== undefined || record.baseTime !== undefined;
  const at = isTimed ? unixMilliseconds(record, dialect, context.now, index) : undefined;
  // Nearly every record of every notification: made at once, not copied together.
  if (from === 0) return at === undefined ? { path: name, value } : { path: name, value, at };
  return { ...placeOf(name, from, context), value, ...(at !== undefined && { at }) };
}

function unixMilliseconds(record: IncomingRecord, dialect: Dialect, now: number, index: number): number {
  const seconds = (record.baseTime ?? 0) + (record.time ?? 0);
  const at = Math.round(seconds * 1000) + (seconds < FIRST_ABSOLUTE_TIME ? now : 0);
  if (Math.abs(at) <= FURTHEST_TIME) return at;
  throw malformed(dialect.name, `record ${index}`, 'a time within 270,000 years', `${seconds} seconds`);
}

/** One record being read, used again for the next: base fields stay, the others go (RFC 8428 §4.1). */
export class IncomingRecord {
  baseName = '';
  baseTime: number | undefined = undefined;
  private baseValue: number | bigint = 0;
  name = '';
  time: number | undefined = undefined;
  /** `null` where it is to be removed. */
  value: WireValue | null | undefined = undefined;
  valueFields = 0;
  private numeric = false;

  clear(): void {
    this.name = '';
    this.time = undefined;
    this.value = undefined;
    this.valueFields = 0;
    this.numeric = false;
  }

  setBaseName(name: string): true {
    this.baseName = name;
    return true;
  }

  setBaseTime(seconds: number): true {
    this.baseTime = seconds;
    return true;
  }

  /** Fields come in any order: a base value after the value still counts for it. */
  setBaseValue(value: number | bigint): true {
    if (this.numeric) this.value = sum(this.value as number | bigint, value);
    this.baseValue = value;
    return true;
  }

  setName(name: string): true {
    this.name = name;
    return true;
  }

  setTime(seconds: number): true {
    this.time = seconds;
    return true;
  }

  setNumber(value: number | bigint): boolean {
    this.numeric = true;
    return this.setValue(sum(value, this.baseValue));
  }

  setValue(value: WireValue | null | undefined): boolean {
    this.value = value;
    this.valueFields++;
    return value !== undefined;
  }
}

/** Exact while both are whole. */
function sum(a: number | bigint, b: number | bigint): number | bigint {
  if (b === 0) return a;
  const total = Number(a) + Number(b);
  if (Number.isSafeInteger(total) || !isWhole(a) || !isWhole(b)) return total;
  return BigInt(a) + BigInt(b);
}

function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isUnderstoodVersion(version: unknown): boolean {
  return typeof version === 'number' && Number.isInteger(version) && version >= 0 && (version & ~UNDERSTOOD_FEATURES) === 0;
}

/** Units and sums are not used by LwM2M. */
function ignored(): boolean {
  return true;
}

/** A record to be written; absent fields are left out. */
export interface OutgoingRecord {
  readonly baseName?: string;
  /** Unix seconds. */
  readonly baseTime?: number;
  readonly name?: string;
  /** Seconds after the base time; Unix seconds without one. */
  readonly time?: number;
  /** `null` removes; a record of a path list has none. */
  readonly field?: WireField | null;
}

/**
 * Records of values: named from the request path on (`bn` is that path), in full where the request has none (Send). Times are
 * relative to the first where every value has one; a base time would be inherited by values that have none.
 * @throws DeviceManagementError `invalid-value`
 */
export function outgoingRecords(dialect: Dialect, values: readonly ResourceChange[], context: EncodeContext): OutgoingRecord[] {
  const { base, typeOf } = context;
  const target = base.ids.length === 0 ? '' : nameOf({ path: base.toString() }, context);
  const alone = values.every((entry) => nameOf(entry, context) === target);
  const baseName = alone || target === '' ? target : `${target}/`;
  const baseTime = values.every((entry) => timeOf(entry) !== undefined) ? timeOf(values[0]) : undefined;
  return values.map((entry, index) => {
    const path = nameOf(entry, context);
    if (scanResourceName(path, context) < 0) throw notExpressible(dialect.name, `has no place for ${path} below ${base}`);
    const type = typeOf(scannedIds[0] as number, scannedIds[2] as number);
    const name = path.slice(baseName.length);
    const at = timeOf(entry);
    const time = ((at ?? 0) - (baseTime ?? 0)) / 1000;
    return {
      ...(index === 0 && baseName !== '' && { baseName }),
      ...(index === 0 && baseTime !== undefined && { baseTime: baseTime / 1000 }),
      ...(name !== '' && { name }),
      ...(at !== undefined && time !== 0 && { time }),
      field: entry.value === null ? null : toWire(entry, type),
    };
  });
}

function timeOf(entry: ResourceChange | undefined): number | undefined {
  return entry === undefined || entry.value === null ? undefined : entry.at;
}
