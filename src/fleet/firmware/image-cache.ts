/**
 * What devices are fetching of images, in chunks that all of them share: a hundred devices that pull one image cost one read of each chunk, and
 * an image is never in memory as a whole.
 */

/** One read of a file; a block of 1 KiB comes from it 64 times for each device. */
export const CHUNK_BYTES = 64 * 1024;
/** So many chunks are kept, 8 MiB: devices that began at different times are at different places. */
const MOST_CHUNKS = 128;

/** Reads from the disk. */
export type ReadFile = (id: string, offset: number, length: number) => Promise<Buffer>;

export class ImageCache {
  /** The longest unused first. */
  private readonly chunks = new Map<string, Buffer>();
  private readonly reading = new Map<string, Promise<Buffer>>();

  constructor(private readonly readFile: ReadFile) {}

  get heldBytes(): number {
    let bytes = 0;
    for (const chunk of this.chunks.values()) bytes += chunk.length;
    return bytes;
  }

  /** What is in memory already; undefined where it has to be read first. A view. */
  peek(id: string, size: number, offset: number, length: number): Buffer | undefined {
    const end = Math.min(offset + length, size);
    const index = Math.floor(offset / CHUNK_BYTES);
    const key = `${id} ${index}`;
    const chunk = this.chunks.get(key);
    if (chunk === undefined || end > index * CHUNK_BYTES + chunk.length) return undefined;
    this.chunks.delete(key);
    this.chunks.set(key, chunk);
    return chunk.subarray(offset - index * CHUNK_BYTES, end - index * CHUNK_BYTES);
  }

  /** @returns what lies between `offset` and the end, `length` bytes at most @throws DeviceManagementError `store-failed` */
  async read(id: string, size: number, offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, size);
    const parts: Buffer[] = [];
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / CHUNK_BYTES);
      const chunk = await this.chunk(id, size, index);
      const part = chunk.subarray(at - index * CHUNK_BYTES, end - index * CHUNK_BYTES);
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  forget(id: string): void {
    for (const key of this.chunks.keys()) if (key.startsWith(`${id} `)) this.chunks.delete(key);
  }

  private chunk(id: string, size: number, index: number): Promise<Buffer> {
    const key = `${id} ${index}`;
    const held = this.chunks.get(key);
    if (held !== undefined) return Promise.resolve(held);
    const underWay = this.reading.get(key);
    if (underWay !== undefined) return underWay;
    const start = index * CHUNK_BYTES;
    const reading = this.readFile(id, start, Math.min(CHUNK_BYTES, size - start))
      .then((chunk) => {
        this.chunks.set(key, chunk);
        const [oldest] = this.chunks.keys();
        if (this.chunks.size > MOST_CHUNKS && oldest !== undefined) this.chunks.delete(oldest);
        return chunk;
      })
      .finally(() => this.reading.delete(key));
    this.reading.set(key, reading);
    return reading;
  }
}
