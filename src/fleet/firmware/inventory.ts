/**
 * Firmware images and software packages that devices can be given. Their bytes are in files (`image-files`), streamed in and out; what is known
 * of them is here, and in the store.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock';
import { DeviceManagementError } from '../../errors';
import type { Store } from '../../store/store';
import type { Durable, Trouble } from '../durable';
import { type Image, type ImageDescription, readDescription } from './image';
import { ImageCache } from './image-cache';
import { ImageFiles } from './image-files';
import { type ComingImage, type ImageLimits, ImageRoom } from './image-room';
import { checkSignature, type Signers } from './image-signature';
import { ImageVerification } from './image-verification';
import { KeptImages } from './kept-images';

export interface ImageInventoryOptions {
  readonly clock: Clock;
  /** Where files are; absent: among temporary files, for as long as this lives. */
  readonly folder?: string;
  /** As they are now: a setting may change. */
  readonly limits?: () => Partial<ImageLimits>;
  readonly signers?: Signers;
}

export interface AddOptions {
  /** Bytes to come, where that is known: what is too large is refused before it is read. */
  readonly size?: number;
  readonly progress?: (bytes: number, total: number | undefined) => void;
}

/** Reads any part of an image, and never holds the whole. */
export interface ImageReader {
  readonly size: number;
  /** Fewer bytes at the end. A view: copy what is kept. @throws DeviceManagementError `store-failed` */
  read(offset: number, length: number): Promise<Buffer>;
  /** The same, where it is in memory and lies in one chunk. */
  peek(offset: number, length: number): Buffer | undefined;
}

const ID_BYTES = 8;
const OTHER_FILE = 'its file is gone, or has another length';

export class ImageInventory implements Durable {
  /** Oldest first. */
  private readonly images = new Map<string, Image>();
  private readonly files: ImageFiles;
  private readonly cache: ImageCache;
  private readonly holders = new Map<string, Set<string>>();
  private readonly room: ImageRoom;
  private readonly signers: Signers;
  private readonly verification: ImageVerification;
  private kept: KeptImages | undefined;
  private trouble: Trouble = () => undefined;
  private isClosed = false;

  constructor(private readonly options: ImageInventoryOptions) {
    const { clock, folder, limits = () => ({}), signers = async () => [] } = options;
    this.files = new ImageFiles(folder);
    this.signers = signers;
    this.room = new ImageRoom(limits, () => this.all());
    this.verification = new ImageVerification({ clock, files: this.files, signers });
    this.cache = new ImageCache((id, offset, length) => this.files.read(id, offset, length));
  }

  /** Oldest first. */
  all(): readonly Image[] {
    return [...this.images.values()];
  }

  /** Those being added, with how far they are. */
  get coming(): readonly ComingImage[] {
    return this.room.coming;
  }

  /** @param reference an id, "name@version", or a name: the newest that can be used */
  find(reference: string): Image | undefined {
    const byId = this.images.get(reference);
    if (byId !== undefined) return byId;
    const named = this.all().filter((image) => image.name === reference || referenceOf(image) === reference);
    return named.filter(({ damaged }) => damaged === undefined).at(-1) ?? named.at(-1);
  }

  /**
   * Takes an image. The same once more is the one that is there; its bytes take the place of damaged ones.
   * @param given an `ImageDescription`, as a person wrote it
   * @throws DeviceManagementError `invalid-value` naming what is wrong with the description, hash or signature; `too-large` naming the limit;
   *   `invalid-request` when name and version are another image's; `store-failed`; what the source throws
   */
  async add(source: Uint8Array | AsyncIterable<Uint8Array>, given: unknown, options: AddOptions = {}): Promise<Image> {
    const description = readDescription(given);
    const reference = referenceOf(description);
    const total = source instanceof Uint8Array ? source.length : options.size;
    this.mustBeOpen();
    this.room.enter(reference, total);
    const id = randomBytes(ID_BYTES).toString('hex');
    try {
      const written = await this.files.write(id, source instanceof Uint8Array ? once(source) : source, (bytes) => {
        this.mustBeOpen();
        this.room.grow(reference, bytes);
        options.progress?.(bytes, total);
      });
      return await this.take(id, description, written);
    } finally {
      this.room.leave(reference);
      await this.files.discardDraft(id);
    }
  }

  /**
   * That the file is what was added, and its signature still good: before anything of it is sent.
   * @throws DeviceManagementError `store-failed` when it is damaged, which sets it aside; `invalid-value` for its signature
   */
  async verify(id: string): Promise<void> {
    const image = this.usable(id);
    const why = await this.verification.run(image).catch(async (caught: unknown) => {
      // Whatever else keeps it from being read now may pass.
      if ((await this.files.sizeOf(id)) !== image.size) return OTHER_FILE;
      throw caught;
    });
    if (why !== undefined) throw this.damage(id, why);
  }

  /** @throws DeviceManagementError `invalid-request` when there is none; `store-failed` when it is damaged */
  async open(id: string): Promise<ImageReader> {
    const { size } = this.usable(id);
    if ((await this.files.sizeOf(id)) !== size) throw this.damage(id, OTHER_FILE);
    return this.readerOf(id, size);
  }

  /** The same, without a look at the file. Undefined when there is none that can be used. */
  reader(id: string): ImageReader | undefined {
    const image = this.images.get(id);
    return image === undefined || image.damaged !== undefined ? undefined : this.readerOf(id, image.size);
  }

  /** Whoever works with an image keeps it from being removed. @param holder for a person: "firmware update of dev-1" */
  hold(id: string, holder: string): void {
    const holders = this.holders.get(id) ?? new Set();
    this.holders.set(id, holders.add(holder));
  }

  release(id: string, holder: string): void {
    const holders = this.holders.get(id);
    if (holders?.delete(holder) && holders.size === 0) this.holders.delete(id);
  }

  /** Who works with it. */
  heldBy(id: string): readonly string[] {
    return [...(this.holders.get(id) ?? [])];
  }

  /** @throws DeviceManagementError `invalid-request` when there is none, or an update uses it */
  async remove(id: string): Promise<void> {
    const image = this.known(id);
    const [holder] = this.heldBy(id);
    if (holder !== undefined)
      throw refused(`image ${referenceOf(image)} is in use (${holder}): wait for the end of that, or cancel it`);
    this.images.delete(id);
    this.verification.forget(id);
    this.cache.forget(id);
    this.link(image.name);
    await this.kept?.keep(id, undefined);
    await this.files.remove(id);
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    this.trouble = trouble;
    this.kept = new KeptImages(store, this.options.clock, trouble);
    const { images, isWhole } = await this.kept.load();
    for (const image of images) {
      this.images.set(image.id, image);
      if ((await this.files.sizeOf(image.id)) !== image.size) this.damage(image.id, OTHER_FILE);
    }
    for (const name of new Set(images.map((image) => image.name))) this.link(name);
    // Files whose record cannot be read may be wanted again.
    if (isWhole) await this.files.sweep((id) => this.images.has(id));
  }

  async flush(): Promise<void> {
    await this.kept?.flush();
  }

  async keepAll(): Promise<void> {
    for (const [id, image] of this.images) await this.kept?.keep(id, image);
  }

  /** What is being added is given up. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.files.close();
  }

  private async take(
    id: string,
    description: ImageDescription,
    { size, sha256 }: { size: number; sha256: string },
  ): Promise<Image> {
    const reference = referenceOf(description);
    if (size === 0) throw new DeviceManagementError('invalid-value', `image ${reference} is empty`);
    if (description.sha256 !== undefined && description.sha256 !== sha256) {
      const text = `the SHA-256 of image ${reference} is ${sha256}, not ${description.sha256}: it was changed or cut short on its way`;
      throw new DeviceManagementError('invalid-value', text);
    }
    const signed = { ...description, sha256 };
    await checkSignature(signed, size, this.signers, () => this.files.readDraft(id, size));
    const known = this.find(reference);
    if (known !== undefined && known.sha256 !== sha256) {
      throw refused(`there is another image ${reference}: remove that first, or give this one its own version`);
    }
    if (known !== undefined && known.damaged === undefined) return known;
    if (known !== undefined) await this.files.remove(known.id);
    await this.files.keep(id);
    if (known !== undefined) this.images.delete(known.id);
    const created = Math.max(this.options.clock.wall(), (this.all().at(-1)?.created ?? 0) + 1);
    const image: Image = { ...signed, id, size, created };
    this.images.set(id, image);
    this.verification.passed(id);
    this.link(image.name);
    if (known !== undefined) await this.kept?.keep(known.id, undefined);
    await this.kept?.keep(id, image);
    return this.known(id);
  }

  private mustBeOpen(): void {
    if (this.isClosed) throw new DeviceManagementError('cancelled', 'the server was stopped while an image was being added');
  }

  private readerOf(id: string, size: number): ImageReader {
    return {
      size,
      read: (offset, length) => this.cache.read(id, size, offset, length),
      peek: (offset, length) => this.cache.peek(id, size, offset, length),
    };
  }

  private usable(id: string): Image {
    const image = this.known(id);
    if (image.damaged === undefined) return image;
    throw new DeviceManagementError(
      'store-failed',
      `image ${referenceOf(image)} cannot be used: ${image.damaged}. Add it again.`,
    );
  }

  private known(id: string): Image {
    const image = this.images.get(id);
    if (image === undefined) throw refused(`there is no image ${id}`);
    return image;
  }

  private damage(id: string, why: string): DeviceManagementError {
    const image = this.images.get(id);
    const reference = image === undefined ? id : referenceOf(image);
    const text = `image ${reference} cannot be used: ${why}. Add it again.`;
    if (image !== undefined && image.damaged === undefined) {
      this.images.set(id, { ...image, damaged: why });
      this.verification.forget(id);
      this.cache.forget(id);
      void this.files.setAside(id);
      this.trouble(text);
    }
    return new DeviceManagementError('store-failed', text);
  }

  /** Which image of a name came before which. */
  private link(name: string): void {
    let before: string | undefined;
    for (const [id, image] of this.images) {
      if (image.name !== name) continue;
      const { previous: _previous, ...rest } = image;
      this.images.set(id, before === undefined ? rest : { ...rest, previous: before });
      before = id;
    }
  }
}

/** What names an image for people. */
export function referenceOf({ name, version }: Pick<Image, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function refused(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', text);
}
