/** What a device has reported over time, over HTTP; also of one that is not registered any more. */
import { Path } from '../../src/device/path';
import { MOST_HISTORY_ANSWERED } from '../../src/fleet/history';
import type { RunningServer } from '../runtime/running-server';
import type { Request } from './api-request';
import { numbersIn } from './query-numbers';

/** @throws Problem 400, DeviceManagementError `invalid-path` */
export async function historyOf({ fleet }: RunningServer, request: Request): Promise<object> {
  const { path } = request.query;
  const numbers = numbersIn(request, ['from', 'to', 'limit'], MOST_HISTORY_ANSWERED);
  const below = typeof path === 'string' && path !== '/' ? { path: Path.parse(path).toString() } : {};
  const values = await fleet.history.query({ devices: [request.params.endpoint ?? ''], ...below, ...numbers });
  return { values: values.map(({ path: of, at, value }) => ({ path: of, at, value })) };
}
