/** What can be asked of a device, and what comes back: plain, structured-cloneable data, the same for every protocol. */
import type { NotificationAttributes } from './attributes';
import type { ResourceValue } from './value';

/**
 * A value as a user hands it over: for a resource a bare value (or, for a multiple resource, an array or {"0": …}); for
 * anything larger an object keyed by full path ("/3/0/14"), path below the target ("14", "6/0") or resource name ("UTC Offset").
 * It is coerced by the device's model (`coercion.ts`).
 */
export type PayloadValue = unknown;

export type OperationRequest =
  | { readonly operation: 'read'; readonly path: string; readonly contentFormat?: ContentFormatChoice }
  | {
      readonly operation: 'discover';
      readonly path: string;
      /** Levels below the path, 0 to 3 (LwM2M 1.2); absent: as the device usually does. */
      readonly depth?: number;
    }
  | {
      readonly operation: 'write';
      readonly path: string;
      readonly value: PayloadValue;
      /** `replace` (PUT) by default on resources; `update` (POST) by default on instances. */
      readonly mode?: 'replace' | 'update';
      readonly contentFormat?: ContentFormatChoice;
    }
  | { readonly operation: 'write-attributes'; readonly path: string; readonly attributes: NotificationAttributes }
  | { readonly operation: 'execute'; readonly path: string; readonly arguments?: string }
  | {
      readonly operation: 'create';
      /** The object ("/3303": the device chooses the id) or the instance ("/3303/4"). */
      readonly path: string;
      readonly value: PayloadValue;
      readonly contentFormat?: ContentFormatChoice;
    }
  | { readonly operation: 'delete'; readonly path: string }
  | {
      readonly operation: 'observe';
      readonly path: string;
      readonly contentFormat?: ContentFormatChoice;
      /** Of this observation alone, in place of all that are attached to the path (LwM2M 1.2). */
      readonly attributes?: NotificationAttributes;
    }
  | {
      readonly operation: 'cancel-observation';
      /** As observed: a path, or the list of an Observe-Composite. */
      readonly path: string;
    }
  | {
      readonly operation: 'read-composite';
      /** A list (`path-list.ts`): "/3/0/9,/1/0/1"; "/" is everything. */
      readonly path: string;
      /** Of the answer. */
      readonly contentFormat?: ContentFormatChoice;
    }
  | {
      readonly operation: 'write-composite';
      /** What is written, as a list. */
      readonly path: string;
      /** Keyed by full path, {"/3/0/14": "+01:00"}; `null` removes a resource instance (LwM2M 1.2). All of it is written, or nothing. */
      readonly value: PayloadValue;
      readonly contentFormat?: ContentFormatChoice;
    }
  | {
      readonly operation: 'observe-composite';
      readonly path: string;
      readonly contentFormat?: ContentFormatChoice;
      /** pmin, pmax, epmin, epmax, con (LwM2M 1.2). */
      readonly attributes?: NotificationAttributes;
    };

export type OperationName = OperationRequest['operation'];

/** A CoAP Content-Format number, or `none` for a request without Accept. Absent: chosen by version and by what the device says it can. */
export type ContentFormatChoice = number | 'none';

export interface OperationOptions {
  /** How long the device may take to answer once asked, in milliseconds; per block in a block-wise transfer. */
  readonly timeoutMs?: number;
}

/** An entry of a Discover answer (RFC 6690). */
export interface PathLink {
  readonly path: string;
  /** `pmin`, `dim`, `ver` …; a valueless attribute is `true`. */
  readonly attributes: Readonly<Record<string, string | number | true>>;
}

export interface PayloadBytes {
  readonly sent: number;
  readonly received: number;
}

export interface OperationResult {
  readonly device: string;
  readonly operation: OperationName;
  /** A list for a composite operation. */
  readonly path: string;
  /** Response code of the device, "2.05". */
  readonly code: string;
  /** Content-Format of the answer. */
  readonly contentFormat?: number;
  /** Read, observe: what came, oldest first where timed; otherwise empty. */
  readonly values: readonly ResourceValue[];
  /** Discover. */
  readonly links?: readonly PathLink[];
  /** Composite reads: paths that the answer has nothing of. */
  readonly absent?: readonly string[];
  /** The device does not know composite operations, or never answers them: what was asked for was asked one by one. */
  readonly fallback?: 'one-by-one';
  /** After such a fallback: why there is nothing of a path. */
  readonly refused?: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
  /** Create: path of the new instance, when the device says or the request fixed it. */
  readonly created?: string;
  /** Observe: whether the device accepted (RFC 7641 §3.1); if not, `values` is a plain read. */
  readonly observed?: boolean;
  /** Of the payloads, all blocks together; absent where nothing was counted. */
  readonly bytes?: PayloadBytes;
  /** Milliseconds from first transmission to the complete answer. */
  readonly rtt: number;
  /** Unix milliseconds of the answer. */
  readonly at: number;
}
