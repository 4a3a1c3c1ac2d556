/** ClientHello, HelloVerifyRequest and ServerHello (RFC 5246 §7.4.1, RFC 6347 §4.2.1). Bodies, without the handshake header. */
import { Reader, Writer } from './codec';
import { type Extensions, readExtensions, writeExtensions } from './extensions';
import { DTLS_1_0, RANDOM_BYTES } from './protocol';

export const SESSION_ID_BYTES = 32;
const NULL_COMPRESSION = 0;

/** What stands at the start of a ClientHello, so also in its first fragment: all that a cookie needs. */
export interface HelloHead {
  readonly version: number;
  readonly random: Buffer;
  readonly sessionId: Buffer;
  readonly cookie: Buffer;
}

export interface ClientHello extends HelloHead {
  readonly suites: readonly number[];
  readonly extensions: Extensions;
}

export interface ServerHello {
  readonly version: number;
  readonly random: Buffer;
  readonly sessionId: Buffer;
  readonly suite: number;
  readonly extensions: Extensions;
}

/** @param body of a ClientHello, or the first fragment of one; what follows the cookie is not looked at */
export function readHelloHead(reader: Reader): HelloHead | undefined {
  const head = {
    version: reader.uint(2),
    random: reader.take(RANDOM_BYTES),
    sessionId: reader.vector(1, 0, SESSION_ID_BYTES),
    cookie: reader.vector(1, 0, 255),
  };
  return reader.failed ? undefined : head;
}

/** Undefined when malformed. */
export function readClientHello(body: Buffer): ClientHello | undefined {
  const reader = new Reader(body);
  const head = readHelloHead(reader);
  const suites = reader.numbers(2, 2);
  // Compression leaks plaintext lengths (CRIME): none is all there is, and it must be offered.
  const hasNoCompression = reader.vector(1, 1, 255).includes(NULL_COMPRESSION);
  const extensions = readExtensions(reader, 'client');
  return head === undefined || !reader.done || !hasNoCompression ? undefined : { ...head, suites, extensions };
}

export function writeClientHello(hello: ClientHello): Buffer {
  const writer = new Writer(512)
    .uint(hello.version, 2)
    .raw(hello.random)
    .vector(1, hello.sessionId)
    .vector(1, hello.cookie)
    .numbers(2, 2, hello.suites)
    .uint(1, 1)
    .uint(NULL_COMPRESSION, 1);
  writeExtensions(writer, hello.extensions, 'client');
  return writer.finish();
}

export function readServerHello(body: Buffer): ServerHello | undefined {
  const reader = new Reader(body);
  const version = reader.uint(2);
  const random = reader.take(RANDOM_BYTES);
  const sessionId = reader.vector(1, 0, SESSION_ID_BYTES);
  const suite = reader.uint(2);
  const compression = reader.uint(1);
  const extensions = readExtensions(reader, 'server');
  return reader.done && compression === NULL_COMPRESSION ? { version, random, sessionId, suite, extensions } : undefined;
}

export function writeServerHello(hello: ServerHello): Buffer {
  const writer = new Writer()
    .uint(hello.version, 2)
    .raw(hello.random)
    .vector(1, hello.sessionId)
    .uint(hello.suite, 2)
    .uint(NULL_COMPRESSION, 1);
  writeExtensions(writer, hello.extensions, 'server');
  return writer.finish();
}

/** The cookie; clients accept any version here (RFC 6347 §4.2.1). */
export function readHelloVerifyRequest(body: Buffer): Buffer | undefined {
  const reader = new Reader(body);
  reader.uint(2);
  const cookie = reader.vector(1, 1, 255);
  return reader.done ? cookie : undefined;
}

export function writeHelloVerifyRequest(cookie: Buffer): Buffer {
  return new Writer(64).uint(DTLS_1_0, 2).vector(1, cookie).finish();
}
