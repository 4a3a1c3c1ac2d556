/** Who belongs together: tags, and groups with a name. */
import { DeviceManagementError } from '../../src/errors';
import type { Group } from '../../src/fleet/groups';
import type { RunningServer } from '../runtime/running-server';
import { everyDevice } from './device-record';
import type { ActionContext, Actions } from './devices-action';

export const MEMBERSHIP: Actions = {
  tag: (context) => tagged(context, true),
  untag: (context) => tagged(context, false),
  groups: async ({ server }) => server.fleet.groups.all().map((group) => shown(server, group)),
  'set-group': async ({ server, message, payload, actor }) => {
    const group = await server.fleet.groups.set(message.group, message.select ?? payload);
    server.audit({ actor, action: `set group ${group.name}`, outcome: 'done', detail: group.devices.text });
    return shown(server, group);
  },
  'remove-group': async ({ server, message, actor }) => {
    const name = String(message.group ?? '');
    if (!(await server.fleet.groups.remove(name))) {
      throw new DeviceManagementError('invalid-request', `there is no group "${name}": set msg.group to the name of one`);
    }
    server.audit({ actor, action: `remove group ${name}`, outcome: 'done' });
    return { removed: name };
  },
};

async function tagged({ server, devices, setting, actor }: ActionContext, isAdded: boolean): Promise<unknown> {
  const { fleet } = server;
  const tags = await setting('tags');
  if (tags === undefined || tags === null || tags === '') {
    throw new DeviceManagementError(
      'invalid-request',
      'which tags? set some in the node, or send msg.tags, such as ["floor-2", "tz=Europe/Berlin"]',
    );
  }
  const given = typeof tags === 'string' ? tags.split(',').map((tag) => tag.trim()) : tags;
  const selector = await devices();
  const chosen = fleet.choose(selector, everyDevice(server));
  if (chosen.length === 0) throw new DeviceManagementError('not-registered', `no device matches "${selector.text}"`);
  if (isAdded) await fleet.tags.add(chosen, given);
  else await fleet.tags.remove(chosen, given);
  for (const device of chosen) {
    server.audit({ actor, action: isAdded ? 'tag' : 'untag', device, outcome: 'done', detail: JSON.stringify(given) });
  }
  return Object.fromEntries(chosen.map((device) => [device, fleet.tags.of(device)]));
}

function shown({ fleet }: RunningServer, { name, select, devices }: Group): object {
  return { name, select, devices: fleet.choose(devices).length };
}
