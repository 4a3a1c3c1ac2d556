import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VirtualClock } from '../../../src/clock';
import { ImageInventory, type ImageInventoryOptions } from '../../../src/fleet/firmware/inventory';
import { MemoryStore } from '../../../src/store/memory';
import { withFolder } from '../../store/folder';
import { rejection } from './refusal';

const V1 = { name: 'tracker', version: '1.0.0' };
const V2 = { name: 'tracker', version: '2.0.0', hardware: ['TR-1'] };

function bytes(length: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + seed * 17 + (at >> 8)) & 255));
}

async function* inPieces(body: Buffer, piece = 1000): AsyncIterable<Buffer> {
  for (let at = 0; at < body.length; at += piece) yield body.subarray(at, at + piece);
}

/** An inventory from the start of its process to the end. */
class Life {
  readonly inventory: ImageInventory;
  readonly troubles: string[] = [];

  private constructor(
    readonly folder: string,
    readonly store: MemoryStore,
    readonly clock: VirtualClock,
    options: Partial<ImageInventoryOptions>,
  ) {
    this.inventory = new ImageInventory({ clock, folder, ...options });
  }

  static async begin(
    folder: string,
    options: Partial<ImageInventoryOptions> = {},
    store = new MemoryStore(),
    clock = new VirtualClock(),
  ): Promise<Life> {
    const life = new Life(folder, store, clock, options);
    await life.inventory.restore(store, (reason) => life.troubles.push(reason));
    return life;
  }

  restart(): Promise<Life> {
    return Life.begin(this.folder, {}, this.store, new VirtualClock(this.clock.wall() + 1000));
  }

  /** What waits for the next group commit is written. */
  async finished<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.inventory.flush();
    }
    return done;
  }

  add(...given: Parameters<ImageInventory['add']>): ReturnType<ImageInventory['add']> {
    return this.finished(this.inventory.add(...given));
  }
}

function life(work: (life: Life) => Promise<void>, options: Partial<ImageInventoryOptions> = {}): () => Promise<void> {
  return () => withFolder(async (folder) => work(await Life.begin(path.join(folder, 'images'), options)));
}

describe('inventory of images', () => {
  describe('takes', () => {
    it(
      'a Buffer or a stream, and knows size and SHA-256',
      life(async (life) => {
        const body = bytes(200_000);
        const first = await life.add(bytes(10), V1);
        const second = await life.add(inPieces(body), V2);
        assert.equal(first.size, 10);
        assert.deepEqual([second.size, second.sha256], [200_000, createHash('sha256').update(body).digest('hex')]);
        assert.deepEqual(readFileSync(path.join(life.folder, second.id)), body);
      }),
    );

    it(
      'and tells how far it is',
      life(async (life) => {
        const seen: (readonly [number, number | undefined])[] = [];
        const progress = (count: number, total: number | undefined): number => seen.push([count, total]);
        await life.add(inPieces(bytes(2500)), V1, { size: 2500, progress });
        assert.deepEqual(seen, [[1000, 2500], [2000, 2500], [2500, 2500]]); // biome-ignore format: a table
      }),
    );

    it(
      'the same once more as the one that is there',
      life(async (life) => {
        const first = await life.add(bytes(10), V1);
        assert.equal((await life.add(bytes(10), V1)).id, first.id);
        assert.equal(life.inventory.all().length, 1);
        assert.equal(readdirSync(life.folder).length, 1);
      }),
    );

    it(
      'no other bytes under a name and version that are taken',
      life(async (life) => {
        await life.add(bytes(10), V1);
        const { code, message } = await rejection(life.add(bytes(11), V1));
        assert.equal(code, 'invalid-request');
        assert.match(message, /another image tracker@1\.0\.0: remove that first/);
        assert.equal(readdirSync(life.folder).length, 1);
      }),
    );

    it(
      'nothing empty, nothing cut short',
      life(async (life) => {
        assert.match((await rejection(life.add(Buffer.alloc(0), V1))).message, /is empty/);
        const sha256 = createHash('sha256').update(bytes(10)).digest('hex');
        assert.match((await rejection(life.add(bytes(9), { ...V1, sha256 }))).message, /SHA-256 .* changed or cut short/);
        assert.deepEqual([life.inventory.all(), readdirSync(life.folder)], [[], []]);
      }),
    );

    it(
      'nothing of a source that breaks off',
      life(async (life) => {
        async function* broken(): AsyncIterable<Buffer> {
          yield bytes(1000);
          throw new Error('the line went dead');
        }
        await assert.rejects(life.add(broken(), V1), /the line went dead/);
        assert.deepEqual([life.inventory.all(), readdirSync(life.folder)], [[], []]);
        await life.add(bytes(10), V1);
      }),
    );

    it(
      'one at a time under a name and version',
      life(async (life) => {
        const first = life.add(inPieces(bytes(5000)), V1);
        assert.match((await rejection(life.inventory.add(bytes(10), V1))).message, /is being added already/);
        await first;
      }),
    );
  });

  describe('has limits', () => {
    const small = { limits: () => ({ imageBytes: 1000, totalBytes: 1500, images: 2 }) };

    it(
      'of one image: what says its size is refused before it is read, what does not as soon as it is beyond',
      life(async (life) => {
        assert.match((await rejection(life.add(inPieces(bytes(1001)), V1, { size: 1001 }))).message, /at most 1000 bytes/);
        let read = 0;
        async function* endless(): AsyncIterable<Buffer> {
          for (;;) {
            read += 600;
            yield bytes(600);
          }
        }
        const { code } = await rejection(life.add(endless(), V1));
        assert.deepEqual([code, read], ['too-large', 1200]);
        assert.deepEqual(readdirSync(life.folder), []);
      }, small),
    );

    it(
      'of all together, those being added included',
      life(async (life) => {
        await life.add(bytes(900), V1);
        assert.match((await rejection(life.add(bytes(700), V2))).message, /all images together have at most 1500 bytes/);
        await life.add(bytes(600), V2);
        assert.match((await rejection(life.add(bytes(1), { ...V1, version: '3' }))).message, /there are 2 images/);
      }, small),
    );
  });

  describe('finds', () => {
    it(
      'by id, by name and version, and the newest of a name',
      life(async (life) => {
        const first = await life.add(bytes(10, 1), V1);
        const second = await life.add(bytes(10, 2), V2);
        const { inventory } = life;
        assert.deepEqual(
          [first.id, 'tracker@1.0.0', 'tracker', 'tracker@9', 'other'].map((reference) => inventory.find(reference)?.id),
          [first.id, first.id, second.id, undefined, undefined],
        );
      }),
    );

    it(
      'what came before, to go back to',
      life(async (life) => {
        const first = await life.add(bytes(10, 1), V1);
        const second = await life.add(bytes(10, 2), V2);
        const third = await life.add(bytes(10, 3), { ...V2, version: '3.0.0' });
        assert.deepEqual([first.previous, second.previous, third.previous], [undefined, first.id, second.id]);
        await life.finished(life.inventory.remove(second.id));
        assert.equal(life.inventory.find('tracker')?.previous, first.id);
      }),
    );
  });

  describe('gives', () => {
    it(
      'any part of an image, and never holds the whole',
      life(async (life) => {
        const body = bytes(300_000);
        const { id } = await life.add(inPieces(body, 60_000), V1);
        const reader = await life.inventory.open(id);
        for (const [offset, length] of [
          [0, 16],
          [65_530, 20],
          [131_072, 1024],
          [299_990, 1024],
          [0, 300_000],
        ] as const)
          assert.deepEqual(await reader.read(offset, length), body.subarray(offset, offset + length), `${offset}`);
        assert.equal((await reader.read(300_000, 16)).length, 0);
      }),
    );

    it(
      'at once what another device has just fetched',
      life(async (life) => {
        const body = bytes(100_000);
        const { id } = await life.add(body, V1);
        const [one, other] = await Promise.all([life.inventory.open(id), life.inventory.open(id)]);
        assert.equal(one.peek(0, 1024), undefined);
        await one.read(0, 1024);
        assert.deepEqual(other.peek(2048, 1024), body.subarray(2048, 3072));
        assert.equal(other.peek(65_000, 1024), undefined, 'in two chunks');
      }),
    );
  });

  describe('verifies before anything is sent', () => {
    it(
      'a file that was changed is told of, set aside, and not given; the image added again mends it',
      life(async (life) => {
        const { id } = await life.add(bytes(1000), V1);
        life.clock.advance(61_000);
        writeFileSync(path.join(life.folder, id), bytes(1000, 9));
        const { code, message } = await rejection(life.inventory.verify(id));
        assert.equal(code, 'store-failed');
        assert.match(message, /tracker@1\.0\.0 cannot be used: its bytes are not those that were added\. Add it again\./);
        assert.deepEqual(life.troubles, [message]);
        assert.match(life.inventory.find('tracker')?.damaged ?? '', /not those/);
        await rejection(life.inventory.open(id));
        await new Promise((resolve) => setImmediate(resolve));
        const mended = await life.add(bytes(1000), V1);
        await life.inventory.verify(mended.id);
        assert.deepEqual(readdirSync(life.folder).sort(), [mended.id, `${id}.damaged`].sort());
      }),
    );

    it(
      'a file that was cut off or is gone',
      life(async (life) => {
        const { id } = await life.add(bytes(1000), V1);
        life.clock.advance(61_000);
        truncateSync(path.join(life.folder, id), 10);
        assert.match((await rejection(life.inventory.verify(id))).message, /has another length/);
      }),
    );

    it(
      'once for all who ask within a minute',
      life(async (life) => {
        const { id } = await life.add(bytes(1000), V1);
        writeFileSync(path.join(life.folder, id), bytes(1000, 9));
        await life.inventory.verify(id);
        life.clock.advance(61_000);
        const verdicts = await Promise.allSettled([life.inventory.verify(id), life.inventory.verify(id)]);
        assert.deepEqual(
          verdicts.map(({ status }) => status),
          ['rejected', 'rejected'],
        );
        assert.equal(life.troubles.length, 1);
      }),
    );
  });

  describe('signatures', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const signers = async () => [publicKey];
    const body = bytes(5000);
    const overHash = sign(null, createHash('sha256').update(body).digest(), privateKey).toString('base64');

    it(
      'are good over the SHA-256 and over the image',
      life(
        async (life) => {
          await life.add(body, { ...V1, signature: overHash });
          await life.add(inPieces(body), { ...V2, signature: sign(null, body, privateKey).toString('base64') });
        },
        { signers },
      ),
    );

    it(
      'by anybody else, or of another image, are refused',
      life(
        async (life) => {
          const stranger = generateKeyPairSync('ed25519').privateKey;
          const by = sign(null, body, stranger).toString('base64');
          assert.match((await rejection(life.add(body, { ...V1, signature: by }))).message, /not by any of the configured keys/);
          await rejection(life.add(bytes(5000, 7), { ...V1, signature: overHash }));
          assert.deepEqual(readdirSync(life.folder), []);
        },
        { signers },
      ),
    );

    it(
      'are needed where there are signers',
      life(
        async (life) => {
          assert.match(
            (await rejection(life.add(body, V1))).message,
            /has no signature, and this server sends signed images only/,
          );
        },
        { signers },
      ),
    );

    it(
      'that nobody can check are refused',
      life(async (life) => {
        assert.match((await rejection(life.add(body, { ...V1, signature: overHash }))).message, /no key to check that by/);
      }),
    );

    it('are checked once more before an image is sent: its signer may be trusted no longer', () =>
      withFolder(async (folder) => {
        let trusted = [publicKey];
        const life = await Life.begin(folder, { signers: async () => trusted });
        const { id } = await life.add(body, { ...V1, signature: overHash });
        trusted = [generateKeyPairSync('ed25519').publicKey];
        life.clock.advance(61_000);
        assert.match((await rejection(life.inventory.verify(id))).message, /not by any of the configured keys/);
        assert.equal(life.inventory.find('tracker')?.damaged, undefined, 'its bytes are good');
      }));
  });

  describe('removes', () => {
    it(
      'image and file',
      life(async (life) => {
        const { id } = await life.add(bytes(10), V1);
        await life.finished(life.inventory.remove(id));
        assert.deepEqual([life.inventory.all(), readdirSync(life.folder)], [[], []]);
        assert.equal((await rejection(life.inventory.remove(id))).code, 'invalid-request');
      }),
    );

    it(
      'nothing an update works with',
      life(async (life) => {
        const { id } = await life.add(bytes(10), V1);
        life.inventory.hold(id, 'firmware update of dev-1');
        life.inventory.hold(id, 'firmware update of dev-2');
        life.inventory.release(id, 'firmware update of dev-1');
        const { message } = await rejection(life.inventory.remove(id));
        assert.match(message, /is in use \(firmware update of dev-2\)/);
        life.inventory.release(id, 'firmware update of dev-2');
        await life.finished(life.inventory.remove(id));
      }),
    );
  });

  describe('over a restart', () => {
    it(
      'everything is there',
      life(async (life) => {
        const signed = { ...V2, minimumVersion: '1.0.0', dependencies: ['boot@2'], notes: 'the one that works' };
        await life.add(bytes(10, 1), V1);
        const { id } = await life.add(bytes(1000, 2), signed);
        const next = await life.restart();
        assert.deepEqual(next.inventory.all(), life.inventory.all());
        assert.deepEqual(await (await next.inventory.open(id)).read(0, 1000), bytes(1000, 2));
        assert.deepEqual(next.troubles, []);
      }),
    );

    it(
      'a file that is missing is told of, and the rest goes on',
      life(async (life) => {
        const { id } = await life.add(bytes(10, 1), V1);
        await life.add(bytes(10, 2), V2);
        await life.inventory.close();
        truncateSync(path.join(life.folder, id), 5);
        const next = await life.restart();
        assert.match(next.troubles.join(), /^image tracker@1\.0\.0 cannot be used: its file is gone, or has another length/);
        assert.equal(next.inventory.find('tracker')?.version, '2.0.0');
      }),
    );

    it(
      'what was just coming in is thrown away, and whatever else is in the folder stays',
      life(async (life) => {
        const { id } = await life.add(bytes(10, 1), V1);
        writeFileSync(path.join(life.folder, 'fedcba9876543210.part'), 'half');
        writeFileSync(path.join(life.folder, 'fedcba9876543210'), 'no record of it');
        writeFileSync(path.join(life.folder, 'notes.txt'), 'a person');
        await life.restart();
        assert.deepEqual(readdirSync(life.folder).sort(), [id, 'notes.txt'].sort());
      }),
    );

    it(
      'a record that cannot be read is set aside, its file kept',
      life(async (life) => {
        const { id } = await life.add(bytes(10, 1), V1);
        await life.store.put(`image/${id}`, Buffer.from('nonsense'));
        const next = await life.restart();
        assert.match(next.troubles.join(), /an image \(image\/[0-9a-f]+\) cannot be read: .* set aside as quarantine\/image/);
        assert.deepEqual([next.inventory.all(), readdirSync(life.folder)], [[], [id]]);
      }),
    );

    it(
      'a store that fails is told of, and gets everything when it can be written to again',
      life(async (life) => {
        const { store } = life;
        const batch = store.batch.bind(store);
        store.batch = () => Promise.reject(new Error('no space left'));
        await life.add(bytes(10), V1);
        assert.match(life.troubles.join(), /in memory only and would not survive a restart: no space left/);
        store.batch = batch;
        await life.finished(life.inventory.keepAll());
        assert.equal((await life.restart()).inventory.all().length, 1);
      }),
    );
  });

  it('without a folder files are among temporary ones, gone with the inventory', async () => {
    const inventory = new ImageInventory({ clock: new VirtualClock() });
    const { id } = await inventory.add(bytes(1000), V1);
    assert.deepEqual(await (await inventory.open(id)).read(0, 1000), bytes(1000));
    await inventory.close();
    assert.equal((await rejection(inventory.open(id))).code, 'store-failed');
    assert.equal((await rejection(inventory.add(bytes(10), V2))).code, 'cancelled');
  });
});
