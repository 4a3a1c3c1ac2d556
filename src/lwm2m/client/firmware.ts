/**
 * The Firmware Update object (5) as a state machine (LwM2M Core 1.1.1 Appendix E.6):
 *
 *            package written            verified                Execute 5/0/2
 *   0 Idle ──────────────> 1 Downloading ───────> 2 Downloaded ──────────────> 3 Updating
 *    ^ ^                        │                     │                            │
 *    │ └── refused, reset ──────┴── reset, cancel ────┘                            │
 *    └──────────────────────────── installed: result 1; failed: result 8 ──────────┘
 *
 * What this is not: it fetches nothing (a Package URI is refused with result 9), checks no signature and writes no flash. It
 * keeps the package in memory and hands it to `install`, which does what the device can.
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Content } from './content';
import type { ObjectTree } from './objects';
import { badRequest, notAllowed, Refusal } from './refusal';

export const FirmwareState = { Idle: 0, Downloading: 1, Downloaded: 2, Updating: 3 } as const;
export const FirmwareResult = {
  Initial: 0,
  Success: 1,
  NotEnoughFlash: 2,
  IntegrityFailure: 5,
  UnsupportedPackage: 6,
  InvalidUri: 7,
  UpdateFailed: 8,
  UnsupportedProtocol: 9,
  Cancelled: 10,
} as const;
export type FirmwareResult = (typeof FirmwareResult)[keyof typeof FirmwareResult];

const OBJECT = 5;
const Resource = {
  Package: 0,
  PackageUri: 1,
  Update: 2,
  State: 3,
  Result: 5,
  PackageVersion: 7,
  DeliveryMethod: 9,
  Cancel: 10,
} as const;
/** Delivery method: push only. */
const PUSH = 1;
const NOT_YET = '';

export interface FirmwareVerdict {
  /** Anything but `Success` refuses the package. */
  readonly result: FirmwareResult;
  /** Where the package tells it. */
  readonly version?: string;
}

export interface FirmwareOptions {
  readonly clock: Clock;
  /** Larger packages are refused with result 2. */
  readonly mostBytes?: number;
  /** How long State 1 lasts: a device writes flash and computes a checksum. */
  readonly verifyMs?: number;
  /** Looks at the whole package. */
  readonly verify?: (image: Buffer) => FirmwareVerdict;
  /** Installs, when the answer to Execute has left; it ends with `finish`. */
  readonly install: (image: Buffer) => void;
}

/** What the layer joins from blocks (RFC 7959) ends at 1 MiB unless it is told otherwise. */
const MOST_BYTES = 1024 * 1024;

export class Firmware {
  private image: Buffer | undefined;
  private readonly mostBytes: number;

  constructor(
    private readonly tree: ObjectTree,
    private readonly options: FirmwareOptions,
  ) {
    this.mostBytes = options.mostBytes ?? MOST_BYTES;
    const hasCancel = tree.model.resource(OBJECT, Resource.Cancel) !== undefined;
    tree.add(
      OBJECT,
      0,
      {
        [Resource.PackageUri]: '',
        [Resource.State]: FirmwareState.Idle,
        [Resource.Result]: FirmwareResult.Initial,
        [Resource.PackageVersion]: NOT_YET,
        [Resource.DeliveryMethod]: PUSH,
      },
      {
        [Resource.Package]: {
          check: (content) => this.checkPackage(content),
          write: (content) => this.takePackage(content as Buffer),
        },
        [Resource.PackageUri]: { check: (content) => this.checkUri(content), write: () => this.reset() },
        [Resource.Update]: { execute: () => this.update() },
        ...(hasCancel && { [Resource.Cancel]: { execute: () => this.cancel() } }),
      },
    );
  }

  get state(): number {
    return this.tree.get('/5/0/3') as number;
  }

  /** The end of what `install` began. */
  finish(result: FirmwareResult): void {
    this.image = undefined;
    this.enter(FirmwareState.Idle, result);
  }

  private checkPackage(content: Content): void {
    if (!Buffer.isBuffer(content)) throw badRequest('a package is one opaque value');
    if (this.state === FirmwareState.Updating) throw notAllowed('the device is updating');
    if (isReset(content)) return;
    if (this.state !== FirmwareState.Idle) throw badRequest('there is a package already: reset first, by one NUL byte');
    if (content.length <= this.mostBytes) return;
    this.enter(FirmwareState.Idle, FirmwareResult.NotEnoughFlash);
    throw new Refusal(Code.RequestEntityTooLarge, `a package may have ${this.mostBytes} bytes`);
  }

  private takePackage(content: Buffer): void {
    if (isReset(content)) return this.reset();
    this.image = content;
    this.enter(FirmwareState.Downloading, FirmwareResult.Initial);
    if (this.options.verifyMs === undefined) this.verified(content);
    else this.options.clock.after(this.options.verifyMs, () => this.verified(content));
  }

  private verified(image: Buffer): void {
    // Reset or cancelled meanwhile.
    if (this.image !== image) return;
    const { result, version = '' } = this.verdictOn(image);
    if (result !== FirmwareResult.Success) return this.finish(result);
    this.enter(FirmwareState.Downloaded, FirmwareResult.Initial, version);
  }

  /** A verification that breaks off has not found the package good. */
  private verdictOn(image: Buffer): FirmwareVerdict {
    try {
      return this.options.verify?.(image) ?? { result: FirmwareResult.Success };
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error), 'Lwm2mClientError');
      return { result: FirmwareResult.IntegrityFailure };
    }
  }

  private checkUri(content: Content): void {
    if (this.state === FirmwareState.Updating) throw notAllowed('the device is updating');
    if (content === '') return;
    if (this.state !== FirmwareState.Idle) throw badRequest('there is a package already: reset first, by an empty URI');
    this.enter(FirmwareState.Idle, FirmwareResult.UnsupportedProtocol);
    throw badRequest('this device fetches nothing: write the package itself');
  }

  private update(): () => void {
    const { image } = this;
    if (this.state !== FirmwareState.Downloaded || image === undefined) throw notAllowed('there is no package to install');
    this.enter(FirmwareState.Updating, FirmwareResult.Initial);
    return () => this.options.install(image);
  }

  private cancel(): undefined {
    if (this.state !== FirmwareState.Downloading && this.state !== FirmwareState.Downloaded) {
      throw notAllowed('there is nothing to cancel');
    }
    this.finish(FirmwareResult.Cancelled);
  }

  private reset(): void {
    this.finish(FirmwareResult.Initial);
  }

  private enter(state: number, result: FirmwareResult, version = NOT_YET): void {
    this.tree.setAll([
      [`/${OBJECT}/0/${Resource.State}`, state],
      [`/${OBJECT}/0/${Resource.Result}`, result],
      [`/${OBJECT}/0/${Resource.PackageVersion}`, version],
    ]);
  }
}

/** One NUL byte (5/1.1), or nothing at all (5/1.0). */
function isReset(content: Buffer): boolean {
  return content.length === 0 || (content.length === 1 && content[0] === 0);
}
