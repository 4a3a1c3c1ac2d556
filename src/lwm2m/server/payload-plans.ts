/** Operations that carry values: Write (LwM2M Core 1.1.1 §6.3.3) and Create (§6.3.6). */
import { Code } from '../../coap/codes';
import type { CoapResponse } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { NEW_INSTANCE, toResourceValues } from '../../device/coercion';
import type { Registration } from '../../device/manager';
import type { ContentFormatChoice, OperationName, OperationResult } from '../../device/operation';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { formatOf } from '../formats/formats';
import type { Shape } from './format-choice';
import {
  encodingOf,
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

export function planWrite(request: RequestOf<'write'>, target: Path, context: PlanContext): Plan {
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

export function planCreate(request: RequestOf<'create'>, target: Path, context: PlanContext): Plan {
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
  const { registration } = context;
  return { ...plan, read: (response) => createdBy(response, registration, isBare ? undefined : numbered) };
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
  context: PlanContext,
  uri = target,
): Plan {
  const { registration, model } = context;
  if (choice === 'none') throw invalidRequest(operation, target, 'a payload needs a content format');
  const encoding = encodingOf(context, base);
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

/** Location-Path says where it is; without one (Leshan) it is where it was asked for. */
function createdBy(response: CoapResponse, registration: Registration, wanted: Path | undefined): Partial<OperationResult> {
  const location = response.locationPath;
  const segments = uriPath(registration, Path.root);
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
