import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { GroupCommit } from '../../src/store/group-commit';
import { MemoryStore } from '../../src/store/memory';
import type { Change } from '../../src/store/store';

/** A store whose batches are written down, and take as long as the test says. */
class SlowStore extends MemoryStore {
  readonly batches: (readonly Change[])[] = [];
  failure: Error | undefined;
  until: Promise<void> = Promise.resolve();

  override async batch(changes: readonly Change[]): Promise<void> {
    this.batches.push(changes);
    await this.until;
    if (this.failure !== undefined) throw this.failure;
    await super.batch(changes);
  }
}

function given() {
  const store = new SlowStore();
  const clock = new VirtualClock();
  return { store, clock, commits: new GroupCommit(store, clock) };
}

const change = (key: string, value = '1'): Change[] => [{ key, value: Buffer.from(value) }];

describe('a group commit', () => {
  it('is one batch of all that came within a millisecond, and then everybody is told', async () => {
    const { store, clock, commits } = given();
    const done: string[] = [];
    for (const key of ['a', 'b']) void commits.commit(change(key)).then(() => done.push(key));
    await clock.advanceAsync(0.9);
    void commits.commit(change('c')).then(() => done.push('c'));
    assert.equal(store.batches.length, 0);
    await clock.advanceAsync(1);
    assert.deepEqual(
      store.batches.map((batch) => batch.map(({ key }) => key)),
      [['a', 'b', 'c']],
    );
    assert.deepEqual(done, ['a', 'b', 'c']);
  });

  it('that takes long is followed by one of all that came meanwhile, never met by another', async () => {
    const { store, clock, commits } = given();
    let finish: () => void = () => {};
    store.until = new Promise((resolve) => {
      finish = resolve;
    });
    const first = commits.commit(change('a', '1'));
    await clock.advanceAsync(1);
    const others = [commits.commit(change('a', '2')), commits.commit(change('b'))];
    await clock.advanceAsync(100);
    assert.equal(store.batches.length, 1);
    finish();
    await Promise.all([first, ...others]);
    assert.equal(store.batches.length, 2);
    assert.deepEqual(await store.get('a'), Buffer.from('2'));
  });

  it('that fails is told to each who is in it, and the next goes on', async () => {
    const { store, clock, commits } = given();
    store.failure = new Error('disk full');
    const failed = Promise.allSettled([commits.commit(change('a')), commits.commit(change('b'))]);
    await clock.advanceAsync(1);
    assert.deepEqual(
      (await failed).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    store.failure = undefined;
    const next = commits.commit(change('c'));
    await clock.advanceAsync(1);
    await next;
    assert.deepEqual(await store.get('c'), Buffer.from('1'));
  });

  it('is bounded: many changes are several batches, and none of them is split', async () => {
    const { store, clock, commits } = given();
    const done = Array.from({ length: 5 }, (_, index) =>
      commits.commit(Array.from({ length: 600 }, (_unused, at) => ({ key: `${index}/${at}`, value: Buffer.alloc(1) }))),
    );
    await clock.advanceAsync(1);
    await Promise.all(done);
    assert.deepEqual(
      store.batches.map(({ length }) => length),
      [1200, 1200, 600],
    );
  });

  it('can be asked for at once', async () => {
    const { store, clock, commits } = given();
    void commits.commit(change('a'));
    await commits.flush();
    assert.deepEqual(await store.get('a'), Buffer.from('1'));
    await clock.advanceAsync(10);
    assert.equal(store.batches.length, 1);
  });
});
