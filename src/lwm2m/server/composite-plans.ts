/**
 * Composite operations as requests (LwM2M Core 1.1.1 §6.3.8, §6.3.9, §6.4.4): FETCH and iPATCH on the root, with a list of paths or with
 * values under full paths.
 */
import { Code } from '../../coap/codes';
import { ContentFormat } from '../../coap/options';
import { toResourceValues } from '../../device/coercion';
import type { ContentFormatChoice } from '../../device/operation';
import { Path } from '../../device/path';
import { parsePathList } from '../../device/path-list';
import { isPlainObject } from '../../device/scalars';
import type { ResourceChange, ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { formatOf } from '../formats/formats';
import { canRemove, encodeChanges } from '../formats/senml-etch';
import { encodePathList } from '../formats/senml-paths';
import { decodeValues } from './answers';
import type { FormatQuestion } from './format-choice';
import { queryOf } from './observe-attributes';
import {
  encodingOf,
  invalidRequest,
  nothing,
  type Plan,
  type PlanContext,
  type RequestOf,
  rootSegments,
  unsupported,
} from './plan';

/** What an answer is asked for in, by the format of the path list: the SenML of the same kind. */
const ANSWER_FORMAT: Readonly<Record<number, number>> = {
  [ContentFormat.SenmlEtchJson]: ContentFormat.SenmlJson,
  [ContentFormat.SenmlEtchCbor]: ContentFormat.SenmlCbor,
};

/** Read-Composite and Observe-Composite. */
export function planReadComposite(
  request: RequestOf<'read-composite'> | RequestOf<'observe-composite'>,
  context: PlanContext,
): Plan {
  const { registration } = context;
  const paths = parsePathList(request.path);
  const list = paths.join(',');
  const query = request.operation === 'observe-composite' ? queryOf(request, paths, context) : [];
  // LwM2M Gateway 1.1: the request goes to the root, and its payload names the device.
  const prefix = registration.gateway?.prefix;
  const payloadPaths = paths.map((path) => (prefix === undefined ? { path } : { path, prefix }));
  return {
    operation: request.operation,
    target: Path.root,
    list,
    registration,
    success: Code.Content,
    question: compositeQuestion(context),
    ...(request.operation === 'observe-composite' && { asked: request }),
    spec: (format) => {
      const accept = request.contentFormat ?? ANSWER_FORMAT[format as number] ?? format;
      return {
        code: Code.Fetch,
        path: rootSegments(registration),
        contentFormat: format as number,
        payload: encodePathList(format as number, payloadPaths),
        ...(query.length > 0 && { query }),
        ...(typeof accept === 'number' && { accept }),
      };
    },
    read: (response, now) => {
      const values = decodeValues(response, Path.root, 'structured', context, now);
      for (const value of values) refuseStranger(value, paths, registration.endpoint);
      const absent = paths.filter((path) => !values.some((value) => path.contains(Path.parse(value.path)))).map(String);
      return absent.length === 0 ? { values } : { values, absent };
    },
  };
}

export function planWriteComposite(request: RequestOf<'write-composite'>, context: PlanContext): Plan {
  const { registration } = context;
  const changes = changesOf(request, context);
  const list = parsePathList(request.path).join(',');
  const removes = changes.some(({ value }) => value === null);
  const encoding = encodingOf(context, Path.root);
  const canCarry = (format: ContentFormatChoice): boolean => typeof format === 'number' && (!removes || canRemove(format));
  const choice = request.contentFormat;
  if (choice !== undefined && (!canCarry(choice) || !CARRIES_PATHS.has(choice))) {
    throw invalidRequest('write-composite', list, `content format ${choice} cannot carry it: let the format be chosen`);
  }
  return {
    operation: 'write-composite',
    target: Path.root,
    list,
    registration,
    success: Code.Changed,
    question: compositeQuestion(context),
    formats: (candidates) => (choice === undefined ? candidates.filter(canCarry) : [choice]),
    spec: (format) => ({
      code: Code.IPatch,
      path: rootSegments(registration),
      contentFormat: format as number,
      payload: canRemove(format as number)
        ? encodeChanges(format as number, changes, encoding)
        : (formatOf(format as number)?.encode(changes as readonly ResourceValue[], encoding) ?? Buffer.alloc(0)),
    }),
    read: nothing,
  };
}

/** Formats whose names are full paths. */
const CARRIES_PATHS: ReadonlySet<ContentFormatChoice> = new Set<ContentFormatChoice>([
  ContentFormat.SenmlJson,
  ContentFormat.SenmlCbor,
  ContentFormat.SenmlEtchJson,
  ContentFormat.SenmlEtchCbor,
  ContentFormat.Lwm2mCbor,
]);

/**
 * What a Write-Composite is to change.
 * @throws DeviceManagementError `invalid-value`, `invalid-path`, `unsupported`
 */
export function changesOf(request: RequestOf<'write-composite'>, { registration, model }: PlanContext): ResourceChange[] {
  const { value } = request;
  const targets = parsePathList(request.path);
  if (!isPlainObject(value) || Object.keys(value).length === 0) {
    throw new DeviceManagementError(
      'invalid-value',
      'Write-Composite takes an object keyed by full path, for example {"/3/0/14": "+01:00", "/1/0/1": 300}.',
    );
  }
  const changes = Object.entries(value).flatMap(([key, member]): ResourceChange[] => {
    const path = Path.parse(key);
    if (!targets.some((target) => target.contains(path))) {
      throw new DeviceManagementError('invalid-value', `${path} is to be written, yet it is not among ${targets.join(', ')}.`);
    }
    if (path.ids.length < 2) {
      throw new DeviceManagementError('invalid-path', `${path} cannot be written: give instances or resources, such as /3/0/14.`);
    }
    if (member !== null) return toResourceValues(member, path, model);
    if (path.level !== 'resource-instance') {
      throw new DeviceManagementError('invalid-value', `${path} cannot be removed: only resource instances can (/16/0/0/1).`);
    }
    if (registration.version !== '1.2') {
      throw unsupported('write-composite', path, `LwM2M ${registration.version} cannot remove one resource instance`);
    }
    return [{ path: path.toString(), value: null }];
  });
  const seen = new Set<string>();
  for (const { path } of changes) {
    if (seen.has(path)) throw new DeviceManagementError('invalid-value', `${path} is written twice: name it once.`);
    seen.add(path);
  }
  return changes;
}

function compositeQuestion({ registration }: PlanContext): FormatQuestion {
  return { registration, purpose: 'composite', shape: 'structured', type: undefined };
}

/** Everything of a gateway may be with everything that is behind it. */
function refuseStranger({ path, prefix }: ResourceValue, paths: readonly Path[], device: string): void {
  const isWanted = ({ level }: Path): boolean => prefix === undefined || level === 'root';
  if (paths.some((wanted) => isWanted(wanted) && wanted.contains(Path.parse(path)))) return;
  const name = prefix === undefined ? path : `/${prefix}${path}`;
  throw new DeviceManagementError('decode-error', `device ${device} sent ${name}, which was not asked for.`, { device, path });
}
