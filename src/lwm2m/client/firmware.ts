/**
 * The Firmware Update object (5) as a state machine (LwM2M Core 1.1.1 Appendix E.6, LwM2M Core 1.2 Appendix E.6):
 *
 *            package written            verified                Execute 5/0/2
 *   0 Idle ──────────────> 1 Downloading ───────> 2 Downloaded ──────────────> 3 Updating
 *    ^ ^     URI: fetched       │                     │  ^ put off: result 11      │
 *    │ └── refused, reset ──────┴── reset, cancel ────┘                            │
 *    └──────────────────────────── installed: result 1; failed: result 8 ──────────┘
 *
 * What this is not: it writes no flash. It keeps the package in memory and hands it to `install`, which does what the device can; whether a
 * package is good says `verify`.
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Content } from './content';
import { type FirmwareFault, type FirmwareFaults, NO_FAULTS } from './firmware-faults';
import { Delivery, FIRMWARE_OBJECT, FirmwareResult, FirmwareState, laterValues, Resource } from './firmware-object';
import type { ObjectTree } from './objects';
import { type FetchPackage, PackageDownload } from './package-download';
import { badRequest, notAllowed, Refusal } from './refusal';

export { FirmwareResult, FirmwareState } from './firmware-object';

const NOT_YET = '';

export interface FirmwareVerdict {
  /** Anything but `Success` refuses the package. */
  readonly result: FirmwareResult;
  /** Where the package tells them. */
  readonly version?: string;
  readonly name?: string;
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
  /** Fetches what a Package URI names (`Lwm2mClient.fetch`). Absent: packages are pushed only, and a URI is refused with result 9. */
  readonly fetch?: FetchPackage;
  /** 5/0/9; without it both where it can fetch. */
  readonly delivery?: Delivery;
  /** 5/0/8: what it fetches over; absent = CoAP. */
  readonly protocols?: readonly number[];
  /** What is to go wrong, as it is switched now. */
  readonly faults?: () => FirmwareFaults;
}

/** What the layer joins from blocks (RFC 7959) ends at 1 MiB unless it is told otherwise. */
const MOST_BYTES = 1024 * 1024;

/** Faults that end a package when it is looked at, by the result they end with. */
const VERIFICATION_FAULTS: readonly (readonly [FirmwareFault, FirmwareResult])[] = [
  ['no-space', FirmwareResult.NotEnoughFlash],
  ['out-of-memory', FirmwareResult.OutOfMemory],
  ['connection-lost', FirmwareResult.ConnectionLost],
  ['corrupt', FirmwareResult.IntegrityFailure],
  ['wrong-type', FirmwareResult.UnsupportedPackage],
  ['cancelled', FirmwareResult.Cancelled],
  ['aborts', FirmwareResult.Initial],
];
/** And those that end a URI before anything is fetched. */
const URI_FAULTS: readonly (readonly [FirmwareFault, FirmwareResult])[] = [
  ['bad-uri', FirmwareResult.InvalidUri],
  ['unsupported-protocol', FirmwareResult.UnsupportedProtocol],
];

export class Firmware {
  private image: Buffer | undefined;
  private download: PackageDownload | undefined;
  private wasDeferred = false;
  private readonly mostBytes: number;
  private readonly delivery: Delivery;

  constructor(
    private readonly tree: ObjectTree,
    private readonly options: FirmwareOptions,
  ) {
    const { clock, fetch, protocols } = options;
    this.mostBytes = options.mostBytes ?? MOST_BYTES;
    this.delivery = options.delivery ?? (fetch === undefined ? Delivery.Push : Delivery.Both);
    const hasCancel = tree.model.resource(FIRMWARE_OBJECT, Resource.Cancel) !== undefined;
    tree.add(
      FIRMWARE_OBJECT,
      0,
      {
        [Resource.PackageUri]: '',
        [Resource.State]: FirmwareState.Idle,
        [Resource.Result]: FirmwareResult.Initial,
        [Resource.PackageName]: NOT_YET,
        [Resource.PackageVersion]: NOT_YET,
        [Resource.DeliveryMethod]: this.delivery,
        ...(protocols !== undefined && { [Resource.ProtocolSupport]: [...protocols] }),
        ...laterValues(tree.model, new Date(clock.wall())),
      },
      {
        [Resource.Package]: {
          check: (content) => this.checkPackage(content),
          write: (content) => this.takePackage(content as Buffer),
        },
        [Resource.PackageUri]: {
          check: (content) => this.checkUri(content),
          write: (content) => this.takeUri(content as string),
        },
        [Resource.Update]: { execute: () => this.update() },
        ...(hasCancel && { [Resource.Cancel]: { execute: () => this.cancel() } }),
      },
    );
  }

  get state(): number {
    return this.get(Resource.State) as number;
  }

  /** The end of what `install` began. @param state where it is left; a 5/1.0 keeps the package of an update that failed */
  finish(result: FirmwareResult, state: number = FirmwareState.Idle): void {
    if (state === FirmwareState.Idle) this.image = undefined;
    this.download?.cancel();
    this.download = undefined;
    this.wasDeferred = false;
    this.enter(state, result);
  }

  private get faults(): FirmwareFaults {
    return this.options.faults?.() ?? NO_FAULTS;
  }

  private checkPackage(content: Content): void {
    if (!Buffer.isBuffer(content)) throw badRequest('a package is one opaque value');
    if (this.state === FirmwareState.Updating) throw notAllowed('the device is updating');
    if (isReset(content)) {
      if (this.faults.has('refuses-reset')) throw badRequest('that is no package');
      return;
    }
    if (this.state !== FirmwareState.Idle) throw badRequest('there is a package already: reset first, by one NUL byte');
    if (this.delivery === Delivery.Pull) throw notAllowed('this device fetches packages: write their URI');
    if (content.length <= this.mostBytes && !this.faults.has('no-space')) return;
    this.enter(FirmwareState.Idle, FirmwareResult.NotEnoughFlash);
    throw new Refusal(Code.RequestEntityTooLarge, `a package may have ${this.mostBytes} bytes`);
  }

  private takePackage(content: Buffer): void {
    if (isReset(content)) return this.reset();
    this.enter(FirmwareState.Downloading, FirmwareResult.Initial);
    this.arrived(content);
  }

  /** Looks at it, for as long as a device takes to. */
  private arrived(image: Buffer): void {
    this.image = image;
    this.download = undefined;
    if (this.options.verifyMs === undefined) this.verified(image);
    else this.options.clock.after(this.options.verifyMs, () => this.verified(image));
  }

  private verified(image: Buffer): void {
    // Reset or cancelled meanwhile.
    if (this.image !== image) return;
    const { result, version = NOT_YET, name = NOT_YET } = this.verdictOn(image);
    if (result !== FirmwareResult.Success) return this.finish(result);
    if (this.faults.has('erases-uri')) this.tree.set(`/${FIRMWARE_OBJECT}/0/${Resource.PackageUri}`, '');
    this.enter(FirmwareState.Downloaded, FirmwareResult.Initial, version, name);
    // 5/1.2: no Execute is needed.
    if (this.get(Resource.AutomaticUpgrade) === true) this.update()?.();
  }

  /** A verification that breaks off has not found the package good. */
  private verdictOn(image: Buffer): FirmwareVerdict {
    const fault = this.faultOf(VERIFICATION_FAULTS);
    if (fault !== undefined) return { result: fault };
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
    if (this.options.fetch !== undefined && this.delivery !== Delivery.Push) return;
    this.enter(FirmwareState.Idle, FirmwareResult.UnsupportedProtocol);
    throw badRequest('this device fetches nothing: write the package itself');
  }

  private takeUri(uri: string): void {
    const { fetch } = this.options;
    if (uri === '' || fetch === undefined) return this.reset();
    const fault = this.faultOf(URI_FAULTS);
    if (fault !== undefined) return this.enter(FirmwareState.Idle, fault);
    this.tree.set(`/${FIRMWARE_OBJECT}/0/${Resource.PackageUri}`, uri);
    this.enter(FirmwareState.Downloading, FirmwareResult.Initial);
    this.download = new PackageDownload(uri, {
      fetch,
      mostBytes: this.faults.has('no-space') ? 0 : this.mostBytes,
      faults: this.faults,
      done: (image) => this.arrived(image),
      failed: (result) => this.finish(result),
    });
  }

  private update(): (() => void) | undefined {
    const { image, faults } = this;
    if (this.state !== FirmwareState.Downloaded || image === undefined) throw notAllowed('there is no package to install');
    if (faults.has('defers') && !this.wasDeferred) return this.defer();
    if (!faults.has('no-state-3')) this.enter(FirmwareState.Updating, FirmwareResult.Initial);
    const install = (): void => this.options.install(image);
    if (!faults.has('unacknowledged')) return install;
    install();
    return undefined;
  }

  /** Its user wants it later (5/1.1): at the next Execute, or when it can be put off no longer (5/0/13). */
  private defer(): undefined {
    this.wasDeferred = true;
    const [version, name] = [Resource.PackageVersion, Resource.PackageName].map((resource) =>
      String(this.get(resource) ?? NOT_YET),
    );
    this.enter(FirmwareState.Downloaded, FirmwareResult.Deferred, version, name);
    const seconds = Number(this.get(Resource.MaximumDefer) ?? 0);
    const { image } = this;
    if (seconds > 0)
      this.options.clock.after(seconds * 1000, () => {
        if (this.image === image && this.state === FirmwareState.Downloaded) this.update()?.();
      });
  }

  private cancel(): undefined {
    if (this.state !== FirmwareState.Downloading && this.state !== FirmwareState.Downloaded) {
      throw notAllowed('there is nothing to cancel');
    }
    this.finish(FirmwareResult.Cancelled);
  }

  private reset(): void {
    const kept = this.faults.has('keeps-result') ? (this.get(Resource.Result) as FirmwareResult) : FirmwareResult.Initial;
    this.tree.set(`/${FIRMWARE_OBJECT}/0/${Resource.PackageUri}`, '');
    this.finish(kept);
  }

  private faultOf(faults: readonly (readonly [FirmwareFault, FirmwareResult])[]): FirmwareResult | undefined {
    return faults.find(([fault]) => this.faults.has(fault))?.[1];
  }

  private get(resource: number): unknown {
    return this.tree.get(`/${FIRMWARE_OBJECT}/0/${resource}`);
  }

  private enter(state: number, result: FirmwareResult, version = NOT_YET, name = NOT_YET): void {
    const values: [string, unknown][] = [
      [`/${FIRMWARE_OBJECT}/0/${Resource.State}`, state],
      [`/${FIRMWARE_OBJECT}/0/${Resource.Result}`, result],
      [`/${FIRMWARE_OBJECT}/0/${Resource.PackageName}`, name],
      [`/${FIRMWARE_OBJECT}/0/${Resource.PackageVersion}`, version],
    ];
    if (state !== this.state && this.get(Resource.LastStateChange) !== undefined)
      values.push([`/${FIRMWARE_OBJECT}/0/${Resource.LastStateChange}`, new Date(this.options.clock.wall())]);
    this.tree.setAll(values);
  }
}

/** One NUL byte (5/1.1), or nothing at all (5/1.0). */
function isReset(content: Buffer): boolean {
  return content.length === 0 || (content.length === 1 && content[0] === 0);
}
