/** What is known of a firmware image or software package: everything but its bytes. */
import { DeviceManagementError } from '../../errors';

/** What a person says of an image when it is added. */
export interface ImageDescription {
  /** Which product line it is of: "tracker-firmware". */
  readonly name: string;
  /** What a device shows at 3/0/3 when it runs it. */
  readonly version: string;
  /** Model numbers (3/0/1) it is for; empty = any. */
  readonly hardware: readonly string[];
  /** The oldest version it can be installed over. */
  readonly minimumVersion?: string;
  /** Images that must be on the device before, as "name" or "name@version". */
  readonly dependencies: readonly string[];
  /** Ed25519, detached, over the SHA-256 of the image or over the image itself; 64 bytes in base64. */
  readonly signature?: string;
  readonly notes?: string;
  /** What the hash must come out as; lower-case hex. */
  readonly sha256?: string;
}

/** An image of the inventory. Plain data, free to be shown. */
export interface Image extends ImageDescription {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Unix milliseconds. */
  readonly created: number;
  /** Id of the image of the same name that was the newest before: what to go back to. */
  readonly previous?: string;
  /** Why it cannot be used, for a person. */
  readonly damaged?: string;
}

const LONGEST_NAME = 64;
const LONGEST_VERSION = 64;
const LONGEST_NOTES = 2_000;
/** Of hardware models, and of dependencies. */
const MOST_LISTED = 100;
const SIGNATURE_BYTES = 64;
const SHA256 = /^[0-9a-f]{64}$/;
/** "@" parts name and version. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._+-]*$/u;
const VERSION = /^[^@,\s\p{C}][^@,\p{C}]*$/u;
const ID = /^[0-9a-f]{16}$/;

/**
 * @param given lists may be arrays or text with commas, as in a query
 * @throws DeviceManagementError `invalid-value`, naming the field
 */
export function readDescription(given: unknown): ImageDescription {
  const fields = (given ?? {}) as Readonly<Record<string, unknown>>;
  const minimumVersion = optional(fields, 'minimumVersion', (value) => text(value, 'minimumVersion', VERSION, LONGEST_VERSION));
  const signature = optional(fields, 'signature', readSignature);
  const notes = optional(fields, 'notes', readNotes);
  const sha256 = optional(fields, 'sha256', readHash);
  return {
    name: text(fields.name, 'name', NAME, LONGEST_NAME),
    version: text(fields.version, 'version', VERSION, LONGEST_VERSION),
    hardware: list(fields.hardware, 'hardware'),
    dependencies: list(fields.dependencies, 'dependencies'),
    ...(minimumVersion !== undefined && { minimumVersion }),
    ...(signature !== undefined && { signature }),
    ...(notes !== undefined && { notes }),
    ...(sha256 !== undefined && { sha256 }),
  };
}

/** What came out of a store. @throws Error when it is no image */
export function readImage(value: unknown): Image {
  const { id, size, created, previous, damaged, sha256 } = (value ?? {}) as Partial<Image>;
  const description = readDescription(value);
  const isImage =
    isImageId(id) &&
    typeof size === 'number' &&
    Number.isSafeInteger(size) &&
    size > 0 &&
    typeof created === 'number' &&
    (previous === undefined || isImageId(previous)) &&
    (damaged === undefined || typeof damaged === 'string') &&
    sha256 !== undefined;
  if (!isImage) throw new Error('it is not an image');
  const rest = { ...(previous !== undefined && { previous }), ...(damaged !== undefined && { damaged }) };
  return { ...description, id, size, sha256, created, ...rest };
}

export function isImageId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text);
}

/** Whether an image is for this model; an image that names none is for all, a device that tells none may be any. */
export function fitsHardware({ hardware }: ImageDescription, model: string | undefined): boolean {
  return hardware.length === 0 || model === undefined || hardware.includes(model);
}

function optional<T>(fields: Readonly<Record<string, unknown>>, name: string, read: (value: unknown) => T): T | undefined {
  const value = fields[name];
  return value === undefined || value === '' ? undefined : read(value);
}

function text(value: unknown, field: string, pattern: RegExp, longest: number): string {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  if (trimmed.length > 0 && trimmed.length <= longest && pattern.test(trimmed)) return trimmed;
  throw invalid(`${field} of an image has 1 to ${longest} characters, and no "@" or comma: not ${shown(value)}`);
}

function list(value: unknown, field: string): readonly string[] {
  const items = value === undefined ? [] : Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [value];
  if (items.length > MOST_LISTED) throw invalid(`${field} of an image lists ${MOST_LISTED} at most, not ${items.length}`);
  const trimmed = items.map((item) => {
    if (typeof item !== 'string' || item.length > LONGEST_NAME + LONGEST_VERSION + 1 || /\p{C}/u.test(item))
      throw invalid(`${field} of an image is a list of texts: not ${shown(item)}`);
    return item.trim();
  });
  return [...new Set(trimmed.filter((item) => item !== ''))];
}

function readSignature(value: unknown): string {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (bytes.length === SIGNATURE_BYTES) return bytes.toString('base64');
  throw invalid(`signature of an image has ${SIGNATURE_BYTES} bytes (Ed25519), in base64`);
}

function readNotes(value: unknown): string {
  if (typeof value === 'string' && value.length <= LONGEST_NOTES) return value;
  throw invalid(`notes of an image are text of at most ${LONGEST_NOTES} characters`);
}

function readHash(value: unknown): string {
  const hash = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (SHA256.test(hash)) return hash;
  throw invalid('sha256 of an image has 64 hexadecimal digits');
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : String(JSON.stringify(value)).slice(0, LONGEST_NAME);
}

function invalid(reason: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', reason);
}
