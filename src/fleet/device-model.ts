/** The model of a device as its manager describes it: what decoded values are named by. */
import type { DeviceManager, ObjectDescription } from '../device/manager';
import type { DeviceModel } from '../device/models/catalogue';
import type { ObjectDefinition } from '../device/models/definition';

/** Every description is asked for once while the model is in use: it holds for one message, not for ever. */
export function modelOf(manager: DeviceManager, device: string): DeviceModel {
  const definitions = new Map<number, ObjectDefinition | undefined>();
  const definition = (object: number): ObjectDefinition | undefined => {
    if (!definitions.has(object)) definitions.set(object, definitionOf(manager.describe(device, object)));
    return definitions.get(object);
  };
  const resource: DeviceModel['resource'] = (object, id) => definition(object)?.resources.get(id);
  return { definition, resource, typeOf: (object, id) => resource(object, id)?.type };
}

/** What a description does not tell (`lwm2mVersion`, `mandatory`) is of no use to values. */
function definitionOf(description: ObjectDescription | undefined): ObjectDefinition | undefined {
  if (description === undefined) return undefined;
  const resources = new Map(description.resources.map((resource) => [resource.id, resource]));
  return { ...description, lwm2mVersion: '1.0', mandatory: false, resources };
}
