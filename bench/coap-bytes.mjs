/**
 * CoAP as the load generator speaks it: messages built once and patched in place, options read by offset.
 * Written apart from src/coap on purpose, so that an error of ours cannot hide on both sides.
 */

export const Type = { CON: 0, NON: 1, ACK: 2, RST: 3 };
const TOKEN_LENGTH = 4;
const CONTENT = 0x45;
const OBSERVE = 6;
const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;

/** Where the message ID and the token stand in what `message` returns: these bytes are patched before each sending. */
export const AT_MESSAGE_ID = 2;
export const AT_TOKEN = 4;

/** RFC 7252 §3.1: `options` ascending, as `[number, Buffer]`. */
export function message({ type, code, token = Buffer.alloc(TOKEN_LENGTH), options = [], payload }) {
  const parts = [Buffer.from([0x40 | (type << 4) | token.length, code, 0, 0]), token];
  let previous = 0;
  for (const [number, value] of options) {
    const [delta, deltaBytes] = nibble(number - previous);
    const [length, lengthBytes] = nibble(value.length);
    parts.push(Buffer.from([(delta << 4) | length, ...deltaBytes, ...lengthBytes]), value);
    previous = number;
  }
  if (payload?.length > 0) parts.push(Buffer.from([0xff]), payload);
  return Buffer.concat(parts);
}

function nibble(value) {
  if (value < 13) return [value, []];
  if (value < 269) return [13, [value - 13]];
  return [14, [(value - 269) >> 8, (value - 269) & 0xff]];
}

/** The shortest form of an option's unsigned integer (RFC 7252 §3.2). */
export function uint(value) {
  const bytes = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Buffer.from(bytes);
}

export function registerRequest({ endpoint, version, lifetime, links }) {
  const query = [`lwm2m=${version}`, `ep=${endpoint}`, 'b=U', `lt=${lifetime}`].map((item) => [URI_QUERY, Buffer.from(item)]);
  return message({
    type: Type.CON,
    code: 2,
    options: [[URI_PATH, Buffer.from('rd')], [CONTENT_FORMAT, uint(40)], ...query],
    payload: Buffer.from(links),
  });
}

/** Update (POST) or De-register (DELETE) at the location the server gave. */
export function locationRequest(code, location) {
  return message({ type: Type.CON, code, options: location.map((segment) => [URI_PATH, Buffer.from(segment)]) });
}

/** A 2.05 with or without Observe, the token being the one of the server's request. */
export function content({ type, token, observe, contentFormat, payload }) {
  const options = observe === undefined ? [] : [[OBSERVE, uint(observe)]];
  return message({ type, code: CONTENT, token, options: [...options, [CONTENT_FORMAT, uint(contentFormat)]], payload });
}

/** Everything of a piggybacked 2.05 behind its token: made once, so that answering costs the generator little. */
export function contentBehindToken(body) {
  return content({ type: Type.ACK, token: Buffer.alloc(0), ...body }).subarray(4);
}

/** The piggybacked answer to `request` with what `contentBehindToken` made. */
export function answerTo(request, behindToken) {
  const headLength = 4 + (request[0] & 0x0f);
  const bytes = Buffer.allocUnsafe(headLength + behindToken.length);
  request.copy(bytes, 0, 0, headLength);
  bytes[0] = 0x60 | (request[0] & 0x0f);
  bytes[1] = CONTENT;
  behindToken.copy(bytes, headLength);
  return bytes;
}

/** Calls `found(number, start, end)` for each option. */
function eachOption(datagram, found) {
  let at = 4 + (datagram[0] & 0x0f);
  let number = 0;
  while (at < datagram.length && datagram[at] !== 0xff) {
    let delta = datagram[at] >> 4;
    let length = datagram[at] & 0x0f;
    at++;
    if (delta === 13) delta = 13 + datagram[at++];
    else if (delta === 14) delta = 269 + ((datagram[at++] << 8) | datagram[at++]);
    if (length === 13) length = 13 + datagram[at++];
    else if (length === 14) length = 269 + ((datagram[at++] << 8) | datagram[at++]);
    number += delta;
    found(number, at, at + length);
    at += length;
  }
}

/** Segments of the Location-Path. */
export function locationOf(datagram) {
  const location = [];
  eachOption(datagram, (number, start, end) => {
    if (number === LOCATION_PATH) location.push(datagram.toString('utf8', start, end));
  });
  return location;
}

/** Whether a request asks to be notified: Observe 0, which is an empty option (RFC 7641 §2). */
export function registersObserver(datagram) {
  let registers = false;
  eachOption(datagram, (number, start, end) => {
    if (number === OBSERVE) registers = start === end;
  });
  return registers;
}
