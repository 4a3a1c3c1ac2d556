import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import { Fleet } from '../../src/fleet/fleet';
import type { Listener, Order, Outcome } from '../../src/fleet/outcomes';
import { RequestJournal } from '../../src/fleet/request-journal';
import { MemoryStore } from '../../src/store/memory';
import { below, type Change, type Entry, type Range } from '../../src/store/store';
import { FakeManager } from './fake-manager';

/** The disk as one life of the process sees it: it may fail, and once the process has ended nothing of it arrives any more. */
class Disk extends MemoryStore {
  failure: Error | undefined;
  ended = false;

  constructor(private readonly kept: MemoryStore) {
    super();
  }

  override range(range: Range): AsyncIterable<Entry> {
    return this.kept.range(range);
  }

  override batch(changes: readonly Change[]): Promise<void> {
    if (this.ended) return new Promise(() => {});
    return this.failure === undefined ? this.kept.batch(changes) : Promise.reject(this.failure);
  }
}

/** A fleet from the start of its process to the end. */
class Life {
  readonly manager = new FakeManager();
  readonly fleet: Fleet;
  readonly disk: Disk;
  readonly troubles: string[] = [];
  /** Requests that reached the device. */
  readonly reached: string[] = [];
  /** What the successor of an earlier node was told. */
  readonly answers: { readonly order: Order; readonly code: string }[] = [];
  /** What the asker itself was told. */
  readonly told: string[] = [];

  private constructor(
    readonly kept: MemoryStore,
    readonly clock: VirtualClock,
  ) {
    this.disk = new Disk(kept);
    this.fleet = new Fleet(this.manager, clock);
  }

  static async begin(kept = new MemoryStore(), clock = new VirtualClock()): Promise<Life> {
    const life = new Life(kept, clock);
    life.manager.behaviour = ({ operation, path }) => {
      life.reached.push(`${operation} ${path}`);
      return {};
    };
    const { requests } = life.fleet;
    requests.outcomes.succeed('node', (order, outcome) => life.answers.push({ order, code: codeOf(outcome) }));
    await requests.restore(new RequestJournal(life.disk, clock, (reason) => life.troubles.push(reason)));
    return life;
  }

  /** The process is killed at this instant, and another begins `later`. */
  async restart(later = 0): Promise<Life> {
    this.disk.ended = true;
    return Life.begin(this.kept, new VirtualClock(this.clock.wall() + later));
  }

  submit(path: string, changes: Partial<Order> = {}): void {
    const listener: Listener = {
      queued: () => this.told.push(`queued ${path}`),
      settled: (outcome) => this.told.push(`${codeOf(outcome)} ${path}`),
    };
    const request = { operation: 'read', path } as const;
    this.fleet.requests.submit({ owner: 'node', device: 'sim-001', request, whenAsleep: 'queue', ...changes }, listener);
  }

  sleeping(): void {
    this.manager.register('sim-001', { queueMode: true });
    this.manager.sleep('sim-001');
  }

  async wake(): Promise<string[]> {
    if (this.manager.registration('sim-001') === undefined) this.manager.register('sim-001', { queueMode: true });
    else this.manager.wake('sim-001');
    await this.clock.advanceAsync(50);
    return this.manager.log();
  }

  async stored(): Promise<number> {
    let count = 0;
    for await (const _ of this.kept.range(below('queue/'))) count++;
    return count;
  }
}

const codeOf = (outcome: Outcome): string => ('error' in outcome ? outcome.error.code : outcome.result.code);

describe('requests that wait, over a restart', () => {
  it('are kept before their asker is told that they wait', async () => {
    const world = await Life.begin();
    world.sleeping();
    world.submit('/3/0/9');
    await world.clock.advanceAsync(0.9);
    assert.deepEqual(world.told, []);
    assert.equal(await world.stored(), 0);
    await world.clock.advanceAsync(1);
    assert.deepEqual(world.told, ['queued /3/0/9']);
    assert.equal(await world.stored(), 1);
  });

  it('that can be asked at once are never written', async () => {
    const world = await Life.begin();
    world.manager.register('sim-001');
    world.manager.register('sleepy', { queueMode: true });
    world.submit('/3/0/9');
    world.submit('/3/0/9', { device: 'sleepy' });
    await world.clock.advanceAsync(20);
    assert.equal(await world.stored(), 0);
    assert.deepEqual(world.told, ['2.05 /3/0/9', '2.05 /3/0/9']);
  });

  it('are asked when the device comes, in the order of asking, and answered to the successor with what was kept', async () => {
    const before = await Life.begin();
    before.sleeping();
    const value = { 14: '+01', 15: Buffer.from([1]), at: new Date(5) };
    before.submit('/3/0/9', { kept: { topic: 'battery', _msgid: 'm1', job: { id: 7 } } });
    before.submit('/3/0', { request: { operation: 'write', path: '/3/0', value } });
    before.submit('/1/0/8', { request: { operation: 'execute', path: '/1/0/8' }, priority: 'low' });
    before.submit('/3/0/0');
    await before.clock.advanceAsync(10);
    const after = await before.restart();
    assert.equal(after.fleet.requests.waiting('node'), 4);
    await after.wake();
    assert.deepEqual(after.manager.log(), ['read /3/0/9', 'write /3/0', 'read /3/0/0', 'execute /1/0/8']);
    assert.deepEqual(after.manager.asked[1]?.request, { operation: 'write', path: '/3/0', value });
    assert.deepEqual(after.answers[0]?.order.kept, { topic: 'battery', _msgid: 'm1', job: { id: 7 } });
    assert.equal(await after.stored(), 0);
  });

  it('are forgotten once they are answered, superseded, withdrawn, expired, or their owner is gone', async () => {
    const world = await Life.begin();
    world.sleeping();
    const write = (value: number) => ({ request: { operation: 'write', path: '/3/0/14', value } as const });
    world.submit('/1');
    world.submit('/2', { ttlMs: 1000 });
    world.submit('/3');
    world.submit('/3/0/14', write(1));
    world.submit('/3/0/14', write(2));
    world.submit('/4', { owner: 'gone' });
    await world.clock.advanceAsync(10);
    assert.equal(await world.stored(), 5);
    world.fleet.requests.cancel('gone');
    world.fleet.requests.withdraw('sim-001', world.fleet.requests.line('sim-001').find(({ path }) => path === '/3')?.id ?? 0);
    await world.clock.advanceAsync(2000);
    assert.equal(await world.stored(), 2);
    await world.wake();
    assert.equal(await world.stored(), 0);
  });

  it('that expired meanwhile are told so', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/9', { ttlMs: 60_000 });
    await before.clock.advanceAsync(10);
    const after = await before.restart(61_000);
    assert.deepEqual(
      after.answers.map(({ code }) => code),
      ['queue-expired'],
    );
    await after.clock.advanceAsync(10);
    assert.equal(await after.stored(), 0);
  });

  it('go on waiting for what is left of their time, and never longer than was asked for, however the clock is set', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/9', { ttlMs: 60_000 });
    await before.clock.advanceAsync(10);
    const earlier = new VirtualClock(Date.UTC(2025, 11, 31));
    before.disk.ended = true;
    const after = await Life.begin(before.kept, earlier);
    earlier.advance(61_000);
    assert.deepEqual(
      after.answers.map(({ code }) => code),
      ['queue-expired'],
    );
  });

  it('that must not be repeated are not, when the process ended while they were on their way', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/4', { request: { operation: 'execute', path: '/3/0/4' } });
    await before.clock.advanceAsync(10);
    before.manager.behaviour = () => new Promise(() => {});
    assert.deepEqual(await before.wake(), ['execute /3/0/4']);
    const after = await before.restart();
    assert.deepEqual(
      after.answers.map(({ code }) => code),
      ['interrupted'],
    );
    await after.wake();
    assert.deepEqual(after.manager.log(), []);
  });

  it('that may be repeated are asked again, when the process ended while they were on their way', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/9');
    await before.clock.advanceAsync(10);
    before.manager.behaviour = () => new Promise(() => {});
    await before.wake();
    const after = await before.restart();
    await after.wake();
    assert.deepEqual(after.manager.log(), ['read /3/0/9']);
  });

  it('that were marked and then met a sleeper are asked in the next life', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/4', { request: { operation: 'execute', path: '/3/0/4' } });
    await before.clock.advanceAsync(10);
    before.manager.behaviour = () => {
      before.manager.sleep('sim-001');
      return new DeviceManagementError('asleep', 'just now');
    };
    await before.wake();
    const after = await before.restart();
    await after.wake();
    assert.deepEqual(after.manager.log(), ['execute /3/0/4']);
  });

  it('stay in the store when the server stops, and are not told to have failed', async () => {
    const before = await Life.begin();
    before.sleeping();
    before.submit('/3/0/9');
    await before.clock.advanceAsync(10);
    before.fleet.close();
    assert.deepEqual(before.told, ['queued /3/0/9']);
    assert.equal((await before.restart()).fleet.requests.waiting('node'), 1);
  });

  it('wait in memory when the store fails, and that is told once', async () => {
    const world = await Life.begin();
    world.sleeping();
    world.disk.failure = new Error('the disk is full');
    for (const path of ['/1', '/2']) world.submit(path);
    await world.clock.advanceAsync(10);
    world.submit('/3');
    await world.clock.advanceAsync(10);
    assert.deepEqual(world.told, ['queued /1', 'queued /2', 'queued /3']);
    assert.deepEqual(world.troubles, [
      'waiting requests are kept in memory only and would not survive a restart: the disk is full',
    ]);
    assert.deepEqual(await world.wake(), ['read /1', 'read /2', 'read /3']);
  });

  it('that cannot be written because of what they hold wait in memory', async () => {
    const world = await Life.begin();
    world.sleeping();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    world.submit('/3/0/9', { kept: { job: circle } });
    await world.clock.advanceAsync(10);
    assert.deepEqual(world.told, ['queued /3/0/9']);
    assert.equal(world.troubles.length, 1);
  });

  it('that are damaged are set aside and reported, and the others go on', async () => {
    const before = await Life.begin();
    before.sleeping();
    for (const path of ['/1', '/2', '/3']) before.submit(path);
    await before.clock.advanceAsync(10);
    await before.kept.put('queue/000000000002', Buffer.from('torn'));
    await before.kept.put('queue/000000000009', Buffer.from('{}'));
    const after = await before.restart();
    assert.equal(after.fleet.requests.waiting('node'), 2);
    assert.match(
      after.troubles[0] ?? '',
      /\(queue\/000000000002\) cannot be read: it has no header; it was set aside as quarantine/,
    );
    assert.equal(after.troubles.length, 2);
  });

  it('are neither lost nor doubled, whenever the process ends', async () => {
    const step = fc.constantFrom('read', 'execute', 'wake', 'sleep', 'pass', 'end');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let world = await Life.begin();
        const lives = [world];
        world.sleeping();
        let asked = 0;
        const told = new Set<string>();
        for (const next of steps) {
          if (next === 'read' || next === 'execute') {
            const path = `/3/0/${asked++}`;
            world.submit(path, { request: { operation: next, path } });
          }
          if (next === 'wake') world.manager.wake('sim-001');
          if (next === 'sleep') world.manager.sleep('sim-001');
          if (next === 'pass') await world.clock.advanceAsync(6);
          if (next !== 'end') continue;
          const last = world;
          world = await last.restart();
          // Whoever was told that it waits, and no answer.
          for (const text of last.told) if (text.startsWith('queued ')) told.add(text.slice(7));
          lives.push(world);
          world.sleeping();
        }
        for (const text of world.told) if (text.startsWith('queued ')) told.add(text.slice(7));
        world.manager.wake('sim-001');
        await world.clock.advanceAsync(500);
        const executed = lives.flatMap(({ reached }) => reached).filter((text) => text.startsWith('execute'));
        assert.equal(new Set(executed).size, executed.length, 'executed twice');
        const settled = new Set([
          ...lives.flatMap((each) => each.told.filter((text) => !text.startsWith('queued')).map((text) => text.split(' ')[1])),
          ...lives.flatMap(({ answers }) => answers.map(({ order }) => order.request.path)),
        ]);
        for (const path of told) assert.ok(settled.has(path), `${path} was lost`);
        assert.equal(await world.stored(), 0);
      }),
      { numRuns: 300 },
    );
  });
});
