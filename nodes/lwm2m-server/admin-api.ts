/**
 * The admin HTTP API (docs/api.md): what the editor's pickers and other tools read of the running servers, and the little
 * they may change. Below httpAdminRoot, behind the permissions `device-management.read` and `device-management.write`; every failure is a problem of RFC 9457.
 */
import type { NodeAPI } from 'node-red';
import { Catalogue } from '../../src/device/models/catalogue';
import { describe } from '../../src/device/models/definition';
import type { RunningServer } from '../runtime/running-server';
import type { RunningServers } from '../runtime/running-servers';
import { deviceObjects, deviceView } from './device-views';
import { page } from './paging';

/** What a handler needs of an Express request. */
interface Request {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
}

class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** What a handler needs of an Express response. */
interface Response {
  json(body: unknown): unknown;
  status(code: number): Response;
  type(name: string): Response;
  send(body: string): unknown;
}

type Handler = (request: Request, servers: RunningServers) => unknown;

const READING: Readonly<Record<string, Handler>> = {
  servers: (_request, servers) => servers.all().map(serverView),
  'servers/:id/devices': ({ params, query }, servers) => {
    const answer = page(serverAt(servers, params.id), query);
    if (typeof answer === 'string') throw new Problem(400, 'Bad request', answer);
    return answer;
  },
  'servers/:id/devices/:endpoint': ({ params }, servers) => {
    const { server, registration } = deviceAt(servers, params);
    const requests = server.fleet.requests.line(registration.endpoint);
    return {
      ...deviceView(server, registration),
      observations: server.manager.observations(registration.endpoint),
      waiting: requests.length,
      requests,
      statistics: server.manager.statistics(registration.endpoint),
    };
  },
  'servers/:id/devices/:endpoint/objects': ({ params }, servers) => {
    const { server, registration } = deviceAt(servers, params);
    return deviceObjects(server, registration);
  },
  objects: (_request, servers) => [...catalogueOf(servers).objects()].map(({ id, name }) => ({ id, name })),
  'objects/:id': ({ params, query }, servers) => {
    const version = typeof query.version === 'string' ? query.version : undefined;
    const definition = catalogueOf(servers).definition(Number(params.id), version);
    if (definition === undefined) throw new Problem(404, 'Unknown object', `no model describes object ${params.id}`);
    return describe(definition);
  },
};

const REMOVING: Readonly<Record<string, Handler>> = {
  // A device that has gone may still be waited for, so it is not asked for a registration.
  'servers/:id/devices/:endpoint/requests/:request': ({ params: { id, endpoint, request } }, servers) => {
    const withdrawn = serverAt(servers, id).fleet.requests.withdraw(endpoint ?? '', Number(request));
    if (withdrawn) return { withdrawn: Number(request) };
    throw new Problem(
      404,
      'Not waiting',
      `request ${request} of device '${endpoint}' does not wait any more, or is being asked now`,
    );
  },
};

export function serveAdminApi(red: NodeAPI, servers: RunningServers): void {
  const mayRead = red.auth.needsPermission('device-management.read');
  const mayWrite = red.auth.needsPermission('device-management.write');
  for (const [route, handler] of Object.entries(READING))
    red.httpAdmin.get(`/device-management/${route}`, mayRead, answering(handler, servers));
  for (const [route, handler] of Object.entries(REMOVING))
    red.httpAdmin.delete(`/device-management/${route}`, mayWrite, answering(handler, servers));
}

function answering(handler: Handler, servers: RunningServers) {
  return (request: Request, response: Response): void => {
    try {
      response.json(handler(request, servers));
    } catch (caught) {
      const problem = caught instanceof Problem ? caught : new Problem(500, 'Internal error', String(caught));
      const { status, title, detail } = problem;
      response
        .status(status)
        .type('application/problem+json')
        .send(JSON.stringify({ type: 'about:blank', status, title, detail }));
    }
  };
}

function serverView(server: RunningServer): object {
  const { id, name, state, manager } = server;
  return {
    id,
    name,
    state: state.name,
    ...(state.name === 'failed' && { error: { code: state.error.code, message: state.error.message } }),
    listening: state.name === 'listening' ? manager.listening : [],
    devices: manager.size,
    refused: manager.refused,
    waiting: server.fleet.requests.waiting(),
    store: { kept: server.kept.isKept, ...(server.kept.trouble !== undefined && { trouble: server.kept.trouble }) },
    statistics: manager.statistics(),
  };
}

function serverAt(servers: RunningServers, id: string | undefined): RunningServer {
  const server = servers.get(id ?? '');
  if (server === undefined) throw new Problem(404, 'Not deployed', `no LwM2M server ${id} is deployed: deploy it first`);
  return server;
}

function deviceAt(servers: RunningServers, { id, endpoint }: Request['params']) {
  const server = serverAt(servers, id);
  const registration = server.manager.registration(endpoint ?? '');
  if (registration !== undefined) return { server, registration };
  throw new Problem(404, 'Not registered', server.fleet.devices.absence(endpoint ?? '').message);
}

/** With the definitions of vendors that the servers know. */
function catalogueOf(servers: RunningServers): Catalogue {
  return servers.all().find(({ catalogue }) => catalogue !== undefined)?.catalogue ?? Catalogue.registry();
}
