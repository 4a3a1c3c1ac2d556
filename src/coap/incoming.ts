/**
 * A request a peer makes of us: from its message (or its blocks, joined) to the one answer it gets. Answered at once the response rides
 * on the ACK; later it follows an empty ACK as a confirmable message of its own (RFC 7252 §5.2).
 */
import { NO_DEADLINE } from '../deadlines';
import { decodeBlock, LARGEST_BLOCK } from './block/option';
import { describePart, type Part, type Place, partWanted } from './block/serving';
import type { Endpoint } from './endpoint';
import { type Message, MessageType } from './message';
import { Option } from './options';
import type { ResponseSpec } from './response';

/** What a request needs of the layer to be answered. */
export interface Responder {
  respond(request: IncomingRequest, response: ResponseSpec): void;
}

export class IncomingRequest {
  deadline = NO_DEADLINE;
  answered = false;
  /** An empty ACK has been sent: the response comes separately. */
  separate = false;
  private pathSegments: readonly string[] | undefined = undefined;
  private queryItems: readonly string[] | undefined = undefined;

  /** @param payload the body, joined where it came in blocks; a view: copy what is kept */
  constructor(
    private readonly responder: Responder,
    readonly endpoint: Endpoint,
    readonly message: Message,
    readonly payload: Buffer,
  ) {}

  get code(): number {
    return this.message.code;
  }

  get confirmable(): boolean {
    return this.message.type === MessageType.Confirmable;
  }

  get token(): Buffer {
    return this.message.token;
  }

  get path(): readonly string[] {
    this.pathSegments ??= this.message.strings(Option.UriPath);
    return this.pathSegments;
  }

  get query(): readonly string[] {
    this.queryItems ??= this.message.strings(Option.UriQuery);
    return this.queryItems;
  }

  get contentFormat(): number | undefined {
    return this.message.uint(Option.ContentFormat);
  }

  get accept(): number | undefined {
    return this.message.uint(Option.Accept);
  }

  get observe(): number | undefined {
    return this.message.uint(Option.Observe);
  }

  /** Validators the peer has (RFC 7252 §5.10.6). */
  get etags(): readonly Buffer[] {
    return this.message.opaques(Option.ETag);
  }

  /** Which bytes of a large body it asks for (RFC 7959 §2.4), in the size that both sides can take. */
  get wanted(): Part {
    const { message, endpoint } = this;
    const block2 = message.uint(Option.Block2);
    const wanted = block2 === undefined ? undefined : decodeBlock(block2, endpoint.reliable);
    // To a peer that knows no blocks the first is as much as can be said.
    return partWanted(wanted, endpoint.sizes.block || LARGEST_BLOCK);
  }

  /** What its answer says of where the part is in a body of `total` bytes; nothing of one that is the whole, unless it was asked for as a block. */
  placeIn(total: number): Place | undefined {
    const { message, wanted } = this;
    if (wanted.offset === 0 && total <= wanted.length && !message.has(Option.Block2)) return undefined;
    return describePart(wanted, total, message.has(Option.Size2));
  }

  /**
   * Answers, once; a second call does nothing.
   * @param afterSent runs when the answer has been handed to the socket: nothing a listener sends can overtake it
   */
  respond(response: ResponseSpec, afterSent?: () => void): void {
    if (this.answered) return;
    this.answered = true;
    this.responder.respond(this, response);
    afterSent?.();
  }
}
