/**
 * A whole store as one file, for another machine or a bad day: entries in frames, compressed, each sealed under a key made from a
 * passphrase. Cut off, changed, or put together from two, it is not taken. With it goes the key under which secrets in the store are
 * sealed, for they would be worth nothing without.
 *
 * Layout: magic 8, salt 16, then frames: length 4, sealed (seal.ts). In a frame, compressed (RFC 1952): a line of JSON for each entry.
 */
import { randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { DeviceManagementError } from '../errors';
import { Seal } from './seal';
import { below, type Change, type Entry, type Store } from './store';

const MAGIC = Buffer.from('DMBACK1\n');
const SALT_LENGTH = 16;
const LENGTH_BYTES = 4;
/** What a person thinks of must stand against those who have the file and time. */
const SHORTEST_PASSPHRASE = 12;
/** 64 MiB and about a quarter of a second on a small computer (RFC 7914). */
const SCRYPT: ScryptOptions = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 };
const KEY_LENGTH = 32;
/** Begins the keys of staged.ts. */
export const STAGING = 'staged/';
/** Begins keys of what must not be in two places at once: it stays where it is. */
export const UNREPEATABLE = 'once/';
/** Entries of a frame: small enough not to be felt. */
const FRAME_BYTES = 256 * 1024;
/** A frame with one large entry may be longer, but not by much; what it unpacks to is bounded too. */
const LONGEST_FRAME = 16 * 1024 * 1024;
/** All of the entries, held in memory until the last frame has shown that nothing is missing. */
const LONGEST_STATE = 512 * 1024 * 1024;

const compress = promisify(gzip);
const decompress = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);

export interface Restorable {
  readonly entries: readonly Entry[];
  /** For `Seal.unwrap`; undefined where there was none. */
  readonly key: { readonly wrapped: Buffer; readonly under: Seal } | undefined;
}

/**
 * The store as it stands when the first part is asked for.
 * @param seal of secrets in it
 * @throws DeviceManagementError `invalid-value` for a passphrase that is too short
 */
export async function* backup(store: Store, passphrase: string, seal: Seal | undefined): AsyncIterable<Buffer> {
  const salt = randomBytes(SALT_LENGTH);
  const under = await sealOf(passphrase, salt);
  yield Buffer.concat([MAGIC, salt]);
  const frames = new Frames(under, salt);
  yield frames.seal(seal === undefined ? Buffer.alloc(0) : seal.wrap(under), 'key');
  let lines: string[] = [];
  let size = 0;
  for await (const { key, value } of store.range(below(''))) {
    // One that waits to be taken up is no part of it.
    if (key.startsWith(STAGING) || key.startsWith(UNREPEATABLE)) continue;
    const line = JSON.stringify([key, value.toString('base64')]);
    lines.push(line);
    size += line.length;
    if (size < FRAME_BYTES) continue;
    yield frames.seal(await compress(lines.join('\n')), 'entries');
    lines = [];
    size = 0;
  }
  yield frames.seal(await compress(lines.join('\n')), 'end');
}

/**
 * @param parts the file, in pieces of any length
 * @throws DeviceManagementError `invalid-value`: no backup, another passphrase, or not whole
 */
export async function readBackup(parts: AsyncIterable<Buffer>, passphrase: string): Promise<Restorable> {
  const source = new Source(parts);
  const magic = await source.take(MAGIC.length);
  if (magic === undefined || !magic.equals(MAGIC)) throw refused('it is not a backup of device management');
  const salt = await source.take(SALT_LENGTH);
  if (salt === undefined) throw incomplete();
  const under = await sealOf(passphrase, salt);
  const frames = new Frames(under, salt);
  const wrapped = frames.open(await frameOf(source), ['key']).body;
  const entries: Entry[] = [];
  let size = 0;
  for (let isOver = false; !isOver; ) {
    const { kind, body } = frames.open(await frameOf(source), ['entries', 'end']);
    isOver = kind === 'end';
    const text = (await decompress(body, { maxOutputLength: LONGEST_FRAME })).toString();
    size += text.length;
    if (size > LONGEST_STATE) throw refused('it holds more than can be taken up at once');
    if (text !== '') entries.push(...text.split('\n').map(entryOf));
  }
  if ((await source.take(1)) !== undefined) throw refused('something follows its end');
  return { entries, key: wrapped.length === 0 ? undefined : { wrapped, under } };
}

/** All that may be in another place, for another store of this process. */
export async function contentsOf(store: Store, seal: Seal): Promise<Restorable> {
  const entries: Entry[] = [];
  for await (const entry of store.range(below(''))) {
    if (!entry.key.startsWith(STAGING) && !entry.key.startsWith(UNREPEATABLE)) entries.push(entry);
  }
  const under = Seal.random();
  return { entries, key: { wrapped: seal.wrap(under), under } };
}

/** In place of everything that is there, or not at all. @throws DeviceManagementError `store-failed` */
export async function replaceAll(store: Store, entries: readonly Entry[]): Promise<void> {
  const changes: Change[] = [];
  for await (const { key } of store.range(below(''))) changes.push({ key });
  await store.batch([...changes, ...entries]);
}

type FrameKind = 'key' | 'entries' | 'end';

/** Sealed with their place and kind, so that none can be left out, repeated or put elsewhere. */
class Frames {
  private count = 0;

  constructor(
    private readonly under: Seal,
    private readonly salt: Buffer,
  ) {}

  seal(body: Buffer, kind: FrameKind): Buffer {
    const sealed = this.under.seal(body, this.place(kind));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length);
    this.count++;
    return Buffer.concat([length, sealed]);
  }

  open(sealed: Buffer, kinds: readonly FrameKind[]): { readonly kind: FrameKind; readonly body: Buffer } {
    for (const kind of kinds) {
      try {
        const body = this.under.open(sealed, this.place(kind));
        this.count++;
        return { kind, body };
      } catch {
        // Of another kind, perhaps.
      }
    }
    throw this.count === 0
      ? refused('the passphrase is another than it was made with, or it is damaged')
      : refused('it is damaged, or not whole');
  }

  private place(kind: FrameKind): string {
    return `backup/${this.salt.toString('hex')}/${this.count}/${kind}`;
  }
}

/** Pieces of a file as what is asked for. */
class Source {
  private readonly pieces: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);

  constructor(parts: AsyncIterable<Buffer>) {
    this.pieces = parts[Symbol.asyncIterator]();
  }

  /** `undefined` at the end. */
  async take(length: number): Promise<Buffer | undefined> {
    const pieces = [this.held];
    for (let size = this.held.length; size < length; ) {
      const { done, value } = await this.pieces.next();
      if (done === true) return undefined;
      pieces.push(value);
      size += value.length;
    }
    const all = Buffer.concat(pieces);
    this.held = all.subarray(length);
    return all.subarray(0, length);
  }
}

async function frameOf(source: Source): Promise<Buffer> {
  const length = (await source.take(LENGTH_BYTES))?.readUInt32BE();
  if (length === undefined) throw incomplete();
  if (length > LONGEST_FRAME) throw refused('it is damaged');
  const frame = await source.take(length);
  if (frame === undefined) throw incomplete();
  return frame;
}

function entryOf(line: string): Entry {
  const [key, value] = JSON.parse(line) as [string, string];
  return { key, value: Buffer.from(value, 'base64') };
}

async function sealOf(passphrase: string, salt: Buffer): Promise<Seal> {
  if (passphrase.length < SHORTEST_PASSPHRASE)
    throw new DeviceManagementError('invalid-value', `the passphrase of a backup has at least ${SHORTEST_PASSPHRASE} characters`);
  const key = await new Promise<Buffer>((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_LENGTH, SCRYPT, (error, made) =>
      error === null ? resolve(made) : reject(error),
    );
  });
  return new Seal(key);
}

function incomplete(): DeviceManagementError {
  return refused('its end is missing');
}

function refused(reason: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', `the backup cannot be used: ${reason}`);
}
