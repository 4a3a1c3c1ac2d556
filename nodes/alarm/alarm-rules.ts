/** The rules of an alarm node: those it ships with that are ticked, and its own; which may stand in the place of a ticked one. */
import { DeviceManagementError } from '../../src/errors';
import { PRESETS } from '../../src/fleet/alarm/presets';
import { type AlarmRule, readRule } from '../../src/fleet/alarm/rule';

/** @throws DeviceManagementError `invalid-request`, naming the field */
export function rulesOf(presets: readonly string[], own: unknown): readonly AlarmRule[] {
  if (!Array.isArray(own)) throw new DeviceManagementError('invalid-request', 'the rules must be an array of objects');
  const written = own.map(readRule);
  const ticked = PRESETS.filter(({ type }) => presets.includes(type) && !written.some((rule) => rule.type === type));
  return [...ticked, ...written];
}

/** @throws DeviceManagementError `invalid-request` */
export function parsed(text: string): unknown {
  if (text.trim() === '') return [];
  try {
    return JSON.parse(text);
  } catch (caught) {
    throw new DeviceManagementError('invalid-request', `the rules are no JSON: ${(caught as Error).message}`);
  }
}
