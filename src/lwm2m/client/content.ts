/** What a resource holds: one value, or the values of its instances where it is a multiple resource. */
import type { ResourceDefinition } from '../../device/models/definition';
import { Path } from '../../device/path';
import { coerce, isPlainObject } from '../../device/scalars';
import type { Value } from '../../device/value';

/** Values of a multiple resource by resource instance id. */
export type ResourceInstances = ReadonlyMap<number, Value>;
export type Content = Value | ResourceInstances;

export function isInstances(content: Content | undefined): content is ResourceInstances {
  return content instanceof Map;
}

/**
 * Content of what a program hands over: a value, and for a multiple resource an array, a Map or an object keyed by instance id.
 * @throws DeviceManagementError `invalid-value`, `invalid-path`
 */
export function contentOf(given: unknown, path: Path, definition: ResourceDefinition | undefined): Content {
  const entries = definition?.multiple === false ? undefined : instanceEntries(given);
  if (entries === undefined) {
    const value = typedValue(given, path, definition);
    // One value for a multiple resource is its first instance.
    return definition?.multiple === true ? new Map([[0, value]]) : value;
  }
  const instances = new Map<number, Value>();
  for (const [id, value] of entries) instances.set(Path.of(id).object as number, typedValue(value, path.child(id), definition));
  return instances;
}

/**
 * One value as the type of its resource.
 * @throws DeviceManagementError `invalid-value`
 */
export function typedValue(given: unknown, path: Path, definition: ResourceDefinition | undefined): Value {
  const value = coerce(given, definition?.type, {
    path: path.toString(),
    ...(definition !== undefined && { name: definition.name }),
    ...(definition?.range !== undefined && { range: definition.range }),
  });
  // What came off a datagram is a view on it, and the datagram's buffer may be used again.
  return Buffer.isBuffer(value) ? Buffer.from(value) : value;
}

function instanceEntries(given: unknown): Iterable<readonly [number, unknown]> | undefined {
  if (given instanceof Map) return given as Map<number, unknown>;
  if (Array.isArray(given)) return given.entries();
  if (!isPlainObject(given)) return undefined;
  return Object.entries(given).map(([id, value]): [number, unknown] => [Number(id), value]);
}

export function isSameContent(a: Content | undefined, b: Content | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (isInstances(a) && isInstances(b)) {
    return a.size === b.size && [...a].every(([id, value]) => b.has(id) && isSameValue(value, b.get(id) as Value));
  }
  return !isInstances(a) && !isInstances(b) && isSameValue(a, b);
}

function isSameValue(a: Value, b: Value): boolean {
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime();
  return Object.is(a, b);
}
