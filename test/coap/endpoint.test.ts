import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { type Endpoint, EndpointTable } from '../../src/coap/endpoint';
import { MemoryNetwork } from '../../src/coap/transports/memory';

const LIFETIME_MS = 247_000;

function given(most = 10, first = 0): EndpointTable {
  let id = 0;
  const transport = new MemoryNetwork(new VirtualClock()).transport('10.0.0.1');
  return new EndpointTable(
    transport,
    most,
    () => ++id,
    () => first,
  );
}

describe('the message IDs of a peer', () => {
  const endpoint = (first: number): Endpoint => given(1, first).findOrMake('10.0.0.2', 5683);

  it('count up from a random start and wrap', () => {
    const peer = endpoint(65_534);
    assert.deepEqual(
      Array.from({ length: 4 }, () => peer.takeMessageId(0, LIFETIME_MS)),
      [65_534, 65_535, 0, 1],
    );
  });

  for (const first of [0, 1, 16_383, 30_000, 65_535]) {
    it(`are never used twice within EXCHANGE_LIFETIME, whatever the rate (start ${first})`, () => {
      const peer = endpoint(first);
      const usedAt = new Map<number, number>();
      let taken = 0;
      // 70,000 requests wanted within each lifetime: more than there are message IDs.
      for (let now = 0; now < 3 * LIFETIME_MS; now += 247) {
        for (let count = 0; count < 70; count++) {
          const id = peer.takeMessageId(now, LIFETIME_MS);
          if (id < 0) break;
          const before = usedAt.get(id);
          assert.ok(before === undefined || now - before >= LIFETIME_MS, `${id} after ${now - (before ?? 0)} ms`);
          usedAt.set(id, now);
          taken++;
        }
      }
      assert.ok(taken >= 3 * 49_152, `only ${taken} requests could leave`);
    });
  }
});

describe('the table of peers', () => {
  it('has one record per address and port', () => {
    const table = given();
    assert.equal(table.findOrMake('10.0.0.2', 1), table.findOrMake('10.0.0.2', 1));
    assert.notEqual(table.findOrMake('10.0.0.2', 1), table.findOrMake('10.0.0.2', 2));
    assert.equal(table.size, 2);
  });

  it('stays below its cap: the oldest stranger goes', () => {
    const table = given();
    for (let port = 1; port <= 1_000; port++) table.findOrMake('10.0.0.2', port);
    assert.equal(table.size, 10);
    assert.ok(table.find('10.0.0.2', 1_000));
    assert.equal(table.find('10.0.0.2', 1), undefined);
    assert.equal(table.evicted, 990);
  });

  it('never gives up a pinned peer, nor the newcomer: a burst of registrations larger than the cap keeps every one', () => {
    const table = given();
    const peers = Array.from({ length: 200 }, (_, port) => {
      const peer = table.findOrMake('10.0.0.2', port);
      peer.retain();
      return peer;
    });
    peers.forEach((peer, port) => {
      assert.equal(table.find('10.0.0.2', port), peer);
    });
    assert.equal(table.evicted, 0);
  });

  it('forgets strangers that were idle, and a peer that lost its pin', () => {
    const table = given();
    const pinned = table.findOrMake('10.0.0.2', 1);
    pinned.retain();
    table.findOrMake('10.0.0.2', 2);
    table.expire(1);
    assert.equal(table.size, 1);
    pinned.release();
    table.unpinned(pinned);
    table.expire(1);
    assert.equal(table.size, 0);
  });

  it('moves a peer to another address, where it takes the place of whoever was found there', () => {
    const table = given();
    const peer = table.findOrMake('10.0.0.2', 1);
    peer.retain();
    const found = table.findOrMake('10.0.0.9', 9);
    table.move(peer, found);
    assert.equal(table.find('10.0.0.9', 9), peer);
    assert.equal(table.find('10.0.0.2', 1), undefined);
    assert.equal(peer.index, found.index);
    assert.notEqual(table.findOrMake('10.0.0.2', 1), peer);
    assert.equal(table.size, 2);
  });
});
