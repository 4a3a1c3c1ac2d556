/** dm-execute: Execute, with presets for what every fleet needs. */
import type { NodeAPI } from 'node-red';
import { DeviceManagementError } from '../../src/errors';
import { EXECUTE_PRESETS, type ExecutePresetName, isExecutePreset } from '../../src/fleet/presets/execute-presets';
import { type Preset, type PresetInput, requestsOf, requireConfirmation } from '../../src/fleet/presets/preset';
import type { OperationKind } from '../runtime/operation-kind';
import { inputRow, type OperationProperties } from '../runtime/operation-settings';
import { registerOperation } from '../runtime/register-operation';

type PresetSettings = { readonly [Name in PresetInput | `${PresetInput}Type`]?: string };

interface ExecuteProperties extends OperationProperties, PresetSettings {
  readonly preset?: string;
  /** A dangerous preset is meant. */
  readonly confirmed?: boolean;
  readonly arguments?: string;
  readonly argumentsType?: string;
}

function kindOf(properties: ExecuteProperties): OperationKind {
  const { preset } = properties;
  if (isExecutePreset(preset)) return presetKind(preset, properties);
  const type = properties.argumentsType ?? 'none';
  return {
    // Without a place to take them from there are none: a payload that happens to be there must not become an argument.
    inputs: [inputRow('arguments', properties.arguments ?? '', type, 'nothing')],
    request: (path, values) => ({ operation: 'execute', path, ...argumentsOf(values.arguments) }),
    payload: () => undefined,
  };
}

/** A preset fixes its paths, and sends no arguments. */
function presetKind(name: ExecutePresetName, properties: ExecuteProperties): OperationKind {
  const preset: Preset = EXECUTE_PRESETS[name];
  const [{ path: fixedPath }] = requestsOf(preset, {}, undefined);
  return {
    fixedPath,
    inputs: (preset.takes ?? []).map((input) => inputRow(input, properties[input] ?? '', properties[`${input}Type`])),
    request: (path) => ({ operation: 'execute', path }),
    task: (values, { confirm }) => {
      requireConfirmation(name, preset, properties.confirmed === true, confirm);
      return (registration) => {
        const [request, ...further] = requestsOf(preset, values, registration);
        return { request, ...(further.length > 0 && { further }) };
      };
    },
    payload: () => undefined,
  };
}

function argumentsOf(value: unknown): { readonly arguments?: string } {
  if (value === undefined || value === null || value === '') return {};
  if (typeof value === 'string' || typeof value === 'number') return { arguments: String(value) };
  throw new DeviceManagementError(
    'invalid-request',
    `arguments must be a text such as 0='15',1, but a ${Array.isArray(value) ? 'list' : typeof value} came`,
  );
}

export = (red: NodeAPI): void => registerOperation(red, 'dm-execute', kindOf);
