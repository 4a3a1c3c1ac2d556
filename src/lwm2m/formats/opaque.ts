/** application/octet-stream (LwM2M Core 1.1.1 §7.4.2): one opaque resource, its bytes and nothing else. */
import { carriesOne, notExpressible } from './failure';
import { type Format, isSingle } from './format';
import { toWire } from './typed-value';

const NAME = 'opaque';

export const opaque: Format = {
  contentFormat: 42,
  name: NAME,

  decode(payload, context) {
    if (!isSingle(context.base)) throw carriesOne(NAME, context.base);
    return [{ path: context.base.toString(), value: Buffer.from(payload) }];
  },

  canEncode: (values, context) =>
    values.length === 1 && isSingle(context.base) && (values[0]?.value as unknown) instanceof Uint8Array,

  encode(values, context) {
    const entry = values[0];
    if (entry === undefined || values.length !== 1) throw notExpressible(NAME, 'carries exactly one resource');
    const field = toWire(entry, context.typeOf(context.base.ids[0] as number, context.base.ids[2] as number));
    if (field.kind !== 'bytes') throw notExpressible(NAME, `carries bytes only, and ${entry.path} is none`);
    return Buffer.from(field.value);
  },
};
