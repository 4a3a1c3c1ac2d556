/** Who calls the admin API: a user of Node-RED with a permission, or an application with a token that is good for some devices and operations. */
import type { NodeAPI } from 'node-red';
import { type ApiToken, TOKEN_PREFIX, type TokenOperation } from '../../src/fleet/api-tokens';
import { Selector } from '../../src/fleet/selector';
import type { RunningServer } from '../runtime/running-server';
import type { RunningServers } from '../runtime/running-servers';
import type { Next, Request, Response } from './api-request';
import { Problem } from './problem';

export interface Caller {
  /** For the audit. */
  readonly name: string;
  /** Whom it may ask for. */
  readonly devices: Selector;
}

/** What a token needs for a route; routes without are not for tokens. */
export type TokenNeed = (request: Request) => TokenOperation | undefined;

const callers = new WeakMap<object, Caller>();

export function callerOf(request: Request): Caller {
  return callers.get(request) ?? { name: `user ${request.user?.username ?? '(nobody asked)'}`, devices: Selector.everyone };
}

/**
 * Stands before a route.
 * @param permission of Node-RED's users
 * @param refuse answers with a problem
 */
export function guarding(
  red: NodeAPI,
  servers: RunningServers,
  permission: string,
  need: TokenNeed,
  refuse: (response: Response, problem: Problem) => void,
): (request: Request, response: Response, next: Next) => void {
  const asUser = red.auth.needsPermission(permission) as unknown as (request: Request, response: Response, next: Next) => void;
  return (request, response, next) => {
    const secret = tokenIn(request);
    if (secret === undefined) return asUser(request, response, next);
    try {
      callers.set(request, asToken(request, secret, servers, need));
    } catch (caught) {
      return refuse(response, caught as Problem);
    }
    next();
  };
}

/** @throws Problem 401, 403 */
function asToken(request: Request, secret: string, servers: RunningServers, need: TokenNeed): Caller {
  const { id, endpoint } = request.params;
  const server = servers.get(id ?? '');
  const token = server?.tokens.find(secret);
  if (server === undefined || token === undefined)
    throw new Problem(401, 'Unknown token', 'this token is not good for this server');
  const operation = need(request);
  const refusal = refusalOf(server, token, operation, endpoint);
  const name = `token ${token.id} (${token.name})`;
  if (refusal === undefined) return { name, devices: token.devices };
  const path = (request.body as { path?: unknown } | undefined)?.path;
  const action = [operation ?? 'administer', ...(typeof path === 'string' ? [path.slice(0, 100)] : [])].join(' ');
  server.audit({ actor: name, action, outcome: 'refused', detail: refusal, ...(endpoint !== undefined && { device: endpoint }) });
  throw new Problem(403, 'Not permitted', refusal);
}

function refusalOf(
  { fleet }: RunningServer,
  { devices, operations }: ApiToken,
  operation: TokenOperation | undefined,
  endpoint: string | undefined,
): string | undefined {
  if (operation === undefined) return 'a token is good for devices, not for the administration of the server';
  // Also for a device that does not exist: whether it does is not for this token to know.
  if (endpoint !== undefined && !fleet.matches(devices, endpoint)) return 'the device is none of those this token is for';
  return operations.includes(operation) ? undefined : `this token is not for ${operation}`;
}

/** Node-RED's own have no such beginning. */
function tokenIn({ headers }: Request): string | undefined {
  const [scheme, secret] = String(headers.authorization ?? '').split(' ', 2);
  return scheme?.toLowerCase() === 'bearer' && secret?.startsWith(TOKEN_PREFIX) ? secret : undefined;
}
