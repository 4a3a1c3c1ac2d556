/**
 * The objects that a person describes, as a tree: {"3303": {"0": {"5700": 21.5, "5601": null}}}. `null` stands for a resource without a
 * value: one that can be executed, or that is written later.
 */

import { Path } from '../../src/device/path';
import { isPlainObject } from '../../src/device/scalars';
import { DeviceManagementError } from '../../src/errors';
import type { ObjectTree } from '../../src/lwm2m/client/objects';

type Resources = Readonly<Record<string, unknown>>;
type Instances = Readonly<Record<string, Resources>>;
export type DescribedObjects = Readonly<Record<string, Instances>>;

/** Security, Server, Access Control and OSCORE are the client's own: their instances come with the configuration, not from a flow. */
const OWN_OBJECTS: ReadonlySet<number> = new Set([0, 1, 2, 21]);

/**
 * @param described what came out of the dialog
 * @throws DeviceManagementError `invalid-value`, `invalid-path`, naming what is wrong
 */
export function addDescribed(tree: ObjectTree, described: unknown): void {
  for (const [object, instances] of entriesOf(described, 'objects')) {
    refuseOwn(Path.parse(`/${object}`));
    for (const [instance, resources] of entriesOf(instances, `/${object}`)) {
      addInstance(tree, Path.parse(`/${object}/${instance}`), Object.fromEntries(entriesOf(resources, `/${object}/${instance}`)));
    }
  }
}

/** @throws DeviceManagementError `invalid-path` for an object that flows may not touch */
export function refuseOwn(path: Path): void {
  if (!OWN_OBJECTS.has(path.object as number)) return;
  throw new DeviceManagementError('invalid-path', `${path} belongs to the client itself: it follows from its settings.`, {
    path: path.toString(),
  });
}

function addInstance(tree: ObjectTree, path: Path, resources: Resources): void {
  const { object, instance } = path as Path & { object: number; instance: number };
  const filled = Object.entries(resources).filter(([, value]) => value !== null);
  const empty = Object.keys(resources).filter((id) => resources[id] === null);
  const isExecutable = (id: string): boolean => {
    const { resource } = Path.parse(`${path}/${id}`);
    return tree.model.resource(object, resource as number)?.operations.includes('E') ?? false;
  };
  const behaviours = Object.fromEntries(empty.filter(isExecutable).map((id) => [id, { execute: () => undefined }]));
  const added = tree.add(object, instance, Object.fromEntries(filled), behaviours);
  added.support(empty.map(Number));
}

function entriesOf(value: unknown, where: string): [string, unknown][] {
  if (isPlainObject(value)) return Object.entries(value);
  throw new DeviceManagementError(
    'invalid-value',
    `${where} must be described as an object, for example {"3303": {"0": {"5700": 21.5}}}, but a ${Array.isArray(value) ? 'list' : typeof value} came.`,
  );
}
