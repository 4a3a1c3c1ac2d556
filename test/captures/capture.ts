/** Reads a captured conversation: requests matched with their answers by token, bodies joined from their blocks. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeText, isRequest } from '../../src/coap/codes';
import { type Message, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';

export interface Request {
  readonly note: string;
  readonly method: number;
  /** "/3/0" */
  readonly uri: string;
  readonly query: readonly string[];
  readonly contentFormat: number | undefined;
  readonly accept: number | undefined;
  readonly observe: number | undefined;
  readonly payload: Buffer;
}

export interface Answer {
  readonly request: Request;
  /** "2.05" */
  readonly code: string;
  readonly contentFormat: number | undefined;
  readonly observe: number | undefined;
  /** Joined when it came in blocks. */
  payload: Buffer;
  complete: boolean;
}

export interface Capture {
  /** Answers and notifications, in the order they came; later blocks belong to the first. */
  readonly answers: readonly Answer[];
  /** What the device asked for: Register, Update, Send, De-register. */
  readonly requests: readonly Request[];
  /** Datagrams from the device that are no messages. */
  readonly malformed: readonly string[];
}

export function readCapture(name: string): Capture {
  const answers: Answer[] = [];
  const requests: Request[] = [];
  const malformed: string[] = [];
  const asked = new Map<string, Request>();
  const unfinished = new Map<string, Answer>();
  let note = '';
  for (const line of readFileSync(path.join(__dirname, '../fixtures/captures', `${name}.txt`), 'utf8')
    .trim()
    .split('\n')) {
    if (line.startsWith('#')) {
      note = line.slice(2);
      continue;
    }
    const message = parseMessage(Buffer.from(line.slice(2), 'hex'));
    if (typeof message === 'number') {
      if (line.startsWith('<')) malformed.push(line.slice(2));
    } else if (isRequest(message.code)) {
      const request = requestOf(message, note);
      if (line.startsWith('<')) requests.push(request);
      else asked.set(message.token.toString('hex'), request);
    } else if (line.startsWith('<') && message.code !== 0) {
      const request = asked.get(message.token.toString('hex'));
      if (request !== undefined) accept(message, request, answers, unfinished);
    }
  }
  return { answers, requests, malformed };
}

function requestOf(message: Message, note: string): Request {
  return {
    note,
    method: message.code,
    uri: `/${message.strings(Option.UriPath).join('/')}`,
    query: message.strings(Option.UriQuery),
    contentFormat: message.uint(Option.ContentFormat),
    accept: message.uint(Option.Accept),
    observe: message.uint(Option.Observe),
    payload: message.payload,
  };
}

function accept(message: Message, request: Request, answers: Answer[], unfinished: Map<string, Answer>): void {
  const block = message.uint(Option.Block2);
  const more = block !== undefined && (block & 8) !== 0;
  const first = unfinished.get(request.uri);
  if (block !== undefined && block >> 4 > 0) {
    if (first === undefined) return; // asked for by itself, as a test of random access
    first.payload = Buffer.concat([first.payload, message.payload]);
    first.complete = !more;
    if (!more) unfinished.delete(request.uri);
    return;
  }
  const answer: Answer = {
    request,
    code: codeText(message.code),
    contentFormat: message.uint(Option.ContentFormat),
    observe: message.uint(Option.Observe),
    payload: message.payload,
    complete: !more,
  };
  if (more) unfinished.set(request.uri, answer);
  answers.push(answer);
}
