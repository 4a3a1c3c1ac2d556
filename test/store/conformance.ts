/** What any store must do, whatever it keeps its bytes in. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeviceManagementError } from '../../src/errors';
import { below, type Change, type Entry, LONGEST_KEY, type Range, type Store } from '../../src/store/store';

export interface StoreUnderTest {
  readonly store: Store;
  /** Closes it, and opens what is left of it; absent where nothing is. */
  reopen?(): Promise<Store>;
}

const bytes = (text: string): Buffer => Buffer.from(text);

async function all(store: Store, range: Range = { from: ' ', before: '\u{10ffff}' }): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of store.range(range)) entries.push(entry);
  return entries;
}

async function keysOf(store: Store, range?: Range): Promise<string[]> {
  return (await all(store, range)).map(({ key }) => key);
}

const isClosedError = (error: unknown): boolean => error instanceof DeviceManagementError && error.code === 'store-failed';

export function conformance(name: string, given: () => Promise<StoreUnderTest>): void {
  describe(`${name}: what every store does`, () => {
    let under: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      under = await given();
      store = under.store;
    });

    afterEach(async () => {
      await store.close();
    });

    it('gives back what was put, byte for byte', async () => {
      const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await store.put('a', value);
      assert.deepEqual(await store.get('a'), value);
    });

    it('tells nothing from something empty', async () => {
      await store.put('empty', Buffer.alloc(0));
      assert.deepEqual(await store.get('empty'), Buffer.alloc(0));
      assert.equal(await store.get('nothing'), undefined);
    });

    it('holds a value of a megabyte', async () => {
      const value = Buffer.alloc(1_000_000, 7);
      await store.put('large', value);
      assert.deepEqual(await store.get('large'), value);
    });

    it('puts over what was there, and deletes what may not be there', async () => {
      await store.put('a', bytes('1'));
      await store.put('a', bytes('2'));
      assert.deepEqual(await store.get('a'), bytes('2'));
      await store.delete('a');
      await store.delete('a');
      assert.equal(await store.get('a'), undefined);
    });

    it('keeps its values to itself: what a caller does with the bytes afterwards changes nothing', async () => {
      const value = bytes('before');
      await store.put('a', value);
      value.write('after!');
      const got = await store.get('a');
      assert.deepEqual(got, bytes('before'));
      got?.write('after!');
      assert.deepEqual(await store.get('a'), bytes('before'));
    });

    it('applies a batch in its order', async () => {
      await store.batch([
        { key: 'a', value: bytes('1') },
        { key: 'b', value: bytes('1') },
        { key: 'a' },
        { key: 'b', value: bytes('2') },
      ]);
      assert.deepEqual(await all(store), [{ key: 'b', value: bytes('2') }]);
      await store.batch([]);
    });

    it('refuses a batch as a whole when one of its keys is none', async () => {
      await assert.rejects(
        store.batch([
          { key: 'a', value: bytes('1') },
          { key: '', value: bytes('1') },
        ]),
      );
      assert.equal(await store.get('a'), undefined);
    });

    it('refuses keys that are empty, too long, or no text', async () => {
      for (const key of ['', 'x'.repeat(LONGEST_KEY + 1), 'a\ud800', '\udc00b']) {
        await assert.rejects(store.put(key, bytes('1')), { code: 'invalid-value' }, JSON.stringify(key));
      }
      await store.put('x'.repeat(LONGEST_KEY), bytes('1'));
    });

    it('ranges from the first key to before the last', async () => {
      await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ key, value: bytes(key) })));
      assert.deepEqual(await keysOf(store, { from: 'b', before: 'd' }), ['b', 'c']);
      assert.deepEqual(await keysOf(store, { from: 'aa', before: 'cc' }), ['b', 'c']);
      assert.deepEqual(await keysOf(store, { from: 'b', before: 'b' }), []);
      assert.deepEqual(await keysOf(store, { from: 'c', before: 'b' }), []);
    });

    it('ranges backwards, and no further than the limit', async () => {
      await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ key, value: bytes(key) })));
      assert.deepEqual(await keysOf(store, { from: 'a', before: 'd', reverse: true }), ['c', 'b', 'a']);
      assert.deepEqual(await keysOf(store, { from: 'a', before: 'z', limit: 2 }), ['a', 'b']);
      assert.deepEqual(await keysOf(store, { from: 'a', before: 'z', limit: 2, reverse: true }), ['d', 'c']);
      assert.deepEqual(await keysOf(store, { from: 'a', before: 'z', limit: 0 }), []);
    });

    it('orders keys by code point, also beyond the first plane', async () => {
      const keys = ['', 'a', 'ab', 'b', 'é', '\ue000', '\uffee', '😀', '😁', '\u{10fffe}'].slice(1);
      await store.batch([...keys].reverse().map((key) => ({ key, value: bytes(key) })));
      assert.deepEqual(await keysOf(store), keys);
    });

    it('finds what is below a prefix, and nothing beside it', async () => {
      await store.batch(
        ['queue', 'queue/', 'queue/a', 'queue/😀/1', 'queue0', 'queuf/a'].map((key) => ({ key, value: bytes('1') })),
      );
      assert.deepEqual(await keysOf(store, below('queue/')), ['queue/', 'queue/a', 'queue/😀/1']);
    });

    it('ranges over what there was when it began', async () => {
      await store.batch(['a', 'b', 'c'].map((key) => ({ key, value: bytes('1') })));
      const seen: string[] = [];
      for await (const { key } of store.range({ from: 'a', before: 'z' })) {
        if (key === 'a') await store.batch([{ key: 'b' }, { key: 'bb', value: bytes('2') }, { key: 'd', value: bytes('2') }]);
        seen.push(key);
      }
      assert.deepEqual(seen, ['a', 'b', 'c']);
    });

    it('can be left in the middle of a range, and closed', async () => {
      await store.batch(['a', 'b', 'c'].map((key) => ({ key, value: bytes('1') })));
      for await (const { key } of store.range({ from: 'a', before: 'z' })) if (key === 'b') break;
      await store.close();
    });

    it('keeps the order of changes that were not waited for', async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => store.put('a', bytes(String(index)))));
      assert.deepEqual(await store.get('a'), bytes('49'));
    });

    it('refuses everything once it is closed', async () => {
      await store.put('a', bytes('1'));
      await store.close();
      await assert.rejects(store.get('a'), isClosedError);
      await assert.rejects(store.put('a', bytes('1')), isClosedError);
      await assert.rejects(store.delete('a'), isClosedError);
      await assert.rejects(store.batch([]), isClosedError);
      await assert.rejects(keysOf(store), isClosedError);
      await store.close();
    });

    it('is the same as an ordered table, whatever is done with it', async () => {
      const key = fc.oneof(
        fc.constantFrom('a', 'a/', 'a/b', 'b', '\uffee', '😀'),
        fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' }),
      );
      const change: fc.Arbitrary<Change> = fc.record(
        { key, value: fc.uint8Array({ maxLength: 8 }).map(Buffer.from) },
        { requiredKeys: ['key'] },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 12 }),
          key,
          key,
          async (batches, from, before) => {
            for (const { key: old } of await all(store, { from: '\0', before: '\u{10ffff}' })) await store.delete(old);
            const table = new Map<string, Buffer>();
            for (const batch of batches) {
              await store.batch(batch);
              for (const { key: changed, value } of batch) {
                if (value === undefined) table.delete(changed);
                else table.set(changed, value);
              }
            }
            const expected = [...table]
              .map(([tableKey, value]) => ({ key: tableKey, value }))
              .filter(
                (entry) =>
                  Buffer.compare(bytes(entry.key), bytes(from)) >= 0 && Buffer.compare(bytes(entry.key), bytes(before)) < 0,
              )
              .sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key)));
            assert.deepEqual(await all(store, { from, before }), expected);
            assert.deepEqual(await all(store, { from, before, reverse: true }), expected.reverse());
          },
        ),
        { numRuns: 60 },
      );
    });

    it('has everything after it was closed and opened again, where it is made to last', async function () {
      if (under.reopen === undefined) return this.skip();
      await store.batch([
        { key: 'a', value: bytes('1') },
        { key: 'b', value: bytes('2') },
      ]);
      await store.delete('a');
      await store.close();
      store = await under.reopen();
      assert.deepEqual(await all(store), [{ key: 'b', value: bytes('2') }]);
    });
  });
}
