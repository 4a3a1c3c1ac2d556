/** SenML JSON (RFC 8428 §5, LwM2M Core 1.1.1 §7.4.6). */
import { decodeBase64 } from './base64';
import { notExpressible } from './failure';
import { decodeJsonItem } from './json-item';
import { type OutgoingRecord, type Representation, SENML_FIELDS, senmlFormat } from './senml';
import type { WireField } from './typed-value';

const FIELDS = new Map(SENML_FIELDS.map((field) => [field.json, field]));

/** @param removes whether `"v":null` is understood */
export function jsonRepresentation(name: string, removes = false): Representation {
  return {
    dialect: {
      name,
      fields: FIELDS,
      removes,
      bytesOf: (value) => (typeof value === 'string' ? decodeBase64(value) : undefined),
    },
    read: (payload) => decodeJsonItem(name, payload),
    write: (records) => Buffer.from(`[${records.map((record) => recordText(name, record)).join(',')}]`),
  };
}

export const senmlJson = senmlFormat(110, jsonRepresentation('SenML JSON'));

function recordText(format: string, record: OutgoingRecord): string {
  const { field } = record;
  const parts: string[] = [];
  // Names with a gateway prefix may hold what JSON wants escaped.
  if (record.baseName !== undefined) parts.push(`"bn":${JSON.stringify(record.baseName)}`);
  if (record.baseTime !== undefined) parts.push(`"bt":${record.baseTime}`);
  if (record.name !== undefined) parts.push(`"n":${JSON.stringify(record.name)}`);
  if (record.time !== undefined) parts.push(`"t":${record.time}`);
  if (field === null) parts.push('"v":null');
  else if (field !== undefined) parts.push(VALUE_TEXTS[field.kind](field, format));
  return `{${parts.join(',')}}`;
}

const VALUE_TEXTS: Readonly<Record<WireField['kind'], (field: WireField, format: string) => string>> = {
  number: (field, format) => `"v":${numberText(format, field.value)}`,
  text: (field) => `"vs":${JSON.stringify(field.value)}`,
  boolean: (field) => `"vb":${field.value}`,
  bytes: (field) => `"vd":"${(field.value as Buffer).toString('base64url')}"`,
  link: (field) => `"vlo":"${field.value}"`,
};

/** JSON has no other numbers. */
export function numberText(format: string, value: WireField['value']): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw notExpressible(format, `cannot carry ${value}`);
  return Object.is(value, -0) ? '-0.0' : String(value);
}
