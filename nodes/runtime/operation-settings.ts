/** Settings every operation node has, as its dialog saves them, made into what the funnel works with. */
import type { ContentFormatChoice } from '../../src/device/operation';
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
  readonly failures?: 'catch' | 'output';
  readonly collect?: boolean;
  readonly concurrency?: string | number;
}

export interface OperationSettings {
  readonly device: InputRow;
  readonly path: InputRow;
  readonly timeoutMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly whenAsleep: 'queue' | 'fail';
  readonly failures: 'catch' | 'output';
  readonly collect: boolean;
  readonly concurrency: number;
}

const DEFAULT_CONCURRENCY = 50;

export function operationSettings(properties: OperationProperties): OperationSettings {
  return {
    device: inputRow('device', properties.device, properties.deviceType),
    path: inputRow('path', properties.path, properties.pathType),
    timeoutMs: milliseconds(properties.timeout),
    ttlMs: milliseconds(properties.ttl),
    whenAsleep: properties.whenAsleep === 'fail' ? 'fail' : 'queue',
    failures: properties.failures === 'output' ? 'output' : 'catch',
    collect: properties.collect === true,
    concurrency: Math.max(1, Math.floor(positive(properties.concurrency) ?? DEFAULT_CONCURRENCY)),
  };
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
