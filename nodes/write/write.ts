/** dm-write: Write, Write-Composite, Create, Delete, Write-Attributes; and settings by name. */
import type { NodeAPI } from 'node-red';
import type { OperationRequest } from '../../src/device/operation';
import { pathListText } from '../../src/device/path-list';
import { isPlainObject } from '../../src/device/scalars';
import { DeviceManagementError } from '../../src/errors';
import { isWritePreset } from '../../src/fleet/presets/write-presets';
import { type AttributeTexts, attributesOf } from '../runtime/attributes';
import { type InputRow, sourceOf } from '../runtime/inputs';
import type { OperationKind } from '../runtime/operation-kind';
import { contentFormat, inputRow, type OperationProperties } from '../runtime/operation-settings';
import { registerOperation } from '../runtime/register-operation';
import { type SettingProperties, settingKind } from './setting';

interface WriteProperties extends OperationProperties, SettingProperties {
  readonly preset?: string;
  readonly operation?: 'write' | 'create' | 'delete' | 'write-attributes';
  readonly mode?: 'auto' | 'replace' | 'update';
  readonly value?: string;
  readonly valueType?: string;
  readonly format?: string;
  readonly attributes?: AttributeTexts;
}

const KINDS: Record<NonNullable<WriteProperties['operation']>, (properties: WriteProperties) => OperationKind> = {
  write: (properties) => {
    const row = valueRow(properties);
    const { mode } = properties;
    return {
      inputs: [row],
      request: (path, { value }) => ({
        operation: 'write',
        path,
        value: given(value, row),
        ...((mode === 'replace' || mode === 'update') && { mode }),
        ...contentFormat(properties.format),
      }),
      requestMany: (path, { value }) => ({
        operation: 'write-composite',
        path: path === '/' ? keysOf(given(value, row)) : path,
        value: given(value, row),
        ...contentFormat(properties.format),
      }),
      payload: (_result, request) => writtenValue(request),
    };
  },
  create: (properties) => {
    const row = valueRow(properties);
    return {
      inputs: [row],
      request: (path, { value }) => ({
        operation: 'create',
        path,
        value: given(value, row),
        ...contentFormat(properties.format),
      }),
      payload: ({ created }) => created,
    };
  },
  delete: () => ({ request: (path) => ({ operation: 'delete', path }), payload: () => undefined }),
  'write-attributes': ({ attributes }) => ({
    request: (path) => ({ operation: 'write-attributes', path, attributes: attributesOf(attributes) }),
    payload: () => undefined,
  }),
};

/** Named "value", while the message's property is its payload. */
function valueRow({ value, valueType }: WriteProperties): InputRow {
  const isMessage = value === undefined || (value === '' && valueType === 'msg');
  return isMessage ? { name: 'value', value: 'payload', type: 'msg' } : inputRow('value', value, valueType, 'value');
}

function given(value: unknown, row: InputRow): unknown {
  if (value !== undefined) return value;
  throw new DeviceManagementError(
    'invalid-value',
    `there is nothing to write: ${sourceOf(row)} is missing; set it before this node`,
  );
}

function writtenValue(request: OperationRequest): unknown {
  return request.operation === 'write' || request.operation === 'write-composite' ? request.value : undefined;
}

/** With "/" the values say themselves where they belong. */
function keysOf(value: unknown): string {
  if (isPlainObject(value) && Object.keys(value).length > 0) return pathListText(Object.keys(value));
  throw new DeviceManagementError(
    'invalid-value',
    'several values are written as an object keyed by full path, for example {"/3/0/14": "+01:00", "/1/0/1": 300}',
  );
}

function kindOf(properties: WriteProperties): OperationKind {
  const { preset, operation = 'write' } = properties;
  return isWritePreset(preset) ? settingKind(preset, properties, valueRow(properties)) : KINDS[operation](properties);
}

export = (red: NodeAPI): void => registerOperation(red, 'dm-write', kindOf);
