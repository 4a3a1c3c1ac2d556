/** Accounting over HTTP: what applications and devices have used in a month, as JSON or as a table for a spreadsheet. */
import { MOST_USAGE_ANSWERED } from '../../src/fleet/usage';
import { csvOf, USAGE_KINDS, type UsageKind } from '../../src/fleet/usage-record';
import type { RunningServer } from '../runtime/running-server';
import { type Request, Table } from './api-request';
import { Problem } from './problem';
import { numbersIn } from './query-numbers';

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const FORMATS: readonly unknown[] = [undefined, 'json', 'csv'];

/** @throws Problem 400, naming the parameter */
export async function usageOf({ fleet }: RunningServer, request: Request): Promise<object> {
  const { by, period, cursor, format } = request.query;
  if (!USAGE_KINDS.includes(by as UsageKind)) throw bad(`by must be ${USAGE_KINDS.join(' or ')}`);
  if (period !== undefined && !MONTH.test(String(period))) throw bad('period must be a month such as 2026-11');
  if (!FORMATS.includes(format)) throw bad('format must be json or csv');
  const page = await fleet.usage.query({
    kind: by as UsageKind,
    ...(period !== undefined && { period: String(period) }),
    ...(typeof cursor === 'string' && { cursor }),
    ...numbersIn(request, ['limit'], MOST_USAGE_ANSWERED),
  });
  return format === 'csv' ? new Table(csvOf(page.records)) : page;
}

function bad(text: string): Problem {
  return new Problem(400, 'Bad request', text);
}
