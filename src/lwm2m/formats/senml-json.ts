/** SenML JSON (RFC 8428 §5, LwM2M Core 1.1.1 §7.4.6). */
import { decodeBase64 } from './base64';
import { notExpressible } from './failure';
import type { Format } from './format';
import { decodeJsonItem } from './json-item';
import { type Dialect, type OutgoingRecord, outgoingRecords, resolvePack, SENML_FIELDS } from './senml';
import type { WireField } from './typed-value';

const dialect: Dialect = {
  name: 'SenML JSON',
  fields: new Map(SENML_FIELDS.map((field) => [field.json, field])),
  bytesOf: (value) => (typeof value === 'string' ? decodeBase64(value) : undefined),
};

export const senmlJson: Format = {
  contentFormat: 110,
  name: dialect.name,
  decode: (payload, context) => resolvePack(decodeJsonItem(dialect.name, payload), dialect, context),
  canEncode: () => true,
  encode: (values, context) => Buffer.from(`[${outgoingRecords(dialect, values, context).map(recordText).join(',')}]`),
};

function recordText(record: OutgoingRecord): string {
  const parts: string[] = [];
  if (record.baseName !== undefined) parts.push(`"bn":"${record.baseName}"`);
  if (record.baseTime !== undefined) parts.push(`"bt":${record.baseTime}`);
  if (record.name !== undefined) parts.push(`"n":"${record.name}"`);
  if (record.time !== undefined) parts.push(`"t":${record.time}`);
  parts.push(VALUE_TEXTS[record.field.kind](record.field));
  return `{${parts.join(',')}}`;
}

const VALUE_TEXTS: Readonly<Record<WireField['kind'], (field: WireField) => string>> = {
  number: (field) => `"v":${numberText(dialect.name, field.value)}`,
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
