/** application/cbor (LwM2M Core 1.1.1 §7.4.3): one resource as one CBOR item. */
import { decodeCborItem } from './cbor-item';
import { CborWriter } from './cbor-writer';
import { carriesOne, malformed, notExpressible, shown } from './failure';
import { type Format, isSingle } from './format';
import { fromWire, toWire, type WireField, type WireValue } from './typed-value';

const NAME = 'CBOR';
/** Seconds since 1970 (RFC 8949 §3.4.2). */
const EPOCH_TIME_TAG = 1;

export const cbor: Format = {
  contentFormat: 60,
  name: NAME,

  decode(payload, context) {
    const { base, typeOf } = context;
    if (!isSingle(base)) throw carriesOne(NAME, base);
    const item = decodeCborItem(NAME, payload);
    if (!isWireValue(item)) throw malformed(NAME, 'offset 0', 'one value', shown(item));
    return [{ path: base.toString(), value: fromWire(item, typeOf(base.ids[0] as number, base.ids[2] as number)) }];
  },

  canEncode: (values, context) => values.length === 1 && isSingle(context.base),

  encode(values, context) {
    const entry = values[0];
    if (entry === undefined || !cbor.canEncode(values, context)) throw notExpressible(NAME, 'carries exactly one resource');
    const type = context.typeOf(context.base.ids[0] as number, context.base.ids[2] as number);
    const writer = new CborWriter();
    if (type === 'time' || entry.value instanceof Date) writer.tag(EPOCH_TIME_TAG);
    return writeField(writer, toWire(entry, type)).finish();
  },
};

/** A value in the form that all CBOR formats of LwM2M share. */
export function writeField(writer: CborWriter, field: WireField): CborWriter {
  switch (field.kind) {
    case 'number':
      return field.float ? writer.float(Number(field.value)) : writer.integer(field.value);
    case 'boolean':
      return writer.boolean(field.value);
    case 'bytes':
      return writer.byteString(field.value);
    default:
      return writer.text(field.value);
  }
}

/** Whether a decoded item is a value by itself: not null, an array or a map. */
export function isWireValue(item: unknown): item is WireValue {
  return item !== null && (typeof item !== 'object' || Buffer.isBuffer(item));
}
