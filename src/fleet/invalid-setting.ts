/** What is wrong with a setting, told by its name, whether it came from a dialog, a message or a store. */
import { DeviceManagementError } from '../errors';

const LONGEST_QUOTED = 40;

/** @param reason a sentence that names the setting and says what it must be */
export function invalidSetting(reason: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', reason);
}

/** What came instead, short enough for a sentence. */
export function quoted(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? String(value)).slice(0, LONGEST_QUOTED);
}
