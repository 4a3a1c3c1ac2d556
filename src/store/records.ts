/**
 * Records of one kind in a store: plain data in a versioned, checked envelope. An older version is migrated step by step when it is read; what is
 * damaged is set aside under another name and reported, and does not stand in the way of the rest.
 */
import { createHash } from 'node:crypto';
import { below, type Change, type Store } from './store';

export interface RecordKind<T> {
  /** Begins every key of this kind and ends with "/": "queue/". */
  readonly prefix: string;
  /** Of what is written now, from 1 up. */
  readonly version: number;
  /** From version n to n + 1, by n. */
  readonly migrations?: Readonly<Record<number, (old: unknown) => unknown>>;
  /** Makes sure that what was read is what it should be. @throws anything when it is not */
  read(value: unknown): T;
}

export interface StoredRecord<T> {
  /** Without the prefix. */
  readonly id: string;
  readonly value: T;
}

/** A record that cannot be read. */
export interface DamagedRecord {
  readonly key: string;
  /** For a person. */
  readonly reason: string;
  /** Where it is now; `undefined` when it was left where it was, for the newer version that wrote it. */
  readonly movedTo: string | undefined;
}

export const QUARANTINE = 'quarantine/';

const HEADER = /^(\d{1,6}) ([0-9a-f]{16})\n/;
const LONGEST_HEADER = 24;

export class Records<T> {
  constructor(
    private readonly store: Store,
    private readonly kind: RecordKind<T>,
  ) {}

  /** For a batch with others. */
  change(id: string, value: T | undefined): Change {
    const key = `${this.kind.prefix}${id}`;
    return value === undefined ? { key } : { key, value: encode(this.kind.version, value) };
  }

  /** @returns `undefined` when it is not there or cannot be read */
  async get(id: string, onDamaged: (record: DamagedRecord) => void): Promise<T | undefined> {
    const key = `${this.kind.prefix}${id}`;
    const bytes = await this.store.get(key);
    return bytes === undefined ? undefined : this.decoded(key, bytes, onDamaged);
  }

  /** All that can be read, in order of their ids. */
  async *all(onDamaged: (record: DamagedRecord) => void): AsyncIterable<StoredRecord<T>> {
    const { prefix } = this.kind;
    for await (const { key, value: bytes } of this.store.range(below(prefix))) {
      const value = await this.decoded(key, bytes, onDamaged);
      if (value !== undefined) yield { id: key.slice(prefix.length), value };
    }
  }

  private async decoded(key: string, bytes: Buffer, onDamaged: (record: DamagedRecord) => void): Promise<T | undefined> {
    try {
      const { version, value } = decode(bytes);
      // A newer version of this program will be able to read it again.
      if (version > this.kind.version) {
        onDamaged({ key, reason: `it was written by a newer version (format ${version})`, movedTo: undefined });
        return undefined;
      }
      return this.kind.read(this.migrated(version, value));
    } catch (caught) {
      const movedTo = `${QUARANTINE}${key}`;
      await this.store.batch([{ key }, { key: movedTo, value: bytes }]);
      onDamaged({ key, reason: caught instanceof Error ? caught.message : String(caught), movedTo });
      return undefined;
    }
  }

  private migrated(from: number, value: unknown): unknown {
    let current = value;
    for (let version = from; version < this.kind.version; version++) {
      const step = this.kind.migrations?.[version];
      if (step === undefined) throw new Error(`no migration leads from format ${version} to ${version + 1}`);
      current = step(current);
    }
    return current;
  }
}

/** Version, checksum and JSON. Text, so that a person can read what is set aside. */
function encode(version: number, value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value, tag));
  return Buffer.concat([Buffer.from(`${version} ${checksum(body)}\n`), body]);
}

/** @throws Error, saying what is wrong */
function decode(bytes: Buffer): { version: number; value: unknown } {
  const header = HEADER.exec(bytes.toString('latin1', 0, LONGEST_HEADER));
  if (header === null) throw new Error('it has no header');
  const body = bytes.subarray(header[0].length);
  if (checksum(body) !== header[2]) throw new Error('its checksum is wrong');
  return { version: Number(header[1]), value: JSON.parse(body.toString(), untag) };
}

/** Against worn cells and torn writes, not against forgers. */
function checksum(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** JSON has no bytes, no times and no infinities; whatever else begins with the mark is marked itself. */
const MARK = '$';

function tag(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  // Buffer and Date have been made something else by their toJSON when `value` comes here.
  const original = this[key];
  if (Buffer.isBuffer(original)) return { [MARK]: 'bytes', value: original.toString('base64') };
  if (original instanceof Date) return { [MARK]: 'time', value: String(original.getTime()) };
  if (typeof original === 'number' && !Number.isFinite(original)) return { [MARK]: 'number', value: String(original) };
  return isPlainObject(value) && MARK in value ? { [MARK]: 'object', value: Object.entries(value) } : value;
}

const UNTAG: Readonly<Record<string, (value: unknown) => unknown>> = {
  bytes: (value) => Buffer.from(value as string, 'base64'),
  time: (value) => new Date(Number(value)),
  number: (value) => Number(value),
  object: (value) => Object.fromEntries(value as [string, unknown][]),
};

function untag(_key: string, value: unknown): unknown {
  if (!isPlainObject(value) || !(MARK in value)) return value;
  const read = UNTAG[String(value[MARK])];
  if (read === undefined) throw new Error(`it holds a value of the unknown kind ${JSON.stringify(value[MARK])}`);
  return read(value.value);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
