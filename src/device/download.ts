/** What devices fetch by themselves instead of being sent it: large bodies under names nobody can guess. */

export interface Download {
  /** Bytes. */
  readonly size: number;
  /** The same as long as the body is; 8 bytes at most (RFC 7252 §5.10.6). */
  readonly etag: Buffer;
  /** A part that is at hand, or undefined. */
  peek(offset: number, length: number): Buffer | undefined;
  /** @throws DeviceManagementError when it cannot be read */
  read(offset: number, length: number): Promise<Buffer>;
  /** A part has been sent. */
  served(offset: number, length: number): void;
}

/**
 * Asked for each part: whoever fetches may do so in any order, from any address and over any number of sessions.
 * @param device who asks, where that is proved
 */
export type DownloadSource = (token: string, device: string | undefined) => Download | undefined;

/** Comes before the token in a path: "coap://manager:5683/fw/Zm9v…". */
export const DOWNLOAD_PATH = 'fw';
