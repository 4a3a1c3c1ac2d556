/** SenML CBOR (RFC 8428 §6, LwM2M Core 1.1.1 §7.4.7). */
import { writeField } from './cbor';
import { decodeCborItem } from './cbor-item';
import { CborWriter } from './cbor-writer';
import type { Format } from './format';
import { type Dialect, type OutgoingRecord, outgoingRecords, resolvePack, SENML_FIELDS } from './senml';
import type { WireField } from './typed-value';

const dialect: Dialect = {
  name: 'SenML CBOR',
  fields: new Map(SENML_FIELDS.map((field) => [field.cbor, field])),
  bytesOf: (value) => (Buffer.isBuffer(value) ? value : undefined),
};

export const senmlCbor: Format = {
  contentFormat: 112,
  name: dialect.name,
  decode: (payload, context) => resolvePack(decodeCborItem(dialect.name, payload), dialect, context),
  canEncode: () => true,
  encode(values, context) {
    const records = outgoingRecords(dialect, values, context);
    const writer = new CborWriter().array(records.length);
    for (const record of records) writeRecord(writer, record);
    return writer.finish();
  },
};

const Label = { BaseName: -2, BaseTime: -3, Name: 0, Time: 6 } as const;
const VALUE_LABELS: Readonly<Record<WireField['kind'], number | 'vlo'>> = {
  number: 2,
  text: 3,
  boolean: 4,
  bytes: 8,
  link: 'vlo',
};

function writeRecord(writer: CborWriter, record: OutgoingRecord): void {
  const { baseName, baseTime, name, time, field } = record;
  writer.map([baseName, baseTime, name, time, field].filter((part) => part !== undefined).length);
  if (baseName !== undefined) writer.integer(Label.BaseName).text(baseName);
  if (baseTime !== undefined) writeSeconds(writer.integer(Label.BaseTime), baseTime);
  if (name !== undefined) writer.integer(Label.Name).text(name);
  if (time !== undefined) writeSeconds(writer.integer(Label.Time), time);
  const label = VALUE_LABELS[field.kind];
  if (typeof label === 'number') writer.integer(label);
  else writer.text(label);
  writeField(writer, field);
}

function writeSeconds(writer: CborWriter, seconds: number): void {
  if (Number.isInteger(seconds)) writer.integer(seconds);
  else writer.float(seconds);
}
