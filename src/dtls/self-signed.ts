/**
 * A certificate for our own key, for peers that are told it in advance (LwM2M: 0/x/4, Certificate Usage 3): X.509 v3 (RFC 5280 §4.1), signed by
 * itself, without an end.
 */
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { Tag } from './der';
import { publicSpki } from './raw-key';

const ContextTag = { Version: 0xa0, Utf8String: 0x0c, Set: 0x31, UtcTime: 0x17, GeneralizedTime: 0x18 } as const;
const V3 = Buffer.from('020102', 'hex');
const ECDSA_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';
const BASIC_CONSTRAINTS = '551d13';
const KEY_USAGE = '551d0f';
const TRUE = Buffer.from('0101ff', 'hex');
const DIGITAL_SIGNATURE = 0x80;
/** RFC 5280 §4.1.2.5: of a certificate that never expires. */
const NO_END = '99991231235959Z';
const SERIAL_BYTES = 16;

/** @param key private, P-256; @param from Unix milliseconds, when it begins to be valid. @returns DER */
export function selfSigned(key: KeyObject, commonName: string, from: number): Buffer {
  const algorithm = sequence(oid(ECDSA_SHA256));
  const name = sequence(
    element(ContextTag.Set, sequence(oid(COMMON_NAME), element(ContextTag.Utf8String, Buffer.from(commonName)))),
  );
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and in the fewest bytes.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  const body = sequence(
    element(ContextTag.Version, V3),
    element(Tag.Integer, serial),
    algorithm,
    name,
    sequence(element(ContextTag.UtcTime, utcTime(from)), element(ContextTag.GeneralizedTime, Buffer.from(NO_END))),
    name,
    publicSpki(key),
    element(Tag.Extensions, sequence(extension(BASIC_CONSTRAINTS, sequence()), extension(KEY_USAGE, bits(DIGITAL_SIGNATURE)))),
  );
  return sequence(body, algorithm, element(Tag.BitString, Buffer.from([0]), sign('sha256', body, key)));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), TRUE, element(Tag.OctetString, value));
}

/** One bit, the highest. */
function bits(byte: number): Buffer {
  return element(Tag.BitString, Buffer.from([7, byte]));
}

function utcTime(at: number): Buffer {
  return Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`);
}

function oid(hex: string): Buffer {
  return element(Tag.ObjectIdentifier, Buffer.from(hex, 'hex'));
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return element(Tag.Sequence, ...contents);
}

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
