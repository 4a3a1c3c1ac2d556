/** The object list of Register and Update (LwM2M Core 1.1.1 §6.2.1): formats, objects with announced versions, instances. */
import { formatLinks } from '../formats/link-format';
import { HIDDEN_OBJECTS } from './hidden-objects';
import type { ObjectTree } from './objects';

/** In the order of LwM2M Core 1.1.1 §7.4; 1.0 knew a single format there, and its servers expect TLV anyway. */
const FORMATS_LINK = { path: '/', attributes: { rt: 'oma.lwm2m', ct: '60 110 112 11542 11543' } } as const;
const ROOT_LINK_OF_1_0 = { path: '/', attributes: { rt: 'oma.lwm2m' } } as const;

export function objectList(tree: ObjectTree): string {
  return formatLinks([tree.version === '1.0' ? ROOT_LINK_OF_1_0 : FORMATS_LINK, ...objectLinks(tree)]);
}

interface ObjectLink {
  readonly path: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Without the root: what a gateway tells of a device behind it. Objects that hold keys are never announced (LwM2M Core 1.1.1 §6.2.1). */
export function objectLinks(tree: ObjectTree): readonly ObjectLink[] {
  const links: ObjectLink[] = [];
  for (const [object, instances] of tree.all()) {
    if (HIDDEN_OBJECTS.has(object)) continue;
    const version = tree.versions[String(object)];
    // The object itself only where its instances do not say all.
    if (version !== undefined) links.push({ path: `/${object}`, attributes: { ver: version } });
    else if (instances.length === 0) links.push({ path: `/${object}` });
    for (const { path } of instances) links.push({ path: path.toString() });
  }
  return links;
}
