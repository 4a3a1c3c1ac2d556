/** What a message asks of a node by `msg.action`: a row of the node's table. */
import { DeviceManagementError } from '../../src/errors';
import type { Message } from './flow-host';

/** @throws DeviceManagementError `invalid-request`, naming those there are */
export function actionOf<Act>(actions: Readonly<Record<string, Act>>, { action }: Message): Act {
  const name = String(action);
  if (action !== undefined && Object.hasOwn(actions, name)) return actions[name] as Act;
  const names = Object.keys(actions);
  const known = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  const came = action === undefined ? 'it is missing' : `it is "${name}"`;
  throw new DeviceManagementError('invalid-request', `msg.action must be ${known}, but ${came}`);
}
