/**
 * One JSON text (RFC 8259) as plain values: Map, array, string, number, Boolean, null, and bigint for integers beyond 2^53. Not
 * `JSON.parse`, which rounds 9223372036854775808 in silence (Leshan sends such values bare) and keeps the last of two equal keys;
 * it still does what is intricate: escapes in strings.
 */
import { beyondCap, malformed, shown } from './failure';
import { bufferOf, DEEPEST_NESTING, MOST_ITEMS } from './format';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Up to so many digits a number is exact whatever they are. */
const EXACT_DIGITS = 15;
/** 2^64 has 20 digits; what is longer is a double like any JSON number, and BigInt would take quadratic time over it. */
const MOST_INTEGER_DIGITS = 20;

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** @throws DeviceManagementError `decode-error`, `too-large`; offsets count characters */
export function decodeJsonItem(format: string, payload: Uint8Array): unknown {
  return new JsonReader(format, bufferOf(payload).toString('utf8')).whole();
}

class JsonReader {
  private at = 0;
  private items = 0;

  constructor(
    private readonly format: string,
    private readonly text: string,
  ) {}

  whole(): unknown {
    const value = this.item(0);
    if (this.at < this.text.length) throw this.wrong('the end');
    return value;
  }

  /** An item and the space around it; afterwards `at` is on what follows. */
  private item(depth: number): unknown {
    if (++this.items > MOST_ITEMS) throw beyondCap(this.format, 'items', MOST_ITEMS);
    const code = this.space();
    let value: unknown;
    if (code === QUOTE) value = this.string();
    else if (code === OPEN_OBJECT) value = this.object(depth);
    else if (code === OPEN_ARRAY) value = this.array(depth);
    else if (code === MINUS || isDigit(code)) value = this.number();
    else value = this.word();
    this.space();
    return value;
  }

  private object(depth: number): Map<string, unknown> {
    this.enter(depth);
    const members = new Map<string, unknown>();
    if (this.space() === CLOSE_OBJECT) {
      this.at++;
      return members;
    }
    for (let count = 1; ; count++) {
      const start = this.at;
      if (this.space() !== QUOTE) throw this.wrong('a key in quotes');
      const key = this.string();
      if (this.space() !== COLON) throw this.wrong('":"');
      this.at++;
      members.set(key, this.item(depth + 1));
      if (members.size !== count) throw malformed(this.format, `offset ${start}`, 'each key once', `${shown(key)} again`);
      if (this.follows(CLOSE_OBJECT, '"," or "}"')) return members;
    }
  }

  private array(depth: number): unknown[] {
    this.enter(depth);
    const items: unknown[] = [];
    if (this.space() === CLOSE_ARRAY) {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.item(depth + 1));
      if (this.follows(CLOSE_ARRAY, '"," or "]"')) return items;
    }
  }

  private enter(depth: number): void {
    if (depth >= DEEPEST_NESTING) throw this.wrong(`at most ${DEEPEST_NESTING} levels`);
    this.at++;
  }

  /** Steps over a comma (false) or the closing bracket (true). */
  private follows(close: number, expected: string): boolean {
    const code = this.text.charCodeAt(this.at);
    if (code !== COMMA && code !== close) throw this.wrong(expected);
    this.at++;
    return code === close;
  }

  private string(): string {
    const { text } = this;
    const start = this.at;
    let escaped = false;
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return escaped ? this.unescaped(start) : text.substring(start + 1, at);
      }
      if (code === BACKSLASH) {
        escaped = true;
        at++;
      } else if (code < 0x20) {
        this.at = at;
        throw this.wrong('a character of a string');
      }
    }
    this.at = text.length;
    throw this.wrong('the closing quote');
  }

  private unescaped(start: number): string {
    try {
      return JSON.parse(this.text.substring(start, this.at)) as string;
    } catch {
      throw malformed(this.format, `offset ${start}`, 'escapes of RFC 8259 §7', shown(this.text.substring(start, this.at)));
    }
  }

  private number(): number | bigint {
    const { text } = this;
    const start = this.at;
    if (text.charCodeAt(this.at) === MINUS) this.at++;
    const digits = this.digits();
    if (digits > 1 && text.charCodeAt(this.at - digits) === DIGIT_0) {
      this.at -= digits;
      throw this.wrong('a number without leading zeros');
    }
    let whole = true;
    if (text.charCodeAt(this.at) === POINT) {
      whole = false;
      this.at++;
      this.digits();
    }
    if ((text.charCodeAt(this.at) | 0x20) === 0x65) {
      whole = false;
      const sign = text.charCodeAt(++this.at);
      if (sign === MINUS || sign === 0x2b) this.at++;
      this.digits();
    }
    const literal = text.substring(start, this.at);
    const value = Number(literal);
    if (!whole || digits <= EXACT_DIGITS || digits > MOST_INTEGER_DIGITS || Number.isSafeInteger(value)) return value;
    return BigInt(literal);
  }

  /** Steps over at least one digit; returns how many. */
  private digits(): number {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    if (this.at === start) throw this.wrong('a digit');
    return this.at - start;
  }

  private word(): unknown {
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    throw this.wrong('a value');
  }

  /** Steps over space; returns the code of what follows, NaN at the end. */
  private space(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.at++;
    }
  }

  private wrong(expected: string): Error {
    const got = this.at < this.text.length ? shown(this.text.substring(this.at, this.at + 12)) : 'the end';
    return malformed(this.format, `offset ${this.at}`, expected, got);
  }
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}
