/** What a refused or unanswered operation means, in a sentence a person can act on (response codes: LwM2M Core 1.1.1 §6.7). */
import { codeText } from '../../coap/codes';
import type { CoapResponse } from '../../coap/layer';
import type { Registration } from '../../device/manager';
import type { OperationName } from '../../device/operation';
import { Path } from '../../device/path';
import { DeviceManagementError } from '../../errors';
import type { RegistrationRecord } from './registration';

/** What was asked of whom. */
export interface Asked {
  readonly registration: Registration;
  readonly operation: OperationName;
  readonly target: Path;
  /** The paths of a composite operation. */
  readonly list?: string;
}

/** Path or paths, as a person reads them. */
export function aboutOf({ target, list }: Pick<Asked, 'target' | 'list'>): string {
  return list ?? target.toString();
}

const VERBS: Readonly<Record<OperationName, string>> = {
  read: 'Read',
  discover: 'Discover',
  write: 'Write',
  'write-attributes': 'Write-Attributes',
  execute: 'Execute',
  create: 'Create',
  delete: 'Delete',
  observe: 'Observe',
  'read-composite': 'Read-Composite',
  'write-composite': 'Write-Composite',
  'observe-composite': 'Observe-Composite',
  'cancel-observation': 'Cancel',
};

/** Why a device says 4.05, by what it was asked. */
const NOT_ALLOWED: Readonly<Record<OperationName, string>> = {
  read: 'it cannot be read; it may be write-only or executable',
  discover: 'it cannot be discovered',
  write: 'it is read-only, or executable',
  'write-attributes': 'it takes no notification attributes',
  execute: 'it cannot be executed',
  create: 'the device creates no instance there; the object may allow only one',
  delete: 'the device does not delete it; it may be its only or a mandatory instance',
  observe: 'it cannot be observed; it may be write-only or executable',
  'read-composite': 'it may not know composite operations',
  'write-composite': 'one of these is read-only, or executable; nothing was written',
  'observe-composite': 'it may not know composite operations',
  'cancel-observation': 'it cannot be observed',
};

type Sentence = (asked: Asked, response: CoapResponse) => string;

const SENTENCES: Readonly<Record<string, Sentence>> = {
  '4.00': (asked) => `${who(asked)} calls ${what(asked)} malformed: check the path and the value`,
  '4.01': (asked) =>
    `${who(asked)} does not authorise this server to ${what(asked)}: ` +
    (asked.target.object === 0 || asked.target.object === 21
      ? 'objects 0 (Security) and 21 (OSCORE) are open to bootstrap only'
      : 'see its Access Control object (/2)'),
  '4.02': (asked) => `${who(asked)} does not know an option or attribute of ${what(asked)}`,
  '4.03': (asked) => `${who(asked)} forbids ${what(asked)}`,
  '4.04': (asked) =>
    asked.list === undefined
      ? `${who(asked)} has no ${asked.target}: ${announced(asked)}`
      : `${who(asked)} does not have all of ${asked.list}: Discover tells what is there`,
  '4.05': (asked) => `${who(asked)} does not allow ${what(asked)}: ${NOT_ALLOWED[asked.operation]}${orItsGateway(asked)}`,
  '4.06': (asked) => `${who(asked)} cannot answer ${what(asked)} in any content format asked for: choose another, or none`,
  '4.08': (asked) => `${who(asked)} lost a block of ${what(asked)}: try again`,
  '4.09': (asked) => `${who(asked)} is in a state that conflicts with ${what(asked)}`,
  '4.12': (asked) => `${who(asked)} says a precondition of ${what(asked)} does not hold`,
  '4.13': (asked) => `the value is too large for ${who(asked)}: send less in ${what(asked)}`,
  '4.15': (asked) => `${who(asked)} does not know the content format of ${what(asked)}: choose another`,
  '4.22': (asked) => `${who(asked)} cannot process the value of ${what(asked)}`,
  '4.29': (asked, response) => `${who(asked)} is asked too often: ${retry(response)}`,
  '5.00': (asked) => `${who(asked)} failed inside while doing ${what(asked)}: try again later, or look at the device's log`,
  '5.01': (asked) => `${who(asked)} has not implemented ${what(asked)}`,
  '5.02': (asked) => `what stands in front of ${who(asked)} got no usable answer to ${what(asked)} from it`,
  '5.03': (asked, response) => `${who(asked)} cannot do ${what(asked)} now: ${retry(response)}`,
  '5.04': (asked) =>
    `what stands in front of ${who(asked)} got no answer to ${what(asked)} from it: it may be off, or out of reach`,
};

/** The error for a response code that is not the success of the operation. */
export function refusedByDevice(asked: Asked, response: CoapResponse): DeviceManagementError {
  const code = codeText(response.code);
  const sentence = SENTENCES[code]?.(asked, response) ?? `${who(asked)} answered ${what(asked)} with an unexpected code`;
  const said = diagnosticOf(response);
  return new DeviceManagementError(code, `${sentence} (${code}${said === '' ? '' : `: "${said}"`}).`, context(asked));
}

/** A failure of the message layer, told of the device and with what to do. */
export function unanswered(asked: Asked, error: DeviceManagementError, timeoutMs: number): DeviceManagementError {
  if (error.code === 'timeout') {
    const asleep = asked.registration.queueMode ? 'it may have gone to sleep' : 'it may be off, or unreachable';
    return new DeviceManagementError(
      'timeout',
      `${who(asked)} at ${asked.registration.address} did not answer ${what(asked)} within ${timeoutMs / 1000} s: ${asleep}.`,
      { ...context(asked), cause: error },
    );
  }
  if (error.code === 'reset') {
    return new DeviceManagementError(
      'reset',
      `${who(asked)} at ${asked.registration.address} rejected ${what(asked)} with a Reset: it no longer knows this server. ` +
        'It should register again; restart it if it does not.',
      { ...context(asked), cause: error },
    );
  }
  if (error.code === 'disconnected') {
    return new DeviceManagementError(
      'disconnected',
      `the connection of ${who(asked)} ended before it answered ${what(asked)}: ask again when it has connected.`,
      { ...context(asked), cause: error },
    );
  }
  return error.of(context(asked));
}

export function notRegistered(device: string): DeviceManagementError {
  return new DeviceManagementError(
    'not-registered',
    `device ${device} is not registered: check the spelling of its endpoint name, and whether the device is on.`,
    { device },
  );
}

export function isAsleep(record: RegistrationRecord, path: string): DeviceManagementError {
  const device = record.endpoint;
  const why = record.gateway === undefined ? whyAsleep(record) : whyGatewayAsleep(record.gateway);
  return new DeviceManagementError('asleep', `device ${device} is asleep: ${why}. It can be asked after its next message.`, {
    device,
    path,
  });
}

function whyAsleep({ value, displaced, peer }: RegistrationRecord): string {
  if (displaced) return `another device has taken its address ${value.address}`;
  return peer.gone ? `its connection from ${value.address} has ended` : 'it is in queue mode and not listening now';
}

function whyGatewayAsleep(gateway: RegistrationRecord): string {
  if (gateway.gone) return `its gateway ${gateway.endpoint} has registered anew, and not said yet what is behind it`;
  return `it is behind gateway ${gateway.endpoint}, of which is true: ${whyAsleep(gateway)}`;
}

export function cancelledBecause(asked: Asked, why: string): DeviceManagementError {
  return new DeviceManagementError('cancelled', `${what(asked)} on ${who(asked)} was cancelled: ${why}.`, context(asked));
}

export function context(asked: Asked): { device: string; path: string } {
  return { device: asked.registration.endpoint, path: aboutOf(asked) };
}

/** Anjay: composite operations are for the gateway itself. */
function orItsGateway({ registration, operation }: Asked): string {
  const mayBe = registration.gateway !== undefined && operation.endsWith('-composite');
  return mayBe ? '; or its gateway has no composite operations for what is behind it, then ask path by path' : '';
}

function who(asked: Asked): string {
  return `device ${asked.registration.endpoint}`;
}

function what(asked: Asked): string {
  return `${VERBS[asked.operation]} ${aboutOf(asked)}`;
}

/** What the device said it has, as near to the target as it goes. */
function announced({ registration, target }: Asked): string {
  const { object, instance } = target;
  const ofObject = registration.objects.filter((path) => path === `/${object}` || path.startsWith(`/${object}/`));
  if (ofObject.length === 0) return `it did not announce object ${object}`;
  const instances = ofObject.filter((path) => path !== `/${object}`);
  if (instance === undefined || instances.includes(`/${object}/${instance}`)) return 'Discover tells what is there';
  return instances.length === 0 ? `it announced /${object} without instances` : `it announced ${few(instances)}`;
}

function few(paths: readonly string[]): string {
  return paths.length <= 5 ? paths.join(', ') : `${paths.slice(0, 5).join(', ')} and ${paths.length - 5} more`;
}

function retry(response: CoapResponse): string {
  return response.maxAge === undefined ? 'try again later' : `try again in ${response.maxAge} s`;
}

/** RFC 7252 §5.5.2: an error may carry a text for people. */
function diagnosticOf(response: CoapResponse): string {
  if (response.payload.length === 0 || (response.contentFormat !== undefined && response.contentFormat !== 0)) return '';
  // Control characters could forge lines of a log.
  return response.payload
    .toString('utf8', 0, 200)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}

/** Read /3/0 and not "read": for texts elsewhere. */
export function named(operation: OperationName, target: Path | string): string {
  return `${VERBS[operation]} ${target instanceof Path ? target.toString() : target}`;
}
