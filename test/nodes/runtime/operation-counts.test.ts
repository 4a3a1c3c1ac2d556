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
  const refuse = (times: number) => {
    manager.refused += times;
    const refusal = { reason: 'esp-kitchen refused', remedy: 'Permit it.', address: '192.168.1.20:5683', count: times };
    manager.events.emit('lifecycle', { event: 'refused', device: 'esp-kitchen', refusal, at: 0 });
  };
  return { counts, shown, free, refuse };
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

  it('tells how many registrations were refused while nothing is under way, beside how the last request ended', async () => {
    const { counts, shown, free, refuse } = await occupied();
    const told = (text: string, refused: number) => `runtime.and-refused${JSON.stringify({ text, refused })}`;
    await free();
    refuse(2);
    assert.equal(shown(), told('runtime.listening{"port":5683}', 2));
    counts.began();
    assert.equal(shown(), 'runtime.in-flight{"n":1}');
    counts.landed();
    counts.settled({ result: {} } as Parameters<OperationCounts['settled']>[0]);
    assert.equal(shown(), told('runtime.ok', 2));
    refuse(1);
    assert.equal(shown(), told('runtime.ok', 3), 'without another message');
  });

  it('closed, it shows nothing more', async () => {
    const { counts, shown, free, refuse } = await occupied();
    await free();
    const last = shown();
    counts.close();
    refuse(1);
    assert.equal(shown(), last);
  });
});
