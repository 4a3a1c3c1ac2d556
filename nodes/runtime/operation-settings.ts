/** Settings every operation node has, as its dialog saves them, made into what the funnel works with. */
import type { ContentFormatChoice } from '../../src/device/operation';
import { DeviceManagementError } from '../../src/errors';
import type { Priority } from '../../src/fleet/outcomes';
import type { Message } from './flow-host';
import type { InputRow } from './inputs';

/** As saved in a flow. Numbers come as text from a dialog, and as numbers from a flow written by hand. */
export interface OperationProperties {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly path?: string;
  readonly pathType?: string;
  readonly timeout?: string | number;
  readonly whenAsleep?: 'queue' | 'fail';
  readonly ttl?: string | number;
  readonly priority?: Priority | 'message';
  readonly failures?: 'catch' | 'output';
  readonly collect?: boolean;
  readonly concurrency?: string | number;
  /** Rules that let a device be disturbed; checked when they are used. */
  readonly guard?: unknown;
}

export interface OperationSettings {
  readonly device: InputRow;
  readonly path: InputRow;
  readonly timeoutMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly whenAsleep: 'queue' | 'fail';
  readonly priority: Priority | 'message';
  readonly failures: 'catch' | 'output';
  readonly collect: boolean;
  readonly concurrency: number;
  readonly guard: unknown;
}

const DEFAULT_CONCURRENCY = 50;

export function operationSettings(properties: OperationProperties): OperationSettings {
  return {
    device: inputRow('device', properties.device, properties.deviceType),
    path: inputRow('path', properties.path, properties.pathType),
    timeoutMs: milliseconds(properties.timeout),
    ttlMs: milliseconds(properties.ttl),
    whenAsleep: properties.whenAsleep === 'fail' ? 'fail' : 'queue',
    priority: isPriority(properties.priority) || properties.priority === 'message' ? properties.priority : 'normal',
    failures: properties.failures === 'output' ? 'output' : 'catch',
    collect: properties.collect === true,
    concurrency: Math.max(1, Math.floor(positive(properties.concurrency) ?? DEFAULT_CONCURRENCY)),
    guard: hasRules(properties.guard) ? properties.guard : undefined,
  };
}

/** A dialog saves an object, empty where nothing was filled in. */
function hasRules(guard: unknown): boolean {
  return typeof guard !== 'object' || (guard !== null && Object.keys(guard).length > 0);
}

/**
 * Among the requests that wait for the same device.
 * @throws DeviceManagementError `invalid-request` when the message shall say, and says something else
 */
export function priorityOf({ priority }: OperationSettings, message: Message): Priority {
  if (priority !== 'message') return priority;
  const value = message.priority ?? 'normal';
  if (isPriority(value)) return value;
  throw new DeviceManagementError(
    'invalid-request',
    `msg.priority must be high, normal or low, but it is ${JSON.stringify(value)}: change it, or choose a priority in the node`,
  );
}

function isPriority(value: unknown): value is Priority {
  return value === 'high' || value === 'normal' || value === 'low';
}

/** A flow that an older editor or a hand has written may lack a setting or its type: then it is the message's, as in a new dialog. */
export function inputRow(
  name: string,
  value: string | undefined,
  type: string | undefined,
  whenEmpty: InputRow['whenEmpty'] = 'message',
): InputRow {
  return {
    name,
    value: value === undefined ? '' : String(value),
    type: type ?? (value === undefined ? 'msg' : 'str'),
    whenEmpty,
  };
}

/** "auto" leaves the choice to the server. */
export function contentFormat(format: string | number | undefined): { readonly contentFormat?: ContentFormatChoice } {
  if (format === undefined || format === '' || format === 'auto') return {};
  if (format === 'none') return { contentFormat: 'none' };
  const number = Number(format);
  return Number.isInteger(number) ? { contentFormat: number } : {};
}

/** Seconds of a dialog; empty or senseless is "as usual". */
export function milliseconds(seconds: string | number | undefined): number | undefined {
  const number = positive(seconds);
  return number === undefined ? undefined : number * 1000;
}

function positive(text: string | number | undefined): number | undefined {
  const number = typeof text === 'string' && text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(number) && number > 0 ? number : undefined;
}
