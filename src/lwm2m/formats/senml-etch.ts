/**
 * SenML-ETCH (RFC 8790, LwM2M Core 1.2 §7.5): the SenML of composite requests. Apart from path lists (`senml-paths`) it says one thing
 * more than SenML does: a value of null removes a resource instance, in a Write-Composite and nowhere else.
 */
import type { ResourceChange } from '../../device/value';
import type { DecodeContext, EncodeContext, Format } from './format';
import { outgoingRecords, type Representation, resolvePack, senmlFormat } from './senml';
import { cborRepresentation } from './senml-cbor';
import { jsonRepresentation } from './senml-json';

const JSON_NAME = 'SenML-ETCH JSON';
const CBOR_NAME = 'SenML-ETCH CBOR';

export const senmlEtchJson = etchFormat(320, jsonRepresentation(JSON_NAME));
export const senmlEtchCbor = etchFormat(322, cborRepresentation(CBOR_NAME));

/** Composite requests are for the root. */
function etchFormat(contentFormat: number, representation: Representation): Format {
  return { ...senmlFormat(contentFormat, representation), canEncode: (_values, { base }) => base.ids.length === 0 };
}

const REMOVING: ReadonlyMap<number, Representation> = new Map([
  [senmlEtchJson.contentFormat, jsonRepresentation(JSON_NAME, true)],
  [senmlEtchCbor.contentFormat, cborRepresentation(CBOR_NAME, true)],
]);

/** Whether a content format can say that a resource instance is to be removed. */
export function canRemove(contentFormat: number): boolean {
  return REMOVING.has(contentFormat);
}

/**
 * What the payload of a Write-Composite asks for.
 * @throws DeviceManagementError `decode-error`, `too-large`
 */
export function decodeChanges(contentFormat: number, payload: Uint8Array, context: DecodeContext): ResourceChange[] {
  const { read, dialect } = REMOVING.get(contentFormat) as Representation;
  return resolvePack(read(payload), dialect, context);
}

/** @throws DeviceManagementError `invalid-value` */
export function encodeChanges(contentFormat: number, changes: readonly ResourceChange[], context: EncodeContext): Buffer {
  const { write, dialect } = REMOVING.get(contentFormat) as Representation;
  return write(outgoingRecords(dialect, changes, context));
}
