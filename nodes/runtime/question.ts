/** What a message asks, of whom: from the settings of the node and the message, by the table of its kind. */
import type { OperationRequest } from '../../src/device/operation';
import { Path } from '../../src/device/path';
import { isPathList, pathListText } from '../../src/device/path-list';
import { DeviceManagementError } from '../../src/errors';
import { Selector } from '../../src/fleet/selector';
import { noServer } from './failure';
import type { FlowHost, Message } from './flow-host';
import { evaluateInputs, type InputRow, sourceOf } from './inputs';
import type { OperationKind, TaskFor, Values } from './operation-kind';
import { type OperationSettings, priorityOf } from './operation-settings';
import type { RunningServer } from './running-server';

export interface Question {
  readonly selector: Selector;
  /** The one device, where it is not one of many. */
  readonly single: string | undefined;
  readonly request: OperationRequest;
  readonly task?: TaskFor;
}

/** @throws DeviceManagementError where the message, or the server, is not fit for it */
export async function questionOf(
  message: Message,
  host: FlowHost,
  server: RunningServer | undefined,
  settings: OperationSettings,
  kind: OperationKind,
): Promise<Question> {
  const { device, path, collect } = settings;
  const fixed = kind.fixedPath;
  const rows = [device, ...(fixed === undefined ? [path] : []), ...(kind.inputs ?? [])];
  const values = await evaluateInputs(rows, message, host);
  // Before anything else can fail: what it takes out of the message is for no Catch node.
  const task = kind.task?.(values, message);
  if (server === undefined) throw noServer();
  const selector = selectorOf(values.device, device);
  priorityOf(settings, message);
  const request = requestFor(kind, fixed ?? values.path, values, path);
  if (server.obstacle !== undefined) throw server.obstacle;
  // An array of one is still a list: whoever sends lists wants `parts`.
  const single = collect || Array.isArray(values.device) ? undefined : selector.single;
  return { selector, single, request, ...(task !== undefined && { task }) };
}

function requestFor(kind: OperationKind, value: unknown, values: Values, row: InputRow): OperationRequest {
  if (Array.isArray(value)) {
    if (kind.requestMany === undefined) throw onePathOnly(row);
    return kind.requestMany(pathListOf(value, row), values);
  }
  const text = pathTextOf(value, row);
  if (kind.requestMany === undefined) return kind.request(Path.parse(text).toString(), values);
  if (isPathList(text)) return kind.requestMany(pathListOf(text.split(','), row), values);
  const path = Path.parse(text);
  return path.level === 'root' ? kind.requestMany('/', values) : kind.request(path.toString(), values);
}

function selectorOf(value: unknown, row: InputRow): Selector {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) {
    throw new DeviceManagementError(
      'invalid-request',
      `which device? ${sourceOf(row)} is empty: choose a device in the node, or send its endpoint name in msg.device`,
    );
  }
  return Selector.of(value);
}

function pathTextOf(value: unknown, row: InputRow): string {
  if (value === undefined || value === null || value === '') {
    throw new DeviceManagementError(
      'invalid-path',
      `which path? ${sourceOf(row)} is empty: set a path such as /3/0/9 in the node, or send it in msg.path`,
    );
  }
  if (typeof value === 'string') return value;
  throw new DeviceManagementError('invalid-path', `${sourceOf(row)} must be a text such as /3/0/9, but it is a ${typeof value}`);
}

function pathListOf(paths: readonly unknown[], row: InputRow): string {
  if (paths.length === 0) {
    throw new DeviceManagementError('invalid-path', `which paths? ${sourceOf(row)} is an empty list: send ["/3/0/9", …]`);
  }
  return pathListText(paths.map((path) => pathTextOf(path, row)));
}

function onePathOnly(row: InputRow): DeviceManagementError {
  return new DeviceManagementError('invalid-path', `${sourceOf(row)} is a list, and this operation takes one path`);
}
