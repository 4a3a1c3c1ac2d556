/** dm-execute: Execute, with presets for what every fleet needs. */
import type { NodeAPI } from 'node-red';
import type { OperationRequest } from '../../src/device/operation';
import { DeviceManagementError } from '../../src/errors';
import { atServerInstance } from '../../src/fleet/server-instance';
import type { OperationKind } from '../runtime/operation-node';
import { inputRow, type OperationProperties } from '../runtime/operation-settings';
import { registerOperation } from '../runtime/register-operation';

interface ExecuteProperties extends OperationProperties {
  readonly preset?: string;
  readonly arguments?: string;
  readonly argumentsType?: string;
}

/** A preset fixes its path, and sends no arguments. */
const PRESETS: Readonly<Record<string, string>> = {
  reboot: '/3/0/4',
  'factory-reset': '/3/0/5',
  update: '/5/0/2',
  'registration-update': '/1/0/8',
};

function kindOf(properties: ExecuteProperties): OperationKind {
  const fixedPath = PRESETS[properties.preset ?? ''];
  if (fixedPath !== undefined) {
    const request = (path: string): OperationRequest => ({ operation: 'execute', path });
    return { fixedPath, request, adapt: atServerInstance, payload: () => undefined };
  }
  const type = properties.argumentsType ?? 'none';
  return {
    // Without a place to take them from there are none: a payload that happens to be there must not become an argument.
    inputs: [inputRow('arguments', properties.arguments ?? '', type, 'nothing')],
    request: (path, values) => ({ operation: 'execute', path, ...argumentsOf(values.arguments) }),
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
