/** The order and the bounds of what waits for one peer (RFC 7252 §4.7). */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import type { Exchange } from '../../src/coap/exchange';
import { PeerQueue } from '../../src/coap/peer-queue';
import { ask, givenLayer, type Outcome } from './world';

function exchange(bytes = 0): Exchange {
  return { spec: { code: Code.Put, path: [], payload: Buffer.alloc(bytes) } } as unknown as Exchange;
}

describe('the queue of a peer', () => {
  it('is first come, first served; the urgent before the others, first come first served too', () => {
    const queue = new PeerQueue(10, 1_000);
    const [a, b, x, y] = [exchange(), exchange(), exchange(), exchange()];
    queue.add(a, false);
    queue.add(x, true);
    queue.add(b, false);
    queue.add(y, true);
    const order: Exchange[] = [];
    for (let first = queue.first; first !== undefined; first = queue.first) {
      order.push(first);
      queue.remove(first);
    }
    assert.deepEqual(
      order.map((each) => [x, y, a, b].indexOf(each)),
      [0, 1, 2, 3],
    );
  });

  it('is bounded in count and in bytes, the urgent included, and has room again for what leaves', () => {
    const queue = new PeerQueue(3, 100);
    const large = exchange(90);
    assert.equal(queue.add(large, false), true);
    assert.equal(queue.add(exchange(11), true), false);
    assert.equal(queue.add(exchange(10), true), true);
    assert.equal(queue.add(exchange(0), false), true);
    assert.equal(queue.add(exchange(0), true), false);
    queue.remove(large);
    queue.remove(large);
    assert.equal(queue.add(exchange(90), false), true);
    assert.equal(queue.add(exchange(1), false), false);
  });

  it('is idle when nothing waits and nothing is under way', () => {
    const queue = new PeerQueue(3, 100);
    assert.equal(queue.idle, true);
    queue.outstanding = 1;
    assert.equal(queue.idle, false);
    queue.outstanding = 0;
    const one = exchange();
    queue.add(one, false);
    assert.equal(queue.idle, false);
    queue.remove(one);
    assert.equal(queue.idle, true);
  });
});

describe('what waits for a silent peer', () => {
  it('is not failed because something more urgent came to stand before it', async () => {
    const { layer, clock } = await givenLayer();
    const endpoint = layer.endpoint('10.0.0.2', 5683);
    const get = (priority: boolean): Outcome => ask(layer, endpoint, { code: Code.Get, path: ['a'] }, { priority });
    get(false);
    clock.advance(93_100);
    // It may leave when its byte a second allows, then waits in vain for its ACK, and the others with it.
    get(false);
    clock.advance(95_000);
    const held = get(false);
    const passing = get(true);
    clock.advance(30_000);
    assert.deepEqual([held, passing], [{}, {}]);
    clock.advance(400_000);
    assert.deepEqual([held.error?.code, passing.error?.code], ['timeout', 'timeout']);
    assert.equal(layer.held().tokens, 0);
    assert.equal(endpoint.queue, undefined);
  });
});
