/** The part of the admin API about who belongs together: tags, groups, and how many devices a selector means. */
import { readEndpoint } from '../../src/device/provisioned-device';
import type { RunningServer } from '../runtime/running-server';
import { Answer, jsonOf, type Request } from './api-request';
import { callerOf } from './caller';
import { selectorOf } from './paging';
import { Problem } from './problem';

/** For a person who writes a selector: enough to see whether it means the right ones. */
const SHOWN = 10;

/** `select`: how many devices it means, of how many, and the first of them; of those the caller may see. @throws DeviceManagementError */
export function matches({ fleet, manager }: RunningServer, request: Request): object {
  const { devices: permitted } = callerOf(request);
  const chosen = fleet.choose(selectorOf(request.query.select)).filter((device) => fleet.matches(permitted, device));
  return { matches: chosen.length, registered: manager.size, devices: [...chosen].sort().slice(0, SHOWN) };
}

/** `{add: ["floor-2"], remove: ["spare"]}`; also of a device that has not come yet. */
export async function changeTags({ fleet, audit }: RunningServer, request: Request): Promise<object> {
  const endpoint = readEndpoint(request.params.endpoint);
  const { add, remove } = jsonOf(request);
  if (add === undefined && remove === undefined) throw new Problem(400, 'Bad request', 'send {"add": [tags], "remove": [tags]}');
  if (remove !== undefined) await fleet.tags.remove([endpoint], remove);
  if (add !== undefined) await fleet.tags.add([endpoint], add);
  audit({ actor: callerOf(request).name, action: 'tag', device: endpoint, outcome: 'done' });
  return { endpoint, tags: fleet.tags.of(endpoint) };
}

export function groups({ fleet }: RunningServer): object {
  return fleet.groups.all().map(({ name, select, devices }) => ({ name, select, devices: fleet.choose(devices).length }));
}

/** `{name, select}`: declares a group, or declares it anew. */
export async function setGroup({ fleet, audit }: RunningServer, request: Request): Promise<Answer> {
  const { name, select } = jsonOf(request);
  const isNew = fleet.groups.get(String(name)) === undefined;
  const group = await fleet.groups.set(name, select);
  audit({ actor: callerOf(request).name, action: `set group ${group.name}`, outcome: 'done', detail: group.devices.text });
  return new Answer(isNew ? 201 : 200, { name: group.name, select, devices: fleet.choose(group.devices).length });
}

export async function removeGroup({ fleet, audit }: RunningServer, request: Request): Promise<object> {
  const { group = '' } = request.params;
  if (!(await fleet.groups.remove(group))) throw new Problem(404, 'No such group', `there is no group ${group}`);
  audit({ actor: callerOf(request).name, action: `remove group ${group}`, outcome: 'done' });
  return { removed: group };
}
