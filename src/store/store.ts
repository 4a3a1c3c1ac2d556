/**
 * What outlives the process: bytes under names, in order of the names. Small on purpose, so that anything durable can be one: memory
 * (`memory.ts`), a folder on this machine (`level.ts`), later a server that several processes share. Whatever is a store passes
 * test/store/conformance.ts.
 */
import { DeviceManagementError } from '../errors';

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
}

/** Without a value: delete. */
export interface Change {
  readonly key: string;
  readonly value?: Buffer;
}

export interface Range {
  /** The first key, included. */
  readonly from: string;
  /** The first key not included. */
  readonly before: string;
  /** Entries at most. */
  readonly limit?: number;
  /** From the last to the first. */
  readonly reverse?: boolean;
}

export interface How {
  /** Wait until it outlives this machine, however the store was opened. */
  readonly synced?: boolean;
}

/**
 * Keys are well-formed text of 1 to LONGEST_KEY characters, ordered by code point (the order of their UTF-8 bytes). Whatever is changed
 * is seen by every later call. A promise of a change resolves when the change outlives this process (or, where the store was opened
 * so, this machine); it rejects with `store-failed`, and then nothing of it has happened.
 */
export interface Store {
  get(key: string): Promise<Buffer | undefined>;
  put(key: string, value: Buffer): Promise<void>;
  /** Of what is not there: nothing. */
  delete(key: string): Promise<void>;
  /** Entries as they stood when the first was asked for. */
  range(range: Range): AsyncIterable<Entry>;
  /** All or nothing, in this order. */
  batch(changes: readonly Change[], how?: How): Promise<void>;
  /** Nothing of it outlives the process: what is kept for long elsewhere is worth less memory here. */
  readonly isFleeting?: boolean;
  /** Waits for what is under way; every later call rejects. */
  close(): Promise<void>;
}

/** Characters; endpoint names are the longest part of any key. */
export const LONGEST_KEY = 1024;

/** @throws DeviceManagementError `invalid-value` */
export function checkKey(key: string): void {
  if (key.length === 0 || key.length > LONGEST_KEY)
    throw new DeviceManagementError('invalid-value', `a key of a store has 1 to ${LONGEST_KEY} characters, not ${key.length}`);
  // A lone surrogate would be stored as another character, and found under two names or none.
  if (LONE_SURROGATE.test(key)) throw new DeviceManagementError('invalid-value', 'a key of a store must be well-formed Unicode');
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Every key that begins with `prefix`. */
export function below(prefix: string): Range {
  return { from: prefix, before: `${prefix}\u{10ffff}` };
}

/** The order of keys. UTF-16, which `<` compares, puts what lies beyond U+FFFF before U+E000. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const one = a.charCodeAt(at);
    const other = b.charCodeAt(at);
    if (one === other) continue;
    const isOneHigh = isSurrogate(one);
    return isOneHigh === isSurrogate(other) ? one - other : isOneHigh ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

export function closed(): DeviceManagementError {
  return new DeviceManagementError('store-failed', 'the store is closed');
}
