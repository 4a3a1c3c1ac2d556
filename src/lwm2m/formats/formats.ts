/** The content formats of resource values, by CoAP Content-Format number (LwM2M Core 1.1.1 §7.4). Link lists are `link-format.ts`. */
import type { ResourceValue } from '../../device/value';
import { cbor } from './cbor';
import { malformed } from './failure';
import { type DecodeContext, type Format, isSingle } from './format';
import { json } from './json';
import { lwm2mCbor } from './lwm2m-cbor';
import { opaque } from './opaque';
import { senmlCbor } from './senml-cbor';
import { senmlEtchCbor, senmlEtchJson } from './senml-etch';
import { senmlJson } from './senml-json';
import { text } from './text';
import { tlv } from './tlv';

/** Every format we speak. */
export const FORMATS: readonly Format[] = [
  text,
  opaque,
  cbor,
  senmlJson,
  senmlCbor,
  senmlEtchJson,
  senmlEtchCbor,
  tlv,
  json,
  lwm2mCbor,
];

/** Numbers in use before IANA gave the present ones; Wakaama and Leshan still answer with them. */
const OLD_NUMBERS: readonly (readonly [number, Format])[] = [
  [1541, text],
  [1542, tlv],
  [1543, json],
];

const BY_NUMBER: ReadonlyMap<number, Format> = new Map([
  ...FORMATS.map((format): [number, Format] => [format.contentFormat, format]),
  ...OLD_NUMBERS,
]);

/** The format of a Content-Format number; undefined when we do not speak it. */
export function formatOf(contentFormat: number): Format | undefined {
  return BY_NUMBER.get(contentFormat);
}

/**
 * Values of a payload by the Content-Format that came with it, whatever was asked for.
 * @throws DeviceManagementError `decode-error`, `too-large`
 */
export function decode(contentFormat: number | undefined, payload: Uint8Array, context: DecodeContext): ResourceValue[] {
  const format = contentFormat === undefined ? unnamedFormat(payload, context) : BY_NUMBER.get(contentFormat);
  if (format === undefined) {
    const known = FORMATS.map((one) => `${one.contentFormat} (${one.name})`).join(', ');
    throw malformed('payload', 'offset 0', `one of the formats ${known}`, `Content-Format ${contentFormat}`);
  }
  return format.decode(payload, context);
}

/**
 * Values in the order of their times (a history, LwM2M Core 1.1.1 §7.4.6); those without any are of now, and come last. What has no
 * times stays as it came.
 */
export function oldestFirst(values: ResourceValue[]): ResourceValue[] {
  if (!values.some(({ at }) => at !== undefined)) return values;
  return values.sort((a, b) => (a.at ?? Number.POSITIVE_INFINITY) - (b.at ?? Number.POSITIVE_INFINITY) || 0);
}

const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/**
 * What a device means that names no format: text for one resource, otherwise TLV (LwM2M Core 1.0.2 §6.4) – unless it begins like
 * JSON: as TLV those bytes would be a resource instance, which never stands at the top of such an answer.
 */
function unnamedFormat(payload: Uint8Array, context: DecodeContext): Format {
  if (isSingle(context.base)) return text;
  if (payload[0] === OPEN_BRACKET) return senmlJson;
  return payload[0] === OPEN_BRACE ? json : tlv;
}
