/** Tokens (RFC 7252 §5.3.1): unpredictable, a peer's own, and known for a while after their request failed. */
import assert from 'node:assert/strict';
import type { Endpoint } from '../../src/coap/endpoint';
import { TOKEN_BYTES, type TokenOwner, Tokens } from '../../src/coap/tokens';
import { givenLayer, testRandom } from './world';

async function given() {
  const { layer } = await givenLayer();
  const tokens = new Tokens<TokenOwner>((length) => testRandomBytes(length));
  const owner = (endpoint: Endpoint, token = tokens.make()): TokenOwner => ({ endpoint, token, nextOwner: undefined });
  return { tokens, owner, a: layer.endpoint('10.0.0.2', 1), b: layer.endpoint('10.0.0.3', 1) };
}

const random = testRandom(3);
const testRandomBytes = (length: number): Buffer => random.bytes(length);

describe('a token', () => {
  it('is eight random bytes, never one that is in use', () => {
    const drawn = ['0000000000000001', '0000000000000001', '0102030405060708'].map((text) => Buffer.from(text, 'hex'));
    const tokens = new Tokens<TokenOwner>((length) => {
      assert.equal(length, TOKEN_BYTES);
      return drawn.shift() as Buffer;
    });
    const endpoint = { owners: undefined } as unknown as Endpoint;
    tokens.take({ endpoint, token: tokens.make(), nextOwner: undefined });
    assert.equal(tokens.make().toString('hex'), '0102030405060708');
  });

  it('finds its owner for its own peer, and for no other', async () => {
    const { tokens, owner, a, b } = await given();
    const mine = owner(a);
    tokens.take(mine);
    assert.equal(tokens.find(mine.token, a), mine);
    assert.equal(tokens.find(mine.token, b), undefined);
    tokens.free(mine);
    assert.equal(tokens.find(mine.token, a), undefined);
  });

  for (const [title, change] of [
    ['one byte less', (token: Buffer) => token.subarray(1)],
    ['nothing', () => Buffer.alloc(0)],
    ['a first byte that differs', (token: Buffer) => Buffer.concat([Buffer.of((token[0] as number) ^ 1), token.subarray(1)])],
    ['a last byte that differs', (token: Buffer) => Buffer.concat([token.subarray(0, 7), Buffer.of((token[7] as number) ^ 1)])],
  ] as const) {
    it(`is compared as a whole: ${title} finds nothing`, async () => {
      const { tokens, owner, a } = await given();
      const mine = owner(a);
      tokens.take(mine);
      assert.equal(tokens.find(change(mine.token), a), undefined);
      tokens.bury(mine);
      assert.equal(tokens.isBuried(change(mine.token).subarray(0, 5), a), false);
    });
  }

  it('passes from a request to its observation: the request cannot free it any more', async () => {
    const { tokens, owner, a } = await given();
    const request = owner(a);
    const observation = owner(a, request.token);
    tokens.take(request);
    tokens.take(observation);
    tokens.free(request);
    assert.equal(tokens.find(request.token, a), observation);
  });

  it('is listed with those of its peer', async () => {
    const { tokens, owner, a, b } = await given();
    const [one, two, three, other] = [owner(a), owner(a), owner(a), owner(b)];
    for (const each of [one, two, three, other]) tokens.take(each);
    tokens.free(two);
    assert.deepEqual(new Set(tokens.of(a)), new Set([one, three]));
    assert.deepEqual(tokens.of(b), [other]);
    assert.equal(tokens.size, 3);
    for (const each of [one, three]) tokens.free(each);
    assert.equal(a.owners, undefined);
  });
});

describe('a token whose request failed', () => {
  it('is known to its peer for one to two lifetimes', async () => {
    const { tokens, owner, a, b } = await given();
    const mine = owner(a);
    tokens.take(mine);
    tokens.bury(mine);
    assert.equal(tokens.find(mine.token, a), undefined);
    assert.equal(tokens.isBuried(mine.token, b), false);
    for (const known of [true, true, false]) {
      assert.equal(tokens.isBuried(mine.token, a), known);
      tokens.age();
    }
  });

  it('is one of 10,000 at most', async () => {
    const { tokens, owner, a } = await given();
    const owners = Array.from({ length: 10_001 }, () => owner(a));
    for (const each of owners) {
      tokens.take(each);
      tokens.bury(each);
    }
    assert.equal(owners.filter(({ token }) => tokens.isBuried(token, a)).length, 10_000);
  });
});
