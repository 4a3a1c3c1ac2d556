/**
 * What a content format does: bytes of one payload to a flat list of values, and back. A format knows paths and types, and nothing
 * of requests, devices or sockets. Whatever bytes come, `decode` ends in time linear to them and throws nothing but
 * DeviceManagementError.
 */
import type { Path } from '../../device/path';
import type { ResourceValue, TypeOf } from '../../device/value';

export interface EncodeContext {
  /** The path in the request: payload names are relative to it. Root for Send. */
  readonly base: Path;
  /**
   * Of the device behind a gateway that the request is for: payload names begin with it, values do not tell it. Without one, names
   * below the root (Send, composite) may begin with any, which then is each value's `prefix`.
   */
  readonly prefix?: string;
  readonly typeOf: TypeOf;
}

export interface DecodeContext extends EncodeContext {
  /** Write payloads in LwM2M CBOR may leave the path of the request out (LwM2M Core 1.2 §7.5.6). */
  readonly mayBeRelative?: boolean;
  /** Unix milliseconds when the payload came, for relative times (RFC 8428 §4.5.3). */
  readonly now: number;
}

export interface Format {
  readonly contentFormat: number;
  /** For people: "SenML CBOR". */
  readonly name: string;
  /**
   * Values in the order of the payload; what lies outside `base` is refused.
   * @throws DeviceManagementError `decode-error`, `too-large`
   */
  decode(payload: Uint8Array, context: DecodeContext): ResourceValue[];
  /** Whether `encode` can say this: some formats carry one resource only. */
  canEncode(values: readonly ResourceValue[], context: EncodeContext): boolean;
  /** @throws DeviceManagementError `invalid-value`, naming the path, the type of the model and what came */
  encode(values: readonly ResourceValue[], context: EncodeContext): Buffer;
}

/** The largest body the block-wise layer joins; a larger payload is not looked at. */
export const MOST_PAYLOAD_BYTES = 8 * 1024 * 1024;
/** Bounds what one payload makes us hold: a TLV of two bytes becomes an object of a hundred. */
export const MOST_VALUES = 65_536;
/** JSON and CBOR: items of any kind. A SenML record is about six; an empty map is one byte there and two hundred here. */
export const MOST_ITEMS = 200_000;
/** JSON and CBOR: SenML needs 2 levels, LwM2M CBOR 5. */
export const DEEPEST_NESTING = 8;

/** The bytes as a Buffer, without a copy. */
export function bufferOf(payload: Uint8Array): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

/** Whether a path names what text, opaque and CBOR can carry: one resource or resource instance. */
export function isSingle(path: Path): boolean {
  return path.ids.length >= 3;
}
