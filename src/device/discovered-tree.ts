/** The links of a Discover as a tree: what is where, by name, with its version, its dimension and the notification attributes on it. */
import type { DeviceModel } from './models/catalogue';
import type { PathLink } from './operation';
import { Path } from './path';

export interface DiscoveredNode {
  readonly path: string;
  /** Of the object or resource, where the model knows it. */
  readonly name?: string;
  /** Of the object, where the device says it ("1.1"). */
  readonly version?: string;
  /** How many instances the resource has (`dim`). */
  readonly dimension?: number;
  /** `pmin`, `gt` … and whatever else the device says of it. */
  readonly attributes: PathLink['attributes'];
  readonly children: readonly DiscoveredNode[];
}

interface Growing extends DiscoveredNode {
  readonly children: Growing[];
}

/**
 * @param target what was discovered; the top of the tree
 * @param links in any order; what lies between two of them and was not listed (Wakaama leaves instances out) is there all the same
 */
export function discoveredTree(target: Path, links: readonly PathLink[], model: DeviceModel): DiscoveredNode {
  const attributes = new Map(links.map((link) => [link.path, link.attributes]));
  const nodes = new Map<string, Growing>();
  const grow = (path: Path): Growing => {
    const text = path.toString();
    const known = nodes.get(text);
    if (known !== undefined) return known;
    const node = nodeOf(path, attributes.get(text) ?? {}, model);
    nodes.set(text, node);
    if (!path.equals(target)) grow(path.parent).children.push(node);
    return node;
  };
  const top = grow(target);
  for (const link of links) {
    const path = Path.parse(link.path);
    if (target.contains(path)) grow(path);
  }
  return top;
}

function nodeOf(path: Path, { ver, dim, ...attributes }: PathLink['attributes'], model: DeviceModel): Growing {
  const name = nameOf(path, model);
  return {
    path: path.toString(),
    ...(name !== undefined && { name }),
    ...(ver !== undefined && { version: String(ver) }),
    ...(typeof dim === 'number' && { dimension: dim }),
    attributes,
    children: [],
  };
}

function nameOf({ level, object, resource }: Path, model: DeviceModel): string | undefined {
  if (level === 'object') return model.definition(object as number)?.name;
  return level === 'resource' ? model.resource(object as number, resource as number)?.name : undefined;
}
