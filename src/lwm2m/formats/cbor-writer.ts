/**
 * Writes CBOR in its preferred form (RFC 8949 §4.1): every integer and float in the shortest head that holds it exactly. cbor-x
 * encodes integers from 2^32 up and every fraction as doubles; a constrained device pays for the bytes, and an Integer resource
 * refuses a double.
 */
export class CborWriter {
  private bytes = Buffer.allocUnsafe(256);
  private end = 0;

  map(pairs: number): this {
    return this.head(0xa0, pairs);
  }

  array(items: number): this {
    return this.head(0x80, items);
  }

  tag(number: number): this {
    return this.head(0xc0, number);
  }

  integer(value: number | bigint): this {
    if (value >= 0) return this.head(0x00, value);
    return this.head(0x20, typeof value === 'bigint' ? -1n - value : -1 - value);
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.head(0x60, length);
    this.room(length);
    this.end += this.bytes.write(value, this.end);
    return this;
  }

  byteString(value: Uint8Array): this {
    this.head(0x40, value.length);
    this.room(value.length);
    this.bytes.set(value, this.end);
    this.end += value.length;
    return this;
  }

  boolean(value: boolean): this {
    return this.head(0xe0, value ? 21 : 20);
  }

  null(): this {
    return this.head(0xe0, 22);
  }

  float(value: number): this {
    this.room(9);
    const half = halfOf(value);
    if (half !== undefined) {
      this.bytes[this.end] = 0xf9;
      this.end = this.bytes.writeUInt16BE(half, this.end + 1);
    } else if (Math.fround(value) === value) {
      this.bytes[this.end] = 0xfa;
      this.end = this.bytes.writeFloatBE(value, this.end + 1);
    } else {
      this.bytes[this.end] = 0xfb;
      this.end = this.bytes.writeDoubleBE(value, this.end + 1);
    }
    return this;
  }

  finish(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.end));
  }

  private head(major: number, argument: number | bigint): this {
    this.room(9);
    if (argument < 24) {
      this.end = this.bytes.writeUInt8(major | Number(argument), this.end);
    } else if (argument < 0x1_00) {
      this.end = this.bytes.writeUInt16BE(((major | 24) << 8) | Number(argument), this.end);
    } else if (argument < 0x1_0000) {
      this.bytes[this.end] = major | 25;
      this.end = this.bytes.writeUInt16BE(Number(argument), this.end + 1);
    } else if (argument < 0x1_0000_0000) {
      this.bytes[this.end] = major | 26;
      this.end = this.bytes.writeUInt32BE(Number(argument), this.end + 1);
    } else {
      this.bytes[this.end] = major | 27;
      this.end = this.bytes.writeBigUInt64BE(BigInt(argument), this.end + 1);
    }
    return this;
  }

  private room(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + length));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }
}

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary16 bits when they hold the value exactly. */
function halfOf(value: number): number | undefined {
  if (Number.isNaN(value)) return 0x7e00;
  scratch.setFloat32(0, value);
  if (scratch.getFloat32(0) !== value) return undefined;
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = bits & 0x7f_ffff;
  if (value === 0) return sign;
  if (exponent === 128) return sign | 0x7c00; // infinite
  if (exponent > 15) return undefined;
  if (exponent >= -14) return (fraction & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (fraction >>> 13) : undefined;
  // Subnormal halves are whole multiples of 2^-24.
  const multiple = Math.abs(value) * 2 ** 24;
  return Number.isInteger(multiple) ? sign | multiple : undefined;
}
