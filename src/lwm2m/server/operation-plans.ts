/**
 * Each operation as a request (LwM2M Core 1.1.1 §6.3, §6.4): method, target, payload, what counts as success and what is in the
 * answer. A row of the table per operation; nothing here sends.
 */
import { Code } from '../../coap/codes';
import { ContentFormat } from '../../coap/options';
import { checkAttributes, toQuery } from '../../device/attributes';
import type { DeviceModel } from '../../device/models/catalogue';
import type { ContentFormatChoice, OperationName, OperationRequest } from '../../device/operation';
import { Path } from '../../device/path';
import { isPathList, parsePathList } from '../../device/path-list';
import { DeviceManagementError } from '../../errors';
import { decodeLinks, decodeValues } from './answers';
import { planReadComposite, planWriteComposite } from './composite-plans';
import { checkExecuteArguments } from './execute-arguments';
import type { Purpose, Shape } from './format-choice';
import { queryOf } from './observe-attributes';
import { planCreate, planWrite } from './payload-plans';
import {
  invalidRequest,
  nothing,
  type Plan,
  type PlanContext,
  type RequestOf,
  refuseInstanceLevel,
  requireLevel,
  typeAt,
  unsupported,
  uriPath,
} from './plan';

type Planner<Name extends OperationName> = (request: RequestOf<Name>, target: Path, context: PlanContext) => Plan;

const PLANNERS: { readonly [Name in OperationName]: Planner<Name> } = {
  read: (request, target, context) => planRead('read', 'read', request.contentFormat, target, context),
  observe: planObserve,
  'cancel-observation': planCancel,
  discover: planDiscover,
  write: planWrite,
  'write-attributes': planWriteAttributes,
  execute: planExecute,
  create: planCreate,
  delete: planDelete,
  'read-composite': (request, _target, context) => planReadComposite(request, context),
  'write-composite': (request, _target, context) => planWriteComposite(request, context),
  'observe-composite': (request, _target, context) => planReadComposite(request, context),
};

/**
 * Makes a plan of a request.
 * @throws DeviceManagementError `invalid-path`, `invalid-value`, `invalid-request`, `unsupported`
 */
export function planOf(request: OperationRequest, context: PlanContext): Plan {
  const target = isPathList(request.path) ? Path.root : Path.parse(request.path);
  const planner = PLANNERS[request.operation] as Planner<OperationName> | undefined;
  if (planner === undefined) {
    throw new DeviceManagementError('invalid-request', `"${String(request.operation)}" is no operation.`, { path: request.path });
  }
  return planner(request, target, context);
}

function planObserve(request: RequestOf<'observe'>, target: Path, context: PlanContext): Plan {
  const plan = { ...planRead('observe', 'report', request.contentFormat, target, context), asked: request };
  const query = queryOf(request, [target], context);
  return query.length === 0 ? plan : { ...plan, spec: (format) => ({ ...plan.spec(format), query }) };
}

/** Says which observation; the message that ends it is the one that began it, with another Observe (RFC 7641 §3.6). */
function planCancel(request: RequestOf<'cancel-observation'>, target: Path, { registration }: PlanContext): Plan {
  return {
    operation: 'cancel-observation',
    target,
    list: parsePathList(request.path).join(','),
    registration,
    success: Code.Content,
    spec: () => ({ code: Code.Get, path: uriPath(registration, target) }),
    read: nothing,
  };
}

function planRead(
  operation: OperationName,
  purpose: Purpose,
  choice: ContentFormatChoice | undefined,
  target: Path,
  context: PlanContext,
): Plan {
  requireLevel(operation, target, ['object', 'instance', 'resource', 'resource-instance']);
  refuseInstanceLevel(operation, target, context);
  const { registration, model } = context;
  const shape = shapeOf(target, model);
  return {
    operation,
    target,
    registration,
    success: Code.Content,
    question: { registration, purpose, shape, type: typeAt(target, model) },
    ...(choice !== undefined && { formats: () => [choice] }),
    spec: (format) => ({
      code: Code.Get,
      path: uriPath(registration, target),
      ...(typeof format === 'number' && { accept: format }),
    }),
    read: (response, now) => ({ values: decodeValues(response, target, shape, context, now) }),
  };
}

const DEEPEST_DISCOVER = 3;

function planDiscover({ depth }: RequestOf<'discover'>, target: Path, { registration }: PlanContext): Plan {
  requireLevel('discover', target, ['object', 'instance', 'resource']);
  if (depth !== undefined && !(Number.isInteger(depth) && depth >= 0 && depth <= DEEPEST_DISCOVER)) {
    throw invalidRequest('discover', target, `depth is 0 to ${DEEPEST_DISCOVER}, not ${depth}`);
  }
  if (depth !== undefined && registration.version !== '1.2') {
    throw unsupported('discover', target, `LwM2M ${registration.version} has no depth in Discover: leave it to the device`);
  }
  const query = depth === undefined ? {} : { query: [`depth=${depth}`] };
  return {
    operation: 'discover',
    target,
    registration,
    success: Code.Content,
    spec: () => ({ code: Code.Get, path: uriPath(registration, target), accept: ContentFormat.LinkFormat, ...query }),
    read: (response) => ({ links: decodeLinks(response, registration) }),
  };
}

function planDelete(_request: RequestOf<'delete'>, target: Path, { registration }: PlanContext): Plan {
  requireLevel('delete', target, ['instance', 'resource-instance']);
  if (target.level === 'resource-instance' && registration.version !== '1.2') {
    throw unsupported(
      'delete',
      target,
      `LwM2M ${registration.version} deletes object instances only: replace the resource instead`,
    );
  }
  return {
    operation: 'delete',
    target,
    registration,
    success: Code.Deleted,
    spec: () => ({ code: Code.Delete, path: uriPath(registration, target) }),
    read: nothing,
  };
}

function planExecute(request: RequestOf<'execute'>, target: Path, { registration }: PlanContext): Plan {
  requireLevel('execute', target, ['resource']);
  const text = request.arguments ?? '';
  if (text !== '') checkExecuteArguments(text);
  return {
    operation: 'execute',
    target,
    registration,
    success: Code.Changed,
    spec: () => ({
      code: Code.Post,
      path: uriPath(registration, target),
      ...(text !== '' && { contentFormat: ContentFormat.Text, payload: Buffer.from(text) }),
    }),
    read: nothing,
  };
}

function planWriteAttributes(request: RequestOf<'write-attributes'>, target: Path, { registration, model }: PlanContext): Plan {
  requireLevel('write-attributes', target, ['object', 'instance', 'resource', 'resource-instance']);
  checkAttributes(request.attributes, { level: target.level, type: typeAt(target, model), version: registration.version });
  const query = toQuery(request.attributes);
  if (query.length === 0) throw invalidRequest('write-attributes', target, 'there is no attribute to write');
  return {
    operation: 'write-attributes',
    target,
    registration,
    success: Code.Changed,
    // Neither payload nor Content-Format: that is what tells it from a Write.
    spec: () => ({ code: Code.Put, path: uriPath(registration, target), query }),
    read: nothing,
  };
}

function shapeOf(target: Path, model: DeviceModel): Shape {
  if (target.level === 'resource-instance') return 'single';
  if (target.level !== 'resource') return 'structured';
  return model.resource(target.object as number, target.resource as number)?.multiple === false ? 'single' : 'structured';
}
