/** The audit log over HTTP: a page of it, newest first, and whether it is as it was written. */
import { MOST_ANSWERED } from '../../src/fleet/audit-log';
import type { RunningServer } from '../runtime/running-server';
import type { Request } from './api-request';
import { numbersIn } from './query-numbers';

const TEXTS = ['device', 'thread', 'actor', 'action'] as const;

/** @throws Problem 400, naming the parameter */
export function auditPage({ fleet }: RunningServer, request: Request): Promise<object> {
  const { query } = request;
  const texts = TEXTS.flatMap((name) => (typeof query[name] === 'string' ? [[name, query[name]] as const] : []));
  const numbers = numbersIn(request, ['from', 'to', 'limit', 'cursor'], MOST_ANSWERED);
  return fleet.audit.query({ ...Object.fromEntries(texts), ...numbers });
}

export function auditProof({ fleet }: RunningServer): Promise<object> {
  return fleet.audit.verify();
}
