/**
 * A client that is led message by message, for what no correct client does. It shares the codecs with the code under test, and none of
 * its state machines.
 */
import type { VirtualClock } from '../../src/clock';
import type { Transport } from '../../src/coap/transport';
import type { MemoryNetwork } from '../../src/coap/transports/memory';
import { ciphersFrom, keyBlockLength } from '../../src/dtls/cipher-keys';
import { Reader } from '../../src/dtls/codec';
import type { Extensions } from '../../src/dtls/extensions';
import {
  type ClientHello,
  readHelloVerifyRequest,
  readServerHello,
  type ServerHello,
  writeClientHello,
} from '../../src/dtls/hello';
import { handshakeMessage, writePskIdentity } from '../../src/dtls/messages';
import { extendedMasterSecret, keyBlock, plainMasterSecret, pskPremaster, verifyData } from '../../src/dtls/prf';
import { ContentType, HandshakeType } from '../../src/dtls/protocol';
import { type Fragment, readFragment } from '../../src/dtls/reassembly';
import { parseRecord, plainRecord, RecordHeader, RecordLayer } from '../../src/dtls/record';
import { type Suite, suiteOf } from '../../src/dtls/suites';
import { Transcript } from '../../src/dtls/transcript';
import { CLIENT_RANDOM, IDENTITY, PSK } from './worked-example';
import { PORT, SERVER } from './world';

export const CHANGE_CIPHER_SPEC = Buffer.from([1]);
const NOTHING = Buffer.alloc(0);

export interface Heard {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly content: Buffer;
}

export class Lockstep {
  readonly heard: Heard[] = [];
  /** Bytes of the datagrams that came. */
  readonly lengths: number[] = [];
  readonly records = new RecordLayer(64);
  readonly transcript = new Transcript();
  hello: ClientHello;
  serverHello: ServerHello | undefined;
  messageSequence = 0;
  private readonly transport: Transport;

  constructor(
    private readonly network: MemoryNetwork,
    address = '10.0.0.9',
    port = 40_000,
    hello: Partial<ClientHello> = {},
  ) {
    this.hello = {
      version: 0xfefd,
      random: CLIENT_RANDOM,
      sessionId: NOTHING,
      cookie: NOTHING,
      suites: [0xc0a8],
      extensions: { extendedMasterSecret: true },
      ...hello,
    };
    this.transport = network.transport(address, port);
    void this.transport.open({
      received: (datagram) => {
        this.lengths.push(datagram.length);
        this.hear(datagram);
      },
    });
  }

  get suite(): Suite {
    return suiteOf(this.serverHello?.suite ?? 0) as Suite;
  }

  send(...datagrams: readonly Buffer[]): void {
    for (const datagram of datagrams) this.transport.send(datagram, SERVER, PORT);
  }

  /** Lets answers come. */
  later(ms = 100): Promise<void> {
    return (this.network.clock as VirtualClock).advanceAsync(ms);
  }

  /** A hello as a record; not sent. */
  helloRecord(hello: Partial<ClientHello> = {}, messageSequence = this.messageSequence): Buffer {
    const body = writeClientHello({ ...this.hello, ...hello });
    return plainRecord(
      ContentType.Handshake,
      this.records.plainSequence++,
      handshakeMessage(HandshakeType.ClientHello, messageSequence, body),
    );
  }

  /** A plain handshake message as a record, counted in the transcript; not sent. */
  message(type: number, body: Buffer): Buffer {
    return this.records.plain(ContentType.Handshake, this.transcript.add(type, this.messageSequence++, body));
  }

  changeCipherSpec(): Buffer {
    return this.records.plain(ContentType.ChangeCipherSpec, CHANGE_CIPHER_SPEC);
  }

  /** Asks for a cookie and takes it. */
  async takeCookie(): Promise<Buffer> {
    const before = this.heard.length;
    this.send(this.helloRecord());
    this.messageSequence++;
    await this.later();
    const verify = this.messages(before).find(({ type }) => type === HandshakeType.HelloVerifyRequest);
    const cookie = verify === undefined ? undefined : readHelloVerifyRequest(verify.bytes);
    if (cookie === undefined) throw new Error('no HelloVerifyRequest came');
    this.hello = { ...this.hello, cookie: Buffer.from(cookie) };
    return this.hello.cookie;
  }

  /** Up to the ServerHelloDone, or the Finished of a resumption. */
  async reachServer(): Promise<void> {
    await this.takeCookie();
    const before = this.heard.length;
    this.send(this.message(HandshakeType.ClientHello, writeClientHello(this.hello)));
    await this.later();
    for (const { type, sequence, bytes } of this.messages(before)) {
      this.transcript.add(type, sequence, bytes);
      if (type === HandshakeType.ServerHello) this.serverHello = readServerHello(bytes);
    }
    const { extensions } = this.serverHello ?? {};
    this.records.peerCid = extensions?.connectionId ?? NOTHING;
    this.records.ownCid = this.hello.extensions.connectionId ?? NOTHING;
  }

  pskKeyExchange(identity: string | Buffer = IDENTITY): Buffer {
    return this.message(HandshakeType.ClientKeyExchange, writePskIdentity(Buffer.from(identity)));
  }

  /** Derives the keys; protected records are possible from here on. */
  useKeys(premaster: Buffer = pskPremaster(PSK)): void {
    const random = this.serverHello?.random as Buffer;
    const master =
      this.serverHello?.extensions.extendedMasterSecret === true
        ? extendedMasterSecret(premaster, this.transcript.hash())
        : plainMasterSecret(premaster, this.hello.random, random);
    const keys = ciphersFrom(this.suite, keyBlock(master, this.hello.random, random, keyBlockLength(this.suite)), false);
    this.records.writing = keys.client;
    this.records.reading = keys.server;
    this.verifyData = () => verifyData(master, 'client', this.transcript.hash());
  }

  verifyData: () => Buffer = () => Buffer.alloc(12);

  finished(body: Buffer = this.verifyData()): Buffer {
    return this.records.seal(ContentType.Handshake, this.transcript.add(HandshakeType.Finished, this.messageSequence++, body));
  }

  /** A whole PSK handshake. */
  async connect(): Promise<void> {
    await this.reachServer();
    const keyExchange = this.pskKeyExchange();
    this.useKeys();
    this.send(keyExchange, this.changeCipherSpec(), this.finished());
    await this.later();
  }

  data(text: string): Buffer {
    return this.records.seal(ContentType.ApplicationData, Buffer.from(text));
  }

  /** The plain handshake messages among what was heard. */
  messages(from = 0): Fragment[] {
    return this.heard
      .slice(from)
      .filter(({ type, epoch }) => type === ContentType.Handshake && epoch === 0)
      .map(({ content }) => readFragment(new Reader(content)))
      .filter((fragment) => fragment !== undefined);
  }

  /** Descriptions of the alerts that came, in the clear or not. */
  alerts(): number[] {
    return this.heard.filter(({ type }) => type === ContentType.Alert).map(({ content }) => content[1] as number);
  }

  private hear(datagram: Buffer): void {
    const header = new RecordHeader();
    for (let at = 0; at < datagram.length; at = header.end) {
      if (!parseRecord(datagram, at, this.records.ownCid.length, header)) return;
      const { type, epoch, sequence } = header;
      if (epoch === 0) this.heard.push({ type, epoch, sequence, content: datagram.subarray(header.fragmentAt, header.end) });
      else if (this.records.isPlausible(header)) {
        const content = this.records.open(datagram, header);
        if (content !== undefined) this.heard.push({ type: this.records.openedType, epoch, sequence, content });
      }
    }
  }
}

/** Cuts a plain handshake record into fragments of `room` bytes. */
export function fragmentsOf(record: Buffer, room: number): Buffer[] {
  const message = record.subarray(13);
  const body = message.subarray(12);
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < body.length; offset += room) {
    pieces.push(
      fragmentRecord(message[0] as number, body.length, message.readUInt16BE(4), offset, body.subarray(offset, offset + room)),
    );
  }
  return pieces;
}

export function fragmentRecord(type: number, length: number, sequence: number, offset: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header[0] = type;
  header.writeUIntBE(length, 1, 3);
  header.writeUInt16BE(sequence, 4);
  header.writeUIntBE(offset, 6, 3);
  header.writeUIntBE(bytes.length, 9, 3);
  return plainRecord(ContentType.Handshake, 100 + offset, Buffer.concat([header, bytes]));
}

export const EXTENSIONS_WITH_CID: Extensions = { extendedMasterSecret: true, connectionId: NOTHING };
