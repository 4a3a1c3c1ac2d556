/** Objects, instances and resources as items of a tree, narrowed to what an operation can do. Knows no browser. */
import type { ObjectEntry, ResourceEntry } from './admin-api.js';
import type { PathRule } from './path-rules.js';
import type { TreeItem } from './tree-view.js';

/** "Float · R · Cel" */
function describe({ type, operations, units }: ResourceEntry): string {
  return [type, operations, units].filter((part) => part !== undefined && part !== '').join(' · ');
}

function isChoice(level: number, { levels }: PathRule): boolean {
  return level >= levels[0] && level <= levels[1];
}

function choice(path: string, level: number, rule: PathRule): { value: string } | Record<string, never> {
  return isChoice(level, rule) ? { value: path } : {};
}

function resourceItem(instance: string, resource: ResourceEntry, rule: PathRule): TreeItem {
  const path = `${instance}/${resource.id}`;
  return {
    ...choice(path, 3, rule),
    label: `${resource.id}  ${resource.name}`,
    detail: describe(resource),
    search: `${path} ${resource.name}`,
  };
}

/** An instance with its resources; `undefined` when the operation can do nothing with it. */
function instanceItem(object: ObjectEntry, instance: number, rule: PathRule, open: boolean): TreeItem | undefined {
  const path = `/${object.id}/${instance}`;
  const { needs, levels } = rule;
  const children = (object.resources ?? [])
    .filter(({ operations }) => !needs || operations.includes(needs))
    .map((resource) => resourceItem(path, resource, rule));
  // An unknown object has no resources to show, yet its number can be used.
  const isUnknown = (object.resources ?? []).length === 0;
  if (children.length === 0 && !isUnknown && needs) return undefined;
  const item = { ...choice(path, 2, rule), label: path, search: `${path} ${object.name}`, open };
  return levels[1] >= 3 && children.length > 0 ? { ...item, children } : item;
}

/** An object of a device, with the instances it has. */
export function objectItem(object: ObjectEntry, rule: PathRule): TreeItem | undefined {
  const path = `/${object.id}`;
  const instances = object.instances ?? [];
  const children = instances
    .map((instance) => instanceItem(object, instance, rule, instances.length === 1))
    .filter((item) => item !== undefined);
  if (children.length === 0 && !isChoice(1, rule)) return undefined;
  return {
    ...choice(path, 1, rule),
    label: `${object.id}  ${object.name || '?'}`,
    ...(object.version ? { detail: object.version } : {}),
    search: `${path} ${object.name}`,
    ...(children.length > 0 && rule.levels[1] >= 2 ? { children } : {}),
  };
}

/** An object of the registry, its resources fetched when it is opened; instance 0 stands for any. */
export function modelItem(object: ObjectEntry, rule: PathRule, model: (id: number) => Promise<ObjectEntry>): TreeItem {
  const path = `/${object.id}`;
  return {
    ...choice(path, 1, rule),
    label: `${object.id}  ${object.name}`,
    search: `${path} ${object.name}`,
    load: async () => {
      const item = instanceItem(await model(object.id), 0, rule, true);
      return item ? [item] : [];
    },
  };
}
