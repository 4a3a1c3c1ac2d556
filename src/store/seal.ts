/**
 * Secrets at rest: AES-256-GCM (NIST SP 800-38D) under one key that is not in the store. What a secret belongs to is authenticated with it,
 * so that a sealed key of one device cannot be put in the place of another's.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { DeviceManagementError } from '../errors';

/** Layout: format 1, id of the key 4, nonce 12, tag 16, ciphertext. */
const FORMAT = 1;
const KEY_ID_AT = 1;
const NONCE_AT = 5;
const TAG_AT = 17;
const TEXT_AT = 33;
const KEY_LENGTH = 32;
/** Random nonces of 96 bits: safe for 2^32 seals under one key (SP 800-38D §8.3), a seal a second for a century. */
const NONCE_LENGTH = 12;

/** What a wrapped key belongs to. */
const WRAPPED = 'seal key';

export class Seal {
  private readonly id: Buffer;

  /** @param key 32 bytes */
  /** One that nobody else has, and that ends with the process. */
  static random(): Seal {
    return new Seal(randomBytes(KEY_LENGTH));
  }

  constructor(private readonly key: Buffer) {
    if (key.length !== KEY_LENGTH) throw failed(`the sealing key must have ${KEY_LENGTH} bytes, not ${key.length}`);
    // Tells keys apart without telling anything of them.
    this.id = createHash('sha256')
      .update('seal key id')
      .update(key)
      .digest()
      .subarray(0, NONCE_AT - KEY_ID_AT);
  }

  /** @param belongsTo what the secret is of: "psk/device-1". The same must be given to open it. */
  seal(secret: Buffer, belongsTo: string): Buffer {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    cipher.setAAD(Buffer.from(belongsTo));
    const text = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([Buffer.from([FORMAT]), this.id, nonce, cipher.getAuthTag(), text]);
  }

  /** Its key, sealed under another: for a copy of what it has sealed. */
  wrap(under: Seal): Buffer {
    return under.seal(this.key, WRAPPED);
  }

  /** @throws DeviceManagementError `store-failed` */
  static unwrap(wrapped: Buffer, under: Seal): Seal {
    return new Seal(under.open(wrapped, WRAPPED));
  }

  /** Whether both open what either has sealed. */
  isSame(other: Seal): boolean {
    return this.key.equals(other.key);
  }

  /** In a file for this user alone, in place of one that may be there. */
  async keepIn(file: string): Promise<void> {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await rename(await draftOf(file, this.key), file);
  }

  /** @throws DeviceManagementError `store-failed`: another key, or not what was sealed for this */
  open(sealed: Buffer, belongsTo: string): Buffer {
    if (sealed.length < TEXT_AT || sealed[0] !== FORMAT) throw failed(`the secret of ${belongsTo} is not a sealed one`);
    if (!sealed.subarray(KEY_ID_AT, NONCE_AT).equals(this.id))
      throw failed(
        `the secret of ${belongsTo} was sealed under another key: give the key it was sealed under, or enter the secret anew`,
      );
    const decipher = createDecipheriv('aes-256-gcm', this.key, sealed.subarray(NONCE_AT, TAG_AT));
    decipher.setAAD(Buffer.from(belongsTo));
    decipher.setAuthTag(sealed.subarray(TAG_AT, TEXT_AT));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(TEXT_AT)), decipher.final()]);
    } catch {
      // The cause is left out: it says nothing, and what it quotes is not ours to show.
      throw failed(`the secret of ${belongsTo} has been changed or belongs to something else: enter it anew`);
    }
  }
}

/** Where the key comes from: a variable of the environment, or else a file that is made when it is not there. */
export const SEAL_KEY_VARIABLE = 'DEVICE_MANAGEMENT_SEAL_KEY';

/**
 * @param file for this user alone (mode 0600)
 * @param given 64 hex digits, from the environment; makes the file needless
 * @throws DeviceManagementError `store-failed`, saying what to do
 */
export async function sealFrom(file: string, given = process.env[SEAL_KEY_VARIABLE]): Promise<Seal> {
  if (given !== undefined && given !== '') {
    if (!/^[0-9a-fA-F]{64}$/.test(given)) throw failed(`${SEAL_KEY_VARIABLE} must be 64 hexadecimal digits (32 bytes)`);
    return new Seal(Buffer.from(given, 'hex'));
  }
  try {
    return new Seal((await keyIn(file)) ?? (await newKeyIn(file)));
  } catch (caught) {
    if (caught instanceof DeviceManagementError) throw caught;
    throw failed(`the sealing key in ${file} cannot be used: ${(caught as Error).message}`, caught);
  }
}

/**
 * Puts another key where `sealFrom` looks for it.
 * @throws DeviceManagementError `store-failed` when it cannot be written, or the environment says which one it is
 */
export async function replaceSeal(file: string, seal: Seal, given = process.env[SEAL_KEY_VARIABLE]): Promise<void> {
  if (given !== undefined && given !== '')
    throw failed(
      `${SEAL_KEY_VARIABLE} is another key than that of the backup: start with the one it was made under, or without the variable`,
    );
  try {
    await seal.keepIn(file);
  } catch (caught) {
    throw failed(`the sealing key cannot be written to ${file}: ${(caught as Error).message}`, caught);
  }
}

/** `undefined` when there is no file. */
async function keyIn(file: string): Promise<Buffer | undefined> {
  try {
    const { mode } = await stat(file);
    // Windows has no such bits: there the folder's rights decide.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw failed(
        `others may read the sealing key in ${file}: take that from them (chmod 600), and think about the secrets as known`,
      );
    const key = await readFile(file);
    if (key.length === KEY_LENGTH) return key;
    throw failed(
      `${file} is no sealing key: it has ${key.length} bytes instead of ${KEY_LENGTH}; bring back the right one from a backup`,
    );
  } catch (caught) {
    if ((caught as { code?: unknown }).code === 'ENOENT') return undefined;
    throw caught;
  }
}

/** Whole or not at all, and never over a key that another process has just made. */
async function newKeyIn(file: string): Promise<Buffer> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = await draftOf(file, randomBytes(KEY_LENGTH));
  try {
    await link(draft, file);
    await unlink(draft);
  } catch (caught) {
    // FAT knows no links; and then nobody else has made one.
    if ((caught as { code?: unknown }).code !== 'EEXIST') await rename(draft, file);
    else await unlink(draft);
  }
  const key = await keyIn(file);
  if (key === undefined) throw failed(`the sealing key in ${file} is gone as soon as it is made`);
  return key;
}

/** A file beside `file` that is written to the end. */
async function draftOf(file: string, key: Buffer): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(key);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return draft;
}

function failed(text: string, cause?: unknown): DeviceManagementError {
  return new DeviceManagementError('store-failed', text, cause === undefined ? {} : { cause });
}
