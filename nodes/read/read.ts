/** dm-read: Read, Read-Composite and Discover. */
import type { NodeAPI } from 'node-red';
import { discoveredTree } from '../../src/device/discovered-tree';
import { fromResourceValues, type PayloadKeys } from '../../src/device/payload';
import { modelOf } from '../../src/fleet/device-model';
import { isReadPreset, READ_PRESETS } from '../../src/fleet/presets/read-presets';
import type { OperationKind } from '../runtime/operation-kind';
import { contentFormat, type OperationProperties } from '../runtime/operation-settings';
import { registerOperation } from '../runtime/register-operation';

interface ReadProperties extends OperationProperties {
  readonly preset?: string;
  readonly operation?: 'read' | 'discover';
  readonly format?: string;
  readonly keys?: PayloadKeys;
  /** Discover: levels below the path; "auto" leaves it to the device. */
  readonly depth?: string;
  /** Discover: what becomes of its links. */
  readonly links?: 'list' | 'tree';
}

function kindOf(properties: ReadProperties): OperationKind {
  if (properties.operation === 'discover' && !isReadPreset(properties.preset)) return discover(properties);
  const { format, keys, preset } = properties;
  return {
    ...(isReadPreset(preset) && { fixedPath: READ_PRESETS[preset] }),
    request: (path) => ({ operation: 'read', path, ...contentFormat(format) }),
    requestMany: (path) => ({ operation: 'read-composite', path, ...contentFormat(format) }),
    // A resource without a value is null: `undefined` would leave what the message came with.
    payload: ({ values, device }, _request, target, { manager }) =>
      fromResourceValues(values, target, keys === 'name' ? 'name' : 'path', modelOf(manager, device)) ?? null,
  };
}

function discover({ depth, links: form }: ReadProperties): OperationKind {
  const levels = /^[0-3]$/.test(String(depth)) ? { depth: Number(depth) } : {};
  return {
    request: (path) => ({ operation: 'discover', path, ...levels }),
    payload: ({ links = [], device }, _request, target, { manager }) =>
      form === 'tree' ? discoveredTree(target, links, modelOf(manager, device)) : links,
  };
}

export = (red: NodeAPI): void => registerOperation(red, 'dm-read', kindOf);
