/** Discover (LwM2M Core 1.1.1 §6.3.2): which instances and resources are there, with their versions, dimensions and attributes. */
import type { Path } from '../../device/path';
import { type AttachedAttributes, linkAttributes } from './attached-attributes';
import { isInstances } from './content';
import type { ObjectInstance, ObjectTree } from './objects';
import { notFound } from './refusal';

export interface DiscoveredLink {
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Levels below the target that are listed, unless `depth` says otherwise (LwM2M Core 1.2 §6.4.2). */
const DEFAULT_DEPTH: Readonly<Record<string, number>> = { object: 2, instance: 1, resource: 1 };

/**
 * Links of `target` and what lies below it. The target shows its effective attributes, what lies below it only its own.
 * @param depth levels below the target (1.2)
 * @throws Refusal 4.04
 */
export function discover(tree: ObjectTree, attached: AttachedAttributes, target: Path, depth?: number): DiscoveredLink[] {
  const levels = depth ?? DEFAULT_DEPTH[target.level] ?? 0;
  const links: DiscoveredLink[] = [];
  for (const path of pathsBelow(tree, target, levels)) {
    const notification = path.equals(target) ? attached.effective(path) : attached.own(path);
    links.push({ path: path.toString(), attributes: { ...properties(tree, path), ...linkAttributes(notification) } });
  }
  return links;
}

/** The target itself, then depth first. */
function* pathsBelow(tree: ObjectTree, path: Path, levels: number): IterableIterator<Path> {
  const below = childrenOf(tree, path);
  yield path;
  if (levels === 0) return;
  for (const id of below) yield* pathsBelow(tree, path.child(id), levels - 1);
}

function childrenOf(tree: ObjectTree, path: Path): readonly number[] {
  const { object, instance: instanceId, resource } = path as Path & { object: number };
  if (instanceId === undefined) {
    if (!tree.has(object)) throw notFound(path);
    return tree.instances(object).map(({ id }) => id);
  }
  const instance = tree.instance(object, instanceId);
  if (instance === undefined) throw notFound(path);
  if (resource === undefined) return instance.present();
  if (!instance.isPresent(resource)) throw notFound(path);
  // LwM2M 1.0 has no path for a resource instance.
  return tree.version === '1.0' ? [] : resourceInstances(instance, resource);
}

/** `ver` of an object, `dim` of a multiple resource: read-only properties (LwM2M Core 1.1.1 §5.1.1). */
function properties(tree: ObjectTree, path: Path): Record<string, string> {
  const version = path.level === 'object' ? tree.versions[String(path.object)] : undefined;
  if (version !== undefined) return { ver: version };
  if (path.level !== 'resource') return {};
  const { object, instance, resource } = path as Path & { object: number; instance: number; resource: number };
  const found = tree.instance(object, instance);
  if (found?.definition(resource)?.multiple !== true) return {};
  return { dim: String(resourceInstances(found, resource).length) };
}

function resourceInstances(instance: ObjectInstance, resource: number): readonly number[] {
  const content = instance.content(resource);
  return isInstances(content) ? [...content.keys()].sort((a, b) => a - b) : [];
}
