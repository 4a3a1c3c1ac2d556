/** That an image is still what was added: hash of the file, and signature. Once for all who ask at the same time. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../clock';
import type { Image } from './image';
import { CHUNK_BYTES } from './image-cache';
import type { ImageFiles } from './image-files';
import { checkSignature, type Signers } from './image-signature';

/** An update of a thousand devices need not read the image a thousand times. */
const GOOD_FOR_MS = 60_000;

export interface VerificationContext {
  readonly clock: Clock;
  readonly files: ImageFiles;
  readonly signers: Signers;
}

export class ImageVerification {
  private readonly underWay = new Map<string, Promise<string | undefined>>();
  private readonly goodAt = new Map<string, number>();

  constructor(private readonly context: VerificationContext) {}

  /**
   * @returns why its bytes are not those that were added; undefined when they are
   * @throws DeviceManagementError `invalid-value` for its signature, `store-failed` where it cannot be read
   */
  async run(image: Image): Promise<string | undefined> {
    const { id } = image;
    const at = this.goodAt.get(id);
    if (at !== undefined && this.context.clock.monotonic() - at < GOOD_FOR_MS) return undefined;
    let running = this.underWay.get(id);
    if (running === undefined) {
      running = this.runNow(image).finally(() => this.underWay.delete(id));
      this.underWay.set(id, running);
    }
    return running;
  }

  passed(id: string): void {
    this.goodAt.set(id, this.context.clock.monotonic());
  }

  forget(id: string): void {
    this.goodAt.delete(id);
  }

  private async runNow(image: Image): Promise<string | undefined> {
    const { id, size, sha256 } = image;
    const { files, signers } = this.context;
    const hash = createHash('sha256');
    for (let at = 0; at < size; at += CHUNK_BYTES) hash.update(await files.read(id, at, Math.min(CHUNK_BYTES, size - at)));
    if (hash.digest('hex') !== sha256) return 'its bytes are not those that were added';
    await checkSignature(image, size, signers, () => files.read(id, 0, size));
    this.passed(id);
    return undefined;
  }
}
