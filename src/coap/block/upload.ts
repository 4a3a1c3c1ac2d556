/**
 * We send a body in blocks: Block1 as a client (RFC 7959 §2.5, §3.2). Pure state: it says which block goes next and what an answer means;
 * it sends nothing and waits for nothing.
 */
import { Code, codeText, isSuccess } from '../codes';
import type { Message } from '../message';
import { Option } from '../options';
import { BERT_SZX, blockSize, decodeBlock, encodeBlock, fits, szxOrBert } from './option';

/** What to do after an answer. */
export type UploadStep =
  | { readonly kind: 'next' }
  | { readonly kind: 'wait'; readonly seconds: number }
  /** The answer is the final one. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string };

const NEXT: UploadStep = { kind: 'next' };
const DONE: UploadStep = { kind: 'done' };
/** A peer that loses the transfer again and again is not asked for ever. */
const MOST_RESTARTS = 1;
const LONGEST_WAIT_SECONDS = 60;
const DEFAULT_WAIT_SECONDS = 5;

export class Upload {
  private offset = 0;
  private sentBytes = 0;
  private restarts = 0;
  private waits = 0;
  private szx: number;

  /** @param largestBlock bytes; a multiple of 1024 for BERT */
  constructor(
    private readonly body: Uint8Array,
    private readonly largestBlock: number,
  ) {
    this.szx = szxOrBert(largestBlock);
  }

  /** The block to be sent now; a restart begins with Size1 again. */
  block(): { readonly block1: number; readonly payload: Uint8Array; readonly size1?: number } {
    const payload = this.body.subarray(this.offset, this.offset + this.bytesPerMessage);
    this.sentBytes = payload.length;
    const block1 = encodeBlock(this.number, !this.isLast, this.szx);
    return this.offset === 0 ? { block1, payload, size1: this.body.length } : { block1, payload };
  }

  answered(message: Message): UploadStep {
    const raw = message.uint(Option.Block1);
    const answer = raw === undefined ? undefined : decodeBlock(raw, this.szx === BERT_SZX);
    if (message.code === Code.RequestEntityTooLarge) return this.smaller(answer?.szx);
    if (message.code === Code.RequestEntityIncomplete) return this.again(message.code);
    if (message.code === Code.ServiceUnavailable && this.offset > 0) return this.later(message);
    // Any other error ends the transfer, with or without a Block1 option.
    if (!isSuccess(message.code)) return DONE;
    if (answer !== undefined && answer.number !== this.number) {
      return failed(`it acknowledged block ${answer.number} where block ${this.number} was sent`);
    }
    if (this.isLast && message.code !== Code.Continue) return DONE;
    if (answer === undefined) {
      return failed(
        this.offset === 0
          ? `it answered ${codeText(message.code)} to the first block alone: it does not support block-wise writes`
          : `it answered ${codeText(message.code)} without a Block1 option in the middle of a transfer`,
      );
    }
    // A success other than 2.31 with M=0: the peer acted on this block alone and expects the rest (RFC 7959 §2.3).
    if (message.code !== Code.Continue && answer.more) return failed(`it answered ${codeText(message.code)} and asked for more`);
    if (this.isLast) return failed('it asked for more after the last block');
    this.offset += this.sentBytes;
    if (answer.szx < this.szx) this.szx = answer.szx;
    return this.next();
  }

  private next(): UploadStep {
    return fits(this.body.length, this.szx) ? NEXT : failed('the body needs more blocks than there are numbers');
  }

  private get number(): number {
    return this.offset / blockSize(this.szx);
  }

  private get isLast(): boolean {
    return this.offset + this.bytesPerMessage >= this.body.length;
  }

  private get bytesPerMessage(): number {
    return this.szx === BERT_SZX ? this.largestBlock : blockSize(this.szx);
  }

  /** 4.13: from the start with the size the peer names, or half of ours (RFC 7959 §2.9.3). */
  private smaller(szx: number | undefined): UploadStep {
    const wanted = szx ?? this.szx - 1;
    if (wanted < 0 || wanted >= this.szx) return DONE;
    this.szx = wanted;
    this.offset = 0;
    return this.next();
  }

  private again(code: number): UploadStep {
    if (this.restarts >= MOST_RESTARTS) return failed(`it answered ${codeText(code)} again after a restart`);
    this.restarts++;
    this.offset = 0;
    return NEXT;
  }

  private later(message: Message): UploadStep {
    if (this.waits >= MOST_RESTARTS) return DONE;
    this.waits++;
    this.offset = 0;
    const seconds = message.uint(Option.MaxAge) ?? DEFAULT_WAIT_SECONDS;
    return { kind: 'wait', seconds: Math.min(seconds, LONGEST_WAIT_SECONDS) };
  }
}

function failed(reason: string): UploadStep {
  return { kind: 'failed', reason };
}
