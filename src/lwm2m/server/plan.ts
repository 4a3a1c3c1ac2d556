/** What an operation looks like once it is ready to be asked, and what all kinds of operations check before. */
import type { CoapResponse, RequestSpec } from '../../coap/layer';
import type { Registration } from '../../device/manager';
import type { DeviceModel } from '../../device/models/catalogue';
import type { ContentFormatChoice, OperationName, OperationRequest, OperationResult } from '../../device/operation';
import type { Path, PathLevel } from '../../device/path';
import { DeviceManagementError } from '../../errors';
import type { EncodeContext } from '../formats/format';
import { named } from './failures';
import type { FormatQuestion } from './format-choice';

export interface PlanContext {
  readonly registration: Registration;
  readonly model: DeviceModel;
}

/** An operation, ready to be asked. */
export interface Plan {
  readonly operation: OperationName;
  /** The root for a composite operation. */
  readonly target: Path;
  /** The paths of a composite operation, as one text. */
  readonly list?: string;
  readonly registration: Registration;
  /** Of an observation: what was asked for, so that it can be planned again after a restart. */
  readonly asked?: OperationRequest;
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

export type RequestOf<Name extends OperationName> = Extract<OperationRequest, { readonly operation: Name }>;
export function nothing(): Partial<OperationResult> {
  return {};
}

/** Below the root of the registration; of a device behind a gateway, below its prefix there. */
export function uriPath(registration: Registration, target: Path): readonly string[] {
  const ids = target.ids.map(String);
  const { gateway, rootPath } = registration;
  if (gateway === undefined) return rootPath === '' ? ids : [...rootSegments(registration), ...ids];
  return [...rootSegments(registration), gateway.prefix, ...ids];
}

/** The root of the registration, where composite operations go: their payload names what is behind a gateway. */
export function rootSegments({ rootPath }: Registration): readonly string[] {
  return rootPath === '' ? [] : rootPath.split('/').slice(1);
}

/** How the names in payloads of this device are to be understood. @param base the path in the request */
export function encodingOf({ registration, model }: PlanContext, base: Path): EncodeContext {
  const { gateway } = registration;
  return gateway === undefined ? { base, typeOf: model.typeOf } : { base, prefix: gateway.prefix, typeOf: model.typeOf };
}

export function typeAt(target: Path, model: DeviceModel): FormatQuestion['type'] {
  return target.resource === undefined ? undefined : model.typeOf(target.object as number, target.resource);
}

const LEVEL_NAMES: Readonly<Record<PathLevel, string>> = {
  root: 'everything',
  object: 'an object (/3)',
  instance: 'an instance (/3/0)',
  resource: 'a resource (/3/0/9)',
  'resource-instance': 'a resource instance (/3/0/6/0)',
};

export function requireLevel(operation: OperationName, target: Path, levels: readonly PathLevel[]): void {
  if (levels.includes(target.level)) return;
  const wanted = levels.map((level) => LEVEL_NAMES[level]);
  const last = wanted.pop();
  const list = wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`;
  throw new DeviceManagementError('invalid-path', `${named(operation, target)} is not possible: give the path of ${list}.`, {
    path: target.toString(),
  });
}

/** Resource instances became addressable with LwM2M 1.1. */
export function refuseInstanceLevel(operation: OperationName, target: Path, { registration }: PlanContext): void {
  if (target.level === 'resource-instance' && registration.version === '1.0') {
    throw unsupported(operation, target, `LwM2M 1.0 has no path for one resource instance: use ${target.parent}`);
  }
}

export function invalidRequest(operation: OperationName, target: Path | string, why: string): DeviceManagementError {
  const path = target.toString();
  return new DeviceManagementError('invalid-request', `${named(operation, target)} cannot be asked: ${why}.`, { path });
}

export function unsupported(operation: OperationName, target: Path | string, why: string): DeviceManagementError {
  const path = target.toString();
  return new DeviceManagementError('unsupported', `${named(operation, target)} is not possible: ${why}.`, { path });
}
