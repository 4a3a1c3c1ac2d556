import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NumberTable } from '../../src/coap/number-table';

describe('the table of numbers', () => {
  it('holds what a Map would hold, whatever comes and goes', () => {
    // Few different keys make runs and their repair likely; the large ones use all 48 bits of a token.
    const key = fc.oneof(
      fc.nat(40),
      fc.nat(200),
      fc.maxSafeNat().map((number) => number % 2 ** 48),
    );
    const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete'), key });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new NumberTable<{ of: number }>();
        const model = new Map<number, { of: number }>();
        for (const { kind, key: at } of steps) {
          const value = { of: at };
          if (kind === 'set') {
            table.set(at, value);
            model.set(at, value);
          } else assert.equal(table.delete(at), model.delete(at));
          assert.equal(table.size, model.size);
        }
        for (const { key: at } of steps) {
          assert.equal(table.get(at), model.get(at));
          assert.equal(table.has(at), model.has(at));
        }
        assert.deepEqual(new Set(table.values()), new Set(model.values()));
      }),
    );
  });

  it('keeps 10,000 entries apart', () => {
    const table = new NumberTable<{ of: number }>();
    const keyOf = (index: number): number => index * 0x1_0001_0001;
    for (let index = 0; index < 10_000; index++) table.set(keyOf(index), { of: index });
    for (let index = 0; index < 10_000; index += 2) table.delete(keyOf(index));
    assert.equal(table.size, 5_000);
    assert.equal(table.get(keyOf(1))?.of, 1);
    assert.equal(table.get(keyOf(2)), undefined);
  });
});
