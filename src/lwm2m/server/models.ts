/** The object models of registered devices. Devices of a type announce the same versions, share that value, and so share one model. */
import type { Registration } from '../../device/manager';
import type { Catalogue, DeviceModel } from '../../device/models/catalogue';
import type { ObjectDefinition } from '../../device/models/definition';

type Spoken = Pick<Registration, 'version' | 'versions'>;

export class Models {
  private readonly known = new WeakMap<Spoken['versions'], Map<string, DeviceModel>>();

  constructor(readonly catalogue: Catalogue) {}

  of(spoken: Spoken): DeviceModel {
    let byVersion = this.known.get(spoken.versions);
    if (byVersion === undefined) {
      byVersion = new Map();
      this.known.set(spoken.versions, byVersion);
    }
    let model = byVersion.get(spoken.version);
    if (model === undefined) {
      model = remembering(this.catalogue.forDevice(spoken));
      byVersion.set(spoken.version, model);
    }
    return model;
  }
}

/** The type of a resource is asked for with every value that arrives, the choice of a version need be made once. */
function remembering(model: DeviceModel): DeviceModel {
  const definitions = new Map<number, ObjectDefinition | undefined>();
  const definition = (object: number): ObjectDefinition | undefined => {
    let found = definitions.get(object);
    if (found === undefined && !definitions.has(object)) {
      found = model.definition(object);
      definitions.set(object, found);
    }
    return found;
  };
  return {
    definition,
    resource: (object, resource) => definition(object)?.resources.get(resource),
    typeOf: (object, resource) => definition(object)?.resources.get(resource)?.type,
  };
}
