/**
 * Reading and writing the presentation language of TLS (RFC 5246 §4). The reader never goes beyond its end and never throws: what is
 * too short makes it fail, and stay failed, so that a parser reads straight on and asks once whether all was well.
 */

const EMPTY = Buffer.alloc(0);

export class Reader {
  failed = false;

  constructor(
    readonly bytes: Buffer,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  /** Everything was there, and nothing is left. */
  get done(): boolean {
    return !this.failed && this.at === this.end;
  }

  fail(): void {
    this.failed = true;
  }

  /** An unsigned integer of 1 to 6 bytes; 0 after a failure. */
  uint(length: number): number {
    if (!this.has(length)) return 0;
    const value = this.bytes.readUIntBE(this.at, length);
    this.at += length;
    return value;
  }

  /** A view on the next bytes; empty after a failure. */
  take(length: number): Buffer {
    if (!this.has(length)) return EMPTY;
    const view = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return view;
  }

  /** A vector with a length of `lengthBytes`, that must lie between `least` and `most` bytes. */
  vector(lengthBytes: number, least: number, most: number): Buffer {
    const length = this.uint(lengthBytes);
    if (length < least || length > most) this.fail();
    return this.take(length);
  }

  /** A vector of numbers of `width` bytes each; at least one. */
  numbers(lengthBytes: number, width: number): number[] {
    const bytes = this.vector(lengthBytes, width, 2 ** (8 * lengthBytes) - 1);
    if (bytes.length % width !== 0) this.fail();
    const found: number[] = [];
    if (this.failed) return found;
    for (let at = 0; at < bytes.length; at += width) found.push(bytes.readUIntBE(at, width));
    return found;
  }

  private has(length: number): boolean {
    if (this.failed || this.at + length > this.end) this.failed = true;
    return !this.failed;
  }
}

export class Writer {
  private bytes: Buffer;
  private length = 0;

  constructor(expected = 256) {
    this.bytes = Buffer.allocUnsafe(expected);
  }

  uint(value: number, length: number): this {
    this.ensure(length);
    this.bytes.writeUIntBE(value, this.length, length);
    this.length += length;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.ensure(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Bytes after their length. */
  vector(lengthBytes: number, bytes: Uint8Array): this {
    return this.uint(bytes.length, lengthBytes).raw(bytes);
  }

  numbers(lengthBytes: number, width: number, values: readonly number[]): this {
    this.uint(values.length * width, lengthBytes);
    for (const value of values) this.uint(value, width);
    return this;
  }

  /** What was written: the writer's own memory, which it gives away. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private ensure(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
