/**
 * What a bootstrap server does to the tree (LwM2M Core 1.1.1 §6.1.7): more than a management server may. It makes and replaces accounts
 * whole, and writes what others can only read; the bootstrap account itself it does not touch.
 */
import { Code } from '../../coap/codes';
import { Path } from '../../device/path';
import type { ResourceValue, Value } from '../../device/value';
import { decode } from '../formats/formats';
import { type Behaviours, ObjectInstance, type ObjectTree } from './objects';
import { speaks } from './reading';
import { badRequest, notFound, Refusal } from './refusal';
import { isBootstrapAccount } from './security-object';
import { assignmentsOf, decodeValues, type IncomingPayload } from './writing';

export interface BootstrapTarget {
  readonly tree: ObjectTree;
  /** What resources of a new instance do. */
  readonly behavioursOf: (object: number) => Behaviours;
}

const SECURITY = 0;
/** Security, Server, Access Control, OSCORE: a bootstrap server makes their instances. */
const ACCOUNT_OBJECTS: ReadonlySet<number> = new Set([SECURITY, 1, 2, 21]);
/** A server that writes in a loop must not take the device's memory. */
const MOST_INSTANCES = 100;

/**
 * Bootstrap-Write to an object, an instance or a resource.
 * @throws Refusal
 */
export function bootstrapWrite(into: BootstrapTarget, target: Path, incoming: IncomingPayload, now: number): void {
  if (target.level === 'root') throw badRequest('the path of an object is needed');
  const values = decodeValues(into.tree, target, incoming, now);
  if (target.level !== 'object') return writeInstance(into, target, values);
  for (const [instance, own] of byInstance(values)) writeInstance(into, instance, own);
}

/**
 * A whole pack (LwM2M Core 1.2 §6.1.7.9): objects named in it lose their old instances first.
 * @throws Refusal
 */
export function unpack(into: BootstrapTarget, { contentFormat, payload }: IncomingPayload, now: number): void {
  const { tree } = into;
  if (contentFormat === undefined || !speaks(tree.version, contentFormat)) {
    throw new Refusal(Code.UnsupportedContentFormat, `content format ${contentFormat} is unknown here`);
  }
  const values = decode(contentFormat, payload, { base: Path.root, typeOf: tree.model.typeOf, now });
  if (values.some(({ prefix }) => prefix !== undefined)) throw badRequest('there is no gateway in a bootstrap');
  const instances = byInstance(values);
  for (const object of new Set([...instances.keys()].map((path) => path.object as number))) removeInstances(tree, object);
  for (const [instance, own] of instances) writeInstance(into, instance, own);
}

/**
 * Bootstrap-Delete of everything, an object or an instance. What the device cannot be without stays.
 * @throws Refusal
 */
export function bootstrapDelete(tree: ObjectTree, target: Path): void {
  const { object, instance } = target;
  if (target.level === 'root') for (const [id] of [...tree.all()]) removeInstances(tree, id);
  else if (target.level === 'object') removeInstances(tree, object as number);
  else if (target.level === 'instance') {
    if (tree.instance(object as number, instance as number) === undefined) throw notFound(target);
    if (!isRemovable(tree, object as number, instance as number)) throw badRequest(`${target} stays`);
    tree.remove(object as number, instance as number);
  } else throw badRequest('resources are not deleted in a bootstrap');
}

function removeInstances(tree: ObjectTree, object: number): void {
  for (const { id } of tree.instances(object)) if (isRemovable(tree, object, id)) tree.remove(object, id);
}

function isRemovable(tree: ObjectTree, object: number, instance: number): boolean {
  if (object === SECURITY && isBootstrapAccount(tree, instance)) return false;
  return ACCOUNT_OBJECTS.has(object) || tree.policy(object).delete;
}

function writeInstance({ tree, behavioursOf }: BootstrapTarget, target: Path, values: readonly ResourceValue[]): void {
  const object = target.object as number;
  const id = target.instance as number;
  if (object === SECURITY && isBootstrapAccount(tree, id)) throw badRequest(`${target} is the bootstrap account`);
  const before = tree.instance(object, id);
  const isMade = ACCOUNT_OBJECTS.has(object) || tree.policy(object).create;
  if (before === undefined && !isMade) throw notFound(target);
  if (before !== undefined && !ACCOUNT_OBJECTS.has(object)) return overwrite(tree, before, target, values);
  if (before === undefined && tree.instances(object).length >= MOST_INSTANCES) {
    throw badRequest(`object ${object} has ${MOST_INSTANCES} instances, which is all it can`);
  }
  // Another instance in place of the old one, so that the old one can come back when the bootstrap fails.
  const behaviours = tree.policy(object).behaviours ?? behavioursOf(object);
  const made = new ObjectInstance(tree.model, object, id, {}, behaviours);
  made.support(tree.model.definition(object)?.resources.keys() ?? []);
  if (target.level !== 'instance') for (const [resource, content] of before?.stored() ?? []) made.store(resource, content);
  const meant = object === SECURITY ? values.filter(({ value }) => !isEmpty(value)) : values;
  for (const { resource, content } of assignmentsOf(made, target, meant, 'replace')) {
    if (!made.supports(resource)) throw notFound(made.path.child(resource));
    made.store(resource, content);
  }
  tree.remove(object, id);
  tree.insert(made);
}

/** Servers fill what an account does not use with nothing, also where a key has a length (Leshan: the SMS keys, 0/x/7 and 0/x/8). */
function isEmpty(value: Value): boolean {
  return (typeof value === 'string' || Buffer.isBuffer(value)) && value.length === 0;
}

/** Of an object whose instances are the device's own, such as /3/0: what is named is stored, the rest stays. */
function overwrite(tree: ObjectTree, instance: ObjectInstance, target: Path, values: readonly ResourceValue[]): void {
  const assignments = assignmentsOf(instance, target, values, 'replace');
  for (const { resource, content } of assignments) {
    if (!instance.supports(resource)) throw notFound(instance.path.child(resource));
    if (instance.definition(resource)?.operations === 'E') throw badRequest(`${instance.path.child(resource)} holds no value`);
    if (content !== undefined) instance.behaviour(resource).check?.(content);
  }
  const changed = assignments.filter(({ resource, content }) => instance.store(resource, content));
  tree.tellChanged(changed.map(({ resource }) => instance.path.child(resource)));
}

function byInstance(values: readonly ResourceValue[]): Map<Path, ResourceValue[]> {
  const byText = new Map<string, ResourceValue[]>();
  for (const value of values) {
    const text = value.path.split('/').slice(0, 3).join('/');
    const own = byText.get(text);
    if (own === undefined) byText.set(text, [value]);
    else own.push(value);
  }
  return new Map([...byText].map(([text, own]) => [Path.parse(text), own]));
}
