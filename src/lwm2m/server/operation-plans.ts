/**
 * Each operation as a request (LwM2M Core 1.1.1 §6.3, §6.4): method, target, payload, what counts as success and what is in the
 * answer. A row of the table per operation; nothing here sends.
 */
import { Code } from '../../coap/codes';
import type { CoapResponse, RequestSpec } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { checkAttributes, toQuery } from '../../device/attributes';
import { NEW_INSTANCE, toResourceValues } from '../../device/coercion';
import type { Registration } from '../../device/manager';
import type { DeviceModel } from '../../device/models/catalogue';
import type { ContentFormatChoice, OperationName, OperationRequest, OperationResult } from '../../device/operation';
import { Path, type PathLevel } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { formatOf } from '../formats/formats';
import { decodeLinks, decodeValues } from './answers';
import { checkExecuteArguments } from './execute-arguments';
import { named } from './failures';
import type { FormatQuestion, Purpose, Shape } from './format-choice';

export interface PlanContext {
  readonly registration: Registration;
  readonly model: DeviceModel;
}

/** An operation, ready to be asked. */
export interface Plan {
  readonly operation: OperationName;
  readonly target: Path;
  readonly registration: Registration;
  /** The answer's code when it went well. */
  readonly success: number;
  /** Decides on formats; undefined when the operation has none. */
  readonly question?: FormatQuestion;
  /** Formats that can carry it; undefined: any. A choice of the caller is the only one. */
  readonly formats?: (candidates: readonly ContentFormatChoice[]) => readonly ContentFormatChoice[];
  readonly spec: (format: ContentFormatChoice | undefined) => RequestSpec;
  /** What the answer says. @param now Unix milliseconds */
  readonly read: (response: CoapResponse, now: number) => Partial<OperationResult>;
}

type RequestOf<Name extends OperationName> = Extract<OperationRequest, { readonly operation: Name }>;
type Planner<Name extends OperationName> = (request: RequestOf<Name>, target: Path, context: PlanContext) => Plan;

const PLANNERS: { readonly [Name in OperationName]: Planner<Name> } = {
  read: (request, target, context) => planRead('read', 'read', request.contentFormat, target, context),
  observe: (request, target, context) => planRead('observe', 'report', request.contentFormat, target, context),
  'cancel-observation': (_request, target, context) => planRead('cancel-observation', 'report', undefined, target, context),
  discover: planDiscover,
  write: planWrite,
  'write-attributes': planWriteAttributes,
  execute: planExecute,
  create: planCreate,
  delete: planDelete,
};

/**
 * Makes a plan of a request.
 * @throws DeviceManagementError `invalid-path`, `invalid-value`, `invalid-request`, `unsupported`
 */
export function planOf(request: OperationRequest, context: PlanContext): Plan {
  const target = Path.parse(request.path);
  const planner = PLANNERS[request.operation] as Planner<OperationName> | undefined;
  if (planner === undefined) {
    throw new DeviceManagementError('invalid-request', `"${String(request.operation)}" is no operation.`, { path: request.path });
  }
  return planner(request, target, context);
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

function planDiscover(_request: RequestOf<'discover'>, target: Path, { registration }: PlanContext): Plan {
  requireLevel('discover', target, ['object', 'instance', 'resource']);
  return {
    operation: 'discover',
    target,
    registration,
    success: Code.Content,
    spec: () => ({ code: Code.Get, path: uriPath(registration, target), accept: ContentFormat.LinkFormat }),
    read: (response) => ({ links: decodeLinks(response, registration.rootPath) }),
  };
}

function planWrite(request: RequestOf<'write'>, target: Path, context: PlanContext): Plan {
  requireLevel('write', target, ['instance', 'resource', 'resource-instance']);
  refuseInstanceLevel('write', target, context);
  const { level } = target;
  const mode = request.mode ?? (level === 'instance' ? 'update' : 'replace');
  if (mode === 'update' && level === 'resource-instance') {
    throw invalidRequest('write', target, 'a resource instance can only be replaced');
  }
  if (mode === 'update' && level === 'resource' && context.registration.version === '1.0') {
    throw unsupported('write', target, 'LwM2M 1.0 updates instances only: write to the instance, or use replace');
  }
  const values = toResourceValues(request.value, target, context.model);
  if (values.length === 0 && level === 'instance' && mode === 'update') {
    throw invalidRequest('write', target, 'there is no value to write');
  }
  const shape = values.length === 1 && values[0]?.path === target.toString() ? 'single' : 'structured';
  const code = mode === 'replace' ? Code.Put : Code.Post;
  return planPayload('write', code, Code.Changed, { target, base: target, values, shape }, request.contentFormat, context);
}

function planCreate(request: RequestOf<'create'>, target: Path, context: PlanContext): Plan {
  requireLevel('create', target, ['object', 'instance']);
  const object = Path.of(target.object as number);
  const values = toResourceValues(request.value ?? {}, target, context.model);
  const hasId = target.level === 'instance' || values.every(({ path }) => Path.parse(path).instance !== NEW_INSTANCE);
  const numbered = target.level === 'instance' ? target : oneInstance(values, object);
  // Without an id bare resources are sent, as within the instance to be (LwM2M Core 1.1.1 §6.3.6); SenML has no name for that.
  const isBare = values.length === 0 ? target.level === 'object' : !hasId;
  const base = isBare ? object.child(NEW_INSTANCE) : object;
  const choice = request.contentFormat ?? (isBare ? ContentFormat.Tlv : undefined);
  if (isBare && choice !== ContentFormat.Tlv && choice !== ContentFormat.Json) {
    throw invalidRequest(
      'create',
      target,
      'without an instance id it needs TLV (11542): give an id, or let the format be chosen',
    );
  }
  const payload = { target, base, values, shape: 'structured' as const };
  const plan = planPayload('create', Code.Post, Code.Created, payload, choice, context, object);
  const { rootPath } = context.registration;
  return { ...plan, read: (response) => createdBy(response, rootPath, isBare ? undefined : numbered) };
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

interface PayloadPlan {
  readonly target: Path;
  /** What names in the payload are relative to. */
  readonly base: Path;
  readonly values: readonly ResourceValue[];
  readonly shape: Shape;
}

function planPayload(
  operation: OperationName,
  code: number,
  success: number,
  { target, base, values, shape }: PayloadPlan,
  choice: ContentFormatChoice | undefined,
  { registration, model }: PlanContext,
  uri = target,
): Plan {
  if (choice === 'none') throw invalidRequest(operation, target, 'a payload needs a content format');
  const encoding = { base, typeOf: model.typeOf };
  const canCarry = (format: ContentFormatChoice): boolean =>
    typeof format === 'number' && (formatOf(format)?.canEncode(values, encoding) ?? false);
  if (choice !== undefined && !canCarry(choice)) {
    throw invalidRequest(operation, target, `content format ${choice} cannot carry it: choose another, or let it be chosen`);
  }
  return {
    operation,
    target,
    registration,
    success,
    question: { registration, purpose: 'write', shape, type: typeAt(target, model) },
    formats: (candidates) => (choice === undefined ? candidates.filter(canCarry) : [choice]),
    spec: (format) => {
      const payload = formatOf(format as number)?.encode(values, encoding) ?? Buffer.alloc(0);
      return { code, path: uriPath(registration, uri), contentFormat: format as number, payload };
    },
    read: nothing,
  };
}

function nothing(): Partial<OperationResult> {
  return {};
}

/** Location-Path says where it is; without one (Leshan) it is where it was asked for. */
function createdBy(response: CoapResponse, rootPath: string, wanted: Path | undefined): Partial<OperationResult> {
  const location = response.locationPath;
  const segments = rootPath.split('/').filter((segment) => segment !== '');
  const below = segments.every((segment, index) => location[index] === segment) ? location.slice(segments.length) : location;
  const isPath = below.length === 2 && below.every((segment) => /^\d{1,5}$/.test(segment));
  const created = isPath ? `/${below.map(Number).join('/')}` : wanted?.toString();
  return created === undefined ? {} : { created };
}

/** The instance that all values belong to. */
function oneInstance(values: readonly ResourceValue[], object: Path): Path | undefined {
  const instances = new Set(values.map(({ path }) => Path.parse(path).instance));
  if (instances.size > 1) throw invalidRequest('create', object, 'one instance can be created at a time');
  const [instance] = instances;
  return instance === undefined || instance === NEW_INSTANCE ? undefined : object.child(instance);
}

function uriPath(registration: Registration, target: Path): readonly string[] {
  const ids = target.ids.map(String);
  return registration.rootPath === '' ? ids : [...registration.rootPath.split('/').slice(1), ...ids];
}

function shapeOf(target: Path, model: DeviceModel): Shape {
  if (target.level === 'resource-instance') return 'single';
  if (target.level !== 'resource') return 'structured';
  return model.resource(target.object as number, target.resource as number)?.multiple === false ? 'single' : 'structured';
}

function typeAt(target: Path, model: DeviceModel): FormatQuestion['type'] {
  return target.resource === undefined ? undefined : model.typeOf(target.object as number, target.resource);
}

const LEVEL_NAMES: Readonly<Record<PathLevel, string>> = {
  root: 'everything',
  object: 'an object (/3)',
  instance: 'an instance (/3/0)',
  resource: 'a resource (/3/0/9)',
  'resource-instance': 'a resource instance (/3/0/6/0)',
};

function requireLevel(operation: OperationName, target: Path, levels: readonly PathLevel[]): void {
  if (levels.includes(target.level)) return;
  const wanted = levels.map((level) => LEVEL_NAMES[level]);
  const last = wanted.pop();
  const list = wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`;
  throw new DeviceManagementError('invalid-path', `${named(operation, target)} is not possible: give the path of ${list}.`, {
    path: target.toString(),
  });
}

/** Resource instances became addressable with LwM2M 1.1. */
function refuseInstanceLevel(operation: OperationName, target: Path, { registration }: PlanContext): void {
  if (target.level === 'resource-instance' && registration.version === '1.0') {
    throw unsupported(operation, target, `LwM2M 1.0 has no path for one resource instance: use ${target.parent}`);
  }
}

function invalidRequest(operation: OperationName, target: Path, why: string): DeviceManagementError {
  const path = target.toString();
  return new DeviceManagementError('invalid-request', `${named(operation, target)} cannot be asked: ${why}.`, { path });
}

function unsupported(operation: OperationName, target: Path, why: string): DeviceManagementError {
  const path = target.toString();
  return new DeviceManagementError('unsupported', `${named(operation, target)} is not possible: ${why}.`, { path });
}
