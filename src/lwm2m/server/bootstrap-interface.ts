/**
 * The bootstrap interface (LwM2M Core 1.1.1 §6.1, 1.2 §6.1.7.9): Bootstrap-Request at /bs, which begins a session with the device, and
 * Bootstrap-Pack-Request at /bspack, which is answered with everything at once. It may share its port with the management server.
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { IncomingRequest } from '../../coap/incoming';
import type { CoapLayer } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import type { Admit } from '../../device/admission';
import type { BootstrapConfiguration, BootstrapEvent, BootstrapSource } from '../../device/bootstrap';
import { type Identity, identityKey } from '../../device/identity';
import { Path } from '../../device/path';
import type { ResourceValue, Value } from '../../device/value';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { formatOf } from '../formats/formats';
import { bootstrapCourse, type CourseRecord } from './bootstrap-course';
import { UNDISCOVERED } from './bootstrap-discovered';
import { planBootstrap } from './bootstrap-plan';
import { BootstrapSession } from './bootstrap-session';
import { Mistake } from './mistake';
import type { Models } from './models';
import { addressOf, hostOf } from './peers';
import type { Refusals } from './refusals';
import { type RegistrationRules, readRegistrationQuery } from './registration-query';

export interface BootstrapInterfaceContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'request' | 'unpinned'>;
  readonly rules: RegistrationRules;
  readonly models: Models;
  readonly source: BootstrapSource;
  readonly admit: Admit;
  readonly identityOf: (peer: Endpoint) => Identity;
  /** The endpoint a proved identity is of. */
  readonly endpointOf: (identity: Identity) => string | undefined;
  readonly refusals: Refusals;
  /** Sessions at the same time. */
  readonly mostSessions: number;
  /** For each answer of a device. */
  readonly timeoutMs: number;
  /** When a device registered here, Unix milliseconds. */
  readonly registeredAt: (device: string) => number | undefined;
  readonly tell: (event: BootstrapEvent) => void;
}

/** Who asks, once admitted, and what it is to get. */
interface Applicant {
  readonly device: string;
  readonly identity: string | undefined;
  readonly configuration: BootstrapConfiguration;
  /** `pct`: the format it prefers to be written in. */
  readonly preferredFormat: number | undefined;
}

interface Running {
  readonly session: BootstrapSession;
  readonly identity: string | undefined;
}

/** Formats of whole instances (LwM2M Transport 1.2 §6.4.1), as far as they are spoken here. */
const PREFERABLE: readonly number[] = [ContentFormat.SenmlJson, ContentFormat.SenmlCbor, ContentFormat.Tlv, 11_544];
/** Formats that carry full paths. */
const PACKABLE: readonly number[] = [ContentFormat.SenmlJson, ContentFormat.SenmlCbor, 11_544];
/**
 * Whose values may be told of. Accounts without their keys; in other objects a key may stand anywhere (APN 11, WLAN 12, vendors' own).
 */
const TELLABLE: ReadonlyMap<number, readonly number[] | 'all'> = new Map<number, readonly number[] | 'all'>([
  [0, [0, 1, 2, 10]],
  [1, 'all'],
  [2, 'all'],
  [3, 'all'],
]);

const NOT_CONFIRMABLE = new Mistake(
  Code.BadRequest,
  'the Bootstrap-Request is not confirmable',
  'Let the device send it as CON.',
);
const NO_NAME = new Mistake(Code.BadRequest, 'the Bootstrap-Request names no endpoint', 'Let the device send "ep".');
const FULL = new Mistake(
  Code.ServiceUnavailable,
  'as many devices are being bootstrapped as may be',
  'The device will try again by itself.',
  undefined,
  30,
);
const TAKEN = new Mistake(
  Code.BadRequest,
  'a secured device is being bootstrapped under this endpoint name',
  'Let the device ask with its own credentials.',
);

export class BootstrapInterface {
  private readonly running = new Map<string, Running>();

  constructor(private readonly context: BootstrapInterfaceContext) {}

  /** Devices being bootstrapped now. */
  get size(): number {
    return this.running.size;
  }

  /** Whether this peer is being bootstrapped. */
  isWith(peer: Endpoint): boolean {
    for (const { session } of this.running.values()) if (session.peer === peer) return true;
    return false;
  }

  /** POST to a path that ends in `bs`: 2.04, and nothing else before that has left. */
  request(request: IncomingRequest): void {
    const applicant = this.examine(request, (device) => this.capacityFor(device, request));
    if (applicant instanceof Mistake) return;
    const { device } = applicant;
    const before = this.running.get(device);
    request.respond({ code: Code.Changed }, () => {
      before?.session.abort(
        new DeviceManagementError('cancelled', `device ${device} has asked for a new bootstrap.`, { device }),
      );
      this.start(applicant, request.endpoint);
    });
  }

  /** GET on a path that ends in `bspack` (1.2): the answer is all there is, without Finish. */
  pack(request: IncomingRequest): void {
    const accept = request.accept ?? ContentFormat.SenmlCbor;
    const format = PACKABLE.includes(accept) ? formatOf(accept) : undefined;
    if (format === undefined) return request.respond({ code: Code.NotAcceptable });
    const applicant = this.examine(request, () => undefined);
    if (applicant instanceof Mistake) return;
    const { device, configuration } = applicant;
    const address = addressOf(request.endpoint);
    const model = this.context.models.of({ version: '1.2', versions: {} });
    const told = { device, address, how: 'pack' as const, version: '1.2' };
    let values: readonly ResourceValue[];
    let payload: Buffer;
    try {
      values = planBootstrap(configuration, UNDISCOVERED, model).writes.flatMap((write) => write.values);
      payload = format.encode(values, { base: Path.root, typeOf: model.typeOf });
    } catch (caught) {
      request.respond({ code: Code.InternalServerError });
      return this.tell({ ...told, event: 'failed', steps: [], written: {}, error: plainError(asDeviceManagementError(caught)) });
    }
    const steps = [{ operation: 'pack' as const, path: '/', code: '2.05', rtt: 0 }];
    request.respond({ code: Code.Content, contentFormat: accept, payload }, () => {
      this.tell({ ...told, event: 'finished', steps, written: tellable(values) });
    });
  }

  stop(): void {
    for (const { session } of [...this.running.values()]) {
      session.abort(new DeviceManagementError('cancelled', 'the server stopped.', { device: session.device }));
    }
  }

  private start({ device, identity, configuration, preferredFormat }: Applicant, peer: Endpoint): void {
    const { clock, models } = this.context;
    const record: CourseRecord = { written: [], read: [] };
    const startedAt = clock.wall();
    const course = bootstrapCourse({
      device,
      configuration,
      preferredFormat,
      modelOf: (spoken) => models.of(spoken),
      record,
      now: () => clock.wall(),
    });
    const session = new BootstrapSession(this.context, device, peer, record, course, (ended, error) => {
      if (this.running.get(device)?.session === ended) this.running.delete(device);
      this.ended(ended, error !== undefined && this.cameAfter(ended, error, startedAt) ? undefined : error);
    });
    this.running.set(device, { session, identity });
    this.tell({ event: 'started', device, address: addressOf(peer), how: 'sequence', steps: [], written: {} });
    session.begin();
  }

  /** The answer to Finish may be lost; a device that registers after it has taken what it was given. */
  private cameAfter({ device, steps }: BootstrapSession, { code }: DeviceManagementError, startedAt: number): boolean {
    const wasFinishing = code === 'timeout' && steps.at(-1)?.operation === 'finish';
    return wasFinishing && (this.context.registeredAt(device) ?? Number.NEGATIVE_INFINITY) > startedAt;
  }

  private ended({ device, peer, record, steps }: BootstrapSession, error: DeviceManagementError | undefined): void {
    this.tell({
      event: error === undefined ? 'finished' : 'failed',
      device,
      address: addressOf(peer),
      how: 'sequence',
      ...(record.version !== undefined && { version: record.version }),
      steps: [...steps],
      written: tellable(record.written),
      ...(record.read.length > 0 && { read: tellable(record.read) }),
      ...(error !== undefined && { error: plainError(error) }),
    });
  }

  /** Who may go on, or why not: then it has been answered. */
  private examine(request: IncomingRequest, ask: (device: string) => Mistake | undefined): Applicant | Mistake {
    const identity = this.context.identityOf(request.endpoint);
    const query = readRegistrationQuery(request.query, this.context.rules);
    if (query instanceof Mistake) return this.refuse(request, '', query);
    const device = query.endpoint ?? this.context.endpointOf(identity) ?? '';
    const mistake = this.mistakeOf(request, device, identity) ?? ask(device);
    if (mistake !== undefined) return this.refuse(request, device, mistake);
    const preferredFormat = preferredFormatOf(query.others?.pct);
    if (preferredFormat instanceof Mistake) return this.refuse(request, device, preferredFormat);
    try {
      const configuration = this.context.source(device, identity);
      if (configuration === undefined) return this.refuse(request, device, unconfigured(device));
      return { device, identity: identityKey(identity), configuration, preferredFormat };
    } catch (caught) {
      const { message } = asDeviceManagementError(caught);
      return this.refuse(request, device, new Mistake(Code.InternalServerError, message, 'Mend the bootstrap configuration.'));
    }
  }

  private mistakeOf(request: IncomingRequest, device: string, identity: Identity): Mistake | undefined {
    if (!request.confirmable && this.context.rules.strict) return NOT_CONFIRMABLE;
    if (device === '') return NO_NAME;
    const admission = this.context.admit(device, identity, 'bootstrap');
    // 4.00 is all the bootstrap interface has (LwM2M Core 1.1.1 §6.1.7.1).
    return admission.admitted ? undefined : Mistake.unadmitted(admission, Code.BadRequest);
  }

  private capacityFor(device: string, request: IncomingRequest): Mistake | undefined {
    const current = this.running.get(device);
    if (current === undefined) return this.running.size >= this.context.mostSessions ? FULL : undefined;
    const isOther = current.identity !== undefined && current.identity !== identityKey(this.context.identityOf(request.endpoint));
    return isOther ? TAKEN : undefined;
  }

  private refuse(request: IncomingRequest, device: string, mistake: Mistake): Mistake {
    request.respond({
      code: mistake.code,
      payload: Buffer.from(mistake.code === Code.InternalServerError ? '' : mistake.told),
      ...(mistake.retryAfter !== undefined && { maxAge: mistake.retryAfter }),
    });
    const peer = request.endpoint;
    this.context.refusals.refused(device, hostOf(peer), addressOf(peer), mistake.reason, mistake.remedy);
    return mistake;
  }

  private tell(event: Omit<BootstrapEvent, 'at'>): void {
    this.context.tell({ ...event, at: this.context.clock.wall() });
  }
}

function preferredFormatOf(pct: string | undefined): number | undefined | Mistake {
  if (pct === undefined || pct === '') return undefined;
  const format = /^\d{1,5}$/.test(pct) ? Number(pct) : Number.NaN;
  const remedy = `Let the device prefer one of ${PREFERABLE.filter((one) => formatOf(one) !== undefined).join(', ')}.`;
  if (Number.isNaN(format)) return new Mistake(Code.BadRequest, `"pct=${pct.slice(0, 40)}" is not a content format`, remedy);
  if (PREFERABLE.includes(format) && formatOf(format) !== undefined) return format;
  return new Mistake(Code.UnsupportedContentFormat, `the preferred content format ${format} is not spoken here`, remedy);
}

function unconfigured(device: string): Mistake {
  return new Mistake(
    Code.BadRequest,
    `no bootstrap configuration is for device ${device}`,
    'Add a bootstrap node, or let one of those there are choose this device too.',
  );
}

/** What may be seen outside. */
function tellable(values: readonly ResourceValue[]): Record<string, Value | null> {
  return Object.fromEntries(
    values.map(({ path, value }) => {
      const { object, resource } = Path.parse(path);
      const resources = TELLABLE.get(object as number) ?? [];
      return [path, resources === 'all' || resources.includes(resource as number) ? value : null];
    }),
  );
}

function plainError({ code, message }: DeviceManagementError): { code: string; message: string } {
  return { code, message };
}
