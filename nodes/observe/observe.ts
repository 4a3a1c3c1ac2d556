/** dm-observe: declares what should be observed, and emits notifications and Sends. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { type AttributeTexts, attributesOf } from '../runtime/attributes';
import { flowError, noServer } from '../runtime/failure';
import { hostOf } from '../runtime/flow-host';
import { inputRow } from '../runtime/operation-settings';
import { serverOf } from '../runtime/server-node';
import { status } from '../runtime/status';
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
}

export = (red: NodeAPI): void => {
  function ObserveNodeConstructor(this: Node, properties: ObserveProperties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    const server = serverOf(red, properties.server);
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      this.on('input', (_message, _send, done) => done(flowError(noServer())));
      return;
    }
    const { device, deviceType, path, pathType, sends, keys, composite } = properties;
    let attributes = {};
    try {
      attributes = attributesOf(properties.attributes);
    } catch (caught) {
      server.whenFlowsRun(() => host.raise(flowError(caught), {}));
    }
    const observe = new ObserveNode(host, server, {
      device: inputRow('device', device ?? '', deviceType),
      path: inputRow('path', path ?? '', pathType),
      attributes,
      sends: sends !== false,
      keys: keys === 'name' ? 'name' : 'path',
      composite: composite === true,
    });
    this.on('input', (message, send, done) => void observe.input(message, send, done));
    this.on('close', (removed: boolean, done: () => void) => {
      observe.close(removed);
      done();
    });
  }
  red.nodes.registerType('dm-observe', ObserveNodeConstructor);
};
