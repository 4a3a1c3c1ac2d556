/**
 * LwM2M CBOR (LwM2M Core 1.2 §7.5.6): a map of paths. A key is an id or an array of ids, what it holds is a value or a map of the paths
 * below, so that equal beginnings of paths are said once. In front of them may stand the prefix of a device behind a gateway. It has no
 * place for times.
 */
import { isGatewayPrefix, Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { isWireValue, writeField } from './cbor';
import { decodeCborItem } from './cbor-item';
import { CborWriter } from './cbor-writer';
import { beyondCap, malformed, notExpressible, shown } from './failure';
import { type DecodeContext, type EncodeContext, type Format, MOST_VALUES } from './format';
import { fromWire, toWire, type WireField } from './typed-value';

const NAME = 'LwM2M CBOR';
const NO_PREFIX = '';

export const lwm2mCbor: Format = {
  contentFormat: 11544,
  name: NAME,

  decode(payload, context) {
    const item = decodeCborItem(NAME, payload, 'paths');
    if (!(item instanceof Map)) throw malformed(NAME, 'offset 0', 'a map of paths', shown(item));
    const reader = new Reader(context);
    reader.map(item, NO_PREFIX, []);
    return reader.values;
  },

  canEncode: (values, { base }) => values.every((entry) => entry.at === undefined && base.contains(Path.parse(entry.path))),

  encode(values, context) {
    const root: Branch = new Map();
    for (const entry of values) place(root, entry, context);
    const writer = new CborWriter();
    writeBranch(writer, root);
    return writer.finish();
  },
};

class Reader {
  readonly values: ResourceValue[] = [];
  /** A path may be cut into keys in several ways, so that equal paths need not have equal keys. */
  private readonly seen = new Set<string>();

  constructor(private readonly context: DecodeContext) {}

  map(map: ReadonlyMap<unknown, unknown>, prefix: string, ids: readonly number[]): void {
    for (const [key, held] of map) {
      let below = prefix;
      const path = [...ids];
      for (const part of Array.isArray(key) ? (key as unknown[]) : [key]) {
        if (typeof part === 'string' && below === NO_PREFIX && path.length === 0 && isGatewayPrefix(part)) below = part;
        else if (isId(part) && path.length < 4) path.push(part);
        else throw malformed(NAME, `the map below /${ids.join('/')}`, 'an id, at most four in a path', shown(part));
      }
      if (Array.isArray(key) && key.length === 0) throw malformed(NAME, `the map below /${ids.join('/')}`, 'an id', 'none');
      if (held instanceof Map) this.map(held, below, path);
      else this.value(held, below, path);
    }
  }

  private value(held: unknown, prefix: string, ids: readonly number[]): void {
    const { context } = this;
    const path = this.pathOf(prefix, ids);
    const text = path.toString();
    if (!isWireValue(held)) throw malformed(NAME, text, 'a value', shown(held));
    if (this.values.length >= MOST_VALUES) throw beyondCap(NAME, 'values', MOST_VALUES);
    const name = `${prefix}${text}`;
    if (this.seen.has(name)) throw malformed(NAME, text, 'each path once', 'it again');
    this.seen.add(name);
    const value = fromWire(held, context.typeOf(path.object as number, path.resource as number));
    const isTold = prefix !== NO_PREFIX && context.prefix === undefined;
    this.values.push(isTold ? { prefix, path: text, value } : { path: text, value });
  }

  private pathOf(prefix: string, ids: readonly number[]): Path {
    const { base, prefix: wanted, mayBeRelative } = this.context;
    const path = Path.of(...ids);
    const isWanted = wanted === undefined ? prefix === NO_PREFIX || base.ids.length === 0 : prefix === wanted;
    if (isWanted && ids.length >= 3 && base.contains(path)) return path;
    const length = base.ids.length + ids.length;
    if (mayBeRelative === true && prefix === NO_PREFIX && length >= 3 && length <= 4) return Path.of(...base.ids, ...ids);
    const got = prefix === NO_PREFIX ? path.toString() : `/${prefix}${path}`;
    throw malformed(NAME, 'a key', `the path of a resource at or below ${base}`, shown(got));
  }
}

function isId(part: unknown): part is number {
  return typeof part === 'number' && Number.isInteger(part) && part >= 0 && part <= 65_535;
}

/** Parts of paths in the order in which they came. */
type Branch = Map<number | string, Branch | WireField>;

function place(root: Branch, entry: ResourceValue, { base, prefix: common, typeOf }: EncodeContext): void {
  const path = Path.parse(entry.path);
  const { ids } = path;
  if (ids.length < 3 || !base.contains(path)) throw notExpressible(NAME, `has no place for ${entry.path} below ${base}`);
  if (entry.at !== undefined) throw notExpressible(NAME, `has no place for the time of ${entry.path}`);
  const prefix = common ?? entry.prefix;
  const parts = prefix === undefined ? ids : [prefix, ...ids];
  const last = parts[parts.length - 1] as number;
  let branch = root;
  for (const part of parts.slice(0, -1)) {
    let next = branch.get(part);
    if (next === undefined) {
      next = new Map();
      branch.set(part, next);
    }
    if (!(next instanceof Map)) throw twice(entry);
    branch = next;
  }
  if (branch.has(last)) throw twice(entry);
  branch.set(last, toWire(entry, typeOf(ids[0] as number, ids[2] as number)));
}

function twice({ path }: ResourceValue): Error {
  return notExpressible(NAME, `cannot carry ${path} twice`);
}

/** What has one way down is one key; only where ways part is a map. */
function writeBranch(writer: CborWriter, branch: Branch): void {
  writer.map(branch.size);
  for (const [first, below] of branch) {
    const key = [first];
    let held = below;
    while (held instanceof Map && held.size === 1) {
      const [[part, next]] = held as unknown as [[number | string, Branch | WireField]];
      key.push(part);
      held = next;
    }
    if (key.length > 1) writer.array(key.length);
    for (const part of key) {
      if (typeof part === 'number') writer.integer(part);
      else writer.text(part);
    }
    if (held instanceof Map) writeBranch(writer, held);
    else writeField(writer, held);
  }
}
