import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemoryStore } from '../../src/store/memory';
import { type DamagedRecord, QUARANTINE, type RecordKind, Records } from '../../src/store/records';
import { below } from '../../src/store/store';

const PLAIN: RecordKind<unknown> = { prefix: 'thing/', version: 1, read: (value) => value };

function given<T>(kind: RecordKind<T>, store = new MemoryStore()) {
  const records = new Records(store, kind);
  const damaged: DamagedRecord[] = [];
  const onDamaged = (record: DamagedRecord): void => void damaged.push(record);
  const put = (id: string, value: T): Promise<void> => store.batch([records.change(id, value)]);
  const all = async (): Promise<[string, T][]> => {
    const found: [string, T][] = [];
    for await (const { id, value } of records.all(onDamaged)) found.push([id, value]);
    return found;
  };
  return { store, records, damaged, onDamaged, put, all };
}

async function spoil(store: MemoryStore, key: string, spoiling: (bytes: Buffer) => Buffer): Promise<Buffer> {
  const spoilt = spoiling((await store.get(key)) as Buffer);
  await store.put(key, spoilt);
  return spoilt;
}

describe('records', () => {
  it('come back as they were, in order of their ids', async () => {
    const { put, all, records, onDamaged } = given(PLAIN);
    await put('b', { value: Buffer.from([0, 255]) });
    await put('a', { at: new Date(1234), none: null, list: [1, 'x', true], infinite: Number.NEGATIVE_INFINITY });
    assert.deepEqual(await all(), [
      ['a', { at: new Date(1234), none: null, list: [1, 'x', true], infinite: Number.NEGATIVE_INFINITY }],
      ['b', { value: Buffer.from([0, 255]) }],
    ]);
    assert.deepEqual(await records.get('b', onDamaged), { value: Buffer.from([0, 255]) });
    assert.equal(await records.get('c', onDamaged), undefined);
  });

  it('come back as they were, whatever plain data they hold', async () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
      fc.date({ noInvalidDate: true }),
    );
    const name = fc.oneof(
      fc.constantFrom('$', 'value', 'bytes'),
      fc.string().filter((text) => text !== '__proto__'),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (data) => {
        const { put, all } = given(PLAIN);
        await put('a', data);
        assert.deepEqual(await all(), [['a', data]]);
      }),
    );
  });

  it('are deleted by a change without a value', async () => {
    const { put, all, store, records } = given(PLAIN);
    await put('a', 1);
    await store.batch([records.change('a', undefined)]);
    assert.deepEqual(await all(), []);
  });

  it('of an older version are migrated step by step', async () => {
    const store = new MemoryStore();
    await given<unknown>({ ...PLAIN, version: 1 }, store).put('a', { name: 'x' });
    const kind: RecordKind<unknown> = {
      ...PLAIN,
      version: 3,
      migrations: { 1: (old) => ({ title: (old as { name: string }).name }), 2: (old) => ({ ...(old as object), size: 0 }) },
    };
    assert.deepEqual(await given(kind, store).all(), [['a', { title: 'x', size: 0 }]]);
  });

  it('of a newer version are left alone and reported', async () => {
    const store = new MemoryStore();
    await given<unknown>({ ...PLAIN, version: 2 }, store).put('a', 1);
    const { all, damaged } = given(PLAIN, store);
    assert.deepEqual(await all(), []);
    assert.deepEqual(damaged, [{ key: 'thing/a', reason: 'it was written by a newer version (format 2)', movedTo: undefined }]);
    assert.notEqual(await store.get('thing/a'), undefined);
  });

  const damages: readonly [string, (bytes: Buffer) => Buffer, RegExp][] = [
    ['a bit has turned', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]), /checksum/],
    ['the end is missing', (bytes) => bytes.subarray(0, -3), /checksum/],
    ['nothing is left', () => Buffer.alloc(0), /no header/],
    ['zeros stand in its place', (bytes) => Buffer.alloc(bytes.length), /no header/],
  ];
  for (const [name, spoiling, reason] of damages) {
    it(`that are damaged are set aside and reported, and the others read: ${name}`, async () => {
      const { store, put, all, damaged } = given(PLAIN);
      for (const id of ['a', 'b', 'c']) await put(id, { id });
      const spoilt = await spoil(store, 'thing/b', spoiling);
      assert.deepEqual(await all(), [
        ['a', { id: 'a' }],
        ['c', { id: 'c' }],
      ]);
      assert.equal(damaged.length, 1);
      assert.equal(damaged[0]?.movedTo, 'quarantine/thing/b');
      assert.match(damaged[0]?.reason ?? '', reason);
      assert.deepEqual(await store.get('quarantine/thing/b'), spoilt);
      assert.equal(await store.get('thing/b'), undefined);
      assert.equal((await all()).length, 2);
      assert.equal(damaged.length, 1);
    });
  }

  it('that are whole but not what they should be are set aside too', async () => {
    const numbers: RecordKind<number> = {
      ...PLAIN,
      read: (value) => {
        if (typeof value !== 'number') throw new Error('it is no number');
        return value;
      },
    };
    const { put, all, damaged } = given(numbers);
    await put('a', 'text' as unknown as number);
    await put('b', 2);
    assert.deepEqual(await all(), [['b', 2]]);
    assert.equal(damaged[0]?.reason, 'it is no number');
  });

  it('that a migration cannot read are set aside too, and so are those no migration leads from', async () => {
    const store = new MemoryStore();
    await given<unknown>(PLAIN, store).put('a', 1);
    const { all, damaged } = given({ ...PLAIN, version: 3, migrations: { 1: (old) => old } }, store);
    assert.deepEqual(await all(), []);
    assert.match(damaged[0]?.reason ?? '', /no migration leads from format 2 to 3/);
  });

  it('never throw for whatever bytes stand in their place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        const { store, all, damaged } = given(PLAIN);
        await store.put('thing/a', Buffer.from(bytes));
        assert.equal((await all()).length + damaged.length, 1);
        let set = 0;
        for await (const _ of store.range(below(QUARANTINE))) set++;
        assert.equal(set, damaged.length);
      }),
    );
  });
});
