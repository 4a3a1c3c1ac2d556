/** Wires an operation node to Node-RED. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { hostOf } from './flow-host';
import type { OperationKind } from './operation-kind';
import { OperationNode } from './operation-node';
import { type OperationProperties, operationSettings } from './operation-settings';
import { serverOf } from './server-node';

export function registerOperation<Properties extends OperationProperties>(
  red: NodeAPI,
  type: string,
  kindOf: (properties: Properties) => OperationKind,
): void {
  function OperationNodeConstructor(this: Node, properties: NodeDef & Properties): void {
    red.nodes.createNode(this, properties);
    const server = serverOf(red, properties.server);
    const operation = new OperationNode(hostOf(red, this), server, operationSettings(properties), kindOf(properties));
    this.on('input', (message, send, done) => void operation.input(message, send, done));
    this.on('close', (removed: boolean, done: () => void) => {
      operation.close(removed);
      done();
    });
  }
  red.nodes.registerType(type, OperationNodeConstructor);
}
