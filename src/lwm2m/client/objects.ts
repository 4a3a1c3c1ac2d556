/**
 * The object tree of a device: objects, their instances, what each resource holds and what happens when it is read, written or
 * executed. It is what the application sees and changes; it knows nothing of messages. Definitions say which type a resource
 * has and what may be done with it.
 */
import { Catalogue, type DeviceModel, type SpokenVersions } from '../../device/models/catalogue';
import type { ResourceDefinition } from '../../device/models/definition';
import { isId, Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import { type Content, contentOf, isInstances, isSameContent } from './content';
import type { ExecuteArguments } from './execute-arguments';

/** What a resource does beyond holding a value. Each may throw a Refusal. */
export interface ResourceBehaviour {
  /** Computes the content each time. Such a resource makes no change events: observers see it by pmax and epmax. */
  readonly read?: () => Content;
  /** Before anything of a write by the server is stored: refuses the whole write by throwing. */
  readonly check?: (content: Content) => void;
  /** Takes what the server wrote, instead of storing it. */
  readonly write?: (content: Content) => void;
  /** What it returns runs when the answer has left: a reboot must not swallow it. */
  readonly execute?: (executed: ExecuteArguments) => (() => void) | undefined;
}

export type Behaviours = Readonly<Record<number, ResourceBehaviour>>;

interface Resource {
  content: Content | undefined;
  readonly behaviour: ResourceBehaviour | undefined;
}

/** What the server may do with the instances of an object. */
export interface InstancePolicy {
  readonly create?: boolean;
  readonly delete?: boolean;
  /** Behaviours of an instance that the server created. */
  readonly behaviours?: (instance: ObjectInstance) => Behaviours;
  /** Instances at most. */
  readonly most?: number;
}

export interface ObjectEvents {
  /** Contents changed, whoever changed them; together when they changed together. */
  changed: readonly Path[];
  /** An instance came or went. */
  instances: { readonly path: Path; readonly exists: boolean };
}

const CLOSED: InstancePolicy = {};
/** A server that creates instances in a loop must not take the device's memory. */
const MOST_CREATED = 100;

export class ObjectInstance {
  readonly path: Path;
  private readonly resources = new Map<number, Resource>();

  /** @param behaviours a function gets the instance, to change it later */
  constructor(
    private readonly model: DeviceModel,
    readonly object: number,
    readonly id: number,
    values: Readonly<Record<number, unknown>>,
    behaviours: Behaviours | ((instance: ObjectInstance) => Behaviours) = {},
  ) {
    this.path = Path.of(object, id);
    const resolved = typeof behaviours === 'function' ? behaviours(this) : behaviours;
    const ids = new Set([...Object.keys(values), ...Object.keys(resolved)].map(Number));
    for (const resource of [...ids].sort((a, b) => a - b)) {
      const given = values[resource];
      const content =
        given === undefined ? undefined : contentOf(given, this.path.child(resource), model.resource(object, resource));
      this.resources.set(resource, { content, behaviour: resolved[resource] });
    }
  }

  /** Lets resources be written that have no content yet. */
  support(resources: Iterable<number>): void {
    for (const id of resources) if (!this.resources.has(id)) this.resources.set(id, { content: undefined, behaviour: undefined });
  }

  supports(resource: number): boolean {
    return this.resources.has(resource);
  }

  definition(resource: number): ResourceDefinition | undefined {
    return this.model.resource(this.object, resource);
  }

  behaviour(resource: number): ResourceBehaviour {
    return this.resources.get(resource)?.behaviour ?? {};
  }

  /** What can be seen from outside: resources with content, and executable ones. */
  present(): number[] {
    return [...this.resources]
      .filter(([, { content, behaviour }]) => content !== undefined || behaviour !== undefined)
      .map(([id]) => id)
      .sort((a, b) => a - b);
  }

  isPresent(resource: number): boolean {
    const found = this.resources.get(resource);
    return found !== undefined && (found.content !== undefined || found.behaviour !== undefined);
  }

  /** What is stored, without what is computed. */
  stored(): ReadonlyMap<number, Content | undefined> {
    return new Map([...this.resources].map(([id, { content }]) => [id, content]));
  }

  /** `undefined` where there is nothing to read. */
  content(resource: number): Content | undefined {
    const found = this.resources.get(resource);
    return found?.behaviour?.read === undefined ? found?.content : found.behaviour.read();
  }

  /** @returns whether it differs from what was there */
  store(resource: number, content: Content | undefined): boolean {
    const found = this.resources.get(resource);
    if (isSameContent(found?.content, content)) return false;
    if (found === undefined) this.resources.set(resource, { content, behaviour: undefined });
    else found.content = content;
    return true;
  }

  /** Its values as they go on the wire; an executable resource has none. */
  values(resource: number, content = this.content(resource)): ResourceValue[] {
    if (content === undefined) return [];
    const path = `${this.path}/${resource}`;
    if (!isInstances(content)) return [{ path, value: content }];
    return [...content].map(([id, value]) => ({ path: `${path}/${id}`, value }));
  }
}

export interface ObjectTreeOptions extends Partial<SpokenVersions> {
  readonly catalogue?: Catalogue;
  /** Of a device behind a gateway: what stands before its paths there. */
  readonly prefix?: string;
}

export class ObjectTree {
  readonly events = new Events<ObjectEvents>();
  /** LwM2M version it speaks: "1.1". */
  readonly version: string;
  /** Object versions to be announced, where they are not the default of the LwM2M version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly model: DeviceModel;
  readonly prefix: string | undefined;
  private readonly objects = new Map<number, Map<number, ObjectInstance>>();
  private readonly policies = new Map<number, InstancePolicy>();

  constructor({ catalogue = Catalogue.registry(), version = '1.1', versions = {}, prefix }: ObjectTreeOptions = {}) {
    this.prefix = prefix;
    this.version = version;
    this.versions = versions;
    this.model = catalogue.forDevice({ version, versions });
  }

  /**
   * Adds an instance. A resource is supported when it has a value or a behaviour here.
   * @param values by resource id; a multiple resource takes an array, or an object keyed by instance id
   * @throws DeviceManagementError `invalid-value`, `invalid-path`; `invalid-request` when it exists
   */
  add(object: number, instance: number, values: Readonly<Record<number, unknown>>, behaviours: Behaviours = {}): ObjectInstance {
    const made = new ObjectInstance(this.model, object, instance, values, behaviours);
    this.insert(made);
    return made;
  }

  /** Adds an instance made elsewhere. */
  insert(instance: ObjectInstance): void {
    const instances = this.objects.get(instance.object) ?? new Map<number, ObjectInstance>();
    if (instances.has(instance.id)) {
      throw new DeviceManagementError('invalid-request', `${instance.path} exists already: remove it first, or take another id.`);
    }
    this.objects.set(instance.object, instances.set(instance.id, instance));
    this.events.emit('instances', { path: instance.path, exists: true });
  }

  /** @returns whether it was there */
  remove(object: number, instance: number): boolean {
    const instances = this.objects.get(object);
    const removed = instances?.delete(instance) ?? false;
    // An object that the server may fill again stays announced.
    if (instances?.size === 0 && !this.policies.has(object)) this.objects.delete(object);
    if (removed) this.events.emit('instances', { path: Path.of(object, instance), exists: false });
    return removed;
  }

  /** Lets the server create and delete instances of an object; without this it may not. */
  permit(object: number, policy: InstancePolicy): void {
    this.policies.set(object, policy);
    if (!this.objects.has(object)) this.objects.set(object, new Map());
  }

  policy(object: number): Required<Pick<InstancePolicy, 'create' | 'delete' | 'most'>> & InstancePolicy {
    return { create: false, delete: false, most: MOST_CREATED, ...(this.policies.get(object) ?? CLOSED) };
  }

  has(object: number): boolean {
    return this.objects.has(object);
  }

  /** Objects by id, each with its instances by id. */
  *all(): IterableIterator<readonly [number, readonly ObjectInstance[]]> {
    for (const object of [...this.objects.keys()].sort((a, b) => a - b)) yield [object, this.instances(object)];
  }

  instances(object: number): readonly ObjectInstance[] {
    return [...(this.objects.get(object)?.values() ?? [])].sort((a, b) => a.id - b.id);
  }

  instance(object: number, instance: number): ObjectInstance | undefined {
    return this.objects.get(object)?.get(instance);
  }

  /** The smallest id that is free. */
  freeInstanceId(object: number): number {
    const taken = this.objects.get(object);
    let id = 0;
    while (taken?.has(id)) id++;
    return id;
  }

  /** What is at the path of a resource; `undefined` when it or its content is absent. */
  get(path: string | Path): Content | undefined {
    const target = typeof path === 'string' ? Path.parse(path) : path;
    const { object, instance, resource, resourceInstance } = target;
    if (resource === undefined) throw notAResource(target);
    const content = this.instance(object as number, instance as number)?.content(resource);
    if (resourceInstance === undefined) return content;
    return isInstances(content) ? content.get(resourceInstance) : undefined;
  }

  /**
   * The application changes a resource or resource instance, read-only or not.
   * @throws DeviceManagementError `invalid-value`, `invalid-path`
   */
  set(path: string | Path, value: unknown): void {
    this.setAll([[path, value]]);
  }

  /** Several at once: observers are told once. */
  setAll(values: Iterable<readonly [path: string | Path, value: unknown]>): void {
    const changed: Path[] = [];
    for (const [path, value] of values) {
      const target = typeof path === 'string' ? Path.parse(path) : path;
      const instance = this.instance(target.object ?? -1, target.instance ?? -1);
      if (target.resource === undefined) throw notAResource(target);
      if (instance === undefined) {
        throw new DeviceManagementError('invalid-path', `There is no ${target.parent}: add the instance first.`, {
          path: target.toString(),
        });
      }
      if (instance.store(target.resource, this.contentFor(instance, target, value))) changed.push(target);
    }
    this.tellChanged(changed);
  }

  /** Contents were changed with `ObjectInstance.store`. */
  tellChanged(paths: readonly Path[]): void {
    if (paths.length > 0) this.events.emit('changed', paths);
  }

  private contentFor(instance: ObjectInstance, target: Path, value: unknown): Content {
    const { resource, resourceInstance } = target as Path & { resource: number };
    const definition = instance.definition(resource);
    if (resourceInstance === undefined || !isId(resourceInstance)) return contentOf(value, target, definition);
    const before = instance.content(resource);
    const one = contentOf(new Map([[resourceInstance, value]]), target.parent, definition);
    return new Map([...(isInstances(before) ? before : []), ...(isInstances(one) ? one : [])]);
  }
}

function notAResource(target: Path): DeviceManagementError {
  return new DeviceManagementError('invalid-path', `${target} is not a resource: give a path such as /3/0/9.`, {
    path: target.toString(),
  });
}
