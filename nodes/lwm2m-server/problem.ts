/** What went wrong, for a program and a person (RFC 9457). */
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** Further members. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
  }
}

/** Statuses and titles of our own failures, by code; what a device answered is below. */
const LOCAL: Readonly<Record<string, readonly [status: number, title: string]>> = {
  'invalid-value': [400, 'Bad request'],
  'invalid-path': [400, 'Bad request'],
  'invalid-request': [400, 'Bad request'],
  'too-large': [400, 'Bad request'],
  'not-registered': [404, 'Not registered'],
  asleep: [409, 'Asleep'],
  unsupported: [422, 'Not supported by the device'],
  'queue-full': [503, 'Too many requests wait'],
  'server-unavailable': [503, 'Server not running'],
  'store-failed': [503, 'Not kept'],
  timeout: [504, 'The device did not answer'],
};

/** Anything caught, as an answer. */
export function problemOf(caught: unknown): Problem {
  if (caught instanceof Problem) return caught;
  if (!(caught instanceof DeviceManagementError))
    return new Problem(500, 'Internal error', asDeviceManagementError(caught).message);
  const { code, message } = caught;
  const [status, title] = LOCAL[code] ?? [502, /^\d/.test(code) ? 'The device refused' : 'The device did not do it'];
  return new Problem(status, title, message, { code });
}
