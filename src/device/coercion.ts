/**
 * Payloads of flows to resource values: the shapes a flow author may hand over, made into canonical paths.
 *
 * | target            | payload                                                                                  |
 * |-------------------|------------------------------------------------------------------------------------------|
 * | resource instance | a value                                                                                  |
 * | resource          | a value; when it is a multiple resource an array, or an object keyed by instance id      |
 * | instance          | an object keyed by full path, path below the instance ("14", "6/0") or resource name     |
 * | object            | as of an instance (the new one); or keyed by instance: {"0": {…}}, "0/14", "/3303/0/14"  |
 * | root              | an object keyed by full path                                                             |
 *
 * Names are told apart without regard to case. Whether a resource may be written is for the device to say. The way back is `payload.ts`.
 */
import { DeviceManagementError } from '../errors';
import type { DeviceModel } from './models/catalogue';
import type { ObjectDefinition, ResourceDefinition } from './models/definition';
import { Path } from './path';
import { coerce, isPlainObject, shown } from './scalars';
import type { ResourceType, ResourceValue } from './value';

export { fromResourceValues } from './payload';
export { coerce } from './scalars';

/**
 * Stands for the instance that a Create lets the device number: MAX_ID is reserved (LwM2M Core 1.1.1 §7.2.1), so no device has it. Values
 * for it have paths like "/3303/65535/5700".
 */
export const NEW_INSTANCE = 65535;

/**
 * @param target what is written or created
 * @throws DeviceManagementError `invalid-value`, naming resource, type expected, what came and what to do; `invalid-path`
 */
export function toResourceValues(value: unknown, target: Path, model: DeviceModel): ResourceValue[] {
  const values: ResourceValue[] = [];
  if (target.level === 'resource-instance') appendValue(values, target, value, model);
  else if (target.level === 'resource') appendResource(values, target, value, model);
  else appendMembers(values, target, value, model);
  refuseTwice(values, target);
  return values;
}

/** Everything that has members by name or path: an instance, an object, the root. */
function appendMembers(values: ResourceValue[], target: Path, value: unknown, model: DeviceModel): void {
  if (!isPlainObject(value)) throw refused(target, notMembers(value, target));
  for (const [key, member] of Object.entries(value)) {
    const path = memberPath(key, member, target, model);
    if (path.level === 'resource-instance') appendValue(values, path, member, model);
    else if (path.level === 'resource') appendResource(values, path, member, model);
    else appendMembers(values, path, member, model);
  }
}

function appendResource(values: ResourceValue[], path: Path, value: unknown, model: DeviceModel): void {
  const definition = resourceOf(path, model);
  const instances = instancesOf(value, path, definition);
  if (instances === undefined) {
    if (definition?.multiple === true) throw refused(path, oneForMany(value, path, definition));
    appendValue(values, path, value, model);
    return;
  }
  for (const [instance, member] of instances) appendValue(values, instance, member, model);
}

/** The instances of a multiple resource as handed over; `undefined` when `value` is one value. */
function instancesOf(value: unknown, path: Path, definition: ResourceDefinition | undefined): [Path, unknown][] | undefined {
  const isOpaque = definition?.type === 'opaque';
  if (Array.isArray(value)) {
    // [1, 2] for a single opaque resource are its bytes.
    if (
      isOpaque &&
      (definition?.multiple === false || (value.length > 0 && value.every((member) => typeof member === 'number')))
    ) {
      return undefined;
    }
    refuseManyForSingle(value, path, definition);
    return value.map((member, index) => [path.child(index), member]);
  }
  if (!isPlainObject(value) || (isOpaque && value.type === 'Buffer')) return undefined;
  if (definition === undefined && value.type === 'Buffer') return undefined;
  const entries = Object.entries(value).map(([key, member]): [Path, unknown] => [instancePath(key, path), member]);
  refuseManyForSingle(value, path, definition);
  return entries;
}

function refuseManyForSingle(value: unknown, path: Path, definition: ResourceDefinition | undefined): void {
  if (definition?.multiple !== false) return;
  throw refused(
    path,
    `${definition.name} (${path}) takes one ${typeWord(definition.type)}, but ${shown(value)} came: pass a single value.`,
  );
}

/** Not taken for instance 0: a replacing write would silently delete the others. */
function oneForMany(value: unknown, path: Path, definition: ResourceDefinition): string {
  return `${definition.name} (${path}) has several instances, but ${shown(value)} came: pass an array, or an object such as {"0": …}, or write to ${path}/0.`;
}

function instancePath(key: string, resource: Path): Path {
  const path = /^\d{1,5}$/.test(key) ? resource.child(Number(key)) : key.startsWith('/') ? Path.parse(key) : undefined;
  if (path === undefined || path.level !== 'resource-instance' || !resource.contains(path)) {
    throw refused(resource, `"${key}" is no instance of ${resource}: key its instances by number, for example {"0": …, "1": …}.`);
  }
  return path;
}

function appendValue(values: ResourceValue[], path: Path, value: unknown, model: DeviceModel): void {
  const definition = resourceOf(path, model);
  const text = path.toString();
  const subject = {
    path: text,
    ...(definition !== undefined && { name: definition.name }),
    ...(definition?.range !== undefined && { range: definition.range }),
  };
  values.push({ path: text, value: coerce(value, definition?.type, subject) });
}

/** Where a key of a payload points. */
function memberPath(key: string, member: unknown, target: Path, model: DeviceModel): Path {
  const trimmed = key.trim();
  if (trimmed.startsWith('/')) return insidePath(Path.parse(trimmed), target);
  if (target.level === 'root') {
    throw refused(target, `"${key}" is no full path: without a target, key values by full path, for example "/3/0/14".`);
  }
  const instance = target.level === 'object' ? target.child(NEW_INSTANCE) : target;
  if (/^\d{1,5}(\/\d{1,5})*$/.test(trimmed)) {
    const isResource = target.level === 'instance' || (!trimmed.includes('/') && !isPlainObject(member));
    return insidePath(Path.parse(`${isResource ? instance : target}/${trimmed}`), target);
  }
  return namedPath(trimmed, instance, model);
}

function insidePath(path: Path, target: Path): Path {
  if (!target.contains(path) || path.ids.length <= target.ids.length) {
    throw refused(target, `"${path}" does not lie below ${target}: use paths below it, or write to another target.`);
  }
  return path;
}

/** "UTC Offset", or "Available Power Sources/0" for one instance of a multiple resource. */
function namedPath(key: string, instance: Path, model: DeviceModel): Path {
  const definition = model.definition(instance.object as number);
  const whole = namesakes(key, definition);
  const tail = /^(.*)\/(\d{1,5})$/.exec(key);
  const found = whole.length > 0 || tail === null ? whole : namesakes(tail[1] as string, definition);
  const [first] = found;
  if (found.length > 1) {
    throw refused(
      instance,
      `"${key}" names resources ${found.map((resource) => resource.id).join(' and ')} of ${titleOf(definition)}: use the id.`,
    );
  }
  if (first === undefined) throw refused(instance, unknownName(key, instance, definition));
  const resource = instance.child(first.id);
  return whole.length > 0 || tail === null ? resource : resource.child(Number(tail[2]));
}

function namesakes(name: string, definition: ObjectDefinition | undefined): ResourceDefinition[] {
  const wanted = folded(name);
  return [...(definition?.resources.values() ?? [])].filter((resource) => folded(resource.name) === wanted);
}

function folded(name: string): string {
  return name.trim().replace(/\s+/g, ' ').toLowerCase();
}

const NAMES_SHOWN = 8;

function unknownName(key: string, instance: Path, definition: ObjectDefinition | undefined): string {
  if (definition === undefined) {
    return `"${key}" cannot be found: object ${instance.object} is in no model. Use the id of the resource, for example "5700", or add the definition to the models folder.`;
  }
  const names = [...definition.resources.values()].map((resource) => resource.name);
  const rest = names.length > NAMES_SHOWN ? ', …' : '';
  return `${titleOf(definition)} has no resource "${key}". Use its id, or one of: ${names.slice(0, NAMES_SHOWN).join(', ')}${rest}.`;
}

function notMembers(value: unknown, target: Path): string {
  const hint =
    typeof value === 'string' && value.trim().startsWith('{') ? ' Parse the text first, for example with a JSON node.' : '';
  const example = target.level === 'root' ? '{"/3/0/14": "+01:00"}' : '{"14": "+01:00"} or {"UTC Offset": "+01:00"}';
  return `${target} takes an object of its resources, for example ${example}, but ${shown(value)} came.${hint}`;
}

/** Two keys may mean the same: {"14": …, "UTC Offset": …}. */
function refuseTwice(values: readonly ResourceValue[], target: Path): void {
  const seen = new Set<string>();
  for (const { path } of values) {
    if (seen.has(path)) throw refused(target, `${path} is given twice: by path and by name, or in two spellings. Keep one.`);
    seen.add(path);
  }
}

function resourceOf(path: Path, model: DeviceModel): ResourceDefinition | undefined {
  return model.resource(path.object as number, path.resource as number);
}

function titleOf(definition: ObjectDefinition | undefined): string {
  return definition === undefined ? 'the object' : `${definition.name} (${definition.id}, version ${definition.version})`;
}

function typeWord(type: ResourceType): string {
  return type === 'none' ? 'value' : type;
}

function refused(path: Path, message: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', message, { path: path.toString() });
}
