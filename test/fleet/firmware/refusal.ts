/** Failures, for tests that look at their words. */
import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../../src/errors';

export function refusal(work: () => unknown): DeviceManagementError {
  try {
    work();
  } catch (caught) {
    assert.ok(caught instanceof DeviceManagementError, String(caught));
    return caught;
  }
  return assert.fail('it was not refused');
}

export async function rejection(work: Promise<unknown>): Promise<DeviceManagementError> {
  const caught = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(caught instanceof DeviceManagementError, String(caught ?? 'it was not refused'));
  return caught;
}
