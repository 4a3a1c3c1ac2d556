/**
 * Reads the structure of a CBOR item (RFC 8949 §3) without building anything, before cbor-x sees a byte of it: everything that
 * would make cbor-x slow, wrong or surprising is refused or, where it is legal, written in a plainer form:
 * - strings of indefinite length, which cbor-x throws at, are joined into one;
 * - tags 0 and 1 (times) are taken off: cbor-x would make Dates of them, at the mercy of `Date.parse`, and fails on 64-bit seconds.
 *   The object model knows what is a time;
 * - bignums, typed arrays, sets, shared values and all other tags are refused: some take quadratic time, some build objects.
 */
import { beyondCap, malformed } from './failure';
import { DEEPEST_NESTING, MOST_ITEMS } from './format';

const UINT = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

/** A gateway prefix and four ids. */
const LONGEST_PATH_KEY = 5;

const INDEFINITE = 31;
const BREAK = 0xff;

const MAJOR_NAMES = ['an integer', 'a negative integer', 'a byte string', 'text', 'an array', 'a map', 'a tag', 'a simple value'];

/** Tags that may stand in a payload. Decimal fractions and bigfloats cbor-x turns into numbers. */
const PLAIN_TIME_TAGS = [0, 1];
const FRACTION_TAGS = [4, 5];
/** An exponent beyond a double's range, and the digits of a mantissa, say nothing a number could hold. */
const FRACTION = 'an array of exponent and mantissa, each an integer of at most 32 bits';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

export interface CborShape {
  /** The payload in a form that cbor-x reads; the payload itself where nothing had to be rewritten. */
  readonly plain: Uint8Array;
  /** Pairs in all maps together: a decoded map of fewer entries had a key twice. */
  readonly pairs: number;
  /** Byte strings, 64-bit integers or fractions are inside, which have to be looked at after decoding. */
  readonly unsettled: boolean;
}

/** What keys of maps may be: labels of SenML (integers and text), or paths of LwM2M CBOR (an id, or an array of ids with text in front). */
export type CborKeys = 'labels' | 'paths';

/** @throws DeviceManagementError `decode-error`, `too-large` */
export function scanCbor(format: string, payload: Uint8Array, keys: CborKeys): CborShape {
  const scan = new Scan(format, payload, keys);
  scan.item(0);
  if (scan.at !== payload.length) throw scan.wrong(scan.at, 'the end', `${payload.length - scan.at} more bytes`);
  return { plain: scan.plain(), pairs: scan.pairs, unsettled: scan.unsettled };
}

class Scan {
  at = 0;
  pairs = 0;
  unsettled = false;
  private items = 0;
  private major = 0;
  private info = 0;
  private edits: Edit[] | undefined;

  constructor(
    private readonly format: string,
    private readonly bytes: Uint8Array,
    private readonly keys: CborKeys,
  ) {}

  wrong(at: number, expected: string, got: string): Error {
    return malformed(this.format, `offset ${at}`, expected, got);
  }

  item(depth: number): void {
    const start = this.at;
    const argument = this.head();
    switch (this.major) {
      case UINT:
      case NEGATIVE:
        if (this.info === 27) this.unsettled = true;
        return;
      case BYTES:
        this.unsettled = true;
        return this.string(start, argument);
      case TEXT:
        return this.string(start, argument);
      case ARRAY:
      case MAP:
        if (depth >= DEEPEST_NESTING) throw this.wrong(start, `at most ${DEEPEST_NESTING} levels`, 'one more');
        return this.children(this.major === MAP, argument, depth + 1);
      case TAG:
        return this.tag(start, argument, depth);
      default:
        return this.simple(start);
    }
  }

  /** Reads a head; returns its argument: a value, a length or a count. Exact up to 2^53, which is all that lengths need. */
  private head(): number {
    const { bytes } = this;
    const start = this.at;
    if (start >= bytes.length) throw this.wrong(start, 'an item', 'the end');
    if (++this.items > MOST_ITEMS) throw beyondCap(this.format, 'items', MOST_ITEMS);
    const initial = bytes[start] as number;
    const info = initial & 0x1f;
    this.major = initial >> 5;
    this.info = info;
    this.at = start + 1;
    if (info < 24) return info;
    if (info === INDEFINITE) return -1;
    if (info > 27) throw this.wrong(start, 'a head of RFC 8949', `reserved byte 0x${initial.toString(16)}`);
    const length = 1 << (info - 24);
    if (this.at + length > bytes.length) throw this.wrong(start, `${length} bytes after the head`, 'the end');
    let argument = 0;
    for (let end = this.at + length; this.at < end; this.at++) argument = argument * 256 + (bytes[this.at] as number);
    return argument;
  }

  private string(start: number, length: number): void {
    if (this.info === INDEFINITE) return this.chunks(start, this.major);
    if (length > this.bytes.length - this.at) {
      throw this.wrong(start, `${length} bytes of ${MAJOR_NAMES[this.major]}`, `${this.bytes.length - this.at} left`);
    }
    this.at += length;
  }

  /** Joins a string of indefinite length (RFC 8949 §3.2.3). */
  private chunks(start: number, major: number): void {
    const pieces: Uint8Array[] = [];
    let total = 0;
    while (this.bytes[this.at] !== BREAK) {
      const from = this.at;
      const length = this.head();
      if (this.major !== major || this.info === INDEFINITE) {
        throw this.wrong(from, `a piece of ${MAJOR_NAMES[major]}, or the break`, MAJOR_NAMES[this.major] as string);
      }
      this.string(from, length);
      pieces.push(this.bytes.subarray(this.at - length, this.at));
      total += length;
    }
    this.at++;
    const head = Buffer.from([(major << 5) | 26, total >>> 24, total >>> 16, total >>> 8, total]);
    this.edit(start, Buffer.concat([head, ...pieces]));
  }

  private children(isMap: boolean, count: number, depth: number): void {
    const most = this.bytes.length - this.at; // each is a byte at least: a huge count fails here, before anyone trusts it
    if (count > most) throw this.wrong(this.at, `${count} ${isMap ? 'pairs' : 'items'}`, `${most} bytes`);
    for (let left = count; left !== 0; left--) {
      if (count < 0 && this.bytes[this.at] === BREAK) {
        this.at++;
        return;
      }
      if (isMap) this.key();
      this.item(depth);
    }
  }

  private key(): void {
    this.pairs++;
    if (this.keys === 'paths' && (this.bytes[this.at] as number) >> 5 === ARRAY) this.pathKey();
    else this.plainKey();
  }

  /** 64-bit heads would come as another key than the same number in a short one. */
  private plainKey(): void {
    const start = this.at;
    const argument = this.head();
    if (this.major === TEXT) return this.string(start, argument);
    if (this.major > NEGATIVE || this.info > 26) {
      throw this.wrong(start, 'a key: text, or an integer of at most 32 bits', MAJOR_NAMES[this.major] as string);
    }
  }

  private pathKey(): void {
    const start = this.at;
    const count = this.head();
    if (count > LONGEST_PATH_KEY) throw this.wrong(start, `a path of at most ${LONGEST_PATH_KEY} parts`, `${count}`);
    for (let parts = 0; parts !== count; parts++) {
      if (count < 0 && this.bytes[this.at] === BREAK) {
        this.at++;
        return;
      }
      if (parts === LONGEST_PATH_KEY) throw this.wrong(start, `a path of at most ${LONGEST_PATH_KEY} parts`, 'more');
      this.plainKey();
    }
  }

  private tag(start: number, number: number, depth: number): void {
    if (depth >= DEEPEST_NESTING) throw this.wrong(start, `at most ${DEEPEST_NESTING} levels`, 'one more');
    if (PLAIN_TIME_TAGS.includes(number)) {
      this.edit(start, NOTHING);
      return this.item(depth + 1);
    }
    if (!FRACTION_TAGS.includes(number)) throw this.wrong(start, 'tag 0, 1, 4 or 5', `tag ${number}`);
    this.unsettled = true;
    const content = this.at;
    const count = this.head();
    if (this.major !== ARRAY || count !== 2) throw this.wrong(content, FRACTION, MAJOR_NAMES[this.major] as string);
    for (let part = 0; part < 2; part++) {
      const at = this.at;
      this.head();
      if (this.major > NEGATIVE || this.info > 26) throw this.wrong(at, FRACTION, MAJOR_NAMES[this.major] as string);
    }
  }

  private simple(start: number): void {
    // 20 to 22: false, true, null; 25 to 27: half, single, double (RFC 8949 §3.3)
    if ((this.info >= 20 && this.info <= 22) || (this.info >= 25 && this.info <= 27)) return;
    throw this.wrong(start, 'an item', this.info === INDEFINITE ? 'a break' : `simple value ${this.info}`);
  }

  private edit(start: number, bytes: Uint8Array): void {
    this.edits ??= [];
    this.edits.push({ start, end: this.at, bytes });
  }

  /** The payload with every edit made. */
  plain(): Uint8Array {
    if (this.edits === undefined) return this.bytes;
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const edit of this.edits) {
      parts.push(this.bytes.subarray(from, edit.start), edit.bytes);
      from = edit.end;
    }
    parts.push(this.bytes.subarray(from));
    return Buffer.concat(parts);
  }
}

const NOTHING = new Uint8Array(0);
