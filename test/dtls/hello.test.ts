import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  readClientHello,
  readHelloVerifyRequest,
  readServerHello,
  writeClientHello,
  writeHelloVerifyRequest,
  writeServerHello,
} from '../../src/dtls/hello';
import { handshakeMessage } from '../../src/dtls/messages';
import { HANDSHAKE_HEADER, HandshakeType } from '../../src/dtls/protocol';
import { plainRecord } from '../../src/dtls/record';
import {
  CLIENT_HELLO,
  CLIENT_RANDOM,
  COOKIE,
  FIRST_HELLO_RECORD,
  HELLO_VERIFY_RECORD,
  hex,
  SERVER_CID,
  SERVER_HELLO,
  SERVER_RANDOM,
} from './worked-example';

const body = (message: Buffer): Buffer => message.subarray(HANDSHAKE_HEADER);
const NOTHING = Buffer.alloc(0);

/** A ClientHello with these extensions, as hex. */
function helloWith(extensions: string): Buffer {
  const bytes = hex(extensions);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([hex('fefd'), CLIENT_RANDOM, hex('0000 0002c0a8 0100'), length, bytes]);
}

describe('hellos', () => {
  it('the worked example, both ways', () => {
    const hello = readClientHello(body(CLIENT_HELLO));
    assert.deepEqual(hello, {
      version: 0xfefd,
      random: CLIENT_RANDOM,
      sessionId: NOTHING,
      cookie: COOKIE,
      suites: [0xc0a8],
      extensions: { extendedMasterSecret: true, connectionId: NOTHING },
    });
    assert.deepEqual(handshakeMessage(HandshakeType.ClientHello, 1, writeClientHello(hello)), CLIENT_HELLO);

    const answer = readServerHello(body(SERVER_HELLO));
    assert.deepEqual(answer, {
      version: 0xfefd,
      random: SERVER_RANDOM,
      sessionId: NOTHING,
      suite: 0xc0a8,
      extensions: { extendedMasterSecret: true, connectionId: SERVER_CID },
    });
    assert.deepEqual(handshakeMessage(HandshakeType.ServerHello, 1, writeServerHello(answer)), SERVER_HELLO);
  });

  it('the first hello of the worked example and its HelloVerifyRequest, as records', () => {
    const first = readClientHello(FIRST_HELLO_RECORD.subarray(13 + HANDSHAKE_HEADER));
    assert.equal(first?.cookie.length, 0);
    const verify = handshakeMessage(HandshakeType.HelloVerifyRequest, 0, writeHelloVerifyRequest(COOKIE));
    assert.deepEqual(plainRecord(22, 0, verify, 0xfeff), HELLO_VERIFY_RECORD);
    assert.deepEqual(readHelloVerifyRequest(body(verify)), COOKIE);
  });

  it('reads every extension we speak, and passes over those we do not', () => {
    const hello = readClientHello(
      helloWith(`0000 0005 0003 00 0000 0001 0001 02 000a 0006 0004 0017 001d 000b 0002 0100 000d 0004 0002 0403 0013 0003 020200
        0014 0002 0102 0016 0000 0017 0000 001c 0002 0100 0023 0000 0036 0003 02abcd ff01 0001 00`),
    );
    assert.deepEqual(hello?.extensions, {
      maxFragmentLength: 1024,
      groups: [23, 29],
      pointFormats: [0],
      signatureAlgorithms: [0x0403],
      clientCertificateTypes: [2, 0],
      serverCertificateTypes: [2],
      encryptThenMac: true,
      extendedMasterSecret: true,
      recordSizeLimit: 256,
      connectionId: hex('abcd'),
      renegotiationInfo: true,
    });
  });

  const malformed: readonly [string, string][] = [
    ['an extension twice', '0017 0000 0017 0000'],
    ['an extension longer than the block', '0017 0004 00'],
    ['bytes after the content of an extension', '0017 0001 00'],
    ['a fragment length that does not exist', '0001 0001 05'],
    ['a record size limit below 64', '001c 0002 003f'],
    ['an empty list of groups', '000a 0002 0000'],
    ['a list of groups with half a number', '000a 0005 0003 001700'],
    ['a connection id shorter than it says', '0036 0002 05ab'],
    ['renegotiation info of a connection that was not', 'ff01 0002 01aa'],
  ];
  for (const [what, extensions] of malformed) {
    it(`refuses ${what}`, () => assert.equal(readClientHello(helloWith(extensions)), undefined));
  }

  it('refuses a hello without the null compression method, with bytes behind it, or cut anywhere', () => {
    const whole = body(CLIENT_HELLO);
    assert.equal(readClientHello(Buffer.concat([whole, hex('00')])), undefined);
    assert.equal(readClientHello(Buffer.concat([hex('fefd'), CLIENT_RANDOM, hex('0000 0002c0a8 0101')])), undefined);
    const withoutExtensions = whole.length - 11;
    for (let length = 0; length < whole.length; length++) {
      const read = readClientHello(whole.subarray(0, length));
      assert.equal(read !== undefined, length === withoutExtensions, `${length} bytes`);
    }
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        readClientHello(Buffer.from(bytes));
        readServerHello(Buffer.from(bytes));
        readHelloVerifyRequest(Buffer.from(bytes));
      }),
    );
  });

  it('gives back what it wrote', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each));
    const hellos = fc.record(
      {
        version: fc.integer({ min: 0, max: 0xffff }),
        random: bytes(32),
        sessionId: fc.oneof(bytes(0), bytes(32)),
        cookie: fc.oneof(bytes(0), bytes(16), bytes(32)),
        suites: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 40 }),
        extensions: fc.record(
          {
            groups: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 5 }),
            encryptThenMac: fc.constant(true as const),
            extendedMasterSecret: fc.constant(true as const),
            recordSizeLimit: fc.integer({ min: 64, max: 16_384 }),
            connectionId: fc.oneof(bytes(0), bytes(8)),
          },
          { requiredKeys: [], noNullPrototype: true },
        ),
      },
      { noNullPrototype: true },
    );
    fc.assert(fc.property(hellos, (hello) => assert.deepEqual(readClientHello(writeClientHello(hello)), hello)));
  });
});
