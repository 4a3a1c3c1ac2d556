/** dm-bootstrap: gives devices their servers, and tells what becomes of it. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { DeviceManagementError } from '../../src/errors';
import { flowError, noServer } from '../runtime/failure';
import { hostOf } from '../runtime/flow-host';
import { inputRow } from '../runtime/operation-settings';
import { serverOf } from '../runtime/server-node';
import { status } from '../runtime/status';
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

export = (red: NodeAPI): void => {
  function BootstrapNodeConstructor(this: Node, properties: BootstrapProperties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    const server = serverOf(red, properties.server);
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      this.on('input', (_message, _send, done) => done(flowError(noServer())));
      return;
    }
    let declaration: unknown;
    try {
      declaration = declarationOf(properties);
    } catch (caught) {
      server.whenFlowsRun(() => host.raise(flowError(caught), {}));
    }
    const { device, deviceType } = properties;
    const bootstrap = new BootstrapNode(host, server, {
      device: inputRow('device', device ?? '', deviceType ?? 'str'),
      declaration,
    });
    this.on('input', (message, send, done) => void bootstrap.input(message, send, done));
    this.on('close', (removed: boolean, done: () => void) => {
      bootstrap.close(removed);
      done();
    });
  }
  red.nodes.registerType('dm-bootstrap', BootstrapNodeConstructor);
};
