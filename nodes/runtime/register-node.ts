/** Wires a node that lives by its server to Node-RED. Without one it shows that, and says so of every message. */
import type { Node, NodeAPI, NodeCredentials, NodeDef } from 'node-red';
import { flowError, noServer } from './failure';
import { type Done, type FlowHost, hostOf, type Message, type Send } from './flow-host';
import type { RunningServer } from './running-server';
import { serverOf } from './server-node';
import { status } from './status';

export interface ServerNodeBehaviour {
  input?(message: Message, send: Send, done: Done): unknown;
  close(removed: boolean): void;
}

export function registerNode<Properties extends NodeDef & { readonly server: string }>(
  red: NodeAPI,
  type: string,
  begin: (
    host: FlowHost,
    server: RunningServer,
    properties: Properties,
    credentials: Readonly<Record<string, string>>,
  ) => ServerNodeBehaviour,
  credentials?: NodeCredentials<Record<string, string>>,
): void {
  function NodeConstructor(this: Node<Record<string, string>>, properties: Properties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    const server = serverOf(red, properties.server);
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      this.on('input', (_message, _send, done) => done(flowError(noServer())));
      return;
    }
    const node = begin(host, server, properties, this.credentials ?? {});
    this.on('input', (message, send, done) => void node.input?.(message, send, done));
    this.on('close', (removed: boolean, done: () => void) => {
      node.close(removed);
      done();
    });
  }
  red.nodes.registerType(type, NodeConstructor, credentials === undefined ? undefined : { credentials });
}
