/** Values inside LwM2M TLV (LwM2M Core 1.1.1 §7.4.5, Appendix C): bytes without a type, which the object model has to give. */
import { integerValue, type ResourceType, type Value } from '../../device/value';
import { malformed } from './failure';
import { linkIds } from './object-link';
import { timeValue, type WireField } from './typed-value';

type Reader = (bytes: Buffer, start: number, end: number) => Value | undefined;

/** Undefined: bytes that the type cannot have. */
const READERS: Readonly<Record<ResourceType, Reader>> = {
  string: (bytes, start, end) => bytes.toString('utf8', start, end),
  corelnk: (bytes, start, end) => bytes.toString('utf8', start, end),
  opaque: copied,
  none: copied,
  integer: signed,
  unsigned,
  float: (bytes, start, end) =>
    end - start === 4 ? bytes.readFloatBE(start) : end - start === 8 ? bytes.readDoubleBE(start) : undefined,
  boolean: (bytes, start, end) => {
    const byte = end - start === 1 ? bytes[start] : undefined;
    return byte === 1 ? true : byte === 0 ? false : undefined;
  },
  time: (bytes, start, end) => {
    const seconds = signed(bytes, start, end);
    return typeof seconds === 'number' ? timeValue(seconds) : seconds;
  },
  objlnk: (bytes, start, end) =>
    end - start === 4 ? `${bytes.readUInt16BE(start)}:${bytes.readUInt16BE(start + 2)}` : undefined,
};

const LENGTHS: Readonly<Partial<Record<ResourceType, string>>> = {
  integer: '1, 2, 4 or 8 bytes',
  unsigned: '1, 2, 4 or 8 bytes',
  time: '1, 2, 4 or 8 bytes',
  float: '4 or 8 bytes',
  boolean: 'one byte, 0 or 1',
  objlnk: '4 bytes',
};

/** A value by its type; without one its bytes, which a flow can still read. */
export function readTlvValue(bytes: Buffer, start: number, end: number, type: ResourceType | undefined, path: string): Value {
  const value = type === undefined ? copied(bytes, start, end) : READERS[type](bytes, start, end);
  if (value !== undefined) return value;
  const got = end - start === 1 ? `0x${bytes.toString('hex', start, end)}` : `${end - start} bytes`;
  throw malformed('TLV', `offset ${start}`, `${type} ${path} in ${LENGTHS[type as ResourceType]}`, got);
}

/** The bytes of one value. */
export function writeTlvValue(field: WireField): Buffer {
  switch (field.kind) {
    case 'number':
      return field.float ? floatBytes(Number(field.value)) : integerBytes(field.value);
    case 'boolean':
      return Buffer.from([field.value ? 1 : 0]);
    case 'bytes':
      return field.value;
    case 'text':
      return Buffer.from(field.value);
    case 'link': {
      const [object, instance] = linkIds(field.value);
      return Buffer.from([object >> 8, object & 0xff, instance >> 8, instance & 0xff]);
    }
  }
}

/** A datagram's buffer is not ours to keep. */
function copied(bytes: Buffer, start: number, end: number): Buffer {
  return Buffer.from(bytes.subarray(start, end));
}

function signed(bytes: Buffer, start: number, end: number): number | string | undefined {
  switch (end - start) {
    case 1:
      return bytes.readInt8(start);
    case 2:
      return bytes.readInt16BE(start);
    case 4:
      return bytes.readInt32BE(start);
    case 8:
      return integerValue(bytes.readBigInt64BE(start));
    default:
      return undefined;
  }
}

/** Clients write 200 as `C8` or as `00 C8`; read without a sign, both are 200. */
function unsigned(bytes: Buffer, start: number, end: number): number | string | undefined {
  switch (end - start) {
    case 1:
      return bytes.readUInt8(start);
    case 2:
      return bytes.readUInt16BE(start);
    case 4:
      return bytes.readUInt32BE(start);
    case 8:
      return integerValue(bytes.readBigUInt64BE(start));
    default:
      return undefined;
  }
}

/** The shortest two's complement; beyond 2^63, which only Unsigned reaches, all 64 bits. */
function integerBytes(value: number | bigint): Buffer {
  if (value >= -0x80 && value <= 0x7f) return Buffer.from([Number(value) & 0xff]);
  if (value >= -0x8000 && value <= 0x7fff) return integerOf(2, value);
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) return integerOf(4, value);
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

function integerOf(length: number, value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeIntBE(Number(value), 0, length);
  return bytes;
}

function floatBytes(value: number): Buffer {
  const single = Number.isNaN(value) || Math.fround(value) === value;
  const bytes = Buffer.allocUnsafe(single ? 4 : 8);
  if (single) bytes.writeFloatBE(value);
  else bytes.writeDoubleBE(value);
  return bytes;
}
