/**
 * A request a peer makes of us: from its message (or its blocks, joined) to the one answer it gets. Answered at once the response rides
 * on the ACK; later it follows an empty ACK as a confirmable message of its own (RFC 7252 §5.2).
 */
import { NO_DEADLINE } from '../deadlines';
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
