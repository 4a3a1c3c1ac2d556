/** The audit log over HTTP: a page of it, newest first, and whether it is as it was written. */
import { MOST_ANSWERED } from '../../src/fleet/audit-log';
import type { RunningServer } from '../runtime/running-server';
import type { Request } from './api-request';
import { Problem } from './problem';

const TEXTS = ['device', 'thread', 'actor', 'action'] as const;
const NUMBERS = ['from', 'to', 'limit', 'cursor'] as const;

/** @throws Problem 400, naming the parameter */
export function auditPage({ fleet }: RunningServer, { query }: Request): Promise<object> {
  const texts = TEXTS.flatMap((name) => (typeof query[name] === 'string' ? [[name, query[name]] as const] : []));
  const numbers = NUMBERS.flatMap((name) => (query[name] === undefined ? [] : [[name, numberOf(name, query[name])] as const]));
  return fleet.audit.query(Object.fromEntries([...texts, ...numbers]));
}

export function auditProof({ fleet }: RunningServer): Promise<object> {
  return fleet.audit.verify();
}

function numberOf(name: string, value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  const [least, most] = name === 'limit' ? [1, MOST_ANSWERED] : [0, Number.MAX_SAFE_INTEGER];
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  const what = name === 'limit' ? `a number from 1 to ${MOST_ANSWERED}` : 'a whole number';
  throw new Problem(400, 'Bad request', `${name} must be ${what}`);
}
