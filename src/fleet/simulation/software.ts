/** The one application of a simulated device (object 9). A package is as one of firmware, or any text with a version in its first bytes. */
import type { Clock } from '../../clock';
import type { FirmwareFaults } from '../../lwm2m/client/firmware-faults';
import { FirmwareResult } from '../../lwm2m/client/firmware-object';
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { FetchPackage } from '../../lwm2m/client/package-download';
import { Software, SoftwareResult, type SoftwareVerdict } from '../../lwm2m/client/software';
import type { LockAndWipe } from './lock-and-wipe';
import { isSimulatedImage, judge } from './simulated-image';

export interface SimulatedSoftwareOptions {
  readonly clock: Clock;
  readonly lock: LockAndWipe;
  /** Of 3/0/1. */
  readonly model: string;
  readonly fetch: FetchPackage;
  readonly announce: () => void;
  readonly faults: () => FirmwareFaults;
}

const INSTALLED = { name: 'edge-filter', version: '1.4.0' } as const;
const MOST_BYTES = 4 * 1024 * 1024;

export function addSoftware(tree: ObjectTree, { lock, model, ...options }: SimulatedSoftwareOptions): void {
  new Software(tree, {
    ...options,
    instance: 0,
    installed: INSTALLED,
    mostBytes: MOST_BYTES,
    verify: (image) => verdictOn(image, model),
    guard: (behaviours) => lock.over('software', behaviours),
  });
}

function verdictOn(image: Buffer, model: string): SoftwareVerdict {
  if (!isSimulatedImage(image)) {
    const version = /\d{1,5}\.\d{1,5}\.\d{1,5}/.exec(image.toString('latin1', 0, 256))?.[0];
    return { result: SoftwareResult.Verified, version: version ?? INSTALLED.version };
  }
  const { result, name, version } = judge(image, model);
  if (result === FirmwareResult.IntegrityFailure) return { result: SoftwareResult.IntegrityFailure };
  if (result !== FirmwareResult.Success) return { result: SoftwareResult.UnsupportedPackage };
  return { result: SoftwareResult.Verified, ...(name !== undefined && { name }), ...(version !== undefined && { version }) };
}
