/** What handlers of the admin API need of Express: the question, its body within bounds, and the answer. */
import { Problem } from './problem';

export interface Request extends AsyncIterable<Buffer> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of node's streams: reads without ending the request when it is left early. */
  iterator?(options: { readonly destroyOnReturn: boolean }): AsyncIterable<Buffer>;
  /** Of node's streams: lets what is left of the body go by. */
  resume?(): unknown;
  /** Read by Node-RED where it is JSON. */
  readonly body?: unknown;
  /** Who Node-RED says it is, where it asks. */
  readonly user?: { readonly username?: string };
}

export interface Response {
  json(body: unknown): unknown;
  status(code: number): Response;
  type(name: string): Response;
  set(name: string, value: string): Response;
  send(body: string): unknown;
}

export type Next = () => void;

/** With a status other than 200. */
export class Answer {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

/** CSV. */
export class Table {
  constructor(readonly text: string) {}
}

/** A table of a hundred thousand devices. */
const LONGEST_TEXT_BYTES = 20 * 1024 * 1024;

export function isCsv({ headers }: Request): boolean {
  return String(headers['content-type'] ?? '')
    .toLowerCase()
    .startsWith('text/csv');
}

/** A body that Node-RED has not read. @throws Problem 413 */
export async function textOf(request: Request): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LONGEST_TEXT_BYTES) throw new Problem(413, 'Too large', `a table has at most ${LONGEST_TEXT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws Problem 400 where there is no JSON object */
export function jsonOf({ body, headers }: Request): Readonly<Record<string, unknown>> {
  const isJson = String(headers['content-type'] ?? '')
    .toLowerCase()
    .includes('json');
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (isObject && (isJson || Object.keys(body).length === 0)) return body as Readonly<Record<string, unknown>>;
  throw new Problem(400, 'Bad request', 'send a JSON object, with Content-Type: application/json');
}
