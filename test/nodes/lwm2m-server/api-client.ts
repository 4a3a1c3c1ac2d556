/** Calls of the admin API, as a program makes them. */
import helper from 'node-red-node-test-helper';

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly type: string;
  readonly body: Body;
}

export interface Call {
  readonly token?: string;
  readonly type?: string;
}

export async function call<Body = Record<string, unknown>>(
  method: 'get' | 'post' | 'delete',
  path: string,
  body?: unknown,
  { token, type = 'application/json' }: Call = {},
): Promise<Answer<Body>> {
  let request = helper.request()[method](`/device-management/${path}`);
  if (token !== undefined) request = request.set('Authorization', `Bearer ${token}`);
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await (body === undefined ? request : request.set('Content-Type', type).send(sent));
  return { status: answer.status, type: answer.type, body: JSON.parse(answer.text || 'null') as Body };
}

export interface ToldProblem {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly code?: string;
}
