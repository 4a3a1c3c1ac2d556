/**
 * LwM2M TLV (LwM2M Core 1.1.1 §7.4.5): entries of kind, id, length and value, nested at most three deep.
 * Byte 0 of an entry: kind (bits 7-6), id of 16 bits (bit 5), size of the length field (bits 4-3), or a length up to 7 (bits 2-0).
 */
import { Path } from '../../device/path';
import type { ResourceValue, TypeOf } from '../../device/value';
import { beyondCap, notExpressible } from './failure';
import { bufferOf, type Format, MOST_PAYLOAD_BYTES } from './format';
import { Kind, NAME } from './tlv-kind';
import { TlvReader } from './tlv-reader';
import { writeTlvValue } from './tlv-value';
import { toWire } from './typed-value';

export const tlv: Format = {
  contentFormat: 11542,
  name: NAME,

  decode(payload, context) {
    if (payload.length > MOST_PAYLOAD_BYTES) throw beyondCap(NAME, 'bytes', MOST_PAYLOAD_BYTES);
    return new TlvReader(bufferOf(payload), context.typeOf).read(context.base);
  },

  canEncode: (_values, context) => context.base.ids.length > 0,

  encode(values, { base, typeOf }) {
    const index = FIRST_INDEX[base.ids.length];
    if (index === undefined) throw notExpressible(NAME, 'cannot carry several objects');
    return Buffer.concat(entries(placed(values, base), index, typeOf));
  },
};

/**
 * By length of the request path: at which id of the paths the entries begin. Instances wrap below an object; a resource stands
 * for itself; a resource instance too, without its resource around it.
 */
const FIRST_INDEX: readonly (number | undefined)[] = [undefined, 1, 2, 2, 3];

/** A value with the ids of its path. */
interface Placed {
  readonly entry: ResourceValue;
  readonly ids: readonly number[];
}

function placed(values: readonly ResourceValue[], base: Path): Placed[] {
  return values.map((entry) => {
    const path = Path.parse(entry.path);
    if (path.ids.length < 3 || !base.contains(path)) throw notExpressible(NAME, `has no place for ${entry.path} below ${base}`);
    return { entry, ids: path.ids };
  });
}

/** Entries of the level whose ids stand at `index` of the paths. */
function entries(values: readonly Placed[], index: number, typeOf: TypeOf): Buffer[] {
  const byId = new Map<number, Placed[]>();
  for (const one of values) {
    const id = one.ids[index] as number;
    const group = byId.get(id);
    if (group === undefined) byId.set(id, [one]);
    else group.push(one);
  }
  return [...byId].flatMap(([id, group]) => entry(id, group, index, typeOf));
}

function entry(id: number, group: readonly Placed[], index: number, typeOf: TypeOf): Buffer[] {
  const first = group[0] as Placed;
  const isValue = first.ids.length === index + 1;
  if (group.some((one) => (one.ids.length === index + 1) !== isValue) || (isValue && group.length > 1)) {
    throw notExpressible(NAME, `cannot carry ${first.entry.path} twice`);
  }
  if (!isValue) return framed(index === 1 ? Kind.Instance : Kind.Multiple, id, entries(group, index + 1, typeOf));
  const field = toWire(first.entry, typeOf(first.ids[0] as number, first.ids[2] as number));
  return framed(index === 3 ? Kind.ResourceInstance : Kind.Resource, id, [writeTlvValue(field)]);
}

function framed(kind: number, id: number, content: readonly Buffer[]): Buffer[] {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  if (length > 0xff_ffff) throw notExpressible(NAME, 'cannot carry 16 MiB in one entry');
  const idLength = id > 0xff ? 2 : 1;
  const lengthLength = length < 8 ? 0 : length <= 0xff ? 1 : length <= 0xffff ? 2 : 3;
  const head = Buffer.alloc(1 + idLength + lengthLength);
  head[0] = (kind << 6) | ((idLength - 1) << 5) | (lengthLength << 3) | (lengthLength === 0 ? length : 0);
  head.writeUIntBE(id, 1, idLength);
  if (lengthLength > 0) head.writeUIntBE(length, 1 + idLength, lengthLength);
  return [head, ...content];
}
