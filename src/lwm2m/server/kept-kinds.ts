/** Registrations and observations as they stand in a store, and what must be true of what is read from there: anything may have written to it. */
import type { RequestSpec } from '../../coap/layer';
import type { Registration } from '../../device/manager';
import type { OperationRequest } from '../../device/operation';
import type { RecordKind } from '../../store/records';

export interface KeptRegistration {
  /** Last segment of its Location-Path; empty for a device behind a gateway. */
  readonly id: string;
  readonly identity?: string;
  /** As the message layer knows it: names of a transport and of a peer there. */
  readonly peer: { readonly transport: string; readonly address: string; readonly port: number };
  readonly value: Registration;
}

/** The last Update of a registration that changed nothing else: small, since it is most of what is written. */
export interface KeptContact {
  readonly id: string;
  /** Unix milliseconds. */
  readonly updatedAt: number;
}

export interface KeptObservation {
  readonly device: string;
  /** Which registration of it: an observation ends with its own. */
  readonly registeredAt: number;
  /** What was asked for; says how notifications are to be read. */
  readonly request: OperationRequest;
  /** How it was asked: what ends it, and asks for the rest of a large notification, repeats it. */
  readonly spec: RequestSpec;
  readonly token: Buffer;
}

export const REGISTRATIONS: RecordKind<KeptRegistration> = { prefix: 'registrations/', version: 1, read: readRegistration };
export const CONTACTS: RecordKind<KeptContact> = { prefix: 'contacts/', version: 1, read: readContact };
/** By token. */
export const OBSERVATIONS: RecordKind<KeptObservation> = { prefix: 'observations/', version: 1, read: readObservation };

type Fields<T> = { readonly [Name in keyof T]?: unknown };

const TEXTS = ['endpoint', 'version', 'binding', 'address', 'rootPath', 'security'] as const;
const NUMBERS = ['lifetime', 'registeredAt', 'updatedAt'] as const;

function readRegistration(kept: unknown): KeptRegistration {
  const { id, identity, peer, value } = fieldsOf<KeptRegistration>(kept);
  const { transport, address, port } = fieldsOf<KeptRegistration['peer']>(peer);
  const registration = fieldsOf<Registration>(value);
  const isOne =
    isText(id) &&
    (identity === undefined || isText(identity)) &&
    isText(transport) &&
    isText(address) &&
    isNumber(port) &&
    TEXTS.every((name) => isText(registration[name])) &&
    NUMBERS.every((name) => isNumber(registration[name])) &&
    typeof registration.queueMode === 'boolean' &&
    isListOf(registration.objects, isText) &&
    isListOf(registration.contentFormats, isNumber) &&
    areTexts(registration.versions) &&
    areTexts(registration.parameters) &&
    (registration.gateway === undefined || areTexts(registration.gateway));
  if (!isOne) throw new Error('it is not a registration');
  return kept as KeptRegistration;
}

function readContact(kept: unknown): KeptContact {
  const { id, updatedAt } = fieldsOf<KeptContact>(kept);
  if (!isText(id) || !isNumber(updatedAt)) throw new Error('it is not a time');
  return kept as KeptContact;
}

function readObservation(kept: unknown): KeptObservation {
  const { device, registeredAt, request, spec, token } = fieldsOf<KeptObservation>(kept);
  const { operation, path } = fieldsOf<OperationRequest>(request);
  const { code, path: segments } = fieldsOf<RequestSpec>(spec);
  const isOne =
    isText(device) &&
    isNumber(registeredAt) &&
    (operation === 'observe' || operation === 'observe-composite') &&
    isText(path) &&
    isNumber(code) &&
    isListOf(segments, isText) &&
    Buffer.isBuffer(token);
  if (!isOne) throw new Error('it is not an observation');
  return kept as KeptObservation;
}

function fieldsOf<T>(value: unknown): Fields<T> {
  return (typeof value === 'object' && value !== null ? value : {}) as Fields<T>;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isListOf(value: unknown, isOne: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}

function areTexts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isText);
}
