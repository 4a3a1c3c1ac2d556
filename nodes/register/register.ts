/** dm-register: a message when a device comes, changes, sleeps, wakes, leaves or is refused; takes messages that permit pairing. */
import type { NodeAPI, NodeDef } from 'node-red';
import type { LifecycleEventName } from '../../src/device/manager';
import { Selector } from '../../src/fleet/selector';
import { flowError } from '../runtime/failure';
import { registerNode } from '../runtime/register-node';
import { SourceNode } from '../runtime/source-node';
import { pairingInput } from './pairing-input';
import { RegistrationSource } from './registration-source';

interface RegisterProperties extends NodeDef {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly events?: readonly LifecycleEventName[];
}

export = (red: NodeAPI): void =>
  registerNode(red, 'dm-register', (host, server, { device, deviceType = 'str', events = [] }: RegisterProperties) => {
    let closed = false;
    let source: SourceNode<unknown> | undefined;
    const begin = (chosen: unknown): void => {
      if (closed) return;
      const devices = chosen === undefined || chosen === null || chosen === '' ? Selector.everyone : Selector.of(chosen);
      const kind = new RegistrationSource(server, host.texts, devices, new Set(events));
      source = new SourceNode(host, server, kind) as SourceNode<unknown>;
    };
    // A text needs no evaluation, and a source that begins at once misses nothing.
    if (deviceType === 'str') begin(device);
    else {
      host
        .evaluate(device ?? '', deviceType, {})
        .then(begin)
        .catch((caught: unknown) => server.whenFlowsRun(() => host.raise(flowError(caught), {})));
    }
    return {
      input: pairingInput(server, host.id),
      close(removed) {
        closed = true;
        source?.close(removed);
      },
    };
  });
