/** Who did what, kept. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { DeviceManagementError } from '../../src/errors';
import type { AuditEntry } from '../../src/fleet/audit';
import { AuditLog, type AuditQuery } from '../../src/fleet/audit-log';
import { MemoryStore } from '../../src/store/memory';
import { below } from '../../src/store/store';

const SECOND = 1000;
const entry = (action: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  actor: 'node n1',
  action,
  device: 'boiler',
  outcome: 'done',
  ...more,
});

async function kept(store = new MemoryStore(), clock = new VirtualClock(), limits = {}) {
  const log = new AuditLog(clock, limits);
  const troubles: string[] = [];
  await log.restore(store, (reason) => troubles.push(reason));
  const actions = async (query: AuditQuery = {}): Promise<string[]> =>
    (await log.query(query)).entries.map(({ action }) => action);
  return { log, store, clock, troubles, actions };
}

/** Changes what is kept behind the back of the log. */
async function tamper(store: MemoryStore, change: (text: string) => string | undefined, at = 0): Promise<void> {
  const entries: { key: string; value: Buffer }[] = [];
  for await (const one of store.range(below('audit/'))) entries.push(one);
  const { key, value } = entries[at] as { key: string; value: Buffer };
  const changed = change(value.toString());
  if (changed === undefined) await store.delete(key);
  else await store.put(key, Buffer.from(changed));
}

describe('The audit log', () => {
  it('has who did what, when, how it ended and how long it took, newest first', async () => {
    const { log, clock } = await kept();
    log.record(entry('read /3/0/9', { durationMs: 12 }));
    clock.advance(5);
    log.record(entry('write /3/0/14', { outcome: 'failed', detail: '4.05' }));
    const { entries } = await log.query({});
    assert.deepEqual(entries, [
      { ...entry('write /3/0/14', { outcome: 'failed', detail: '4.05' }), number: 2, at: clock.wall() },
      { ...entry('read /3/0/9', { durationMs: 12 }), number: 1, at: clock.wall() - 5 },
    ]);
  });

  it('is asked by device, thread, actor, beginning of the action and time', async () => {
    const { log, clock, actions } = await kept();
    log.record(entry('read /3/0/9'));
    log.record(entry('execute /3/0/4', { device: 'pump', thread: 'r1' }));
    clock.advance(SECOND);
    log.record(entry('write /3/0/14', { actor: 'user admin', thread: 'r1' }));
    assert.deepEqual(await actions({ device: 'pump' }), ['execute /3/0/4']);
    assert.deepEqual(await actions({ thread: 'r1' }), ['write /3/0/14', 'execute /3/0/4']);
    assert.deepEqual(await actions({ actor: 'user admin' }), ['write /3/0/14']);
    assert.deepEqual(await actions({ action: 'read' }), ['read /3/0/9']);
    assert.deepEqual(await actions({ from: clock.wall() }), ['write /3/0/14']);
    assert.deepEqual(await actions({ to: clock.wall() }), ['execute /3/0/4', 'read /3/0/9']);
  });

  it('is read in pages, of which none repeats or leaves out an entry while others come', async () => {
    const { log } = await kept();
    for (let n = 1; n <= 450; n++) log.record(entry(`read ${n}`));
    const numbers: number[] = [];
    let cursor: number | undefined;
    do {
      const page = await log.query({ limit: 100, ...(cursor !== undefined && { cursor }) });
      numbers.push(...page.entries.map(({ number }) => number));
      cursor = page.cursor;
      log.record(entry('meanwhile'));
    } while (cursor !== undefined);
    assert.deepEqual(
      numbers,
      Array.from({ length: 450 }, (_, index) => 450 - index),
    );
  });

  it('is written a second later at most, a chunk at a time', async () => {
    const { log, store, clock } = await kept();
    for (let n = 0; n < 50; n++) log.record(entry(`read ${n}`));
    await clock.advanceAsync(SECOND);
    let records = 0;
    for await (const _ of store.range(below('audit/'))) records++;
    assert.equal(records, 1);
  });

  it('goes on over a restart, its numbers without a gap', async () => {
    const first = await kept();
    first.log.record(entry('read 1'));
    await first.log.flush();
    const clock = new VirtualClock();
    const second = new AuditLog(clock);
    second.record(entry('before the store was open'));
    await second.restore(first.store, assert.fail);
    second.record(entry('read 2'));
    const { entries } = await second.query({});
    assert.deepEqual(
      entries.map(({ number, action }) => [number, action]),
      [
        [3, 'read 2'],
        [2, 'before the store was open'],
        [1, 'read 1'],
      ],
    );
    assert.deepEqual(await second.verify(), { entries: 3 });
  });

  it('without a store is kept in memory, of limited length', async () => {
    const log = new AuditLog(new VirtualClock());
    for (let n = 1; n <= 12_000; n++) {
      log.record(entry(`read ${n}`));
      if (n % 1000 === 0) await log.flush();
    }
    const { entries } = await log.verify();
    assert.ok(entries >= 10_000 && entries < 10_500, `${entries}`);
  });

  it('keeps as many entries, and as old ones, as it is told', async () => {
    const { log, clock } = await kept(undefined, undefined, { mostEntries: 400, mostAgeMs: 60 * SECOND });
    for (let n = 1; n <= 1000; n++) log.record(entry(`read ${n}`));
    await log.flush();
    const { entries } = await log.verify();
    assert.ok(entries >= 400 && entries <= 600, `${entries}`);
    clock.advance(61 * SECOND);
    for (let n = 0; n < 4; n++) {
      log.record(entry('later'));
      await log.flush();
    }
    const page = await log.query({ limit: 1000 });
    assert.deepEqual(new Set(page.entries.map(({ action }) => action)), new Set(['later']));
  });

  it('that gets more than it can write says how much it left out', async () => {
    const { log, actions } = await kept();
    for (let n = 0; n < 20_010; n++) log.record(entry('read'));
    assert.deepEqual(await actions({ actor: 'server' }), ['audit']);
    const [told] = (await log.query({ actor: 'server' })).entries;
    assert.match(told?.detail ?? '', /^10 entries were not kept/);
  });

  it('cuts a reason that quotes too much', async () => {
    const { log } = await kept();
    log.record(entry('write', { detail: 'x'.repeat(10_000) }));
    assert.ok(((await log.query({})).entries[0]?.detail?.length ?? 0) < 600);
  });

  describe('shows that it was changed', () => {
    async function written() {
      const world = await kept();
      for (let n = 1; n <= 500; n++) world.log.record(entry(`read ${n}`));
      await world.log.flush();
      assert.deepEqual(await world.log.verify(), { entries: 500 });
      return world;
    }

    /** With a good checksum: whoever changes a record can make that too. */
    const rewritten = (text: string, from: string, to: string): string => {
      const { createHash } = require('node:crypto') as typeof import('node:crypto');
      const body = text.slice(text.indexOf('\n') + 1).replace(from, to);
      return `1 ${createHash('sha256').update(body).digest('hex').slice(0, 16)}\n${body}`;
    };

    it('when an entry is another', async () => {
      const { log, store } = await written();
      await tamper(store, (text) => rewritten(text, 'read 7"', 'read 8"'));
      assert.deepEqual((await log.verify()).flaw, { number: 1, reason: 'it was changed' });
    });

    it('when entries are taken out of the middle', async () => {
      const { log, store } = await written();
      await tamper(store, () => undefined, 1);
      assert.deepEqual((await log.verify()).flaw, { number: 401, reason: 'entries 201 to 400 are missing before it' });
    });

    it('but not when its oldest entries have gone, as they do with time', async () => {
      const { log, store } = await written();
      await tamper(store, () => undefined, 0);
      assert.deepEqual(await log.verify(), { entries: 300 });
    });
  });

  it('sets a damaged part aside, says so, and goes on', async () => {
    const { log, store, troubles, actions } = await kept();
    log.record(entry('read 1'));
    await log.flush();
    log.record(entry('read 2'));
    await log.flush();
    await tamper(store, (text) => text.slice(0, -5));
    assert.deepEqual(await actions(), ['read 2']);
    assert.match(troubles[0] ?? '', /damaged/);
  });

  it('that cannot be written says so once, and is written when the store is well again', async () => {
    const { log, store, troubles } = await kept();
    const batch = store.batch.bind(store);
    store.batch = () => Promise.reject(new DeviceManagementError('store-failed', 'the disk is full'));
    log.record(entry('read 1'));
    await log.flush();
    log.record(entry('read 2'));
    await log.flush();
    assert.deepEqual(troubles, ['the audit log cannot be written: the disk is full']);
    store.batch = batch;
    await log.keepAll();
    assert.deepEqual(
      (await log.query({})).entries.map(({ action }) => action),
      ['read 2', 'read 1'],
    );
  });
});
