import assert from 'node:assert/strict';
import { asDeviceManagementError, DeviceManagementError } from '../src/errors';

describe('DeviceManagementError', () => {
  it('is told apart by code and carries device, path and cause', () => {
    const cause = new Error('below');
    const error = new DeviceManagementError('4.04', 'Not found.', { device: 'dev-1', path: '/3/0/99', cause });
    assert.ok(error instanceof Error);
    assert.deepEqual(
      [error.code, error.device, error.path, error.cause, error.name],
      ['4.04', 'dev-1', '/3/0/99', cause, 'DeviceManagementError'],
    );
  });

  it('has no empty properties, so that a debug sidebar shows what is known', () => {
    const error = new DeviceManagementError('timeout', 'No answer.');
    assert.deepEqual(Object.keys(error).sort(), ['code', 'name']);
    assert.equal('cause' in error, false);
  });

  it('is retold with a device its thrower did not know', () => {
    const cause = new Error('below');
    const error = new DeviceManagementError('invalid-value', 'No.', { path: '/3/0/9', cause }).of({ device: 'dev-1' });
    assert.deepEqual(
      [error.code, error.message, error.device, error.path, error.cause],
      ['invalid-value', 'No.', 'dev-1', '/3/0/9', cause],
    );
  });
});

describe('asDeviceManagementError', () => {
  it('leaves ours as it is', () => {
    const error = new DeviceManagementError('timeout', 'No answer.');
    assert.equal(asDeviceManagementError(error), error);
  });

  it('keeps text and cause of what is not ours', () => {
    const caught = new RangeError('out of range');
    const error = asDeviceManagementError(caught, 'decode-error');
    assert.deepEqual([error.code, error.message, error.cause], ['decode-error', 'out of range', caught]);
    assert.equal(asDeviceManagementError('a string').message, 'a string');
    assert.equal(asDeviceManagementError(undefined).message, 'undefined');
  });
});
