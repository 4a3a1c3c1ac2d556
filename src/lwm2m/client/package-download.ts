/** A package on its way to the device by a pull: its parts in memory, within what the device has, and the faults it is to have. */
import { type FirmwareFaults, NO_FAULTS } from './firmware-faults';
import { FirmwareResult } from './firmware-object';
import type { FetchFailure, FetchListener, FetchOptions } from './package-fetch';

/** Begins to fetch; @returns what ends it */
export type FetchPackage = (uri: string, listener: FetchListener, options?: FetchOptions) => () => void;

export interface PackageDownloadOptions {
  readonly fetch: FetchPackage;
  readonly mostBytes: number;
  readonly faults?: FirmwareFaults;
  readonly done: (image: Buffer) => void;
  readonly failed: (result: FirmwareResult) => void;
}

const RESULTS: Readonly<Record<FetchFailure, FirmwareResult>> = {
  'invalid-uri': FirmwareResult.InvalidUri,
  'unsupported-protocol': FirmwareResult.UnsupportedProtocol,
  'connection-lost': FirmwareResult.ConnectionLost,
  changed: FirmwareResult.IntegrityFailure,
};

/** Where a device that sleeps does so: in the middle of anything but the smallest packages. */
const SLEEPS_AFTER_BYTES = 4 * 1024;

export class PackageDownload {
  private readonly parts: Buffer[] = [];
  private length = 0;
  private readonly end: () => void;

  constructor(
    uri: string,
    private readonly options: PackageDownloadOptions,
  ) {
    this.end = options.fetch(
      uri,
      {
        part: (bytes, _offset, total) => this.part(bytes, total),
        done: () => options.done(Buffer.concat(this.parts, this.length)),
        failed: (why) => options.failed(RESULTS[why]),
      },
      { pauseMs: pausesOf(this.faults) },
    );
  }

  cancel(): void {
    this.end();
  }

  private get faults(): FirmwareFaults {
    return this.options.faults ?? NO_FAULTS;
  }

  private part(bytes: Buffer, total: number | undefined): boolean {
    const why = this.refusal(bytes.length, total);
    if (why !== undefined) {
      this.options.failed(why);
      return false;
    }
    this.parts.push(bytes);
    this.length += bytes.length;
    return true;
  }

  private refusal(length: number, total: number | undefined): FirmwareResult | undefined {
    const { faults } = this;
    if (Math.max(this.length + length, total ?? 0) > this.options.mostBytes) return FirmwareResult.NotEnoughFlash;
    const lostAfter = faults.get('connection-lost');
    return lostAfter !== undefined && this.length + length > lostAfter ? FirmwareResult.ConnectionLost : undefined;
  }
}

function pausesOf(faults: FirmwareFaults): (offset: number) => number {
  const slow = (faults.get('slow') ?? 0) * 1000;
  let sleep = (faults.get('sleeps') ?? 0) * 1000;
  return (offset) => {
    if (sleep === 0 || offset < SLEEPS_AFTER_BYTES) return slow;
    const once = sleep;
    sleep = 0;
    return once;
  };
}
