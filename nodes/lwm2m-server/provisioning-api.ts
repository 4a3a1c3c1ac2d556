/** The part of the admin API that says who may come: devices, pairing, tokens of applications. */
import { readDeviceChange, readEndpoint } from '../../src/device/provisioned-device';
import type { ApiToken } from '../../src/fleet/api-tokens';
import { readDeviceTable } from '../../src/fleet/device-table';
import { isKnownDevice, retireDevice } from '../runtime/retirement';
import type { RunningServer } from '../runtime/running-server';
import { Answer, isCsv, jsonOf, type Request, textOf } from './api-request';
import { callerOf } from './caller';
import { Problem } from './problem';
import { provisionedView } from './provisioned-views';

/** One device as JSON, or many as a table. */
export async function provision(server: RunningServer, request: Request): Promise<Answer> {
  mustBeRead(server);
  if (isCsv(request)) return provisionTable(server, request);
  const change = readDeviceChange(jsonOf(request));
  const isNew = server.provisioning.devices.get(change.endpoint) === undefined;
  const device = await server.provisioning.provision(change);
  tell(server, request, 'provision', device.endpoint);
  return new Answer(isNew ? 201 : 200, { endpoint: device.endpoint, ...provisionedView(device) });
}

async function provisionTable(server: RunningServer, request: Request): Promise<Answer> {
  const table = readDeviceTable(await textOf(request));
  if ('mistakes' in table) {
    const [first] = table.mistakes;
    const detail = `nothing was provisioned. Line ${first?.line}: ${first?.reason}`;
    throw new Problem(400, 'Bad request', detail, { mistakes: table.mistakes });
  }
  await server.provisioning.provisionAll(table.changes);
  const provisioned = table.changes.length;
  server.audit({ actor: callerOf(request).name, action: `provision ${provisioned} devices`, outcome: 'done' });
  return new Answer(200, { provisioned });
}

/** Out of service, and not back by itself. What waits for it is taken back. */
export async function retire(server: RunningServer, request: Request): Promise<object> {
  mustBeRead(server);
  const endpoint = readEndpoint(request.params.endpoint);
  if (!isKnownDevice(server, endpoint)) {
    throw new Problem(404, 'Not known', `no device '${endpoint}' is provisioned or registered`);
  }
  await retireDevice(server, endpoint);
  tell(server, request, 'retire', endpoint);
  return { retired: endpoint };
}

/** Lets unsecured devices of the private network onto the list for some minutes. */
export function permit(server: RunningServer, request: Request): object {
  mustBeRead(server);
  const { minutes } = jsonOf(request);
  const permittedUntil = server.admittance.pairing.permit(minutes);
  server.audit({ actor: callerOf(request).name, action: 'permit pairing', outcome: 'done' });
  return { permittedUntil };
}

export function deny(server: RunningServer, request: Request): object {
  server.admittance.pairing.deny();
  server.audit({ actor: callerOf(request).name, action: 'end pairing', outcome: 'done' });
  return { permittedUntil: null };
}

export function tokens(server: RunningServer): object {
  return server.tokens.all().map(tokenView);
}

/** The only answer that holds a secret, and only this once. */
export async function createToken(server: RunningServer, request: Request): Promise<Answer> {
  mustBeRead(server);
  const { token, secret } = await server.tokens.create(jsonOf(request));
  server.audit({ actor: callerOf(request).name, action: `make token ${token.id} (${token.name})`, outcome: 'done' });
  return new Answer(201, { ...tokenView(token), token: secret });
}

export async function removeToken(server: RunningServer, request: Request): Promise<object> {
  const { token = '' } = request.params;
  if (!(await server.tokens.remove(token))) throw new Problem(404, 'No such token', `there is no token ${token}`);
  server.audit({ actor: callerOf(request).name, action: `remove token ${token}`, outcome: 'done' });
  return { removed: token };
}

function tokenView({ id, name, select, operations, since }: ApiToken): object {
  return { id, name, select, operations, since };
}

function tell(server: RunningServer, request: Request, action: string, device: string): void {
  server.audit({ actor: callerOf(request).name, action, device, outcome: 'done' });
}

/** Before that, what an earlier life has left would be put in the place of what is said now. */
function mustBeRead({ state }: RunningServer): void {
  if (state.name === 'listening' || state.name === 'failed') return;
  throw new Problem(503, 'Server not running', `the LwM2M server is ${state.name}: try again in a moment`);
}
