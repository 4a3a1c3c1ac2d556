/**
 * One package of the Software Management object (9) as a state machine (OMA LwM2M Software Management 1.0):
 *
 *   0 Initial ── package or URI ──> 1 Download started ──> 2 Downloaded ── good ──> 3 Delivered ── Install ──> 4 Installed
 *      ^ ^                                │                     │ 53, 54               │  │ 58: stays            │  Activate, Deactivate
 *      │ └──── failed: 50, 51, 52, 56 ────┴─────────────────────┘                      │  ^                      │
 *      └──────────────────────────────── Uninstall ────────────────────────────────────┴──┼──────────────────────┘
 */
import type { Clock } from '../../clock';
import type { Content } from './content';
import type { ExecuteArguments } from './execute-arguments';
import { type FirmwareFault, type FirmwareFaults, NO_FAULTS } from './firmware-faults';
import { FirmwareResult } from './firmware-object';
import type { Behaviours, ObjectTree } from './objects';
import { type FetchPackage, PackageDownload } from './package-download';
import { badRequest, notAllowed } from './refusal';

const OBJECT = 9;

export const SoftwareState = { Initial: 0, DownloadStarted: 1, Downloaded: 2, Delivered: 3, Installed: 4 } as const;

/** Update Result (9/x/9). */
export const SoftwareResult = {
  Initial: 0,
  Downloading: 1,
  Installed: 2,
  Verified: 3,
  NotEnoughStorage: 50,
  OutOfMemory: 51,
  ConnectionLost: 52,
  IntegrityFailure: 53,
  UnsupportedPackage: 54,
  InvalidUri: 56,
  DeviceError: 57,
  InstallationFailed: 58,
  UninstallationFailed: 59,
} as const;
export type SoftwareResult = (typeof SoftwareResult)[keyof typeof SoftwareResult];

const Resource = {
  Name: 0,
  Version: 1,
  Package: 2,
  Uri: 3,
  Install: 4,
  Uninstall: 6,
  State: 7,
  UpdateObjects: 8,
  Result: 9,
  Activate: 10,
  Deactivate: 11,
  Active: 12,
} as const;

export interface SoftwareVerdict {
  /** Anything but `Verified` refuses the package. */
  readonly result: SoftwareResult;
  readonly name?: string;
  readonly version?: string;
}

export interface SoftwareOptions {
  readonly clock: Clock;
  readonly instance: number;
  /** What is installed and active at first; absent: nothing. */
  readonly installed?: { readonly name: string; readonly version: string };
  readonly mostBytes?: number;
  /** How long it looks at a package that has come. */
  readonly verifyMs?: number;
  readonly verify?: (image: Buffer) => SoftwareVerdict;
  /** Absent: a URI is refused with result 56. */
  readonly fetch?: FetchPackage;
  /** The package brought objects, and 9/x/8 says that the server wants to know. */
  readonly announce?: () => void;
  readonly faults?: () => FirmwareFaults;
  /** Puts conditions on what the server may do. */
  readonly guard?: (behaviours: Behaviours) => Behaviours;
}

const MOST_BYTES = 1024 * 1024;
/** Argument of Uninstall: a newer package comes in its place. */
const FOR_UPDATE = 1;

/** What ends a download, in the words of this object. */
const DOWNLOAD_RESULTS: Readonly<Record<number, SoftwareResult>> = {
  [FirmwareResult.NotEnoughFlash]: SoftwareResult.NotEnoughStorage,
  [FirmwareResult.ConnectionLost]: SoftwareResult.ConnectionLost,
  [FirmwareResult.IntegrityFailure]: SoftwareResult.IntegrityFailure,
  [FirmwareResult.InvalidUri]: SoftwareResult.InvalidUri,
  [FirmwareResult.UnsupportedProtocol]: SoftwareResult.InvalidUri,
};

const VERIFICATION_FAULTS: readonly (readonly [FirmwareFault, SoftwareResult])[] = [
  ['no-space', SoftwareResult.NotEnoughStorage],
  ['out-of-memory', SoftwareResult.OutOfMemory],
  ['connection-lost', SoftwareResult.ConnectionLost],
  ['corrupt', SoftwareResult.IntegrityFailure],
  ['wrong-type', SoftwareResult.UnsupportedPackage],
  ['aborts', SoftwareResult.DeviceError],
];
const URI_FAULTS: ReadonlySet<FirmwareFault> = new Set(['bad-uri', 'unsupported-protocol']);

export class Software {
  private image: Buffer | undefined;
  private verdict: SoftwareVerdict | undefined;
  private download: PackageDownload | undefined;
  private readonly mostBytes: number;

  constructor(
    private readonly tree: ObjectTree,
    private readonly options: SoftwareOptions,
  ) {
    const { instance, installed, guard = (behaviours) => behaviours } = options;
    this.mostBytes = options.mostBytes ?? MOST_BYTES;
    tree.add(
      OBJECT,
      instance,
      {
        [Resource.Name]: installed?.name ?? '',
        [Resource.Version]: installed?.version ?? '',
        [Resource.State]: installed === undefined ? SoftwareState.Initial : SoftwareState.Installed,
        [Resource.UpdateObjects]: false,
        [Resource.Result]: installed === undefined ? SoftwareResult.Initial : SoftwareResult.Installed,
        [Resource.Active]: installed !== undefined,
      },
      guard({
        [Resource.Package]: {
          check: (content) => this.checkPackage(content),
          write: (content) => this.takePackage(content as Buffer),
        },
        [Resource.Uri]: {
          check: () => this.mustBeIn(SoftwareState.Initial),
          write: (content) => this.takeUri(content as string),
        },
        [Resource.Install]: { execute: () => this.install() },
        [Resource.Uninstall]: { execute: (given) => this.uninstall(given) },
        [Resource.Activate]: { execute: () => this.activate(true) },
        [Resource.Deactivate]: { execute: () => this.activate(false) },
      }),
    );
  }

  get state(): number {
    return this.get(Resource.State) as number;
  }

  private get faults(): FirmwareFaults {
    return this.options.faults?.() ?? NO_FAULTS;
  }

  private checkPackage(content: Content): void {
    if (this.state !== SoftwareState.Initial) throw badRequest('there is software already: uninstall it first');
    if (!Buffer.isBuffer(content) || content.length === 0) throw badRequest('a package is one opaque value');
  }

  private takePackage(content: Buffer): void {
    this.enter(SoftwareState.DownloadStarted, SoftwareResult.Downloading);
    if (content.length > this.mostBytes) return this.fail(SoftwareResult.NotEnoughStorage);
    this.arrived(content);
  }

  private takeUri(uri: string): void {
    const { fetch } = this.options;
    this.enter(SoftwareState.DownloadStarted, SoftwareResult.Downloading);
    const isRefused = fetch === undefined || [...URI_FAULTS].some((fault) => this.faults.has(fault));
    if (isRefused) return this.fail(SoftwareResult.InvalidUri);
    this.download = new PackageDownload(uri, {
      fetch,
      mostBytes: this.mostBytes,
      faults: this.faults,
      done: (image) => this.arrived(image),
      failed: (result) => this.fail(DOWNLOAD_RESULTS[result] ?? SoftwareResult.DeviceError),
    });
  }

  private arrived(image: Buffer): void {
    this.image = image;
    this.download = undefined;
    this.enter(SoftwareState.Downloaded, SoftwareResult.Downloading);
    const { verifyMs, clock } = this.options;
    if (verifyMs === undefined) this.verified(image);
    else clock.after(verifyMs, () => this.verified(image));
  }

  private verified(image: Buffer): void {
    if (this.image !== image || this.state !== SoftwareState.Downloaded) return;
    const fault = VERIFICATION_FAULTS.find(([name]) => this.faults.has(name))?.[1];
    const verdict = fault === undefined ? this.options.verify?.(image) : { result: fault };
    this.verdict = verdict ?? { result: SoftwareResult.Verified };
    if (this.verdict.result !== SoftwareResult.Verified) return this.fail(this.verdict.result);
    this.enter(SoftwareState.Delivered, SoftwareResult.Verified);
  }

  private install(): (() => void) | undefined {
    this.mustBeIn(SoftwareState.Delivered);
    if (this.faults.has('install-fails')) {
      this.enter(SoftwareState.Delivered, SoftwareResult.InstallationFailed);
      return undefined;
    }
    const { name, version } = this.verdict ?? {};
    if (name !== undefined) this.set(Resource.Name, name);
    if (version !== undefined) this.set(Resource.Version, version);
    this.image = undefined;
    this.enter(SoftwareState.Installed, SoftwareResult.Installed);
    return this.get(Resource.UpdateObjects) === true ? this.options.announce : undefined;
  }

  /** Of what is installed, and of what is only delivered, which resets it. */
  private uninstall(given: ExecuteArguments): undefined {
    if (this.state !== SoftwareState.Delivered) this.mustBeIn(SoftwareState.Installed);
    if (given.has(FOR_UPDATE) && this.state !== SoftwareState.Installed) throw notAllowed('nothing is installed');
    this.image = undefined;
    this.enter(SoftwareState.Initial, SoftwareResult.Initial);
    return undefined;
  }

  private activate(isActive: boolean): undefined {
    this.mustBeIn(SoftwareState.Installed);
    this.set(Resource.Active, isActive);
    return undefined;
  }

  private fail(result: SoftwareResult): void {
    this.download?.cancel();
    this.download = undefined;
    this.image = undefined;
    this.enter(SoftwareState.Initial, result);
  }

  private mustBeIn(state: number): void {
    if (this.state !== state) throw notAllowed(`its state is ${this.state}, not ${state}`);
  }

  private get(resource: number): unknown {
    return this.tree.get(`/${OBJECT}/${this.options.instance}/${resource}`);
  }

  private set(resource: number, value: unknown): void {
    this.tree.set(`/${OBJECT}/${this.options.instance}/${resource}`, value);
  }

  private enter(state: number, result: SoftwareResult): void {
    const path = `/${OBJECT}/${this.options.instance}`;
    this.tree.setAll([
      [`${path}/${Resource.State}`, state],
      [`${path}/${Resource.Result}`, result],
      [`${path}/${Resource.Active}`, false],
    ]);
  }
}
