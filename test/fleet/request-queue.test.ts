import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import { Fleet, type FleetOptions } from '../../src/fleet/fleet';
import type { Listener, Order, Outcome } from '../../src/fleet/outcomes';
import { FakeManager, settled } from './fake-manager';

class Asker implements Listener {
  waits = false;
  outcome: Outcome | undefined;

  queued(): void {
    this.waits = true;
  }

  settled(outcome: Outcome): void {
    assert.equal(this.outcome, undefined, 'settled twice');
    this.outcome = outcome;
  }

  get code(): string | undefined {
    if (this.outcome === undefined) return undefined;
    return 'error' in this.outcome ? this.outcome.error.code : this.outcome.result.code;
  }

  get text(): string {
    return this.outcome !== undefined && 'error' in this.outcome ? this.outcome.error.message : '';
  }
}

function setup(options: FleetOptions = {}) {
  const manager = new FakeManager();
  const clock = new VirtualClock();
  const fleet = new Fleet(manager, clock, options);
  const submit = (changes: Partial<Order> = {}): Asker => {
    const asker = new Asker();
    const request = { operation: 'read', path: '/3/0/9' } as const;
    fleet.requests.submit({ owner: 'node', device: 'sim-001', request, whenAsleep: 'queue', ...changes }, asker);
    return asker;
  };
  return { manager, clock, fleet, submit, requests: fleet.requests };
}

const read = (path: string): Pick<Order, 'request'> => ({ request: { operation: 'read', path } });

describe('request queue', () => {
  it('a reachable device is asked at once', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    const asker = submit({ timeoutMs: 5000 });
    assert.equal(manager.asked.length, 1);
    assert.deepEqual(manager.asked[0]?.options, { timeoutMs: 5000 });
    await settled();
    assert.equal(asker.code, '2.05');
    assert.equal(asker.waits, false);
  });

  it('a sleeping device is asked when it wakes, one request at a time, in the order of asking', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001', { queueMode: true });
    manager.sleep('sim-001');
    const askers = ['/1', '/2', '/3'].map((path) => submit(read(path)));
    assert.deepEqual(manager.log(), []);
    assert.equal(requests.waiting('node'), 3);
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['read /1', 'read /2', 'read /3']);
    assert.equal(manager.mostInFlight, 1);
    assert.ok(askers.every(({ waits, code }) => waits && code === '2.05'));
    assert.equal(requests.waiting(), 0);
  });

  it('what comes while the line moves does not overtake it', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    submit(read('/1'));
    submit(read('/2'));
    manager.wake('sim-001');
    submit(read('/3'));
    await settled();
    assert.deepEqual(manager.log(), ['read /1', 'read /2', 'read /3']);
  });

  it('a device that has gone but was here is waited for', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    manager.leave('sim-001');
    const asker = submit();
    assert.ok(asker.waits);
    manager.register('sim-001');
    await settled();
    assert.equal(asker.code, '2.05');
  });

  it('a device never seen fails at once, naming whom it may have meant', () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    manager.register('sim-002');
    const asker = submit({ device: 'sim-0O1' });
    assert.equal(asker.code, 'not-registered');
    assert.equal(asker.text, "no device 'sim-0O1' is registered; did you mean sim-001?");
  });

  it('a device never seen where there are none says so', () => {
    assert.equal(
      setup().submit().text,
      "no device 'sim-001' is registered: no device is registered at all; check that devices reach this server's address and port",
    );
  });

  it('fails rather than waits when told to', () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const sleeping = submit({ whenAsleep: 'fail' });
    assert.equal(sleeping.code, 'asleep');
    assert.match(sleeping.text, /let the request wait for it \(queue\)/);
    manager.leave('sim-001');
    const gone = submit({ whenAsleep: 'fail' });
    assert.equal(gone.code, 'not-registered');
    assert.match(gone.text, /is not registered any more/);
  });

  it('a wait ends at its ttl', async () => {
    const { manager, submit, clock, requests } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const short = submit({ ttlMs: 10_000 });
    const long = submit({ ttlMs: 60_000 });
    clock.advance(11_000);
    assert.equal(short.code, 'queue-expired');
    assert.match(short.text, /'sim-001' did not come within 10 s/);
    assert.equal(long.code, undefined);
    assert.equal(requests.waiting(), 1);
    manager.wake('sim-001');
    await settled();
    assert.equal(long.code, '2.05');
  });

  it('is bounded for one device and in total', () => {
    const { manager, submit } = setup({ mostPerDevice: 2, mostInTotal: 3 });
    for (const device of ['a', 'b']) {
      manager.register(device);
      manager.sleep(device);
    }
    const askers = ['a', 'a', 'a', 'b', 'b'].map((device) => submit({ device }));
    assert.deepEqual(
      askers.map(({ code }) => code),
      [undefined, undefined, 'queue-full', undefined, 'queue-full'],
    );
    assert.match(askers[2]?.text ?? '', /2 requests wait for device 'a' already/);
  });

  it('a device that falls asleep between look and request is waited for', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001');
    manager.behaviour = () => {
      manager.behaviour = () => ({});
      manager.sleep('sim-001');
      return new DeviceManagementError('asleep', 'asleep');
    };
    const asker = submit();
    await settled();
    assert.ok(asker.waits);
    manager.wake('sim-001');
    await settled();
    assert.equal(asker.code, '2.05');
  });

  it('a Read that met a sleeper is asked again, an Execute is not: it might have been heard', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001', { queueMode: true });
    const silence = () => {
      manager.sleep('sim-001');
      return new DeviceManagementError('timeout', 'no answer');
    };
    manager.behaviour = silence;
    const reading = submit();
    await settled();
    assert.ok(reading.waits);
    manager.behaviour = () => ({});
    manager.wake('sim-001');
    await settled();
    assert.equal(reading.code, '2.05');
    manager.behaviour = silence;
    const executing = submit({ request: { operation: 'execute', path: '/3/0/4' } });
    await settled();
    assert.equal(executing.code, 'timeout');
  });

  it('the answer of a device ends a wait, whatever it is', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const asker = submit();
    manager.behaviour = () => new DeviceManagementError('4.04', 'not found');
    manager.wake('sim-001');
    await settled();
    assert.equal(asker.code, '4.04');
    assert.equal(requests.waiting(), 0);
  });

  it('a device that falls asleep again keeps the rest of its line', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    for (const path of ['/1', '/2', '/3']) submit(read(path));
    manager.behaviour = ({ path }) => {
      if (path === '/2') manager.sleep('sim-001');
      return {};
    };
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['read /1', 'read /2']);
    assert.equal(requests.waiting(), 1);
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['read /1', 'read /2', 'read /3']);
  });

  it('an owner that is gone for good has nothing asked any more', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const mine = submit({ owner: 'gone' });
    const other = submit({ owner: 'here' });
    requests.cancel('gone');
    manager.wake('sim-001');
    await settled();
    assert.equal(manager.asked.length, 1);
    assert.equal(mine.code, undefined);
    assert.equal(other.code, '2.05');
  });

  it('after a deploy the answer goes to the successor, with what was kept', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const before = submit({ kept: { topic: 'battery' } });
    requests.outcomes.handOver('node');
    const after: Order[] = [];
    requests.outcomes.succeed('node', (order) => after.push(order));
    manager.wake('sim-001');
    await settled();
    assert.equal(before.outcome, undefined);
    assert.deepEqual(after[0]?.kept, { topic: 'battery' });
  });

  it('an answer that comes in the middle of a deploy is held for the successor', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001');
    submit();
    requests.outcomes.handOver('node');
    await settled();
    const after: Outcome[] = [];
    requests.outcomes.succeed('node', (_, outcome) => after.push(outcome));
    assert.equal(after.length, 1);
  });

  it('an answer nobody comes for is told to the audit', async () => {
    const { manager, submit, requests } = setup();
    const abandoned: string[] = [];
    requests.outcomes.onAbandoned = ({ device }) => abandoned.push(device);
    manager.register('sim-001');
    submit();
    requests.outcomes.handOver('node');
    await settled();
    requests.outcomes.abandonHeld();
    assert.deepEqual(abandoned, ['sim-001']);
  });

  it('a thousand devices that come at once are asked a few at a time', async () => {
    const { manager, submit } = setup({ linesAtOnce: 10 });
    const names = Array.from({ length: 1000 }, (_, index) => `sim-${index}`);
    for (const device of names) {
      manager.register(device);
      manager.sleep(device);
    }
    const askers = names.map((device) => submit({ device }));
    manager.behaviour = () => new Promise((resolve) => setImmediate(() => resolve({})));
    for (const device of names) manager.wake(device);
    while (askers.some(({ outcome }) => outcome === undefined)) await settled();
    assert.ok(manager.mostInFlight <= 10, `${manager.mostInFlight} at once`);
  });

  it('stopping tells whoever waits', () => {
    const { manager, submit, fleet, clock } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    const asker = submit();
    fleet.close();
    assert.equal(asker.code, 'cancelled');
    clock.advance(100_000_000);
  });
});
