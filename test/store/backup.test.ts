import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { backup, readBackup, replaceAll, UNREPEATABLE } from '../../src/store/backup';
import { MemoryStore } from '../../src/store/memory';
import { Seal, sealFrom } from '../../src/store/seal';
import { below, type Entry, type Store } from '../../src/store/store';
import { withFolder } from './folder';

const PASSPHRASE = 'twelve words or so';
const KEY = Buffer.alloc(32, 7);

async function bytesOf(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of parts) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* inPieces(bytes: Buffer, length = 1000): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function entriesOf(store: Store): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of store.range(below(''))) entries.push(entry);
  return entries;
}

/** More than fits in one frame. */
async function givenStore(): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (let index = 0; index < 600; index++) {
    await store.put(`registrations/dev-${index}`, Buffer.alloc(1000, index));
  }
  return store;
}

describe('a backup', () => {
  it('is a store as one file, and puts all of it in place of what is there', async () => {
    const store = await givenStore();
    const bytes = await bytesOf(backup(store, PASSPHRASE, undefined));
    const { entries, key } = await readBackup(inPieces(bytes, 7777), PASSPHRASE);
    assert.equal(key, undefined);
    const other = new MemoryStore();
    await other.put('what/was/there', Buffer.of(1));
    await replaceAll(other, entries);
    assert.deepEqual(await entriesOf(other), await entriesOf(store));
  });

  it('leaves out what must not be in two places at once', async () => {
    const store = new MemoryStore();
    await store.put(`${UNREPEATABLE}keys`, Buffer.of(1));
    await store.put('registrations/dev', Buffer.of(2));
    const { entries } = await readBackup(inPieces(await bytesOf(backup(store, PASSPHRASE, undefined))), PASSPHRASE);
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['registrations/dev'],
    );
  });

  it('of an empty store is one too', async () => {
    const bytes = await bytesOf(backup(new MemoryStore(), PASSPHRASE, undefined));
    assert.deepEqual((await readBackup(inPieces(bytes), PASSPHRASE)).entries, []);
  });

  it('brings the key that opens the secrets in it', async () => {
    const seal = new Seal(KEY);
    const secret = seal.seal(Buffer.from('secret'), 'psk/dev-1');
    const bytes = await bytesOf(backup(new MemoryStore(), PASSPHRASE, seal));
    const { key } = await readBackup(inPieces(bytes), PASSPHRASE);
    assert.ok(key !== undefined);
    const brought = Seal.unwrap(key.wrapped, key.under);
    assert.ok(brought.isSame(seal));
    await withFolder(async (folder) => {
      const file = path.join(folder, 'state.key');
      await sealFrom(file, '');
      await brought.keepIn(file);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.deepEqual((await sealFrom(file, '')).open(secret, 'psk/dev-1'), Buffer.from('secret'));
      assert.deepEqual(await readFile(file), KEY);
    });
  });

  it('shows nothing of what is in it', async () => {
    const store = new MemoryStore();
    await store.put('registrations/a-name', Buffer.from('a value'));
    const bytes = await bytesOf(backup(store, PASSPHRASE, new Seal(KEY)));
    for (const text of ['a-name', 'a value', KEY]) assert.equal(bytes.includes(text), false);
  });

  it('is not opened by another passphrase, and asks for one that is worth it', async () => {
    const bytes = await bytesOf(backup(new MemoryStore(), PASSPHRASE, undefined));
    await assert.rejects(readBackup(inPieces(bytes), 'another passphrase'), /passphrase is another/);
    await assert.rejects(bytesOf(backup(new MemoryStore(), 'short', undefined)), /at least 12 characters/);
  });

  it('that is cut off, lengthened, or put together anew is refused', async () => {
    const bytes = await bytesOf(backup(await givenStore(), PASSPHRASE, undefined));
    const starts: number[] = [];
    for (let at = 24; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) starts.push(at);
    assert.ok(starts.length > 3);
    const [, second, third] = starts as [number, number, number];
    const wrong: Record<string, Buffer> = {
      'without its last frame': bytes.subarray(0, starts.at(-1)),
      'in the middle of a frame': bytes.subarray(0, bytes.length - 1),
      'without its beginning': bytes.subarray(8),
      'with something behind it': Buffer.concat([bytes, Buffer.of(0)]),
      'without a frame in the middle': Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]),
      'with a frame twice': Buffer.concat([bytes.subarray(0, third), bytes.subarray(second)]),
    };
    for (const [name, odd] of Object.entries(wrong)) {
      await assert.rejects(readBackup(inPieces(odd), PASSPHRASE), { code: 'invalid-value' }, name);
    }
  });

  it('that was changed anywhere is refused', async () => {
    const store = new MemoryStore();
    await store.put('a', Buffer.from('b'));
    const bytes = await bytesOf(backup(store, PASSPHRASE, undefined));
    const places = fc.integer({ min: 0, max: bytes.length - 1 });
    await fc.assert(
      fc.asyncProperty(places, async (place) => {
        const odd = Buffer.from(bytes);
        odd.writeUInt8(odd.readUInt8(place) ^ 1, place);
        await assert.rejects(readBackup(inPieces(odd), PASSPHRASE), { code: 'invalid-value' });
      }),
      { numRuns: 12 },
    );
  });
});
