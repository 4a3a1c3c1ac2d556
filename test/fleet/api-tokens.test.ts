import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { ApiTokens } from '../../src/fleet/api-tokens';
import { MemoryStore } from '../../src/store/memory';
import { below } from '../../src/store/store';

const WANTED = { name: 'billing', select: ['meter-*'], operations: ['view', 'read'] };

async function life(store = new MemoryStore()) {
  const tokens = new ApiTokens(new VirtualClock());
  const troubles: string[] = [];
  await tokens.restore(store, (reason) => troubles.push(reason));
  return { tokens, store, troubles };
}

describe('tokens of applications', () => {
  it('are found by what proves to have them, over restarts too, until they are removed', async () => {
    const { tokens, store } = await life();
    const { token, secret } = await tokens.create(WANTED);
    assert.match(secret, /^dm_[\w-]{43}$/);
    const later = (await life(store)).tokens;
    const found = later.find(secret);
    assert.deepEqual(
      [found?.id, found?.name, found?.devices.text, found?.operations],
      [token.id, 'billing', 'meter-*', ['view', 'read']],
    );
    assert.equal(later.find(`${secret}x`), undefined);
    assert.equal(await later.remove(token.id), true);
    assert.equal(await later.remove(token.id), false);
    assert.equal(later.find(secret), undefined);
    assert.equal((await life(store)).tokens.find(secret), undefined);
  });

  it('cannot be had from the store', async () => {
    const { tokens, store } = await life();
    const { secret } = await tokens.create(WANTED);
    let kept = '';
    for await (const { value } of store.range(below('api-token/'))) kept += value.toString();
    assert.ok(kept.includes('billing') && !kept.includes(secret) && !kept.includes(secret.slice(3)));
  });

  it('a damaged one is told of, and is good for nothing', async () => {
    const { tokens, store } = await life();
    const { token, secret } = await tokens.create(WANTED);
    await store.put(`api-token/${token.id}`, Buffer.from('1 0000000000000000\n{}'));
    const after = await life(store);
    assert.equal(after.tokens.find(secret), undefined);
    assert.match(after.troubles[0] ?? '', /a token \(api-token\/\w+\) cannot be read: its checksum is wrong; make another/);
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^name must say/],
    [{ ...WANTED, name: ' ' }, /^name must say/],
    [{ ...WANTED, name: 'a\nb' }, /^name must say/],
    [{ ...WANTED, operations: [] }, /^operations must be a list of view, read/],
    [{ ...WANTED, operations: ['retire'] }, /^operations must be/],
    [{ ...WANTED, select: undefined }, /^select: the device must be an endpoint name, a pattern/],
    [{ ...WANTED, select: [] }, /^select: /],
  ];
  for (const [given, expected] of wrong) {
    it(`are not made of ${JSON.stringify(given)}`, async () => {
      const { tokens } = await life();
      await assert.rejects(tokens.create(given), { code: 'invalid-value', message: expected });
      assert.deepEqual(tokens.all(), []);
    });
  }
});
