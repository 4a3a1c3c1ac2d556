/**
 * Link lists (RFC 6690): object lists of Register and Update, answers of Discover. One pass over the characters, without regular
 * expressions: a server that starts again reads one of these per device.
 */
import { DeviceManagementError } from '../../errors';
import { malformed } from './failure';
import { bufferOf } from './format';

export interface Link {
  /** As it stands between < and >: "/3/0", "/lwm2m", "/". */
  readonly path: string;
  /** By name, without quotes; an attribute without a value is `true`. Without prototype. */
  readonly attributes: Readonly<Record<string, string | true>>;
}

export interface LinkLimits {
  /** Links in a list. */
  readonly links: number;
  /** Bytes of a list. */
  readonly bytes: number;
}

/** A device with more is broken or hostile; a thousand links are some 20 kB with attributes. */
const DEFAULT_LIMITS: LinkLimits = { links: 1000, bytes: 65_536 };

const NAME = 'link-format';

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const LESS = 0x3c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Most links have no attributes, and share this. */
const NO_ATTRIBUTES: Link['attributes'] = Object.freeze(Object.create(null) as Record<string, string | true>);

/**
 * The links of a list, repeated ones repeated. What is not a link is passed over, for devices write lists by hand: doubled commas,
 * spaces, a bare `lwm2m="1.0"` in front (Bootstrap-Discover of 1.0).
 * @throws DeviceManagementError `decode-error` when something came but no link, `too-large`
 */
export function parseLinks(payload: Uint8Array, limits: Partial<LinkLimits> = {}): Link[] {
  const mostBytes = limits.bytes ?? DEFAULT_LIMITS.bytes;
  const mostLinks = limits.links ?? DEFAULT_LIMITS.links;
  if (payload.length > mostBytes) throw tooLarge(`${payload.length} bytes`, `${mostBytes} bytes`);
  const text = bufferOf(payload).toString('utf8');
  const links: Link[] = [];
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === LESS) {
      const close = text.indexOf('>', at);
      if (close < 0) break;
      if (links.length >= mostLinks) throw tooLarge('more', `${mostLinks} links`);
      const path = text.substring(at + 1, close);
      at = close + 1;
      if (text.charCodeAt(at) === SEMICOLON) {
        const attributes = Object.create(null) as Record<string, string | true>;
        at = readAttributes(text, at, attributes);
        links.push({ path, attributes });
      } else {
        links.push({ path, attributes: NO_ATTRIBUTES });
      }
    }
    at = afterComma(text, at);
  }
  if (links.length === 0 && payload.length > 0) throw malformed(NAME, 'offset 0', 'a link such as </3/0>', 'none');
  return links;
}

/** Reads `;name=value` after `;name="value"`; returns where they end. */
function readAttributes(text: string, from: number, attributes: Record<string, string | true>): number {
  let at = from;
  while (text.charCodeAt(at) === SEMICOLON) {
    at = afterSpace(text, at + 1);
    const start = at;
    while (!endsName(text.charCodeAt(at))) at++;
    const name = text.substring(start, at);
    let value: string | true = true;
    if (text.charCodeAt(at) === EQUALS) {
      const valueStart = ++at;
      if (text.charCodeAt(at) === QUOTE) {
        at = closingQuote(text, at);
        value = unquoted(text.substring(valueStart + 1, at));
        at++;
      } else {
        while (!endsValue(text.charCodeAt(at))) at++;
        value = text.substring(valueStart, at);
      }
    }
    // The first of two counts, as for every attribute that may stand once only (RFC 6690 §2, RFC 8288 §3).
    if (name !== '' && !(name in attributes)) attributes[name] = value;
    at = afterSpace(text, at);
  }
  return at;
}

/** NaN is the end of the text. */
function endsName(code: number): boolean {
  return code === EQUALS || code === SEMICOLON || code === COMMA || code === SPACE || Number.isNaN(code);
}

function endsValue(code: number): boolean {
  return code === SEMICOLON || code === COMMA || code === SPACE || Number.isNaN(code);
}

/** Where the quoted string that begins at `from` ends; the end of the text when it does not. */
function closingQuote(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

function unquoted(text: string): string {
  return text.includes('\\') ? text.replace(/\\(.)/gs, '$1') : text;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === SPACE) at++;
  return at;
}

/** Steps over what is left of this element; commas and spaces in a row separate like one. */
function afterComma(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); at < text.length && code !== COMMA; code = text.charCodeAt(at)) {
    at = code === QUOTE ? closingQuote(text, at) + 1 : at + 1;
  }
  for (let code = text.charCodeAt(at); code === COMMA || code <= SPACE; code = text.charCodeAt(at)) at++;
  return at;
}

function tooLarge(what: string, most: string): DeviceManagementError {
  return new DeviceManagementError('too-large', `${NAME}: ${what} than the ${most} a list may have`);
}

/** A list as text. Numbers go bare (`dim=2`, `ver=1.1`), all else in quotes (`rt="oma.lwm2m"`). */
export function formatLinks(
  links: Iterable<{ readonly path: string; readonly attributes?: Readonly<Record<string, string | number | true>> }>,
): string {
  const texts: string[] = [];
  for (const { path, attributes = NO_ATTRIBUTES } of links) {
    let text = `<${path}>`;
    for (const [name, value] of Object.entries(attributes)) text += `;${name}${valueText(value)}`;
    texts.push(text);
  }
  return texts.join(',');
}

function valueText(value: string | number | true): string {
  if (value === true) return '';
  if (typeof value === 'number' || /^-?\d+(\.\d+)?$/.test(value)) return `=${value}`;
  return `="${value.replace(/["\\]/g, '\\$&')}"`;
}
