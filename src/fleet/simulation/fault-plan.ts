/** Which simulated devices fail in which ways: "sim-00*=corrupt; sim-010=install-fails,slow:2". */
import { DeviceManagementError } from '../../errors';
import { type FirmwareFaults, NO_FAULTS, readFaults } from '../../lwm2m/client/firmware-faults';
import { wildcard } from '../wildcard';

/**
 * @returns the faults of a device; the first that names it counts
 * @throws DeviceManagementError `invalid-value`, saying what must be there
 */
export function readFaultPlan(text: string): (name: string) => FirmwareFaults {
  const rules = text
    .split(/[;\n]/)
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '')
    .map(readRule);
  return (name) => rules.find(({ devices }) => devices.test(name))?.faults ?? NO_FAULTS;
}

function readRule(rule: string): { readonly devices: RegExp; readonly faults: FirmwareFaults } {
  const at = rule.indexOf('=');
  if (at < 1)
    throw new DeviceManagementError('invalid-value', `"${rule}" says no fault: write device=fault, such as sim-00*=corrupt`);
  return { devices: wildcard(rule.slice(0, at).trim()), faults: readFaults(rule.slice(at + 1)) };
}
