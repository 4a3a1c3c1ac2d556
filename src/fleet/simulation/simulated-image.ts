/**
 * Packages of simulated devices say themselves what they are: a first line
 *
 *   simulated-firmware {"model":"TempTrack 2","version":"2.0.0","sha256":"…"}
 *
 * and then any bytes. All but the version may be left out: `model` (of 3/0/1) makes it fit that model alone, `sha256` is that of the bytes after the
 * line, `name` is shown at 5/0/6, and `faults` are what a device that installs it does wrong ("old-version").
 */
import { createHash } from 'node:crypto';
import { asDeviceManagementError } from '../../errors';
import type { FirmwareVerdict } from '../../lwm2m/client/firmware';
import { type FirmwareFaults, readFaults } from '../../lwm2m/client/firmware-faults';
import { FirmwareResult } from '../../lwm2m/client/firmware-object';

export interface SimulatedImage {
  readonly version: string;
  readonly name?: string;
  readonly faults: FirmwareFaults;
}

const MARK = 'simulated-firmware ';
/** Of the first line. */
const LONGEST_HEADER = 1024;
const LONGEST_TEXT = 255;

/** @param header as above @param size bytes in all, filled up behind the line */
export function simulatedImage(header: Readonly<Record<string, unknown>> & { readonly version: string }, size = 0): Buffer {
  const length = Math.max(size - MARK.length - JSON.stringify(header).length - 90, 0);
  const body = Buffer.alloc(length, `${header.version} `);
  const sha256 = createHash('sha256').update(body).digest('hex');
  return Buffer.concat([Buffer.from(`${MARK}${JSON.stringify({ ...header, sha256 })}\n`), body]);
}

export function isSimulatedImage(image: Buffer): boolean {
  return image.subarray(0, MARK.length).equals(Buffer.from(MARK));
}

/** What a device of this model makes of a package. */
export function judge(image: Buffer, model: string): FirmwareVerdict & { readonly image?: SimulatedImage } {
  const end = image.subarray(0, LONGEST_HEADER).indexOf('\n');
  if (end < 0 || !isSimulatedImage(image)) return { result: FirmwareResult.UnsupportedPackage };
  let header: Readonly<Record<string, unknown>>;
  let faults: FirmwareFaults;
  try {
    header = JSON.parse(image.toString('utf8', MARK.length, end)) ?? {};
    faults = readFaults(header.faults);
  } catch (caught) {
    // Whoever made it made it so: damaged on its way it would be, too.
    return {
      result:
        asDeviceManagementError(caught).code === 'invalid-value'
          ? FirmwareResult.UnsupportedPackage
          : FirmwareResult.IntegrityFailure,
    };
  }
  const { version, name, sha256 } = header;
  if (header.model !== undefined && header.model !== model) return { result: FirmwareResult.UnsupportedPackage };
  if (!isText(version) || (name !== undefined && !isText(name))) return { result: FirmwareResult.UnsupportedPackage };
  const hash = createHash('sha256')
    .update(image.subarray(end + 1))
    .digest('hex');
  if (sha256 !== undefined && sha256 !== hash) return { result: FirmwareResult.IntegrityFailure };
  const named = name === undefined ? {} : { name };
  return { result: FirmwareResult.Success, version, ...named, image: { version, ...named, faults } };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT;
}
