/** A real device (Anjay) and OpenSSL as its server, recorded: our codecs and keys must read all of it, from the first hello to the last record. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ciphersFrom, keyBlockLength } from '../../src/dtls/cipher-keys';
import { Reader } from '../../src/dtls/codec';
import { readClientHello, readServerHello } from '../../src/dtls/hello';
import { readPskIdentity } from '../../src/dtls/messages';
import { extendedMasterSecret, keyBlock, plainMasterSecret, pskPremaster, verifyData } from '../../src/dtls/prf';
import { ContentType, HandshakeType } from '../../src/dtls/protocol';
import { readFragment } from '../../src/dtls/reassembly';
import { parseRecord, RecordHeader, RecordLayer } from '../../src/dtls/record';
import { type Suite, suiteOf } from '../../src/dtls/suites';
import { Transcript } from '../../src/dtls/transcript';

interface Line {
  readonly side: 'client' | 'server';
  readonly bytes: Buffer;
}

function capture(name: string): Line[] {
  const text = readFileSync(path.join(__dirname, '../fixtures/captures', `${name}.txt`), 'utf8');
  return text
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => ({ side: line.startsWith('<') ? 'client' : 'server', bytes: Buffer.from(line.slice(2), 'hex') }));
}

/** Follows a conversation as somebody who knows the key. */
class Listener {
  readonly transcript = new Transcript();
  readonly data: Line[] = [];
  readonly finished: Buffer[] = [];
  readonly expected: Buffer[] = [];
  identity = '';
  suite: Suite | undefined;
  private clientRandom: Buffer = Buffer.alloc(0);
  private serverRandom: Buffer = Buffer.alloc(0);
  private hasExtendedMasterSecret = false;
  private master = plainMasterSecret(Buffer.alloc(4), Buffer.alloc(32), Buffer.alloc(32));
  private readonly layers = { client: new RecordLayer(64), server: new RecordLayer(64) };

  constructor(private readonly key: Buffer) {}

  hear({ side, bytes }: Line): void {
    const header = new RecordHeader();
    for (let at = 0; at < bytes.length; at = header.end) {
      assert.ok(parseRecord(bytes, at, 0, header));
      const { type, epoch, fragmentAt, end } = header;
      if (epoch === 1) this.opened(side, bytes, header);
      else if (type === ContentType.Handshake) this.message(bytes.subarray(fragmentAt, end));
    }
  }

  private opened(side: Line['side'], bytes: Buffer, header: RecordHeader): void {
    const layer = this.layers[side];
    assert.ok(layer.isPlausible(header));
    const content = layer.open(bytes, header) ?? assert.fail(`a record of the ${side} does not open`);
    if (layer.openedType === ContentType.ApplicationData) this.data.push({ side, bytes: content });
    if (layer.openedType !== ContentType.Handshake) return;
    this.expected.push(verifyData(this.master, side, this.transcript.hash()));
    this.finished.push(content.subarray(12));
    this.transcript.add(HandshakeType.Finished, content.readUInt16BE(4), content.subarray(12));
  }

  private message(bytes: Buffer): void {
    const { type, sequence, bytes: body } = readFragment(new Reader(bytes)) ?? assert.fail('no fragment');
    // Only the hello with the cookie counts.
    if (type === HandshakeType.HelloVerifyRequest) return this.transcript.clear();
    this.transcript.add(type, sequence, body);
    if (type === HandshakeType.ClientHello) {
      this.clientRandom = readClientHello(body)?.random ?? assert.fail('a hello that cannot be read');
    } else if (type === HandshakeType.ServerHello) {
      const hello = readServerHello(body) ?? assert.fail('a hello that cannot be read');
      this.serverRandom = hello.random;
      this.suite = suiteOf(hello.suite);
      this.hasExtendedMasterSecret = hello.extensions.extendedMasterSecret === true;
    } else if (type === HandshakeType.ClientKeyExchange) {
      this.identity = readPskIdentity(body)?.toString() ?? '';
      this.useKeys();
    }
  }

  private useKeys(): void {
    const premaster = pskPremaster(this.key);
    this.master = this.hasExtendedMasterSecret
      ? extendedMasterSecret(premaster, this.transcript.hash())
      : plainMasterSecret(premaster, this.clientRandom, this.serverRandom);
    const suite = this.suite ?? assert.fail('a suite we do not know');
    const ciphers = ciphersFrom(suite, keyBlock(this.master, this.clientRandom, this.serverRandom, keyBlockLength(suite)), false);
    this.layers.client.reading = ciphers.client;
    this.layers.server.reading = ciphers.server;
  }
}

describe('a captured handshake', () => {
  const listener = new Listener(Buffer.from('OurSecret'));
  const lines = capture('anjay-dtls');
  /** After these the device sleeps, and says hello again with a session ticket. */
  const isAgain = (line: Line): boolean => line.bytes[0] === ContentType.Handshake && line.bytes.length > 400;

  it('both Finished are as we would have made them', () => {
    for (const line of lines.filter((each) => !isAgain(each))) listener.hear(line);
    assert.equal(listener.identity, 'Our_Identity');
    assert.equal(listener.finished.length, 2);
    assert.deepEqual(listener.finished, listener.expected);
  });

  it('every record opens, also those of OpenSSL, whose nonces begin anywhere', () => {
    assert.deepEqual(listener.data, capture('anjay-dtls-inside'));
  });

  it('its later hellos, with a session ticket and record versions of their own, can be read', () => {
    for (const { bytes } of lines.filter(isAgain)) assert.ok(readClientHello(bytes.subarray(25)) !== undefined);
  });
});
