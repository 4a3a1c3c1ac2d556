/** What a register node takes: `msg.action` opens or closes the door for unsecured devices of the private network. */
import { DeviceManagementError } from '../../src/errors';
import { flowError } from '../runtime/failure';
import type { Done, Message, Send } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';

/** Each gives until when it is open, Unix milliseconds, or null. */
const ACTIONS: Readonly<Record<string, (server: RunningServer, message: Message) => number | null>> = {
  permit: ({ admittance }, { minutes }) => admittance.pairing.permit(minutes),
  deny: ({ admittance }) => {
    admittance.pairing.deny();
    return null;
  },
};

/** @param node id of the node, for the audit */
export function pairingInput(server: RunningServer, node: string) {
  return (message: Message, send: Send, done: Done): void => {
    try {
      const { action } = message;
      const act = typeof action === 'string' && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
      if (act === undefined) {
        const came = action === undefined ? 'it is missing' : `it is ${JSON.stringify(action)?.slice(0, 40)}`;
        throw new DeviceManagementError(
          'invalid-request',
          `msg.action must be ${Object.keys(ACTIONS).join(' or ')}, but ${came}`,
        );
      }
      const permittedUntil = act(server, message);
      server.audit({ actor: `node ${node}`, action: `${action} pairing`, outcome: 'done' });
      message.payload = { permittedUntil };
      message.dm = { server: server.id, operation: action, at: server.clock.wall() };
      send(message);
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  };
}
