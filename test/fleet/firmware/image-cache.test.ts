import assert from 'node:assert/strict';
import { CHUNK_BYTES, ImageCache } from '../../../src/fleet/firmware/image-cache';

describe('cache of images', () => {
  it('a hundred devices that want the same part cost one read', async () => {
    const reads: number[] = [];
    const cache = new ImageCache(async (_id, offset, length) => {
      reads.push(offset);
      return Buffer.alloc(length);
    });
    await Promise.all(Array.from({ length: 100 }, (_, device) => cache.read('a', 1_000_000, device * 16, 16)));
    assert.deepEqual(reads, [0]);
  });

  it('holds 8 MiB at most, whatever is fetched', async () => {
    const cache = new ImageCache(async (_id, _offset, length) => Buffer.alloc(length));
    for (let at = 0; at < 1000; at++) await cache.read('a', 1000 * CHUNK_BYTES, at * CHUNK_BYTES, 16);
    assert.equal(cache.heldBytes, 8 * 1024 * 1024);
    assert.equal(cache.peek('a', 1000 * CHUNK_BYTES, 0, 16), undefined);
    assert.ok(cache.peek('a', 1000 * CHUNK_BYTES, 999 * CHUNK_BYTES, 16));
  });

  it('a read that fails is not kept', async () => {
    let isBroken = true;
    const cache = new ImageCache(async (_id, _offset, length) => {
      if (isBroken) throw new Error('bad sector');
      return Buffer.alloc(length);
    });
    await assert.rejects(cache.read('a', 100, 0, 16), /bad sector/);
    isBroken = false;
    assert.equal((await cache.read('a', 100, 0, 16)).length, 16);
  });

  it('what is forgotten is read again', async () => {
    let reads = 0;
    const cache = new ImageCache(async (_id, _offset, length) => {
      reads++;
      return Buffer.alloc(length);
    });
    for (const id of ['a', 'b']) await cache.read(id, 100, 0, 16);
    cache.forget('a');
    for (const id of ['a', 'b']) await cache.read(id, 100, 0, 16);
    assert.equal(reads, 3);
  });
});
