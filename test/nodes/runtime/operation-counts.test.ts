import assert from 'node:assert/strict';
import { OperationCounts } from '../../../nodes/runtime/operation-counts';
import { RunningServer } from '../../../nodes/runtime/running-server';
import { VirtualClock } from '../../../src/clock';
import { DeviceManagementError } from '../../../src/errors';
import { FakeHost, FakeServer } from './fake-host';

/** A node at a server whose port another program has; `free` gives it up. */
async function occupied() {
  const manager = new FakeServer();
  const clock = new VirtualClock();
  const server = new RunningServer('server-1', manager, clock, { warn: () => {}, info: () => {} });
  manager.failure = new DeviceManagementError('port-in-use', 'in use');
  await server.begin((error) => error);
  const host = new FakeHost();
  const counts = new OperationCounts(host, server);
  const shown = () => {
    clock.advance(1_000);
    return host.statuses.at(-1)?.text;
  };
  const free = async () => {
    manager.failure = undefined;
    await server.begin((error) => error);
  };
  return { counts, shown, free };
}

describe('the status of an operation node', () => {
  it('is that of the server while it does not run', async () => {
    const { counts, shown } = await occupied();
    counts.failed('server-unavailable');
    assert.equal(shown(), 'runtime.port-in-use');
  });

  it('forgets what failed for want of the server as soon as it runs', async () => {
    const { counts, shown, free } = await occupied();
    counts.failed('server-unavailable');
    await free();
    assert.match(String(shown()), /^runtime\.listening/);
  });

  it('keeps how the last request of another kind ended', async () => {
    const { counts, shown, free } = await occupied();
    counts.failed('invalid-path');
    await free();
    assert.equal(shown(), 'runtime.failed{"code":"invalid-path"}');
  });
});
