/** lwm2m-client: this Node-RED as a device that another LwM2M server manages. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { flowError } from '../runtime/failure';
import { hostOf } from '../runtime/flow-host';
import type { ClientCredentials } from './client-keys';
import { ClientNode } from './client-node';
import { type ClientProperties, makeClient } from './client-settings';

export = (red: NodeAPI): void => {
  function ClientNodeConstructor(this: Node, properties: NodeDef & ClientProperties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    try {
      const client = new ClientNode(host, () => makeClient(properties, this.credentials as ClientCredentials), Date.now);
      // Whoever is to get its first messages must be there.
      const start = (): void => client.start();
      red.events.once('flows:started', start);
      this.on('input', (message, send, done) => void client.input(message, send, done));
      this.on('close', (_removed: boolean, done: () => void) => {
        red.events.removeListener('flows:started', start);
        client.close().then(done, done);
      });
    } catch (caught) {
      const error = flowError(caught);
      this.status({ fill: 'red', shape: 'ring', text: error.code });
      this.on('input', (_message, _send, done) => done(error));
      host.raise(error, {});
    }
  }
  red.nodes.registerType('lwm2m-client', ClientNodeConstructor, {
    credentials: {
      identity: { type: 'text' },
      key: { type: 'password' },
      privateKey: { type: 'password' },
      certificate: { type: 'text' },
      serverKey: { type: 'text' },
    },
  });
};
