/** dm-observe: declares what should be observed, and emits notifications and Sends. */
import type { NodeAPI, NodeDef } from 'node-red';
import { type AttributeTexts, attributesOf } from '../runtime/attributes';
import { flowError } from '../runtime/failure';
import { inputRow } from '../runtime/operation-settings';
import { registerNode } from '../runtime/register-node';
import { ObserveNode } from './observe-node';

interface ObserveProperties extends NodeDef {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly path?: string;
  readonly pathType?: string;
  readonly attributes?: AttributeTexts;
  readonly sends?: boolean;
  readonly keys?: 'path' | 'name';
  readonly composite?: boolean;
  readonly history?: boolean;
}

export = (red: NodeAPI): void =>
  registerNode(red, 'dm-observe', (host, server, properties: ObserveProperties) => {
    const { device, deviceType, path, pathType, sends, keys, composite, history } = properties;
    let attributes = {};
    try {
      attributes = attributesOf(properties.attributes);
    } catch (caught) {
      server.whenFlowsRun(() => host.raise(flowError(caught), {}));
    }
    return new ObserveNode(host, server, {
      device: inputRow('device', device ?? '', deviceType),
      path: inputRow('path', path ?? '', pathType),
      attributes,
      sends: sends !== false,
      keys: keys === 'name' ? 'name' : 'path',
      composite: composite === true,
      history: history === true,
    });
  });
