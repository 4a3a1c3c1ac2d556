/** Read (LwM2M Core 1.1.1 §6.3.1): the values at and below a path, and the payload that carries them. */
import { Code } from '../../coap/codes';
import { ContentFormat } from '../../coap/options';
import type { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import type { EncodeContext } from '../formats/format';
import { formatOf } from '../formats/formats';
import { HIDDEN_OBJECTS } from './hidden-objects';
import type { ObjectInstance, ObjectTree } from './objects';
import { notAllowed, notFound, Refusal, unauthorized } from './refusal';

export interface Payload {
  readonly contentFormat: number;
  readonly payload: Buffer;
}

/** LwM2M version that brought each format; 1541 to 1543 are the numbers that early devices and servers use. */
const SINCE: ReadonlyMap<number, string> = new Map([
  [ContentFormat.Text, '1.0'],
  [ContentFormat.OctetStream, '1.0'],
  [ContentFormat.Cbor, '1.1'],
  [ContentFormat.SenmlJson, '1.1'],
  [ContentFormat.SenmlCbor, '1.1'],
  [ContentFormat.SenmlEtchJson, '1.2'],
  [ContentFormat.SenmlEtchCbor, '1.2'],
  [1541, '1.0'],
  [1542, '1.0'],
  [1543, '1.0'],
  [ContentFormat.Tlv, '1.0'],
  [ContentFormat.Json, '1.0'],
  [ContentFormat.Lwm2mCbor, '1.2'],
]);

export function speaks(version: string, contentFormat: number): boolean {
  const since = SINCE.get(contentFormat);
  return since !== undefined && version >= since;
}

/** How names in payloads are to be understood. @param base the path in the request */
export function encodingOf({ prefix, model }: ObjectTree, base: Path): EncodeContext {
  return prefix === undefined ? { base, typeOf: model.typeOf } : { base, prefix, typeOf: model.typeOf };
}

/** @throws Refusal 4.04, 4.05, 4.06 */
export function readPayload(tree: ObjectTree, target: Path, accept: number | undefined): Payload {
  return payloadOf(tree, target, readValues(tree, target), accept);
}

/**
 * @param accept absent: plain for a single value, else SenML CBOR, or TLV for LwM2M 1.0
 * @throws Refusal 4.06
 */
export function payloadOf(tree: ObjectTree, target: Path, values: readonly ResourceValue[], accept: number | undefined): Payload {
  const contentFormat = accept ?? usualFormat(tree, target, values);
  const format = speaks(tree.version, contentFormat) ? formatOf(contentFormat) : undefined;
  const context = encodingOf(tree, target);
  if (format === undefined || !format.canEncode(values, context)) {
    throw new Refusal(Code.NotAcceptable, `${target} cannot be given in content format ${contentFormat}`);
  }
  return { contentFormat, payload: format.encode(values, context) };
}

/**
 * Everything readable at and below `target`.
 * @throws Refusal 4.01 for objects that hold keys, 4.04 where there is nothing, 4.05 where it is not readable
 */
export function readValues(tree: ObjectTree, target: Path): ResourceValue[] {
  const { object, instance: instanceId, resource, resourceInstance } = target as Path & { object: number };
  // Here too, whoever asks: a key must not leave by another door (Send, composite).
  if (HIDDEN_OBJECTS.has(object)) throw unauthorized(`object ${object} is not for servers`);
  if (!tree.has(object)) throw notFound(target);
  if (instanceId === undefined) return tree.instances(object).flatMap(readable);
  const instance = tree.instance(object, instanceId);
  if (instance === undefined) throw notFound(target);
  if (resource === undefined) return readable(instance);
  if (!instance.isPresent(resource)) throw notFound(target);
  if (!isReadable(instance, resource)) throw notAllowed(`${target} cannot be read`);
  // Read once: it may be computed.
  const content = instance.content(resource);
  if (content === undefined) throw notFound(target);
  const values = instance.values(resource, content);
  if (resourceInstance === undefined) return values;
  const path = target.toString();
  const one = values.filter((value) => value.path === path);
  if (one.length === 0) throw notFound(target);
  return one;
}

function readable(instance: ObjectInstance): ResourceValue[] {
  return instance
    .present()
    .filter((resource) => isReadable(instance, resource))
    .flatMap((resource) => instance.values(resource));
}

/** What no model knows can be read: whoever added it meant it to be seen. */
export function isReadable(instance: ObjectInstance, resource: number): boolean {
  return instance.definition(resource)?.operations.includes('R') ?? instance.behaviour(resource).execute === undefined;
}

/** Text and opaque are what every client must have for single values; the rest follows the version (LwM2M Core 1.1.1 §7.4). */
function usualFormat(tree: ObjectTree, target: Path, values: readonly ResourceValue[]): number {
  const only = values.length === 1 ? values[0] : undefined;
  if (only?.path === target.toString()) return Buffer.isBuffer(only.value) ? ContentFormat.OctetStream : ContentFormat.Text;
  return tree.version === '1.0' ? ContentFormat.Tlv : ContentFormat.SenmlCbor;
}
