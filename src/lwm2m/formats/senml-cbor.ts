/** SenML CBOR (RFC 8428 §6, LwM2M Core 1.1.1 §7.4.7). */
import { writeField } from './cbor';
import { decodeCborItem } from './cbor-item';
import { CborWriter } from './cbor-writer';
import { type OutgoingRecord, type Representation, SENML_FIELDS, senmlFormat } from './senml';
import type { WireField } from './typed-value';

const FIELDS = new Map(SENML_FIELDS.map((field) => [field.cbor, field]));

/** @param removes whether a null value is understood */
export function cborRepresentation(name: string, removes = false): Representation {
  return {
    dialect: { name, fields: FIELDS, removes, bytesOf: (value) => (Buffer.isBuffer(value) ? value : undefined) },
    read: (payload) => decodeCborItem(name, payload),
    write: (records) => {
      const writer = new CborWriter().array(records.length);
      for (const record of records) writeRecord(writer, record);
      return writer.finish();
    },
  };
}

export const senmlCbor = senmlFormat(112, cborRepresentation('SenML CBOR'));

const Label = { BaseName: -2, BaseTime: -3, Name: 0, Value: 2, Time: 6 } as const;
const VALUE_LABELS: Readonly<Record<WireField['kind'], number | 'vlo'>> = {
  number: Label.Value,
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
  if (field === null) writer.integer(Label.Value).null();
  else if (field !== undefined) writeValue(writer, field);
}

function writeValue(writer: CborWriter, field: WireField): void {
  const label = VALUE_LABELS[field.kind];
  if (typeof label === 'number') writer.integer(label);
  else writer.text(label);
  writeField(writer, field);
}

function writeSeconds(writer: CborWriter, seconds: number): void {
  if (Number.isInteger(seconds)) writer.integer(seconds);
  else writer.float(seconds);
}
