/**
 * One CBOR item as plain values: Map, array, string, number, Boolean, Buffer, null, and bigint for integers beyond 2^53.
 * cbor-x decodes; this wrapper keeps it to what LwM2M payloads may hold. `cbor-scan` goes before it; what only shows afterwards
 * (duplicate keys, of which cbor-x keeps the last in silence; integers as BigInt though they are small; byte strings that are
 * views) is settled here.
 */
import { type CborKeys, scanCbor } from './cbor-scan';
import { malformed } from './failure';

/**
 * The build without eval is a module of its own: neither the native string reader nor an extension that another pack registers
 * with cbor-x's global `addExtension` reaches it. Its declarations are ES module ones, which CommonJS cannot import.
 */
const { Decoder } = require('cbor-x/decode-no-eval') as {
  Decoder: new (options: object) => { decode(bytes: Uint8Array, end: number): unknown };
};

const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

/** cbor-x hangs a DataView on whatever it reads; on this it does so once, and never on a datagram of ours. */
const scratch = Buffer.alloc(2048);

/** @throws DeviceManagementError `decode-error`, `too-large` */
export function decodeCborItem(format: string, payload: Uint8Array, keys: CborKeys = 'labels'): unknown {
  const shape = scanCbor(format, payload, keys);
  let decoded: unknown;
  try {
    decoded = decoder.decode(readable(shape.plain), shape.plain.length);
  } catch (error) {
    throw malformed(format, 'offset 0', 'a CBOR item', error instanceof Error ? error.message : String(error));
  }
  const item = shape.unsettled ? settled(format, decoded) : decoded;
  if (shape.pairs !== 0 && entriesIn(item) !== shape.pairs) {
    throw malformed(format, 'offset 0', 'each key of a map once', 'one of them twice');
  }
  return item;
}

function readable(bytes: Uint8Array): Uint8Array {
  if (bytes.length > scratch.length) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  scratch.set(bytes);
  return scratch;
}

function settled(format: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = settled(format, value[index]);
  } else if (value instanceof Map) {
    for (const [key, held] of value) {
      if (typeof held === 'object' || typeof held === 'bigint') value.set(key, settled(format, held));
    }
  }
  return value;
}

/** Entries of all maps together. */
function entriesIn(value: unknown): number {
  let entries = 0;
  if (Array.isArray(value)) {
    for (const held of value) if (typeof held === 'object') entries += entriesIn(held);
  } else if (value instanceof Map) {
    entries = value.size;
    for (const held of value.values()) if (typeof held === 'object') entries += entriesIn(held);
  }
  return entries;
}
