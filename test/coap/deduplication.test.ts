/** Each message once, its answer again, and memory that stays below its cap (RFC 7252 §4.5). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Deduplication, Seen } from '../../src/coap/deduplication';

const LIFETIME = 247;
const MEGABYTE = 1024 * 1024;

function given(mostBytes = 64 * MEGABYTE): Deduplication {
  return new Deduplication(LIFETIME, mostBytes, 0);
}

describe('deduplication', () => {
  it('makes the entry when a message is seen, and has its answer as soon as there is one', () => {
    const table = given();
    assert.equal(table.see(1, 7, 0, LIFETIME), Seen.New);
    assert.equal(table.see(1, 7, 1, LIFETIME), Seen.InProgress);
    table.answered(1, 7, Buffer.from('answer'));
    assert.equal(table.see(1, 7, 2, LIFETIME), Seen.Answered);
    assert.equal(table.replay().toString(), 'answer');
  });

  it('replays the last answer: the response after the empty ACK', () => {
    const table = given();
    table.see(1, 7, 0, LIFETIME);
    table.answered(1, 7, Buffer.from('first'));
    table.answered(1, 7, Buffer.from('second'));
    table.see(1, 7, 0, LIFETIME);
    assert.equal(table.replay().toString(), 'second');
  });

  it('keeps no answer that can be made anew, and lets a repeat be answered again', () => {
    const table = given();
    const before = table.bytes;
    for (let repeat = 0; repeat < 3; repeat++) {
      assert.equal(table.see(1, 7, repeat, LIFETIME), Seen.New);
      assert.equal(table.see(1, 7, repeat, LIFETIME), Seen.InProgress);
      table.answeredAnew(1, 7);
    }
    assert.equal(table.entries, 1);
    assert.equal(table.bytes, before);
  });

  it('keeps peers apart that use the same message ID', () => {
    const table = given();
    table.see(1, 7, 0, LIFETIME);
    assert.equal(table.see(2, 7, 0, LIFETIME), Seen.New);
  });

  it('knows a message for its whole lifetime, whenever it came, and not longer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
        (start, steps) => {
          const table = given();
          table.see(1, 7, start, LIFETIME);
          let second = start;
          for (const step of steps) {
            second += step;
            table.see(2, second & 0xffff, second, LIFETIME);
            if (second - start <= LIFETIME) assert.equal(table.see(1, 7, second, LIFETIME), Seen.InProgress);
          }
          assert.equal(table.see(1, 7, Math.max(second, start + LIFETIME + 1), LIFETIME), Seen.New);
        },
      ),
    );
  });

  it('takes a message ID used again after its lifetime for a new message, and then knows that one', () => {
    const table = given();
    table.see(1, 7, 0, LIFETIME);
    table.answered(1, 7, Buffer.from('old'));
    assert.equal(table.see(1, 7, 248, LIFETIME), Seen.New);
    assert.equal(table.see(1, 7, 249, LIFETIME), Seen.InProgress);
    table.answered(1, 7, Buffer.from('new'));
    table.see(1, 7, 250, LIFETIME);
    assert.equal(table.replay().toString(), 'new');
  });

  it('forgets non-confirmable messages after their own, shorter lifetime', () => {
    const table = given();
    table.see(1, 7, 0, 145);
    assert.equal(table.see(1, 7, 145, 145), Seen.InProgress);
    assert.equal(table.see(1, 7, 146, 145), Seen.New);
  });

  it('keeps 50,000 entries apart and each answer right', () => {
    const table = given();
    for (let index = 0; index < 50_000; index++) {
      table.see(index % 997, index, index / 1_000, LIFETIME);
      table.answered(index % 997, index, Buffer.from(`answer ${index}`));
    }
    assert.equal(table.entries, 50_000);
    for (let index = 0; index < 50_000; index += 37) {
      assert.equal(table.see(index % 997, index, 50, LIFETIME), Seen.Answered);
      assert.equal(table.replay().toString(), `answer ${index}`);
    }
  });

  it('keeps at most 120 bytes for each of 100,000 answered requests', () => {
    const table = given(256 * MEGABYTE);
    const answer = Buffer.alloc(20);
    for (let index = 0; index < 100_000; index++) {
      table.see(index >> 4, index & 0xffff, 0, LIFETIME);
      table.answered(index >> 4, index & 0xffff, answer);
    }
    assert.equal(table.entries, 100_000);
    assert.ok(table.bytes / 100_000 <= 120, `${table.bytes / 100_000} bytes`);
  });

  for (const [title, answerLength] of [
    ['without answers', 0],
    ['with small answers', 12],
    ['with large answers', 1_100],
  ] as const) {
    it(`never goes beyond its cap in a flood of messages ${title}, and still knows the latest`, () => {
      const cap = MEGABYTE;
      const table = given(cap);
      const answer = Buffer.alloc(answerLength, 1);
      for (let index = 0; index < 200_000; index++) {
        table.see(index >> 8, index & 0xffff, 0, LIFETIME);
        if (answerLength > 0) table.answered(index >> 8, index & 0xffff, answer);
        if (index % 1_000 === 0) assert.ok(table.bytes <= cap, `${table.bytes} bytes`);
      }
      assert.ok(table.bytes <= cap, `${table.bytes} bytes`);
      assert.ok(table.dropped > 0);
      for (let index = 199_900; index < 200_000; index++) {
        assert.equal(table.see(index >> 8, index & 0xffff, 1, LIFETIME), answerLength > 0 ? Seen.Answered : Seen.InProgress);
      }
    });
  }

  it('gives the memory of a storm back', () => {
    const table = given();
    for (let index = 0; index < 100_000; index++) table.see(index, 1, 0, LIFETIME);
    const during = table.bytes;
    for (let second = 100; second <= 600; second += 100) table.see(1, second, second, LIFETIME);
    assert.ok(table.bytes < during / 20, `${table.bytes} of ${during} bytes`);
  });
});
