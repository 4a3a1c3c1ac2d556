/**
 * Resource values to the payload of a message: a bare value for a single resource, otherwise an object, either flat and keyed by full path
 * ({"/3/0/9": 85}), or nested by names, one level for each level of the path below the target ({"Battery Level": 85}; for an object
 * {"0": {"Sensor Value": 21.5}}). Both are accepted back by `coercion.ts`, targets above an object excepted.
 */
import type { DeviceModel } from './models/catalogue';
import { Path } from './path';
import type { ResourceValue, Value } from './value';

export type PayloadKeys = 'path' | 'name';

/**
 * Where a path comes several times (a history), the last value holds: values come oldest first.
 * @returns `undefined` for a single resource that brought no value
 */
export function fromResourceValues(
  values: readonly ResourceValue[],
  target: Path,
  how: PayloadKeys,
  model: DeviceModel,
): unknown {
  const text = target.toString();
  const own = [...values].reverse().find((entry) => entry.path === text);
  if (own !== undefined) return own.value;
  if (values.length === 0 && isSingle(target, model)) return undefined;
  if (how === 'path') return Object.fromEntries(values.map(({ path, value }) => [path, value]));
  const tree: Tree = new Map();
  for (const { path, value } of values) place(tree, Path.parse(path), target, value, model);
  return plain(tree);
}

function isSingle(target: Path, model: DeviceModel): boolean {
  if (target.level === 'resource-instance') return true;
  return target.level === 'resource' && model.resource(target.object as number, target.resource as number)?.multiple !== true;
}

type Tree = Map<string, Tree | Value>;

function place(tree: Tree, path: Path, target: Path, value: Value, model: DeviceModel): void {
  const below = target.contains(path) ? target.ids.length : 0;
  let level = tree;
  for (let depth = below; depth < path.ids.length - 1; depth++) {
    const key = keyOf(path, depth, model);
    const known = level.get(key);
    const next: Tree = known instanceof Map ? known : new Map();
    level.set(key, next);
    level = next;
  }
  level.set(keyOf(path, path.ids.length - 1, model), value);
}

/** A name where the model has one that is unique among its siblings, else the id. */
function keyOf(path: Path, depth: number, model: DeviceModel): string {
  const id = String(path.ids[depth]);
  const definition = model.definition(path.object as number);
  if (definition === undefined) return id;
  if (depth === 0) return definition.name;
  const resource = depth === 2 ? definition.resources.get(path.resource as number) : undefined;
  if (resource === undefined) return id;
  const folded = resource.name.toLowerCase();
  const namesakes = [...definition.resources.values()].filter((other) => other.name.toLowerCase() === folded);
  return namesakes.length === 1 ? resource.name : id;
}

/** By entries, so that a vendor's resource named "__proto__" is a key like any other. */
function plain(tree: Tree): Record<string, unknown> {
  return Object.fromEntries([...tree].map(([key, value]) => [key, value instanceof Map ? plain(value) : value]));
}
