/** A registered device as the admin API shows it. */
import type { ObjectDescription, Registration } from '../../src/device/manager';
import type { RunningServer } from '../runtime/running-server';

export function deviceView({ manager, fleet }: RunningServer, registration: Registration): Registration & { presence: string } {
  const { endpoint } = registration;
  return { ...registration, presence: manager.presence(endpoint), ...knownOf(fleet, endpoint) };
}

/** Facts, tags and class; whether it is registered or not. */
export function knownOf(fleet: RunningServer['fleet'], endpoint: string): object {
  const [facts, deviceClass] = [fleet.facts.of(endpoint), fleet.classOf(endpoint)];
  return {
    tags: fleet.tags.of(endpoint),
    ...(facts !== undefined && { facts }),
    ...(deviceClass !== undefined && { class: deviceClass }),
  };
}

interface DeviceObject extends Omit<ObjectDescription, 'multiple'> {
  readonly instances: readonly number[];
}

/** The objects a device announced with their instances, and what its model says of them; nameless where there is none. */
export function deviceObjects({ manager }: RunningServer, registration: Registration): readonly DeviceObject[] {
  const instances = new Map<number, number[]>();
  for (const announced of registration.objects) {
    const [, object, instance] = announced.split('/');
    const known = instances.get(Number(object)) ?? [];
    instances.set(Number(object), known);
    if (instance !== undefined) known.push(Number(instance));
  }
  return [...instances]
    .sort(([a], [b]) => a - b)
    .map(([id, ids]) => {
      const description = manager.describe(registration.endpoint, id);
      return {
        id,
        name: description?.name ?? '',
        version: registration.versions[id] ?? description?.version ?? '1.0',
        instances: ids.sort((a, b) => a - b),
        resources: description?.resources ?? [],
      };
    });
}
