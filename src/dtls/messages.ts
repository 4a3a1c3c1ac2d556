/** The handshake messages between the hellos and Finished (RFC 5246 §7.4, RFC 4279 §2, RFC 7250 §3, RFC 8422 §5). Bodies only. */
import { Reader, Writer } from './codec';
import { ECDSA_SHA256, ECDSA_SIGN, GROUP_P256, HANDSHAKE_HEADER } from './protocol';

const NAMED_CURVE = 3;
export const POINT_BYTES = 65;
/** A chain that is longer proves nothing more, and each certificate costs a signature check. */
const LONGEST_CHAIN = 6;

/** A message with its header as if it had not been fragmented: what the transcript is made of (RFC 6347 §4.2.6). */
export function handshakeMessage(type: number, sequence: number, body: Buffer): Buffer {
  const message = Buffer.allocUnsafe(HANDSHAKE_HEADER + body.length);
  message[0] = type;
  message.writeUIntBE(body.length, 1, 3);
  message.writeUInt16BE(sequence, 4);
  message.writeUIntBE(0, 6, 3);
  message.writeUIntBE(body.length, 9, 3);
  body.copy(message, HANDSHAKE_HEADER);
  return message;
}

/** DER certificates, the peer's own first. Empty = it has none. Undefined when malformed. */
export function readCertificateChain(body: Buffer): Buffer[] | undefined {
  const reader = new Reader(body);
  const list = new Reader(reader.vector(3, 0, body.length));
  const chain: Buffer[] = [];
  while (list.left > 0 && !list.failed) {
    chain.push(list.vector(3, 1, body.length));
    if (chain.length > LONGEST_CHAIN) return undefined;
  }
  return reader.done && !list.failed ? chain : undefined;
}

export function writeCertificateChain(chain: readonly Uint8Array[]): Buffer {
  const list = new Writer(1_024);
  for (const certificate of chain) list.vector(3, certificate);
  return new Writer(1_024).vector(3, list.finish()).finish();
}

/** A raw key stands there without a list (RFC 7250 §3); empty = the peer has none. */
export function readRawPublicKey(body: Buffer): Buffer | undefined {
  const reader = new Reader(body);
  const key = reader.vector(3, 0, body.length);
  return reader.done ? key : undefined;
}

export function writeRawPublicKey(spki: Uint8Array): Buffer {
  return new Writer(128).vector(3, spki).finish();
}

export interface SignedPoint {
  readonly point: Buffer;
  /** What is signed, after both randoms. */
  readonly parameters: Buffer;
  readonly signature: Buffer;
}

export function ecdheParameters(point: Uint8Array): Buffer {
  return new Writer(72).uint(NAMED_CURVE, 1).uint(GROUP_P256, 2).vector(1, point).finish();
}

export function readEcdheServerKeyExchange(body: Buffer): SignedPoint | undefined {
  const reader = new Reader(body);
  const isOurs = reader.uint(1) === NAMED_CURVE && reader.uint(2) === GROUP_P256;
  const point = reader.vector(1, 1, 255);
  const parameters = body.subarray(0, reader.at);
  const signature = readSignature(reader);
  return isOurs && signature !== undefined ? { point, parameters, signature } : undefined;
}

export function writeEcdheServerKeyExchange(parameters: Buffer, signature: Buffer): Buffer {
  return new Writer().raw(parameters).uint(ECDSA_SHA256, 2).vector(2, signature).finish();
}

/** ServerKeyExchange of a PSK suite: a hint, of no use to a client that knows its identity. */
export function readPskHint(body: Buffer): Buffer | undefined {
  const reader = new Reader(body);
  const hint = reader.vector(2, 0, 0xffff);
  return reader.done ? hint : undefined;
}

/** We ask for ECDSA keys, and name no authorities. */
export function writeCertificateRequest(): Buffer {
  return new Writer(16).numbers(1, 1, [ECDSA_SIGN]).numbers(2, 2, [ECDSA_SHA256]).uint(0, 2).finish();
}

/** Whether it can be satisfied with an ECDSA key; undefined when malformed. */
export function readCertificateRequest(body: Buffer): boolean | undefined {
  const reader = new Reader(body);
  const types = reader.numbers(1, 1);
  const algorithms = reader.numbers(2, 2);
  reader.vector(2, 0, 0xffff);
  return reader.done ? types.includes(ECDSA_SIGN) && algorithms.includes(ECDSA_SHA256) : undefined;
}

export function readCertificateVerify(body: Buffer): Buffer | undefined {
  return readSignature(new Reader(body));
}

export function writeCertificateVerify(signature: Buffer): Buffer {
  return new Writer(80).uint(ECDSA_SHA256, 2).vector(2, signature).finish();
}

/** ClientKeyExchange with PSK: the identity. */
export function readPskIdentity(body: Buffer): Buffer | undefined {
  const reader = new Reader(body);
  const identity = reader.vector(2, 0, 0xffff);
  return reader.done ? identity : undefined;
}

export function writePskIdentity(identity: Uint8Array): Buffer {
  return new Writer(64).vector(2, identity).finish();
}

/** ClientKeyExchange with ECDHE: a point. */
export function readClientPoint(body: Buffer): Buffer | undefined {
  const reader = new Reader(body);
  const point = reader.vector(1, 1, 255);
  return reader.done ? point : undefined;
}

export function writeClientPoint(point: Uint8Array): Buffer {
  return new Writer(72).vector(1, point).finish();
}

function readSignature(reader: Reader): Buffer | undefined {
  const isOurs = reader.uint(2) === ECDSA_SHA256;
  const signature = reader.vector(2, 1, 0xffff);
  return isOurs && reader.done ? signature : undefined;
}
