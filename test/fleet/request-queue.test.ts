import assert from 'node:assert/strict';
import fc from 'fast-check';
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

  it('a device in queue mode is asked one at a time while it is awake; what it has not heard when it falls asleep waits', async () => {
    const { manager, submit, requests } = setup();
    manager.register('sim-001', { queueMode: true });
    manager.behaviour = ({ path }) => {
      if (path !== '/2') return {};
      manager.sleep('sim-001');
      return new DeviceManagementError('timeout', 'silence');
    };
    const askers = ['/1', '/2', '/3'].map((path) => submit({ request: { operation: 'execute', path } }));
    assert.deepEqual(manager.log(), ['execute /1']);
    assert.deepEqual(
      askers.map(({ waits }) => waits),
      [false, false, false],
    );
    assert.equal(requests.waiting(), 0);
    await settled();
    assert.deepEqual(manager.log(), ['execute /1', 'execute /2']);
    assert.deepEqual(
      askers.map(({ waits, code }) => [waits, code]),
      [
        [false, '2.05'],
        [false, 'timeout'],
        [true, undefined],
      ],
    );
    assert.equal(requests.waiting('node'), 1);
  });

  it('a request the device never answers is given up after three of its wakes, and the next is asked', async () => {
    const { manager, submit } = setup();
    manager.register('sim-001', { queueMode: true });
    manager.behaviour = ({ path }) => {
      if (path !== '/1') return {};
      manager.sleep('sim-001');
      return new DeviceManagementError('timeout', 'silence');
    };
    const silent = submit(read('/1'));
    const next = submit(read('/2'));
    await settled();
    for (let wakes = 1; wakes < 3; wakes++) {
      assert.equal(silent.code, undefined);
      manager.wake('sim-001');
      await settled();
    }
    assert.equal(silent.code, 'timeout');
    assert.equal(next.code, undefined);
    manager.wake('sim-001');
    await settled();
    assert.equal(next.code, '2.05');
  });

  it('a Write that met a sleeper is sent again, unless it replaces only a part or sets something going', async () => {
    const cases: readonly [Order['request'], string | undefined][] = [
      [{ operation: 'write', path: '/3/0/14', value: '+01' }, undefined],
      [{ operation: 'write', path: '/3/0', value: { 14: '+01' } }, 'timeout'],
      [{ operation: 'write', path: '/5/0/1', value: 'coap://example/image' }, 'timeout'],
    ];
    for (const [request, code] of cases) {
      const { manager, submit } = setup();
      manager.register('sim-001', { queueMode: true });
      manager.behaviour = () => {
        manager.sleep('sim-001');
        return new DeviceManagementError('timeout', 'silence');
      };
      const asker = submit({ request });
      await settled();
      assert.equal(asker.code, code, request.path);
      assert.equal(asker.waits, code === undefined, request.path);
    }
  });

  it('the line of a device can be seen, and a request taken out of it', async () => {
    const { manager, submit, requests, clock } = setup();
    manager.register('sim-001');
    manager.sleep('sim-001');
    submit({ ...read('/1'), priority: 'low', ttlMs: 60_000 });
    const withdrawn = submit(read('/2'));
    const [second, first] = requests.line('sim-001');
    assert.deepEqual(first, {
      id: 1,
      owner: 'node',
      operation: 'read',
      path: '/1',
      priority: 'low',
      inFlight: false,
      since: clock.wall(),
      expiresAt: clock.wall() + 60_000,
    });
    assert.ok(requests.withdraw('sim-001', second?.id ?? 0));
    assert.equal(withdrawn.code, 'cancelled');
    assert.equal(requests.withdraw('sim-001', second?.id ?? 0), false);
    manager.wake('sim-001');
    await settled();
    assert.deepEqual(manager.log(), ['read /1']);
  });
});

describe('request queue: repeated requests', () => {
  function sleeping() {
    const world = setup();
    world.manager.register('sim-001', { queueMode: true });
    world.manager.sleep('sim-001');
    const wake = async (): Promise<string[]> => {
      world.manager.wake('sim-001');
      await settled();
      return world.manager.log();
    };
    return { ...world, wake };
  }
  const write = (path: string, value: unknown, mode?: 'update'): Pick<Order, 'request'> => ({
    request: { operation: 'write', path, value, ...(mode !== undefined && { mode }) },
  });

  it('the latest Write of a path wins; the others are told that they were superseded', async () => {
    const { manager, submit, wake } = sleeping();
    const askers = [1, 2, 3].map((value) => submit(write('/3/0/14', value)));
    assert.deepEqual(
      askers.map(({ code }) => code),
      ['superseded', 'superseded', undefined],
    );
    assert.equal(
      askers[0]?.text,
      "while it waited for device 'sim-001', a later write of /3/0/14 took its place; nothing of this one was sent",
    );
    await wake();
    assert.deepEqual(
      manager.asked.map(({ request }) => request),
      [{ operation: 'write', path: '/3/0/14', value: 3 }],
    );
    assert.equal(askers[2]?.code, '2.05');
  });

  it('writing over and over never fills the line', () => {
    const { submit } = sleeping();
    const askers = Array.from({ length: 500 }, (_, value) => submit(write('/3/0/14', value)));
    assert.equal(askers.filter(({ code }) => code === 'queue-full').length, 0);
  });

  it('equal Reads share one answer', async () => {
    const { submit, wake } = sleeping();
    const askers = [submit(read('/3/0/9')), submit(read('/3/0/9')), submit({ ...read('/3/0/9'), owner: 'other' })];
    assert.deepEqual(await wake(), ['read /3/0/9']);
    assert.ok(askers.every(({ code }) => code === '2.05'));
  });

  it('equal Reads share a refusal too', async () => {
    const { manager, submit, wake } = sleeping();
    manager.behaviour = () => new DeviceManagementError('4.04', 'not found');
    const askers = [submit(read('/3/0/9')), submit(read('/3/0/9'))];
    assert.deepEqual(await wake(), ['read /3/0/9']);
    assert.ok(askers.every(({ code }) => code === '4.04'));
  });

  it('a Read that comes while an equal one is under way asks again: the value may have changed', async () => {
    const { manager, submit, wake } = sleeping();
    manager.behaviour = () => new Promise((resolve) => setImmediate(() => resolve({})));
    submit(read('/3/0/9'));
    manager.wake('sim-001');
    const late = submit(read('/3/0/9'));
    assert.deepEqual(await wake(), ['read /3/0/9', 'read /3/0/9']);
    assert.equal(late.code, '2.05');
  });

  it('a Read behind a Write of what it reads is not answered by one before it', async () => {
    const { submit, wake } = sleeping();
    submit(read('/3/0/14'));
    submit(write('/3/0/14', 1));
    submit(read('/3/0/14'));
    assert.deepEqual(await wake(), ['read /3/0/14', 'write /3/0/14', 'read /3/0/14']);
  });

  const kept: readonly [string, Pick<Order, 'request'>[]][] = [
    [
      'an Execute between them',
      [write('/3/0/14', 1), { request: { operation: 'execute', path: '/3/0/4' } }, write('/3/0/14', 2)],
    ],
    [
      'a Create between them',
      [write('/3/0/14', 1), { request: { operation: 'create', path: '/9', value: {} } }, write('/3/0/14', 2)],
    ],
    ['a Delete between them', [write('/3/0/14', 1), { request: { operation: 'delete', path: '/9/0' } }, write('/3/0/14', 2)]],
    ['a Read between them that must see the first', [write('/3/0/14', 1), read('/3/0'), write('/3/0/14', 2)]],
    ['the later an update, which leaves the rest as it is', [write('/3/0', { 14: 1 }), write('/3/0', { 15: 2 })]],
    ['the later an update of a multiple resource', [write('/3/0/7', [1]), write('/3/0/7', { 1: 2 }, 'update')]],
    [
      'Reads on both sides of an Execute',
      [read('/3/0/9'), { request: { operation: 'execute', path: '/3/0/4' } }, read('/3/0/9')],
    ],
    ['Executes', [1, 2].map(() => ({ request: { operation: 'execute', path: '/3/0/4' } }))],
    ['Creates', [1, 2].map(() => ({ request: { operation: 'create', path: '/3303', value: {} } }))],
  ];
  for (const [name, orders] of kept) {
    it(`each is sent: ${name}`, async () => {
      const { submit, wake } = sleeping();
      for (const order of orders) submit(order);
      assert.equal((await wake()).length, orders.length);
    });
  }

  it('attributes that name all that the earlier ones named take their place', async () => {
    const { submit } = sleeping();
    const attributes = (set: object) => submit({ request: { operation: 'write-attributes', path: '/3/0/9', attributes: set } });
    const [first, second, third] = [attributes({ pmin: 1 }), attributes({ pmax: 9 }), attributes({ pmin: 2, pmax: null })];
    assert.deepEqual([first?.code, second?.code, third?.code], ['superseded', 'superseded', undefined]);
  });

  it('whatever is written, read and executed in whatever order, the device ends as if each had been sent', async () => {
    const paths = ['/3/0/14', '/3/0/15', '/1/0/1'];
    const step = fc.record({
      operation: fc.constantFrom('write', 'read', 'execute'),
      path: fc.constantFrom(...paths),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { manager, submit, wake } = sleeping();
        const state = new Map<string, unknown>();
        const seen = (after: ReadonlyMap<string, unknown>) => JSON.stringify([...after].sort());
        const ran: string[] = [];
        manager.behaviour = (request) => {
          if (request.operation === 'write') state.set(request.path, request.value);
          if (request.operation === 'execute') ran.push(seen(state));
          return { values: [{ path: request.path, value: (state.get(request.path) as number | undefined) ?? -1 }] };
        };
        const expected = new Map<string, unknown>();
        const expectedRuns: string[] = [];
        const expectedReads: unknown[] = [];
        const readers: Asker[] = [];
        for (const [value, { operation, path }] of steps.entries()) {
          if (operation === 'write') expected.set(path, value);
          if (operation === 'execute') expectedRuns.push(seen(expected));
          if (operation === 'read') expectedReads.push(expected.get(path) ?? -1);
          const request = (operation === 'write' ? { operation, path, value } : { operation, path }) as Order['request'];
          const asker = submit({ request });
          if (operation === 'read') readers.push(asker);
        }
        await wake();
        assert.equal(seen(state), seen(expected));
        assert.deepEqual(ran, expectedRuns);
        const values = readers.map(
          ({ outcome }) => outcome !== undefined && 'result' in outcome && outcome.result.values[0]?.value,
        );
        assert.deepEqual(values, expectedReads);
      }),
      { numRuns: 60 },
    );
  });
});

describe('request queue: priority', () => {
  const cases: readonly [string, readonly [string, Order['priority']?][], string[]][] = [
    ['high goes first', [['read /1'], ['read /2', 'high']], ['read /2', 'read /1']],
    ['low goes last', [['read /1', 'low'], ['read /2']], ['read /2', 'read /1']],
    [
      'equals keep the order of asking',
      [['read /1', 'high'], ['read /2', 'high'], ['read /3']],
      ['read /1', 'read /2', 'read /3'],
    ],
    [
      'an urgent Read does not overtake a Write of what it reads',
      [['write /3/0/14'], ['read /3/0', 'high']],
      ['write /3/0/14', 'read /3/0'],
    ],
    [
      'an urgent Execute does not overtake what it works with',
      [['write /5/0/1'], ['execute /5/0/2', 'high']],
      ['write /5/0/1', 'execute /5/0/2'],
    ],
    ['an urgent Execute overtakes the rest', [['write /5/0/1'], ['execute /3/0/4', 'high']], ['execute /3/0/4', 'write /5/0/1']],
    ['an older Write never undoes a newer, urgent one', [['write /3/0/14'], ['write /3/0/14', 'high']], ['write /3/0/14']],
  ];
  for (const [name, orders, log] of cases) {
    it(name, async () => {
      const { manager, submit } = setup();
      manager.register('sim-001');
      manager.sleep('sim-001');
      for (const [text, priority] of orders) {
        const [operation, path] = text.split(' ') as ['read' | 'execute' | 'write', string];
        const request = operation === 'write' ? { operation, path, value: 1 } : { operation, path };
        submit({ request, ...(priority !== undefined && { priority }) });
      }
      manager.wake('sim-001');
      await settled();
      assert.deepEqual(manager.log(), log);
    });
  }
});
