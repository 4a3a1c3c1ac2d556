import assert from 'node:assert/strict';
import { OBSERVED_RULES, type Observed } from '../../../nodes/observe/observed-source';
import { LIFECYCLE_RULES } from '../../../nodes/register/registration-source';
import { SourceBuffer, type SourceRules } from '../../../nodes/runtime/source-buffer';
import { VirtualClock } from '../../../src/clock';
import type { LifecycleEvent, LifecycleEventName } from '../../../src/device/manager';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const RULES: SourceRules<Reading> = { keyOf: ({ key }) => key, merge: (_, newer) => newer };

function setup<Item = Reading>(rules: SourceRules<Item> = RULES as unknown as SourceRules<Item>) {
  const clock = new VirtualClock();
  const turns: (() => void)[] = [];
  const buffer = new SourceBuffer<Item>(rules, clock, (turn) => turns.push(turn));
  const items: Item[] = [];
  let dropped = 0;
  let flow: (item: Item) => void = () => {};
  const emit = (item: Item, missed: number): void => {
    items.push(item);
    dropped += missed;
    flow(item);
  };
  const drain = (): void => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
  };
  return {
    clock,
    buffer,
    items,
    turns,
    emit,
    drain,
    droppedSoFar: () => dropped,
    slowFlow: (ms: number) => {
      flow = () => clock.advance(ms);
    },
  };
}

describe('source buffer', () => {
  it('passes everything on, in order, when the flow keeps up', () => {
    const { buffer, items, emit, drain } = setup();
    buffer.attach(emit);
    for (let value = 0; value < 900; value++) buffer.push({ key: 'a', value });
    drain();
    assert.deepEqual(
      items.map(({ value }) => value),
      Array.from({ length: 900 }, (_, index) => index),
    );
    assert.equal(buffer.dropped, 0);
  });

  it('never passes on in the turn of the push', () => {
    const { buffer, items, emit } = setup();
    buffer.attach(emit);
    buffer.push({ key: 'a', value: 1 });
    assert.deepEqual(items, []);
  });

  it('a slice takes at most 5 ms', () => {
    const { buffer, items, emit, turns, slowFlow } = setup();
    slowFlow(1);
    buffer.attach(emit);
    for (let value = 0; value < 100; value++) buffer.push({ key: 'a', value });
    turns.shift()?.();
    assert.equal(items.length, 5);
  });

  it('leaves the turns after a slice to the sockets while they bring something, yet not for ever', () => {
    const { buffer, items, emit, turns, clock, slowFlow } = setup();
    slowFlow(1);
    buffer.attach(emit);
    for (let value = 0; value < 100; value++) buffer.push({ key: 'a', value });
    turns.shift()?.();
    for (let turn = 0; turn < 49; turn++) {
      buffer.push({ key: 'a', value: 100 + turn });
      clock.advance(1);
      turns.shift()?.();
    }
    assert.equal(items.length, 5);
    buffer.push({ key: 'a', value: 200 });
    clock.advance(2);
    turns.shift()?.();
    assert.equal(items.length, 10);
    turns.shift()?.();
    assert.equal(items.length, 15, 'a turn that brought nothing ends the pause');
  });

  it('20,000 values a second into a flow that takes 1 ms each: bounded, newest right, misses counted', () => {
    const { buffer, items, emit, turns, clock, drain, droppedSoFar, slowFlow } = setup();
    slowFlow(1);
    buffer.attach(emit);
    const keys = 200;
    const newest = new Map<string, number>();
    let pushed = 0;
    let largest = 0;
    const until = 60_000;
    while (clock.monotonic() < until) {
      const due = Math.floor(clock.monotonic() * 20) + 20;
      for (; pushed < due; pushed++) {
        const key = `k${pushed % keys}`;
        buffer.push({ key, value: pushed });
        newest.set(key, pushed);
        largest = Math.max(largest, buffer.size);
      }
      const turn = turns.shift();
      if (turn === undefined) clock.advance(1);
      else turn();
    }
    drain();
    const last = new Map(items.map(({ key, value }) => [key, value]));
    assert.ok(pushed >= 1_199_000);
    assert.ok(largest <= 1000, `${largest} held`);
    assert.deepEqual(last, newest);
    assert.equal(droppedSoFar(), buffer.dropped);
    assert.equal(items.length + buffer.dropped, pushed);
  });

  it('values of one key never change places', () => {
    const { buffer, items, emit, drain } = setup();
    for (let value = 0; value < 5000; value++) buffer.push({ key: `k${value % 7}`, value });
    buffer.attach(emit);
    drain();
    for (let key = 0; key < 7; key++) {
      const values = items.filter((item) => item.key === `k${key}`).map(({ value }) => value);
      assert.deepEqual(
        values,
        [...values].sort((a, b) => a - b),
      );
      assert.equal(values.at(-1), 4999 - ((4999 - key) % 7));
    }
  });

  it('more keys than the limit are all kept: each has a newest', () => {
    const { buffer, items, emit, drain } = setup();
    for (let round = 0; round < 3; round++) for (let key = 0; key < 4000; key++) buffer.push({ key: `k${key}`, value: round });
    assert.equal(buffer.size, 4000);
    buffer.attach(emit);
    drain();
    assert.equal(items.length, 4000);
    assert.ok(items.every(({ value }) => value === 2));
  });

  it('holds while nobody listens or flows are being built', () => {
    const { buffer, items, emit, drain } = setup();
    buffer.push({ key: 'a', value: 1 });
    buffer.hold();
    buffer.attach(emit);
    drain();
    assert.deepEqual(items, []);
    buffer.release();
    drain();
    assert.equal(items.length, 1);
    buffer.detach();
    buffer.push({ key: 'a', value: 2 });
    drain();
    assert.equal(items.length, 1);
    buffer.attach(emit);
    drain();
    assert.equal(items.length, 2);
  });
});

describe('what is made one when a flow is far behind', () => {
  const lifecycle = (event: LifecycleEventName, device: string): LifecycleEvent => ({ event, device, at: 0 });

  it('registration events: one per device, and "registered" is not hidden by "updated"', () => {
    const { buffer, items, emit, drain } = setup<LifecycleEvent>(LIFECYCLE_RULES);
    for (let device = 0; device < 1000; device++) buffer.push(lifecycle('registered', `sim-${device}`));
    for (let device = 0; device < 1000; device++) buffer.push(lifecycle('updated', `sim-${device}`));
    buffer.push(lifecycle('expired', 'sim-7'));
    buffer.push(lifecycle('registered', 'sim-1000'));
    buffer.attach(emit);
    drain();
    assert.equal(items.length, 1001);
    assert.deepEqual(new Set(items.map(({ event }) => event)), new Set(['registered', 'expired']));
    assert.equal(items.find(({ device }) => device === 'sim-7')?.event, 'expired');
  });

  it('values: the newest of each path, also of a notification that holds only what changed', () => {
    const observed = (path: string, value: number, at: number): Observed => ({
      operation: 'notify',
      device: 'sim-001',
      path: '/3/0',
      values: [{ path, value }],
      at,
    });
    const merged = OBSERVED_RULES.merge(observed('/3/0/9', 85, 1), observed('/3/0/10', 5, 2));
    assert.deepEqual(merged.values, [
      { path: '/3/0/9', value: 85, at: 1 },
      { path: '/3/0/10', value: 5, at: 2 },
    ]);
    assert.deepEqual(OBSERVED_RULES.merge(observed('/3/0/9', 85, 1), observed('/3/0/9', 84, 2)).values, [
      { path: '/3/0/9', value: 84 },
    ]);
  });
});
