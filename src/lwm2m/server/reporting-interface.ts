/**
 * The reporting interface, /dp: values a device sends by itself (Send, LwM2M Core 1.1.1 §6.4.6). Notifications do not come here: they are
 * answers, known by their token.
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { IncomingRequest } from '../../coap/incoming';
import { ContentFormat } from '../../coap/options';
import { type Identity, identityKey } from '../../device/identity';
import type { ProblemEvent, Registration, SendEvent } from '../../device/manager';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { asDeviceManagementError } from '../../errors';
import { decode, oldestFirst } from '../formats/formats';
import { byPrefix } from './answers';
import type { Models } from './models';
import type { Presence } from './presence';
import type { RegistrationRecord } from './registration';
import type { Registrations } from './registrations';
import type { OperationStatistics } from './statistics';

export interface ReportingInterfaceContext {
  readonly clock: Clock;
  readonly registrations: Registrations;
  readonly models: Models;
  readonly presence: Presence;
  readonly statistics: OperationStatistics<RegistrationRecord>;
  readonly identityOf: (peer: Endpoint) => Identity;
  /** The device behind a gateway that has this prefix. */
  readonly behind: (record: RegistrationRecord, prefix: string) => RegistrationRecord | undefined;
  /** A gateway sent something of a device that it has not announced. */
  readonly metStranger: (record: RegistrationRecord) => void;
  readonly tell: (event: SendEvent) => void;
  readonly problem: (event: ProblemEvent) => void;
}

/** Formats that carry full paths. */
const FORMATS: readonly number[] = [ContentFormat.SenmlJson, ContentFormat.SenmlCbor, ContentFormat.Lwm2mCbor];

export class ReportingInterface {
  constructor(private readonly context: ReportingInterfaceContext) {}

  /** POST to a path that ends in `dp`. */
  send(request: IncomingRequest): void {
    const { registrations, presence, identityOf } = this.context;
    const record = registrations.bySender(request.endpoint, identityKey(identityOf(request.endpoint)));
    if (record === undefined) return this.answer(request, Code.NotFound, undefined, 'not registered from this address');
    this.sendFrom(record, request);
    // After the answer: whoever hears that it is awake may ask it at once.
    presence.heard(record);
  }

  private sendFrom(record: RegistrationRecord, request: IncomingRequest): void {
    const { clock, models } = this.context;
    const { contentFormat } = request;
    if (contentFormat === undefined || !FORMATS.includes(contentFormat)) {
      return this.answer(
        request,
        Code.UnsupportedContentFormat,
        record,
        'Send takes SenML JSON (110), SenML CBOR (112) or LwM2M CBOR (11544)',
      );
    }
    const at = clock.wall();
    const device = record.endpoint;
    let values: readonly ResourceValue[];
    try {
      // Decoded views would keep the whole datagram; a value may be kept for long.
      const payload = Buffer.from(request.payload);
      values = oldestFirst(decode(contentFormat, payload, { base: Path.root, typeOf: models.of(record.value).typeOf, now: at }));
    } catch (caught) {
      const reason = asDeviceManagementError(caught).message;
      this.answer(request, Code.BadRequest, record, reason);
      this.context.problem({ device, reason: `a Send cannot be understood: ${reason}`, at });
      return;
    }
    const shares = this.sharesOf(record, values);
    if (shares === undefined) return this.answer(request, Code.NotFound, record, 'an object that was not registered');
    let bytes = request.payload.length;
    this.answer(request, Code.Changed, record);
    for (const [owner, share] of shares) {
      this.context.tell({ device: owner.endpoint, values: share, contentFormat, bytes, at });
      bytes = 0;
    }
  }

  /** Values by whose they are, the sender's or of devices behind it; undefined when one is of what is not known to be there. */
  private sharesOf(
    record: RegistrationRecord,
    values: readonly ResourceValue[],
  ): ReadonlyMap<RegistrationRecord, readonly ResourceValue[]> | undefined {
    const { behind, metStranger } = this.context;
    const shares = new Map<RegistrationRecord, readonly ResourceValue[]>();
    for (const [prefix, share] of byPrefix(values)) {
      const owner = prefix === undefined ? record : behind(record, prefix);
      if (owner === undefined) metStranger(record);
      if (owner === undefined || !areAnnounced(owner.value, share)) return undefined;
      shares.set(owner, share);
    }
    return shares;
  }

  private answer(request: IncomingRequest, code: number, record: RegistrationRecord | undefined, reason?: string): void {
    this.context.statistics.count(record, 'send', code, 0, request.payload.length);
    request.respond(reason === undefined ? { code } : { code, payload: Buffer.from(reason) });
  }
}

/** Whether the device registered every object it sends values of. A gateway may not have said what a device behind it has. */
function areAnnounced({ objects, gateway }: Registration, values: readonly ResourceValue[]): boolean {
  if (gateway !== undefined && objects.length === 0) return true;
  const announced = new Set(objects.map(objectOf));
  return values.every(({ path }) => announced.has(objectOf(path)));
}

/** "/3" of "/3/0/9". */
function objectOf(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}
