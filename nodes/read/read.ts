/** dm-read: Read and Discover. */
import type { NodeAPI } from 'node-red';
import { fromResourceValues, type PayloadKeys } from '../../src/device/payload';
import { modelOf } from '../../src/fleet/device-model';
import type { OperationKind } from '../runtime/operation-node';
import { contentFormat, type OperationProperties } from '../runtime/operation-settings';
import { registerOperation } from '../runtime/register-operation';

interface ReadProperties extends OperationProperties {
  readonly operation?: 'read' | 'discover';
  readonly format?: string;
  readonly keys?: PayloadKeys;
}

function kindOf({ operation, format, keys }: ReadProperties): OperationKind {
  if (operation === 'discover') {
    return { request: (path) => ({ operation, path }), payload: ({ links }) => links ?? [] };
  }
  return {
    request: (path) => ({ operation: 'read', path, ...contentFormat(format) }),
    // A resource without a value is null: `undefined` would leave what the message came with.
    payload: ({ values, device }, _request, target, { manager }) =>
      fromResourceValues(values, target, keys === 'name' ? 'name' : 'path', modelOf(manager, device)) ?? null,
  };
}

export = (red: NodeAPI): void => registerOperation(red, 'dm-read', kindOf);
