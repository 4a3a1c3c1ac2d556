/** A store in a folder of this machine (LevelDB through classic-level): a log that survives the end of the process at any instant. */
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { DeviceManagementError } from '../errors';
import { type Change, checkKey, closed, type Entry, type How, type Range, type Store } from './store';

/**
 * `process`: a change outlives the process, whatever ends it; the operating system writes it to disk in its own time.
 * `power`: a change outlives the machine; each is waited for until the disk has it, which wears SD cards.
 */
export type Durability = 'process' | 'power';

export interface LevelStoreOptions {
  readonly folder: string;
  readonly durability?: Durability;
  /** Told when the files were damaged and had to be mended: what was in the damaged part is lost. */
  readonly onRepaired?: (reason: string) => void;
}

export class LevelStore implements Store {
  /** The last change that was asked for. LevelDB is asked on several threads, which would overtake each other. */
  private written: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly level: ClassicLevel<string, Buffer>,
    private readonly folder: string,
    private readonly sync: boolean,
  ) {}

  /** @throws DeviceManagementError `store-failed`, saying what to do */
  static async open({ folder, durability = 'process', onRepaired }: LevelStoreOptions): Promise<LevelStore> {
    try {
      // What is in it are names, states and sealed secrets: nobody else's business.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const level = await opened(folder, onRepaired);
      return new LevelStore(level, folder, durability === 'power');
    } catch (caught) {
      throw failure(caught, folder);
    }
  }

  async get(key: string): Promise<Buffer | undefined> {
    this.mustBeOpen();
    await this.written;
    return this.guarded(() => this.level.get(key));
  }

  put(key: string, value: Buffer): Promise<void> {
    return this.batch([{ key, value }]);
  }

  delete(key: string): Promise<void> {
    return this.batch([{ key }]);
  }

  async *range({ from, before, limit = -1, reverse = false }: Range): AsyncIterable<Entry> {
    this.mustBeOpen();
    await this.written;
    const iterator = this.level.iterator({ gte: from, lt: before, limit, reverse });
    try {
      for await (const [key, value] of iterator) yield { key, value };
    } catch (caught) {
      throw failure(caught, this.folder);
    }
    // An iterator that was closed together with its store ends as if it had come to the end.
    this.mustBeOpen();
  }

  async batch(changes: readonly Change[], { synced = false }: How = {}): Promise<void> {
    this.mustBeOpen();
    for (const { key } of changes) checkKey(key);
    if (changes.length === 0) return;
    const operations = changes.map(({ key, value }) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    );
    const change = this.written.then(() => this.level.batch(operations, { sync: this.sync || synced }));
    // One that fails has told whoever asked for it, and holds up nobody.
    this.written = change.catch(() => undefined);
    await this.guarded(() => change);
  }

  async close(): Promise<void> {
    await this.written;
    await this.guarded(() => this.level.close());
  }

  private mustBeOpen(): void {
    if (this.level.status !== 'open') throw closed();
  }

  private async guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (caught) {
      throw failure(caught, this.folder);
    }
  }
}

async function opened(folder: string, onRepaired: LevelStoreOptions['onRepaired']): Promise<ClassicLevel<string, Buffer>> {
  try {
    return await openLevel(folder);
  } catch (caught) {
    if (codeOf(caught) !== 'LEVEL_CORRUPTION') throw caught;
    await ClassicLevel.repair(folder);
    const level = await openLevel(folder);
    onRepaired?.(textOf(caught));
    return level;
  }
}

async function openLevel(folder: string): Promise<ClassicLevel<string, Buffer>> {
  const level = new ClassicLevel<string, Buffer>(folder, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await level.open();
  return level;
}

/** The system's words, which LevelDB passes on, and what to do about each. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/no space left|ENOSPC|disk quota/i, 'the disk is full: make room'],
  [/permission denied|EACCES|EPERM/i, 'this user may not write there: change the owner of the folder, or choose another'],
  [/read-only file system|EROFS/i, 'the disk is read-only: mount it writable, or choose another folder'],
  [/ENOTDIR|EEXIST|not a directory/i, 'it is a file, not a folder: choose another'],
];

function failure(caught: unknown, folder: string): DeviceManagementError {
  if (caught instanceof DeviceManagementError) return caught;
  const code = codeOf(caught);
  if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN') return closed();
  const text = textOf(caught);
  const remedy =
    code === 'LEVEL_LOCKED'
      ? 'another process or server uses it: choose a folder for each'
      : (REMEDIES.find(([pattern]) => pattern.test(text))?.[1] ?? text);
  return new DeviceManagementError('store-failed', `the store in ${folder} failed: ${remedy}`, { cause: caught });
}

/** Of the innermost error: the outer one says only that the store is not open. */
function codeOf(caught: unknown): string | undefined {
  const { code, cause } = (caught ?? {}) as { code?: string; cause?: unknown };
  return (cause === undefined ? undefined : codeOf(cause)) ?? code;
}

function textOf(caught: unknown): string {
  const { message, cause } = caught as { message?: string; cause?: unknown };
  return cause === undefined ? String(message ?? caught) : textOf(cause);
}
