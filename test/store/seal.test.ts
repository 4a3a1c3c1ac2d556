import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { Seal, sealFrom } from '../../src/store/seal';
import { withFolder } from './folder';

const KEY = Buffer.alloc(32, 1);
const SECRET = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

describe('a seal', () => {
  it('opens what it sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (secret, belongsTo) => {
        const seal = new Seal(KEY);
        assert.deepEqual(seal.open(seal.seal(Buffer.from(secret), belongsTo), belongsTo), Buffer.from(secret));
      }),
    );
  });

  it('opens a secret of format 1, worked out with another implementation', () => {
    const sealed = Buffer.from(
      ['01', 'cbf3c9c2', '000102030405060708090a0b', 'a4e6d13b5590b7b1ad8d49b150c978e7', 'bbb7b71564ab600e76f34d7fecb4265c'].join(
        '',
      ),
      'hex',
    );
    assert.deepEqual(new Seal(KEY).open(sealed, 'psk/a'), SECRET);
  });

  it('never makes the same of the same, nor shows the secret', () => {
    const seal = new Seal(KEY);
    const [one, other] = [seal.seal(SECRET, 'psk/a'), seal.seal(SECRET, 'psk/a')];
    assert.notDeepEqual(one, other);
    assert.equal(one.includes(SECRET), false);
  });

  it('does not open what belongs to another device', () => {
    const seal = new Seal(KEY);
    assert.throws(() => seal.open(seal.seal(SECRET, 'psk/a'), 'psk/b'), {
      code: 'store-failed',
      message: /belongs to something else/,
    });
  });

  it('says that the key is another, where it is', () => {
    const sealed = new Seal(KEY).seal(SECRET, 'psk/a');
    assert.throws(() => new Seal(Buffer.alloc(32, 2)).open(sealed, 'psk/a'), {
      code: 'store-failed',
      message: /under another key/,
    });
  });

  it('opens nothing of which any bit was changed, and never says what was in it', () => {
    const seal = new Seal(KEY);
    const sealed = seal.seal(SECRET, 'psk/a');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => seal.open(changed, 'psk/a'), { code: 'store-failed' }, `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length++) assert.throws(() => seal.open(sealed.subarray(0, length), 'psk/a'));
  });

  it('needs a key of 32 bytes', () => {
    assert.throws(() => new Seal(Buffer.alloc(16)), /must have 32 bytes, not 16/);
  });
});

describe('the sealing key', () => {
  it('is that of the environment, where it gives one', async () => {
    await withFolder(async (folder) => {
      const seal = await sealFrom(path.join(folder, 'seal.key'), KEY.toString('hex'));
      assert.deepEqual(seal.open(new Seal(KEY).seal(SECRET, 'a'), 'a'), SECRET);
      assert.deepEqual(await readdir(folder), []);
    });
  });

  it('of the environment that is none is refused, and not shown', async () => {
    await assert.rejects(sealFrom('/nowhere/seal.key', 'secret-word'), (error: Error) => {
      assert.match(error.message, /DEVICE_MANAGEMENT_SEAL_KEY must be 64 hexadecimal digits/);
      return !error.message.includes('secret-word');
    });
  });

  it('is made once, whole, for this user alone, and found again', async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, 'keys', 'seal.key');
      const sealed = (await sealFrom(file, '')).seal(SECRET, 'a');
      if (process.platform !== 'win32') assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await readFile(file)).length, 32);
      assert.deepEqual((await sealFrom(file, '')).open(sealed, 'a'), SECRET);
      assert.deepEqual(await readdir(path.dirname(file)), ['seal.key']);
    });
  });

  it('is one, though several make it at the same time', async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, 'seal.key');
      const seals = await Promise.all(Array.from({ length: 8 }, () => sealFrom(file, '')));
      const sealed = seals[0]?.seal(SECRET, 'a') ?? Buffer.alloc(0);
      for (const seal of seals) assert.deepEqual(seal.open(sealed, 'a'), SECRET);
    });
  });

  it('that others may read is refused', async function () {
    if (process.platform === 'win32') return this.skip();
    await withFolder(async (folder) => {
      const file = path.join(folder, 'seal.key');
      await writeFile(file, KEY);
      await chmod(file, 0o640);
      await assert.rejects(sealFrom(file, ''), {
        code: 'store-failed',
        message: /others may read the sealing key .* \(chmod 600\)/,
      });
    });
  });

  it('of the wrong length is refused, and not written over', async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, 'seal.key');
      await writeFile(file, 'short', { mode: 0o600 });
      await assert.rejects(sealFrom(file, ''), { code: 'store-failed', message: /has 5 bytes instead of 32/ });
      assert.equal(await readFile(file, 'utf8'), 'short');
    });
  });
});
