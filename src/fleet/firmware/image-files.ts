/**
 * The bytes of images, a file each in one folder. A file appears under its name when it is whole and on the disk, so that what is there after a
 * crash is either good or a draft to be thrown away.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { isImageId } from './image';

interface WrittenFile {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

const DRAFT = '.part';
const DAMAGED = '.damaged';

export class ImageFiles {
  private temporary: Promise<string> | undefined;

  /** @param folder undefined: one among temporary files, gone with `close` */
  constructor(private readonly folder: string | undefined) {}

  /**
   * Takes a body as it comes, under the name of a draft.
   * @param mayGrow asked with the bytes so far before they are written; throws to refuse
   * @throws DeviceManagementError `store-failed`, or what `mayGrow` and the source throw
   */
  async write(id: string, source: AsyncIterable<Uint8Array>, mayGrow: (bytes: number) => void): Promise<WrittenFile> {
    const draft = path.join(await this.made(), id + DRAFT);
    const file = await told(() => open(draft, 'wx', 0o600));
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of source) {
        size += chunk.length;
        mayGrow(size);
        hash.update(chunk);
        await told(() => file.writeFile(chunk));
      }
      await told(() => file.sync());
      return { size, sha256: hash.digest('hex') };
    } catch (caught) {
      await unlink(draft).catch(() => undefined);
      throw caught;
    } finally {
      await file.close();
    }
  }

  /** What was written is whole and wanted. @throws DeviceManagementError `store-failed` */
  async keep(id: string): Promise<void> {
    const file = await this.pathOf(id);
    await told(() => rename(file + DRAFT, file));
  }

  async discardDraft(id: string): Promise<void> {
    await unlink((await this.pathOf(id)) + DRAFT).catch(() => undefined);
  }

  async remove(id: string): Promise<void> {
    await unlink(await this.pathOf(id)).catch(() => undefined);
  }

  /** Out of the way, for a person to look at. */
  async setAside(id: string): Promise<void> {
    const file = await this.pathOf(id);
    await rename(file, file + DAMAGED).catch(() => undefined);
  }

  /** Bytes; undefined where there is no file. */
  async sizeOf(id: string): Promise<number | undefined> {
    const found = await stat(await this.pathOf(id)).catch(() => undefined);
    return found?.isFile() === true ? found.size : undefined;
  }

  /** What is not yet kept. @throws as `read` */
  readDraft(id: string, size: number): Promise<Buffer> {
    return this.read(id + DRAFT, 0, size);
  }

  /**
   * Opened for each read: nothing stays open that could be forgotten, and a chunk is read once for all devices.
   * @throws DeviceManagementError `store-failed` where fewer bytes are there
   */
  async read(id: string, offset: number, length: number): Promise<Buffer> {
    const name = await this.pathOf(id);
    return told(async () => {
      const file = await open(name, constants.O_RDONLY);
      try {
        const bytes = Buffer.allocUnsafeSlow(length);
        let read = 0;
        while (read < length) {
          const { bytesRead } = await file.read(bytes, read, length - read, offset + read);
          if (bytesRead === 0) throw new Error(`it ends at byte ${offset + read}`);
          read += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  /** Drafts of an earlier life, and files of images that are not known. */
  async sweep(isKnown: (id: string) => boolean): Promise<void> {
    if (this.folder === undefined) return;
    const folder = this.folder;
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      const id = name.endsWith(DRAFT) ? name.slice(0, -DRAFT.length) : name;
      if (isImageId(id) && (id !== name || !isKnown(id))) await unlink(path.join(folder, name)).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const folder = await this.temporary?.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  /** The folder, which is there now. */
  private async made(): Promise<string> {
    const { folder } = this;
    if (folder === undefined) {
      this.temporary ??= told(() => mkdtemp(path.join(tmpdir(), 'device-management-images-')));
      return this.temporary;
    }
    // Firmware is its maker's business.
    await told(() => mkdir(folder, { recursive: true, mode: 0o700 }));
    return folder;
  }

  private async pathOf(id: string): Promise<string> {
    return path.join(this.folder ?? (await this.made()), id);
  }
}

/** The system's errors as ours. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (caught) {
    const { message } = asDeviceManagementError(caught);
    throw new DeviceManagementError('store-failed', `the file of an image failed: ${message}`, { cause: caught });
  }
}
