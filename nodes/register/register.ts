/** dm-register: a message when a device comes, changes, sleeps, wakes, leaves or is refused. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { LifecycleEventName } from '../../src/device/manager';
import { Selector } from '../../src/fleet/selector';
import { flowError } from '../runtime/failure';
import { hostOf } from '../runtime/flow-host';
import { serverOf } from '../runtime/server-node';
import { SourceNode } from '../runtime/source-node';
import { status } from '../runtime/status';
import { RegistrationSource } from './registration-source';

interface RegisterProperties extends NodeDef {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly events?: readonly LifecycleEventName[];
}

export = (red: NodeAPI): void => {
  function RegisterNode(this: Node, properties: RegisterProperties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    const server = serverOf(red, properties.server);
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      return;
    }
    let closed = false;
    let source: SourceNode<unknown> | undefined;
    this.on('close', (removed: boolean, done: () => void) => {
      closed = true;
      source?.close(removed);
      done();
    });
    const begin = (device: unknown): void => {
      if (closed) return;
      const devices = device === undefined || device === null || device === '' ? Selector.everyone : Selector.of(device);
      const kind = new RegistrationSource(server, host.texts, devices, new Set(properties.events ?? []));
      source = new SourceNode(host, server, kind) as SourceNode<unknown>;
    };
    // A text needs no evaluation, and a source that begins at once misses nothing.
    if ((properties.deviceType ?? 'str') === 'str') begin(properties.device);
    else {
      host
        .evaluate(properties.device ?? '', properties.deviceType ?? 'str', {})
        .then(begin)
        .catch((caught: unknown) => server.whenFlowsRun(() => host.raise(flowError(caught), {})));
    }
  }
  red.nodes.registerType('dm-register', RegisterNode);
};
