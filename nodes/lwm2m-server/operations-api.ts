/** The part of the admin API that asks devices: an operation is answered with its result, or with the number under which it waits. */
import { randomUUID } from 'node:crypto';
import type { NotificationAttributes } from '../../src/device/attributes';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { Path } from '../../src/device/path';
import { pathListText } from '../../src/device/path-list';
import { fromResourceValues } from '../../src/device/payload';
import { TOKEN_OPERATIONS, type TokenOperation } from '../../src/fleet/api-tokens';
import { modelOf } from '../../src/fleet/device-model';
import { endOf } from '../../src/fleet/operation-entry';
import type { Outcome } from '../../src/fleet/outcomes';
import type { RunningServer } from '../runtime/running-server';
import { Answer, jsonOf, type Request } from './api-request';
import { callerOf } from './caller';
import { Problem, problemOf } from './problem';

interface Asked {
  readonly path: string;
  readonly value: unknown;
  readonly arguments: string | undefined;
}

type Operation = Exclude<TokenOperation, 'view'>;

/** What each makes of the body. */
const REQUESTS: Readonly<Record<Operation, (asked: Asked) => OperationRequest>> = {
  read: ({ path }) => ({ operation: 'read', path }),
  discover: ({ path }) => ({ operation: 'discover', path }),
  write: ({ path, value }) => ({ operation: 'write', path, value: given(value) }),
  'write-attributes': ({ path, value }) => ({
    operation: 'write-attributes',
    path,
    attributes: given(value) as NotificationAttributes,
  }),
  execute: ({ path, arguments: text }) => ({ operation: 'execute', path, ...(text !== undefined && { arguments: text }) }),
  create: ({ path, value }) => ({ operation: 'create', path, value: given(value) }),
  delete: ({ path }) => ({ operation: 'delete', path }),
  'read-composite': ({ path }) => ({ operation: 'read-composite', path }),
  'write-composite': ({ path, value }) => ({ operation: 'write-composite', path, value: given(value) }),
};

export function operationOf({ params }: Request): Operation | undefined {
  const name = params.operation as Operation;
  return Object.hasOwn(REQUESTS, name) ? name : undefined;
}

/** Outcomes of requests that had to wait, for whoever asks later; they end with the process. */
const outcomes = new WeakMap<RunningServer, Map<string, object>>();
const MOST_OUTCOMES = 1_000;

/** 200 with the result, or 202 when the request waits for the device. @throws Problem, DeviceManagementError */
export async function operate(server: RunningServer, request: Request): Promise<Answer> {
  const device = request.params.endpoint ?? '';
  const name = operationOf(request);
  if (name === undefined) {
    const known = TOKEN_OPERATIONS.filter((one) => one !== 'view').join(', ');
    throw new Problem(404, 'Unknown operation', `there is no operation ${request.params.operation}: they are ${known}`);
  }
  const body = jsonOf(request);
  const wanted = REQUESTS[name](readAsked(body, name));
  const whenAsleep = body.whenAsleep ?? 'queue';
  if (whenAsleep !== 'queue' && whenAsleep !== 'fail') throw bad('whenAsleep must be "queue" or "fail"');
  if (server.obstacle !== undefined) throw server.obstacle;
  const owner = `api ${randomUUID()}`;
  const answer = await new Promise<Answer>((resolve, reject) => {
    let id: number | undefined;
    const listener = {
      queued: () => {
        id = server.fleet.requests.line(device).find((waiting) => waiting.owner === owner)?.id;
        resolve(new Answer(202, { request: id }));
      },
      settled: (outcome: Outcome) => {
        audit(server, request, wanted, outcome);
        if (id !== undefined) remember(server, device, id, viewOf(server, outcome, wanted));
        else if ('error' in outcome) reject(outcome.error);
        else resolve(new Answer(200, resultOf(server, outcome.result, wanted)));
      },
    };
    server.fleet.requests.submit({ owner, device, request: wanted, whenAsleep, audited: true }, listener);
  });
  return answer;
}

/** How a request stands that had to wait. @throws Problem 404 */
export function outcome(server: RunningServer, { params }: Request): object {
  const { endpoint = '', request } = params;
  const waiting = server.fleet.requests.line(endpoint).find(({ id }) => String(id) === request);
  if (waiting !== undefined) return { state: 'waiting', ...waiting };
  const known = outcomes.get(server)?.get(`${endpoint} ${request}`);
  if (known !== undefined) return known;
  throw new Problem(404, 'Not known', `request ${request} of device '${endpoint}' is not known, or its outcome is forgotten`);
}

function readAsked({ path, value, arguments: text }: Readonly<Record<string, unknown>>, name: Operation): Asked {
  if (text !== undefined && typeof text !== 'string') throw bad("arguments must be a text such as 0='15',1");
  return { path: readPath(name, path, value), value, arguments: text };
}

/** What is written at once says by itself where. */
function readPath(name: Operation, path: unknown, value: unknown): string {
  if (name === 'write-composite') {
    const isObject = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (isObject) return pathListText(Object.keys(value));
    throw bad('value must be an object of values by their paths, such as {"/3/0/14": "+01:00"}');
  }
  if (name === 'read-composite') {
    const paths = typeof path === 'string' ? path.split(',') : path;
    if (Array.isArray(paths) && paths.length > 0) return pathListText(paths.map(String));
    throw bad('path must be a list of paths, such as ["/3/0/9", "/1/0/1"]');
  }
  if (typeof path === 'string') return Path.parse(path).toString();
  throw bad('path must be a text such as "/3/0/9"');
}

function given(value: unknown): unknown {
  if (value === undefined) throw bad('value is missing');
  return value;
}

function resultOf(server: RunningServer, result: OperationResult, wanted: OperationRequest): object {
  return { value: answered(server, result, wanted) ?? null, code: result.code };
}

function answered({ manager }: RunningServer, result: OperationResult, { operation, path }: OperationRequest): unknown {
  if (operation === 'discover') return result.links ?? [];
  if (operation === 'create') return result.created;
  if (operation === 'read') return fromResourceValues(result.values, Path.parse(path), 'path', modelOf(manager, result.device));
  if (operation === 'read-composite') return Object.fromEntries(result.values.map((entry) => [entry.path, entry.value]));
  return undefined;
}

function viewOf(server: RunningServer, outcome: Outcome, wanted: OperationRequest): object {
  if ('result' in outcome) return { state: 'done', ...resultOf(server, outcome.result, wanted) };
  const { title, detail, members } = problemOf(outcome.error);
  return { state: 'failed', title, detail, ...members };
}

function remember(server: RunningServer, device: string, id: number, view: object): void {
  const known = outcomes.get(server) ?? new Map<string, object>();
  outcomes.set(server, known);
  known.set(`${device} ${id}`, view);
  if (known.size > MOST_OUTCOMES) known.delete(known.keys().next().value as string);
}

function audit(server: RunningServer, request: Request, { operation, path }: OperationRequest, outcome: Outcome): void {
  const actor = callerOf(request).name;
  const device = request.params.endpoint ?? '';
  server.audit({ actor, action: `${operation} ${path}`, device, ...endOf(outcome) });
  server.fleet.usage.asked(actor, device, outcome);
}

function bad(text: string): Problem {
  return new Problem(400, 'Bad request', text);
}
