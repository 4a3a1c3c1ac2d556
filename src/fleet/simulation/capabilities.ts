/** Device Capability Management (15) of a simulated device: peripherals that are switched on and off. */
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { LockAndWipe } from './lock-and-wipe';

/** Group (15/x/1): 0 sensor, 2 connectivity. */
const PERIPHERALS = [
  { property: 'temperature sensor', group: 0 },
  { property: 'bluetooth', group: 2 },
] as const;
const SENSOR = 0;

export function addCapabilities(tree: ObjectTree, lock: LockAndWipe): void {
  for (const [instance, { property, group }] of PERIPHERALS.entries()) {
    const enable = (isEnabled: boolean) => (): undefined => tree.set(`/15/${instance}/4`, isEnabled) as undefined;
    tree.add(
      15,
      instance,
      { 0: property, 1: group, 3: true, 4: true },
      lock.over('device', { 5: { execute: enable(true) }, 6: { execute: enable(false) } }),
    );
  }
}

/** A sensor that is off measures nothing. */
export function sensorIsOn(tree: ObjectTree): boolean {
  return tree.get(`/15/${SENSOR}/4`) === true;
}
