/**
 * What a resource holds, as plain data that survives JSON, structured clone and a file context:
 * - String, Corelnk: string
 * - Integer, Unsigned, Float: number; an integer beyond 2^53 is its decimal string
 * - Boolean: boolean
 * - Opaque: Buffer
 * - Time: Date
 * - Objlnk: "object:instance", for example "3:0"
 */

export type Value = string | number | boolean | Buffer | Date;

/** The data types of LwM2M Core 1.1.1 Appendix C; `none` is an executable resource. */
export type ResourceType =
  | 'string'
  | 'integer'
  | 'unsigned'
  | 'float'
  | 'boolean'
  | 'opaque'
  | 'time'
  | 'objlnk'
  | 'corelnk'
  | 'none';

/** One value of a resource or resource instance; `at` (Unix milliseconds) where the device said when. */
export interface ResourceValue {
  /** Below a gateway: which of its devices this is of (LwM2M Gateway 1.1). Absent for the values of the device that was asked. */
  readonly prefix?: string;
  /** Canonical full path, for example "/3/0/9" or "/3/0/6/0". */
  readonly path: string;
  readonly value: Value;
  readonly at?: number;
}

/** What is to be written to a resource or resource instance; `null` removes the resource instance (LwM2M Core 1.2 §6.4.10, RFC 8790 §3.2). */
export type ResourceChange = ResourceValue | { readonly path: string; readonly prefix?: string; readonly value: null };

/** What is known of a resource's type; `undefined` when the model does not know it: then the wire decides. */
export type TypeOf = (object: number, resource: number) => ResourceType | undefined;

/** An integer as number while that is exact, as decimal string beyond. */
export function integerValue(value: bigint): number | string {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value.toString();
}
