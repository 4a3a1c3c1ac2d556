/** text/plain (LwM2M Core 1.1.1 §7.4.1): one resource as people write it. Its type is not in the payload: the model says it. */
import type { ResourceType, Value } from '../../device/value';
import { integerValue } from '../../device/value';
import { decodeBase64 } from './base64';
import { carriesOne, malformed, notExpressible, shown, unfit } from './failure';
import { bufferOf, type Format, isSingle } from './format';
import { parseObjectLink } from './object-link';
import { timeValue, toWire, wholeNumber } from './typed-value';

const NAME = 'text';

export const text: Format = {
  contentFormat: 0,
  name: NAME,

  decode(payload, context) {
    const { base, typeOf } = context;
    if (!isSingle(base)) throw carriesOne(NAME, base);
    const content = bufferOf(payload).toString('utf8');
    const type = typeOf(base.ids[0] as number, base.ids[2] as number);
    const value = READERS[type ?? 'string'](content);
    if (value === undefined) throw malformed(NAME, 'offset 0', `a value of type ${type} for ${base}`, shown(content));
    return [{ path: base.toString(), value }];
  },

  canEncode: (values, context) => values.length === 1 && isSingle(context.base),

  encode(values, context) {
    const entry = values[0];
    if (entry === undefined || !text.canEncode(values, context)) throw notExpressible(NAME, 'carries exactly one resource');
    const type = context.typeOf(context.base.ids[0] as number, context.base.ids[2] as number);
    const field = toWire(entry, type);
    if (field.kind === 'bytes') return Buffer.from(field.value.toString('base64'));
    if (field.kind === 'boolean') return Buffer.from(field.value ? '1' : '0');
    if (field.kind === 'number' && !Number.isFinite(Number(field.value))) throw unfit(entry.path, type, entry.value);
    // A zero keeps its sign, as in every other format.
    return Buffer.from(Object.is(field.value, -0) ? '-0.0' : String(field.value));
  },
};

/** Undefined: not a value of that type. */
const READERS: Readonly<Record<ResourceType, (content: string) => Value | undefined>> = {
  string: (content) => content,
  corelnk: (content) => content,
  none: (content) => content,
  integer,
  unsigned: (content) => (content.startsWith('-') ? undefined : integer(content)),
  float: (content) => (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(content) ? Number(content) : undefined),
  boolean: (content) => (content === '1' ? true : content === '0' ? false : undefined),
  opaque: decodeBase64,
  time: (content) => {
    const seconds = integer(content);
    return typeof seconds === 'number' ? timeValue(seconds) : seconds;
  },
  objlnk: parseObjectLink,
};

function integer(content: string): number | string | undefined {
  const whole = wholeNumber(content);
  return whole === undefined ? undefined : integerValue(whole);
}
