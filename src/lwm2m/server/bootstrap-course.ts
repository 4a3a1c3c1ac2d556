/**
 * A bootstrap as a course of requests, one after the other (LwM2M Core 1.1.1 §6.1.7): Discover, Delete, Write, perhaps Discover and Read to
 * see what became of it, Finish. A generator: it yields what to ask next, is resumed with the answer, and sends nothing itself.
 */
import { Code, codeText } from '../../coap/codes';
import type { CoapResponse, RequestSpec } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import type { BootstrapConfiguration, BootstrapOperation } from '../../device/bootstrap';
import type { DeviceModel, SpokenVersions } from '../../device/models/catalogue';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { decode, formatOf } from '../formats/formats';
import { type Discovered, readDiscovered, UNDISCOVERED } from './bootstrap-discovered';
import { type BootstrapWrite, planBootstrap } from './bootstrap-plan';

export interface CourseRequest {
  readonly operation: BootstrapOperation;
  readonly path: string;
  readonly spec: RequestSpec;
}

/** What is known as it goes on, for whoever tells of it. */
export interface CourseRecord {
  version?: string;
  readonly written: ResourceValue[];
  readonly read: ResourceValue[];
}

export interface CourseContext {
  readonly device: string;
  readonly configuration: BootstrapConfiguration;
  /** `pct` of the request. */
  readonly preferredFormat: number | undefined;
  readonly modelOf: (spoken: SpokenVersions) => DeviceModel;
  readonly record: CourseRecord;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export type Course = Generator<CourseRequest, void, CoapResponse>;

/** What a device that does not say which format it prefers is sent, and after a 4.15: TLV is the one that most have. */
const FORMATS: readonly number[] = [ContentFormat.Tlv, ContentFormat.SenmlCbor, ContentFormat.SenmlJson];
/** A client that says nothing of its version. */
const USUAL_VERSION = '1.1';
/** Bootstrap-Read is for these only (LwM2M Core 1.1.1 §6.1.7.4). */
const READABLE: readonly number[] = [1, 2];

/**
 * Throws into whoever drives it when the device refuses: then nothing more is sent, and no Finish, so that the device drops what it got.
 * @throws DeviceManagementError with the device's code; `invalid-request` and others of the configuration
 */
export function* bootstrapCourse(context: CourseContext): Course {
  const { configuration, record } = context;
  const found = spokenBy(yield* discovered(), context.preferredFormat);
  const version = found.version ?? USUAL_VERSION;
  if (found.version !== undefined) record.version = found.version;
  const model = context.modelOf({ version, versions: found.versions });
  const { deletes, writes } = planBootstrap(configuration, found, model);
  for (const path of deletes) yield* deleted(path, context);
  const formats = new WriteFormats(context.preferredFormat);
  for (const write of writes) yield* written(write, formats, model, context);
  if (configuration.verify) yield* verified(version, writes, model, context);
  const response = yield { operation: 'finish', path: '/', spec: { code: Code.Post, path: ['bs'] } };
  if (response.code === Code.Changed) return;
  if (response.code === Code.NotAcceptable) throw inconsistent(context, response);
  throw refused(context, 'Finish', response);
}

/** Nothing hangs on it: a device that cannot be discovered is written blindly. */
function* discovered(): Generator<CourseRequest, Discovered, CoapResponse> {
  const response = yield {
    operation: 'discover',
    path: '/',
    spec: { code: Code.Get, path: [], accept: ContentFormat.LinkFormat },
  };
  return response.code === Code.Content ? readDiscovered(response) : UNDISCOVERED;
}

/** `pct` came with 1.1; a client that sends it and tells of 1.0 (Leshan 2.0.0) is of 1.1. */
function spokenBy(found: Discovered, preferredFormat: number | undefined): Discovered {
  return found.version === '1.0' && preferredFormat !== undefined ? { ...found, version: '1.1' } : found;
}

function* deleted(path: Path, context: CourseContext): Course {
  const response = yield { operation: 'delete', path: path.toString(), spec: { code: Code.Delete, path: segments(path) } };
  // What is not there is gone.
  if (response.code !== Code.Deleted && response.code !== Code.NotFound) throw refused(context, `Delete ${path}`, response);
}

function* written({ target, values }: BootstrapWrite, formats: WriteFormats, model: DeviceModel, context: CourseContext): Course {
  const encoding = { base: target, typeOf: model.typeOf };
  for (;;) {
    const format = formats.first((one) => one.canEncode(values, encoding));
    const payload = format.encode(values, encoding);
    const spec = { code: Code.Put, path: segments(target), contentFormat: format.contentFormat, payload };
    const response = yield { operation: 'write', path: target.toString(), spec };
    if (response.code === Code.Changed) break;
    const isFormat = response.code === Code.UnsupportedContentFormat;
    if (!isFormat || !formats.drop(format.contentFormat)) throw refused(context, `Write ${target}`, response);
  }
  context.record.written.push(...values);
}

/** What is read back is for the report: a device that does not know Bootstrap-Read is none the worse for it. */
function* verified(version: string, writes: readonly BootstrapWrite[], model: DeviceModel, context: CourseContext): Course {
  yield* discovered();
  if (version === '1.0') return;
  const objects = READABLE.filter((object) => writes.some(({ target }) => target.object === object));
  for (const object of objects) {
    const base = Path.of(object);
    const accept = context.preferredFormat ?? ContentFormat.Tlv;
    const response = yield { operation: 'read', path: base.toString(), spec: { code: Code.Get, path: segments(base), accept } };
    if (response.code !== Code.Content) continue;
    const payload = Buffer.from(response.payload);
    context.record.read.push(...decode(response.contentFormat, payload, { base, typeOf: model.typeOf, now: context.now() }));
  }
}

/** The formats still worth trying with this device. */
class WriteFormats {
  private readonly left: number[];

  constructor(preferred: number | undefined) {
    this.left = preferred === undefined ? [...FORMATS] : [preferred, ...FORMATS.filter((format) => format !== preferred)];
  }

  first(canCarry: (format: NonNullable<ReturnType<typeof formatOf>>) => boolean): NonNullable<ReturnType<typeof formatOf>> {
    for (const number of this.left) {
      const format = formatOf(number);
      if (format !== undefined && canCarry(format)) return format;
    }
    throw new DeviceManagementError('unsupported', 'no content format that the device takes can carry what is to be written');
  }

  /** @returns whether another one is left */
  drop(format: number): boolean {
    this.left.splice(this.left.indexOf(format), 1);
    return this.left.length > 0;
  }
}

function segments(path: Path): string[] {
  return path.ids.map(String);
}

const MEANINGS: Readonly<Record<string, string>> = {
  '4.00': 'it calls it malformed: see whether the object, its resources and their values are what this device knows',
  '4.01': 'it does not accept this server as its bootstrap server',
  '4.04': 'it has no such object: leave it out of the configuration',
  '4.05': 'it does not allow it: leave this path out of the configuration',
  '4.13': 'the value is too large for it',
  '4.15': 'it takes none of the content formats of this server',
};

function refused({ device }: CourseContext, what: string, { code }: CoapResponse): DeviceManagementError {
  const text = codeText(code);
  const meaning = MEANINGS[text] ?? 'see the log of the device';
  return new DeviceManagementError(
    text,
    `device ${device} refused ${what} with ${text}: ${meaning}. No Finish was sent, so it keeps nothing.`,
    {
      device,
    },
  );
}

function inconsistent({ device, record }: CourseContext, { code }: CoapResponse): DeviceManagementError {
  const instances = [...new Set(record.written.map(({ path }) => path.split('/').slice(0, 3).join('/')))];
  return new DeviceManagementError(
    codeText(code),
    `device ${device} finds the configuration inconsistent (${codeText(code)} to Finish) and keeps nothing of it. ` +
      `It was given ${instances.length === 0 ? 'nothing' : instances.join(', ')}: each server needs complete and matching instances of objects 0 and 1.`,
    { device },
  );
}
