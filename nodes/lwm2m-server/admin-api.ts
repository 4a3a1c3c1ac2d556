/**
 * The admin HTTP API (docs/api.md): what the editor's pickers and other programs read of the running servers and change of them. Below
 * httpAdminRoot, behind the permissions `device-management.read` and `device-management.write`, or a token; every failure is a problem of RFC 9457.
 */
import type { NodeAPI } from 'node-red';
import { Catalogue } from '../../src/device/models/catalogue';
import { describe } from '../../src/device/models/definition';
import { diagnoseDevice } from '../runtime/diagnosing';
import type { RunningServer } from '../runtime/running-server';
import type { RunningServers } from '../runtime/running-servers';
import { analysisOf } from './analysis-api';
import { Answer, type Request, type Response, Table } from './api-request';
import { auditPage, auditProof } from './audit-api';
import { callerOf, guarding, type TokenNeed } from './caller';
import { deviceObjects, deviceView, knownOf } from './device-views';
import { historyOf } from './history-api';
import { addImage, images, removeImage } from './images-api';
import { changeTags, groups, matches, removeGroup, setGroup } from './membership-api';
import { operate, operationOf, outcome } from './operations-api';
import { page } from './paging';
import { Problem, problemOf } from './problem';
import { provisionedView } from './provisioned-views';
import { createToken, deny, permit, provision, removeToken, retire, tokens } from './provisioning-api';
import { usageOf } from './usage-api';

type Handler = (request: Request, servers: RunningServers) => unknown;

const READING: Readonly<Record<string, Handler>> = {
  servers: (_request, servers) => servers.all().map(serverView),
  'servers/:id/devices': (request, servers) => {
    const answer = page(serverAt(servers, request.params.id), request.query, callerOf(request).devices);
    if (typeof answer === 'string') throw new Problem(400, 'Bad request', answer);
    return answer;
  },
  'servers/:id/matches': (request, servers) => matches(serverAt(servers, request.params.id), request),
  'servers/:id/groups': ({ params }, servers) => groups(serverAt(servers, params.id)),
  'servers/:id/devices/:endpoint': ({ params }, servers) => wholeDevice(serverAt(servers, params.id), params.endpoint ?? ''),
  'servers/:id/devices/:endpoint/requests/:request': (request, servers) => outcome(serverAt(servers, request.params.id), request),
  'servers/:id/tokens': ({ params }, servers) => tokens(serverAt(servers, params.id)),
  'servers/:id/devices/:endpoint/objects': ({ params }, servers) => {
    const { server, registration } = deviceAt(servers, params);
    return deviceObjects(server, registration);
  },
  'servers/:id/images': ({ params }, servers) => images(serverAt(servers, params.id)),
  'servers/:id/devices/:endpoint/history': (request, servers) => historyOf(serverAt(servers, request.params.id), request),
  'servers/:id/analysis': (request, servers) => analysisOf(serverAt(servers, request.params.id), request),
  'servers/:id/audit': (request, servers) => auditPage(serverAt(servers, request.params.id), request),
  'servers/:id/audit/proof': ({ params }, servers) => auditProof(serverAt(servers, params.id)),
  'servers/:id/usage': (request, servers) => usageOf(serverAt(servers, request.params.id), request),
  objects: (_request, servers) => [...catalogueOf(servers).objects()].map(({ id, name }) => ({ id, name })),
  'objects/:id': ({ params, query }, servers) => {
    const version = typeof query.version === 'string' ? query.version : undefined;
    const definition = catalogueOf(servers).definition(Number(params.id), version);
    if (definition === undefined) throw new Problem(404, 'Unknown object', `no model describes object ${params.id}`);
    return describe(definition);
  },
};

const REMOVING: Readonly<Record<string, Handler>> = {
  'servers/:id/devices/:endpoint': (request, servers) => retire(serverAt(servers, request.params.id), request),
  'servers/:id/groups/:group': (request, servers) => removeGroup(serverAt(servers, request.params.id), request),
  'servers/:id/permit': (request, servers) => deny(serverAt(servers, request.params.id), request),
  'servers/:id/tokens/:token': (request, servers) => removeToken(serverAt(servers, request.params.id), request),
  'servers/:id/images/:image': (request, servers) => removeImage(serverAt(servers, request.params.id), request),
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

const CHANGING: Readonly<Record<string, Handler>> = {
  'servers/:id/devices': (request, servers) => provision(serverAt(servers, request.params.id), request),
  'servers/:id/groups': (request, servers) => setGroup(serverAt(servers, request.params.id), request),
  // Before the operations, which would take any word.
  'servers/:id/devices/:endpoint/tags': (request, servers) => changeTags(serverAt(servers, request.params.id), request),
  'servers/:id/devices/:endpoint/diagnose': (request, servers) =>
    diagnoseDevice(serverAt(servers, request.params.id), request.params.endpoint ?? '', callerOf(request).name),
  'servers/:id/devices/:endpoint/:operation': (request, servers) => operate(serverAt(servers, request.params.id), request),
  'servers/:id/permit': (request, servers) => permit(serverAt(servers, request.params.id), request),
  'servers/:id/images': (request, servers) => addImage(serverAt(servers, request.params.id), request),
  'servers/:id/tokens': (request, servers) => createToken(serverAt(servers, request.params.id), request),
};

/** What a token needs, by method and route; the others are not for tokens. */
const TOKEN_NEEDS: Readonly<Record<string, TokenNeed>> = {
  'get servers/:id/devices': () => 'view',
  'get servers/:id/matches': () => 'view',
  'get servers/:id/devices/:endpoint': () => 'view',
  'get servers/:id/devices/:endpoint/objects': () => 'view',
  'get servers/:id/devices/:endpoint/requests/:request': () => 'view',
  'get servers/:id/devices/:endpoint/history': () => 'view',
  'post servers/:id/devices/:endpoint/diagnose': () => 'read',
  'post servers/:id/devices/:endpoint/:operation': operationOf,
};

export function serveAdminApi(red: NodeAPI, servers: RunningServers): void {
  const serve = (method: 'get' | 'post' | 'delete', handlers: Readonly<Record<string, Handler>>): void => {
    const permission = `device-management.${method === 'get' ? 'read' : 'write'}`;
    for (const [route, handler] of Object.entries(handlers)) {
      const need = TOKEN_NEEDS[`${method} ${route}`] ?? (() => undefined);
      const guard = guarding(red, servers, permission, need, refuse);
      red.httpAdmin[method](`/device-management/${route}`, guard as never, answering(handler, servers) as never);
    }
  };
  serve('get', READING);
  serve('post', CHANGING);
  serve('delete', REMOVING);
}

function answering(handler: Handler, servers: RunningServers) {
  return async (request: Request, response: Response): Promise<void> => {
    try {
      const answer = await handler(request, servers);
      if (answer instanceof Table) response.type('text/csv').send(answer.text);
      else if (answer instanceof Answer) response.status(answer.status).json(answer.body);
      else response.json(answer);
    } catch (caught) {
      refuse(response, problemOf(caught));
    }
  };
}

/** Problem details (RFC 9457). */
export function refuse(response: Pick<Response, 'status'>, { status, title, detail, members }: Problem): void {
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', status, title, detail, ...members }));
}

function serverView(server: RunningServer): object {
  const { id, name, state, manager } = server;
  const permittedUntil = server.admittance.pairing.openUntil;
  return {
    id,
    name,
    state: state.name,
    ...(state.name === 'failed' && { error: { code: state.error.code, message: state.error.message } }),
    listening: state.name === 'listening' ? manager.listening : [],
    devices: manager.size,
    refused: manager.refused,
    provisioned: server.provisioning.devices.size,
    ...(permittedUntil !== undefined && { permittedUntil }),
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

/** Registered, or known before it has come. */
function wholeDevice(server: RunningServer, endpoint: string): object {
  const registration = server.manager.registration(endpoint);
  const provisioned = server.provisioning.devices.get(endpoint);
  const retiredAt = server.provisioning.devices.retiredAt(endpoint);
  const requests = server.fleet.requests.line(endpoint);
  const known = {
    ...knownOf(server.fleet, endpoint),
    ...(provisioned !== undefined && { provisioned: provisionedView(provisioned) }),
    ...(retiredAt !== undefined && { retiredAt }),
  };
  if (registration !== undefined) {
    return {
      ...deviceView(server, registration),
      ...known,
      observations: server.manager.observations(endpoint),
      waiting: requests.length,
      requests,
      statistics: server.manager.statistics(endpoint),
    };
  }
  if (server.fleet.knows(endpoint) || provisioned !== undefined || retiredAt !== undefined)
    return { endpoint, presence: 'gone', ...known, waiting: requests.length, requests };
  throw new Problem(404, 'Not registered', server.fleet.devices.absence(endpoint).message);
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
