/** What a preset is: a task of device management by its name, with the requests it takes and what it has to be told. */

import type { Registration } from '../../device/manager';
import type { OperationRequest } from '../../device/operation';
import { DeviceManagementError } from '../../errors';
import { placed } from './instance-choice';

/** What a preset may be told besides its device; by these names the dialogs and messages know it. */
export type PresetInput = 'instance' | 'seconds' | 'targets';
export type PresetValues = Readonly<Partial<Record<PresetInput, unknown>>>;

/** `*` in a path stands for the instance. */
export type PresetStep =
  | { readonly execute: string }
  /** Left out where `value` is undefined. */
  | { readonly write: string; readonly value: (inputs: PresetValues) => unknown };

export interface Preset {
  readonly steps: readonly PresetStep[];
  readonly takes?: readonly PresetInput[];
  /** It can cost the device its data or its service: done only on confirmation. */
  readonly isDangerous?: true;
}

/** One request after the other; each only when the one before was answered well. */
export type Requests = readonly [OperationRequest, ...OperationRequest[]];

/**
 * The requests of a preset for one device.
 * @throws DeviceManagementError `invalid-request`, `unsupported` by instance (`instance-choice.ts`); `invalid-value`
 */
export function requestsOf({ steps }: Preset, inputs: PresetValues, registration: Registration | undefined): Requests {
  const requests = steps.flatMap((step): OperationRequest[] => {
    const at = (path: string): string => placed(path, inputs.instance, registration);
    if ('execute' in step) return [{ operation: 'execute', path: at(step.execute) }];
    const value = step.value(inputs);
    return value === undefined ? [] : [{ operation: 'write', path: at(step.write), value }];
  });
  return requests as unknown as Requests;
}

/**
 * Makes sure that a dangerous preset is meant.
 * @param confirmation of the message: the name of the preset
 * @throws DeviceManagementError `invalid-request`
 */
export function requireConfirmation(name: string, { isDangerous }: Preset, isConfirmed: boolean, confirmation: unknown): void {
  if (isDangerous !== true || isConfirmed || confirmation === name) return;
  throw new DeviceManagementError(
    'invalid-request',
    `"${name}" was not confirmed, and nothing was sent: tick the confirmation in the node, or set msg.confirm to "${name}"`,
  );
}
