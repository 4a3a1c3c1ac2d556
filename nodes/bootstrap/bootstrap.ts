/** dm-bootstrap: gives devices their servers, and tells what becomes of it. */
import type { NodeAPI, NodeDef } from 'node-red';
import { DeviceManagementError } from '../../src/errors';
import { flowError } from '../runtime/failure';
import { inputRow } from '../runtime/operation-settings';
import { registerNode } from '../runtime/register-node';
import { BootstrapNode } from './bootstrap-node';

interface BootstrapProperties extends NodeDef {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  /** Empty: configurations come by message only. */
  readonly uri?: string;
  readonly shortServerId?: number | string;
  readonly lifetime?: number | string;
  readonly binding?: string;
  readonly security?: 'auto' | 'generated' | 'none';
  readonly sends?: boolean;
  readonly storing?: boolean;
  /** Paths with commas between them. */
  readonly deletes?: string;
  /** JSON. */
  readonly objects?: string;
  readonly verify?: boolean;
}

/** As a message would have it. */
function declarationOf(properties: BootstrapProperties): unknown {
  const { uri, shortServerId, lifetime, binding, security, sends, storing, deletes, objects, verify } = properties;
  if ((uri ?? '').trim() === '') return undefined;
  return {
    servers: [
      {
        uri: (uri ?? '').trim(),
        muteSend: sends === false,
        storing: storing === true,
        ...given({ shortServerId, lifetime, binding }),
        ...(security !== undefined && security !== 'auto' && { security }),
      },
    ],
    ...(deletes !== undefined && { deletes: deletes.split(',').flatMap((path) => path.trim() || []) }),
    objects: parsed(objects),
    verify: verify === true,
  };
}

function given(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== ''));
}

function parsed(objects: string | undefined): unknown {
  if (objects === undefined || objects.trim() === '') return {};
  try {
    return JSON.parse(objects);
  } catch (caught) {
    throw new DeviceManagementError('invalid-value', `the further objects are no valid JSON: ${(caught as Error).message}`);
  }
}

export = (red: NodeAPI): void =>
  registerNode(red, 'dm-bootstrap', (host, server, properties: BootstrapProperties) => {
    let declaration: unknown;
    try {
      declaration = declarationOf(properties);
    } catch (caught) {
      server.whenFlowsRun(() => host.raise(flowError(caught), {}));
    }
    const { device, deviceType } = properties;
    return new BootstrapNode(host, server, {
      device: inputRow('device', device ?? '', deviceType ?? 'str'),
      declaration,
    });
  });
