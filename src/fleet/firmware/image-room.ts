/** How much of the disk images may take: what is there, and what is just coming. */
import { DeviceManagementError } from '../../errors';

export interface ImageLimits {
  /** Bytes of one image. */
  readonly imageBytes: number;
  readonly images: number;
  /** Bytes of all, those being added included. */
  readonly totalBytes: number;
}

export const DEFAULT_IMAGE_LIMITS: ImageLimits = {
  imageBytes: 64 * 1024 * 1024,
  images: 200,
  totalBytes: 4 * 1024 * 1024 * 1024,
};

/** An image that is being added. */
export interface ComingImage {
  /** "name@version". */
  readonly reference: string;
  /** So far. */
  readonly bytes: number;
  /** In all, where that is known. */
  readonly size?: number;
}

export class ImageRoom {
  private readonly underWay = new Map<string, ComingImage>();

  /**
   * @param limits as they are now
   * @param held what is there
   */
  constructor(
    private readonly limits: () => Partial<ImageLimits>,
    private readonly held: () => readonly { readonly size: number }[],
  ) {}

  get coming(): readonly ComingImage[] {
    return [...this.underWay.values()];
  }

  /** @param size to come, where that is known @throws DeviceManagementError `invalid-request`, `too-large` */
  enter(reference: string, size: number | undefined): void {
    if (this.underWay.has(reference)) {
      throw new DeviceManagementError('invalid-request', `image ${reference} is being added already: wait for that`);
    }
    this.check(reference, size ?? 0);
    this.underWay.set(reference, { reference, bytes: 0, ...(size !== undefined && { size }) });
  }

  /** So many have come. @throws DeviceManagementError `too-large` */
  grow(reference: string, bytes: number): void {
    this.check(reference, bytes);
    this.underWay.set(reference, { ...this.underWay.get(reference), reference, bytes });
  }

  leave(reference: string): void {
    this.underWay.delete(reference);
  }

  private check(reference: string, bytes: number): void {
    const { imageBytes, images, totalBytes } = { ...DEFAULT_IMAGE_LIMITS, ...this.limits() };
    if (bytes > imageBytes)
      throw tooLarge(`an image has at most ${imageBytes} bytes: raise the limit in the server if this one is good`);
    const held = this.held();
    let count = held.length;
    let total = bytes + held.reduce((sum, { size }) => sum + size, 0);
    for (const other of this.underWay.values()) {
      if (other.reference === reference) continue;
      count++;
      total += Math.max(other.bytes, other.size ?? 0);
    }
    if (count >= images) throw tooLarge(`there are ${images} images, which is all that can be: remove old ones`);
    if (total > totalBytes) throw tooLarge(`all images together have at most ${totalBytes} bytes: remove old ones`);
  }
}

function tooLarge(text: string): DeviceManagementError {
  return new DeviceManagementError('too-large', text);
}
