/** What the history of devices tells, over HTTP: how the values of a resource lie, where they lead, and who is unlike the others. */
import { Path } from '../../src/device/path';
import { analyse } from '../../src/fleet/series-analysis';
import type { RunningServer } from '../runtime/running-server';
import type { Request } from './api-request';
import { selectorOf } from './paging';
import { Problem } from './problem';
import { numbersIn } from './query-numbers';

/** @throws Problem 400, DeviceManagementError `invalid-path`, `invalid-request`, `too-large` */
export async function analysisOf({ fleet, clock }: RunningServer, request: Request): Promise<object> {
  const { path, select, reaches } = request.query;
  if (typeof path !== 'string') throw new Problem(400, 'Bad request', 'path must be that of a resource, such as /3/0/9');
  const devices = fleet.choose(selectorOf(select));
  const target = reaches === undefined ? {} : { reaches: numberOf(reaches) };
  const range = numbersIn(request, ['from', 'to'], 0);
  return analyse(fleet.history, { devices, path: Path.parse(path).toString(), ...range, ...target }, clock.wall());
}

function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw new Problem(400, 'Bad request', 'reaches must be a number');
}
