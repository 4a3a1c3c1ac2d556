/** A response as those above this layer see it: its body complete, its options as plain values. */

import { type Block, decodeBlock } from './block/option';
import type { Message } from './message';
import { Option } from './options';

export interface CoapResponse {
  readonly code: number;
  readonly contentFormat: number | undefined;
  /** May be a view on its datagram: copy what is kept for long. */
  readonly payload: Buffer;
  readonly observe: number | undefined;
  readonly locationPath: readonly string[];
  readonly maxAge: number | undefined;
  readonly etag: Buffer | undefined;
  /** Where the payload is in its body, when one block alone was asked for. */
  readonly block?: Block | undefined;
  /** Bytes of the body, where the peer says so. */
  readonly size?: number | undefined;
}

/** What we answer. */
export interface ResponseSpec {
  readonly code: number;
  readonly contentFormat?: number;
  readonly payload?: Uint8Array;
  readonly locationPath?: readonly string[];
  readonly maxAge?: number;
  readonly observe?: number;
  readonly etag?: Uint8Array;
  /**
   * The payload is the part that was asked for (`IncomingRequest.wanted`) of a body of so many bytes. Nothing of it is kept: whoever serves it
   * has the rest, and is asked again for each block and for a repeated request.
   */
  readonly partOf?: number;
}

/** @param body the joined body where `message` is one block of it */
export function responseOf(
  message: Message,
  body: Buffer = message.payload,
  observe = message.uint(Option.Observe),
): CoapResponse {
  return {
    code: message.code,
    contentFormat: message.uint(Option.ContentFormat),
    payload: body,
    observe,
    locationPath: message.strings(Option.LocationPath),
    maxAge: message.uint(Option.MaxAge),
    etag: message.opaque(Option.ETag),
    block: blockOf(message.uint(Option.Block2)),
    size: message.uint(Option.Size2),
  };
}

function blockOf(raw: number | undefined): Block | undefined {
  return raw === undefined ? undefined : decodeBlock(raw, true);
}
