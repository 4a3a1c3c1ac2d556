/**
 * Handshakes under way, and how they begin. A ClientHello costs nothing but an answer until its cookie is good: no memory, no timer, no
 * look-up (RFC 6347 §4.2.1).
 */
import { Association } from './association';
import { type Associations, ByAddress, cidKey } from './associations';
import { Reader } from './codec';
import { Cookies } from './cookie';
import { failure } from './failure';
import { ClientHandshake, type ConnectOptions } from './handshake-client';
import type { HandshakeContext } from './handshake-context';
import { ServerHandshake } from './handshake-server';
import { readHelloHead, writeHelloVerifyRequest } from './hello';
import { handshakeMessage } from './messages';
import { ownProof } from './own-proof';
import { ContentType, DTLS_1_0, HandshakeType } from './protocol';
import { type Fragment, readFragment } from './reassembly';
import { plainRecord, type RecordHeader } from './record';

/** A hello is the second message, or the third after a stale cookie; more are nobody's (californium #1620). */
const MOST_HELLO_SEQUENCE = 8;
/** Our record numbers go on from the client's, and need room. */
const HIGHEST_HELLO_RECORD = 2 ** 32;
/** Tries to draw a CID that is free; only very short ones run out. */
const CID_DRAWS = 16;

export class Handshakes {
  private readonly byAddress = new ByAddress<Association>();
  private readonly cookies: Cookies;
  private count = 0;

  constructor(
    private readonly context: HandshakeContext,
    private readonly associations: Associations,
    private readonly nextId: () => number,
    private readonly transmit: (datagram: Buffer, address: string, port: number) => void,
  ) {
    this.cookies = new Cookies(context.random, context.clock.monotonic());
  }

  get size(): number {
    return this.count;
  }

  at(address: string, port: number): Association | undefined {
    return this.byAddress.get(address, port);
  }

  all(): readonly Association[] {
    return [...this.byAddress.values()];
  }

  /** Over, one way or the other. */
  remove(association: Association): void {
    if (this.byAddress.get(association.address, association.port) !== association) return;
    this.byAddress.delete(association.address, association.port, association);
    this.count--;
  }

  /** A plain record that begins with a ClientHello, or a piece of one. */
  hello(datagram: Buffer, header: RecordHeader, address: string, port: number): void {
    const { counters, clock } = this.context;
    const fragment = readFragment(new Reader(datagram, header.fragmentAt, header.end));
    if (fragment === undefined) {
      counters.malformed++;
      return;
    }
    if (fragment.sequence > MOST_HELLO_SEQUENCE || header.sequence > HIGHEST_HELLO_RECORD) {
      counters.unexpected++;
      return;
    }
    const waiting = this.at(address, port);
    if (fragment.offset > 0) return this.helloContinued(waiting, fragment);
    const beginning = new Reader(fragment.bytes);
    const head = readHelloHead(beginning);
    if (head === undefined) {
      counters.malformed++;
      return;
    }
    const isWhole = fragment.bytes.length === fragment.length;
    const rest = isWhole ? fragment.bytes.subarray(beginning.at) : undefined;
    const now = clock.monotonic();
    if (!this.cookies.isValid(head, rest, address, port, now)) {
      const cookie = this.cookies.make(head, rest, address, port, now);
      return this.verify(cookie, fragment, header, address, port);
    }
    if (waiting?.handshake instanceof ServerHandshake && waiting.handshake.isAnswerTo(head.random)) {
      if (waiting.handshake.state === 'wait-hello') waiting.handshake.fragment(fragment, 0);
      else waiting.handshake.sayAgain();
      return;
    }
    this.begin(fragment, head.random, header.sequence, address, port);
  }

  /** @throws RangeError when there is no room for one more */
  connect(address: string, port: number, options: ConnectOptions): Association {
    const { settings, sessions, clock } = this.context;
    if (this.count >= settings.limits.halfOpen) throw new RangeError('too many handshakes are under way');
    this.at(address, port)?.handshake?.fail(failure('superseded', 'a new handshake with this server was begun'));
    const association = new Association(this.nextId(), 'client', address, port, settings.replayWindow);
    const key = `${address} ${port} ${ownProof(options, this.context.credentials)}`;
    const context = options.credentials === undefined ? this.context : { ...this.context, credentials: options.credentials };
    const handshake = new ClientHandshake(context, association, options, sessions.find(key, clock.monotonic()), key);
    this.add(association);
    handshake.start();
    return association;
  }

  /** A CID that nobody has, for this association from now on. */
  allotCid(association: Association): Buffer | undefined {
    const { settings, random } = this.context;
    const length = settings.cidLength ?? 0;
    if (length === 0) return Buffer.alloc(0);
    for (let draw = 0; draw < CID_DRAWS; draw++) {
      const cid = random(length);
      if (this.associations.claimCid(cidKey(cid, 0, length), association)) return cid;
    }
    return undefined;
  }

  private helloContinued(waiting: Association | undefined, fragment: Fragment): void {
    if (waiting?.handshake?.state === 'wait-hello' && waiting.role === 'server') waiting.handshake.fragment(fragment, 0);
    else this.context.counters.unexpected++;
  }

  /** With the numbers of the hello, and never longer than it: nothing to be gained by a forged address. */
  private verify(cookie: Buffer, fragment: Fragment, header: RecordHeader, address: string, port: number): void {
    const message = handshakeMessage(HandshakeType.HelloVerifyRequest, fragment.sequence, writeHelloVerifyRequest(cookie));
    const record = plainRecord(ContentType.Handshake, header.sequence, message, DTLS_1_0);
    if (record.length > header.end - header.at) {
      this.context.counters.unexpected++;
      return;
    }
    this.context.counters.helloVerifyRequests++;
    this.transmit(record, address, port);
  }

  private begin(fragment: Fragment, random: Buffer, recordSequence: number, address: string, port: number): void {
    const { settings, counters } = this.context;
    const { halfOpen, halfOpenPerAddress } = settings.limits;
    this.at(address, port)?.handshake?.fail(failure('superseded', 'the device began again'));
    if (this.count >= halfOpen || this.byAddress.countAt(address) >= halfOpenPerAddress) {
      counters.halfOpenRefused++;
      return;
    }
    const association = new Association(this.nextId(), 'server', address, port, settings.replayWindow);
    this.add(association);
    new ServerHandshake(this.context, association, random, fragment.sequence, recordSequence).fragment(fragment, 0);
  }

  private add(association: Association): void {
    this.byAddress.set(association.address, association.port, association);
    this.count++;
  }
}
