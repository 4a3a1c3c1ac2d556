/**
 * Write and Create (LwM2M Core 1.1.1 §6.3.3, §6.3.6): first everything is checked, then everything is stored, so that a refused
 * operation has changed nothing.
 */
import { Code } from '../../coap/codes';
import { NEW_INSTANCE } from '../../device/coercion';
import { Path } from '../../device/path';
import type { ResourceChange, ResourceValue, Value } from '../../device/value';
import { decode } from '../formats/formats';
import { type Content, isInstances, typedValue } from './content';
import { HIDDEN_OBJECTS } from './hidden-objects';
import { ObjectInstance, type ObjectTree } from './objects';
import { encodingOf, speaks } from './reading';
import { asRefusal, badRequest, notAllowed, notFound, Refusal } from './refusal';

export interface IncomingPayload {
  readonly contentFormat: number | undefined;
  readonly payload: Buffer;
}

/** One resource and what it is to hold; `undefined` takes its content away. */
export interface Assignment {
  readonly resource: number;
  readonly content: Content | undefined;
}

interface InstanceAssignments {
  readonly instance: ObjectInstance;
  readonly assignments: readonly Assignment[];
}

export type WriteMode = 'replace' | 'update';

const TLV = 11542;
const OLD_TLV = 1542;

/**
 * Write to an instance, a resource or a resource instance.
 * @returns the paths written
 * @throws Refusal
 */
export function write(tree: ObjectTree, target: Path, mode: WriteMode, incoming: IncomingPayload, now: number): readonly Path[] {
  const instance = tree.instance(target.object as number, target.instance as number);
  if (instance === undefined) throw notFound(target);
  requireTarget(instance, target);
  const values = decodeValues(tree, target, incoming, now);
  const assignments = assignmentsOf(instance, target, values, mode);
  for (const { resource } of assignments) requireWritable(instance, resource);
  if (mode === 'replace' && target.level === 'instance') assignments.push(...removals(instance, assignments));
  return store(tree, instance, assignments);
}

/**
 * Create below `target`, an object.
 * @returns the new instance
 * @throws Refusal
 */
export function create(tree: ObjectTree, target: Path, incoming: IncomingPayload, now: number): Path {
  const object = target.object as number;
  const definition = tree.model.definition(object);
  const policy = tree.policy(object);
  if (!tree.has(object)) throw notFound(target);
  const existing = tree.instances(object);
  const isFull = definition?.multiple === false && existing.length > 0;
  if (!policy.create || isFull) throw notAllowed(`${target} takes no new instances`);
  if (existing.length >= policy.most) throw notAllowed(`${target} has ${policy.most} instances, which is all it can`);
  const values = decodeValues(tree, isBare(incoming) ? target.child(NEW_INSTANCE) : target, incoming, now);
  const wanted = new Set(values.map(({ path }) => Path.parse(path).instance as number));
  if (wanted.size > 1) throw badRequest('one instance can be created at a time');
  const [given = NEW_INSTANCE] = wanted;
  const id = given === NEW_INSTANCE ? tree.freeInstanceId(object) : given;
  if (tree.instance(object, id) !== undefined) throw badRequest(`${target.child(id)} exists already`);
  const instance = new ObjectInstance(tree.model, object, id, {}, policy.behaviours);
  instance.support(definition?.resources.keys() ?? []);
  // What only the device may write later can be given now: a sensor's first value.
  const assignments = assignmentsOf(instance, target.child(given), values, 'replace');
  for (const { resource } of assignments) requireSupported(instance, resource);
  requireMandatory(instance, assignments, [...(definition?.resources.values() ?? [])]);
  for (const { resource, content } of assignments) instance.store(resource, content);
  tree.insert(instance);
  return instance.path;
}

/**
 * Delete of a resource instance (LwM2M Core 1.2 §6.4.8).
 * @throws Refusal
 */
export function deleteResourceInstance(tree: ObjectTree, target: Path): void {
  const { object, instance: instanceId, resource, resourceInstance } = target as Path & { resource: number };
  const instance = tree.instance(object as number, instanceId as number);
  const content = instance?.content(resource);
  if (instance === undefined || !isInstances(content) || !content.has(resourceInstance as number)) throw notFound(target);
  requireWritable(instance, resource);
  const rest = new Map([...content].filter(([id]) => id !== resourceInstance));
  store(tree, instance, [{ resource, content: rest }]);
}

/**
 * Write-Composite (LwM2M Core 1.1.1 §6.3.9): values and removals in any instances. Resource instances that are not named stay.
 * @returns what stores them
 * @throws Refusal where one of them cannot be written
 */
export function planChanges(tree: ObjectTree, changes: readonly ResourceChange[]): () => readonly Path[] {
  const byInstance = new Map<string, ResourceChange[]>();
  for (const change of changes) {
    const { object, instance } = Path.parse(change.path);
    const key = `/${object}/${instance}`;
    const group = byInstance.get(key);
    if (group === undefined) byInstance.set(key, [change]);
    else group.push(change);
  }
  const groups = [...byInstance].map(([key, group]): InstanceAssignments => {
    const target = Path.parse(key);
    const instance = HIDDEN_OBJECTS.has(target.object as number)
      ? undefined
      : tree.instance(target.object as number, target.instance as number);
    if (instance === undefined) throw notFound(target);
    const removed = group.filter(({ value }) => value === null).map(({ path }) => Path.parse(path));
    const given = group.filter((change): change is ResourceValue => change.value !== null);
    const assignments = assignmentsOf(instance, target, given, 'update');
    for (const path of removed) removeInstance(instance, path, assignments);
    for (const { resource } of assignments) requireWritable(instance, resource);
    return { instance, assignments };
  });
  return () => storeAll(tree, groups);
}

function removeInstance(instance: ObjectInstance, path: Path, assignments: Assignment[]): void {
  const { resource, resourceInstance } = path as Path & { resource: number };
  if (resourceInstance === undefined) throw badRequest(`${path} cannot be removed: only resource instances can`);
  const at = assignments.findIndex((assignment) => assignment.resource === resource);
  const before = at < 0 ? instance.content(resource) : assignments[at]?.content;
  if (!isInstances(before) || !before.has(resourceInstance)) throw notFound(path);
  const content = new Map([...before].filter(([id]) => id !== resourceInstance));
  if (at < 0) assignments.push({ resource, content });
  else assignments[at] = { resource, content };
}

/** @throws Refusal */
export function decodeValues(
  tree: ObjectTree,
  base: Path,
  { contentFormat, payload }: IncomingPayload,
  now: number,
): ResourceValue[] {
  if (contentFormat !== undefined && !speaks(tree.version, contentFormat)) {
    throw new Refusal(Code.UnsupportedContentFormat, `content format ${contentFormat} is unknown here`);
  }
  try {
    return decode(contentFormat, payload, { ...encodingOf(tree, base), now, mayBeRelative: true });
  } catch (error) {
    throw asRefusal(error);
  }
}

/** Resources that are not wrapped in their instance: it is the client that numbers it. */
function isBare({ contentFormat, payload }: IncomingPayload): boolean {
  const isTlv = contentFormat === TLV || contentFormat === OLD_TLV || contentFormat === undefined;
  return isTlv && payload.length > 0 && (payload[0] as number) >> 6 !== 0;
}

/**
 * What values mean for the resources of an instance.
 * @throws Refusal
 */
export function assignmentsOf(
  instance: ObjectInstance,
  target: Path,
  values: readonly ResourceValue[],
  mode: WriteMode,
): Assignment[] {
  const byResource = new Map<number, { path: Path; value: Value }[]>();
  // A resource written with no instances at all is a multiple resource emptied.
  if (target.resource !== undefined) byResource.set(target.resource, []);
  for (const { path: text, value } of values) {
    const path = Path.parse(text);
    const found = byResource.get(path.resource as number);
    if (found === undefined) byResource.set(path.resource as number, [{ path, value }]);
    else found.push({ path, value });
  }
  return [...byResource].map(([resource, given]) => ({
    resource,
    content: contentFrom(instance, target, resource, given, mode),
  }));
}

function contentFrom(
  instance: ObjectInstance,
  target: Path,
  resource: number,
  given: readonly { readonly path: Path; readonly value: Value }[],
  mode: WriteMode,
): Content {
  const definition = instance.definition(resource);
  const path = instance.path.child(resource);
  const first = given[0];
  const typed = (value: Value): Value => {
    try {
      return typedValue(value, path, definition);
    } catch (error) {
      throw asRefusal(error);
    }
  };
  if (given.length === 1 && first?.path.level === 'resource') {
    if (definition?.multiple === true) throw badRequest(`${path} has instances: give each its id`);
    return typed(first.value);
  }
  if (definition?.multiple === false) throw badRequest(`${path} takes one value`);
  if (given.some((one) => one.path.level === 'resource')) throw badRequest(`${path} came with and without instances`);
  // Replacing one resource instance leaves the others alone, as updating does (LwM2M Core 1.1.1 §6.3.3).
  const keepsOthers = mode === 'update' || target.level === 'resource-instance';
  const before = keepsOthers ? instance.content(resource) : undefined;
  const merged = new Map(isInstances(before) ? before : []);
  for (const { path: at, value } of given) merged.set(at.resourceInstance as number, typed(value));
  return merged;
}

/** What Replace takes away: writable resources that were not named and need not be there. */
function removals(instance: ObjectInstance, assignments: readonly Assignment[]): Assignment[] {
  const named = new Set(assignments.map(({ resource }) => resource));
  return instance
    .present()
    .filter((resource) => {
      const definition = instance.definition(resource);
      return !named.has(resource) && definition?.operations.includes('W') === true && !definition.mandatory;
    })
    .map((resource) => ({ resource, content: undefined }));
}

function store(tree: ObjectTree, instance: ObjectInstance, assignments: readonly Assignment[]): readonly Path[] {
  return storeAll(tree, [{ instance, assignments }]);
}

/** Everything is checked before anything is stored. */
function storeAll(tree: ObjectTree, groups: readonly InstanceAssignments[]): readonly Path[] {
  for (const { instance, assignments } of groups) {
    for (const { resource, content } of assignments) if (content !== undefined) instance.behaviour(resource).check?.(content);
  }
  const changed: Path[] = [];
  for (const { instance, assignments } of groups) {
    for (const { resource, content } of assignments) {
      const taker = instance.behaviour(resource).write;
      if (taker !== undefined && content !== undefined) taker(content);
      else if (instance.store(resource, content)) changed.push(instance.path.child(resource));
    }
  }
  tree.tellChanged(changed);
  return groups.flatMap(({ instance, assignments }) => assignments.map(({ resource }) => instance.path.child(resource)));
}

/** What the request names must be there before its payload is looked at. */
function requireTarget(instance: ObjectInstance, target: Path): void {
  const { resource, resourceInstance } = target;
  if (resource === undefined) return;
  requireWritable(instance, resource);
  if (resourceInstance === undefined) return;
  const content = instance.content(resource);
  if (!isInstances(content) || !content.has(resourceInstance)) throw notFound(target);
}

function requireWritable(instance: ObjectInstance, resource: number): void {
  requireSupported(instance, resource);
  if (instance.definition(resource)?.operations.includes('W') === true) return;
  throw notAllowed(`${instance.path.child(resource)} cannot be written`);
}

function requireSupported(instance: ObjectInstance, resource: number): void {
  if (!instance.supports(resource)) throw notFound(instance.path.child(resource));
}

function requireMandatory(
  instance: ObjectInstance,
  assignments: readonly Assignment[],
  definitions: readonly {
    readonly id: number;
    readonly name: string;
    readonly mandatory: boolean;
    readonly operations: string;
  }[],
): void {
  const named = new Set(assignments.map(({ resource }) => resource));
  const missing = definitions.find(({ id, mandatory, operations }) => mandatory && operations.includes('W') && !named.has(id));
  if (missing !== undefined) throw badRequest(`${instance.path.child(missing.id)} (${missing.name}) is mandatory`);
}
