/**
 * What both sides of a handshake share: messages in order, flights with their timer, the change of keys, look-ups that take time, and
 * an end. Which message is right when is a table of the side (`handshake-server.ts`, `handshake-client.ts`).
 *
 *   … → [look-up] → wait-ccs → wait-finished → [keeping] → connected
 */
import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { type HasDeadline, NO_DEADLINE } from '../deadlines';
import type { Association } from './association';
import type { PeerIdentity } from './association-view';
import { ciphersFrom, type DirectionCiphers, keyBlockLength } from './cipher-keys';
import { Reader } from './codec';
import type { Side } from './extensions';
import { type Failure, failure } from './failure';
import { Flight } from './flight';
import type { HandshakeContext } from './handshake-context';
import type { LookUp } from './look-ups';
import { extendedMasterSecret, keyBlock, plainMasterSecret, verifyData } from './prf';
import { Alert, HandshakeType } from './protocol';
import { type CompleteMessage, type Fragment, Reassembly, readFragment } from './reassembly';
import type { Answer } from './settings';
import type { ShownKey } from './shown-key';
import type { Suite } from './suites';
import { Transcript } from './transcript';

/** Repeats of one flight by timer, and as answers to repeats of the peer. */
const MOST_REPEATS = 5;
const LONGEST_TIMEOUT_MS = 60_000;
/** Protected records that come before their keys: Finished, and the first data right behind it. */
const MOST_EARLY = 4;
const LARGEST_EARLY = 1_024;
/** Records that do not open where Finished is awaited. A single one may be anybody's; the second is the peer saying it again. */
const UNDECIPHERABLE = 2;

const NOBODY = failure('unknown-identity', 'nobody is known by the key of the peer', Alert.BadCertificate);

export type HandshakeState =
  | 'wait-hello'
  | 'wait-certificate'
  | 'wait-server-key'
  | 'wait-request'
  | 'wait-done'
  | 'wait-client-key'
  | 'wait-verify'
  | 'look-up'
  | 'wait-ccs'
  | 'wait-finished'
  | 'keeping'
  | 'over';

export abstract class Handshake implements HasDeadline {
  deadline = NO_DEADLINE;
  state: HandshakeState = 'wait-hello';
  /** Who the peer says it is, proved or not. */
  claimed: PeerIdentity | undefined = undefined;
  readonly startedAt: number;
  protected abstract readonly side: Side;
  protected readonly transcript = new Transcript();
  protected readonly incoming: Reassembly;
  protected flight = new Flight();
  /** Number of our next message. */
  protected sendSequence = 0;
  protected clientRandom: Buffer = Buffer.alloc(0);
  protected serverRandom: Buffer = Buffer.alloc(0);
  protected master: KeyObject | undefined = undefined;
  protected ciphers: DirectionCiphers | undefined = undefined;
  /** Why a Finished that cannot be read would be so. */
  protected suspicion: Failure = failure('bad-finished', 'the Finished of the device cannot be read');
  private lookUp: LookUp | undefined = undefined;
  private early: Buffer[] = [];
  private changeSeen = false;
  private undecipherable = 0;
  private retransmitAt = Number.POSITIVE_INFINITY;
  private timeoutMs: number;

  constructor(
    protected readonly context: HandshakeContext,
    readonly association: Association,
    firstSequence: number,
  ) {
    this.incoming = new Reassembly(context.budget, firstSequence);
    this.startedAt = context.clock.monotonic();
    this.timeoutMs = context.settings.retransmitMs;
    association.handshake = this;
    this.arm();
  }

  get isOver(): boolean {
    return this.state === 'over';
  }

  /** Whether protected records have to wait: for their keys, or until the association is stored. */
  get isAhead(): boolean {
    return this.association.records.reading === undefined || this.state === 'keeping';
  }

  /** The content of a handshake record: one or more fragments. */
  received(content: Buffer, epoch: 0 | 1): void {
    const reader = new Reader(content);
    while (reader.left > 0 && !this.isOver) {
      const fragment = readFragment(reader);
      if (fragment === undefined) return this.malformed('a handshake fragment');
      this.fragment(fragment, epoch);
    }
  }

  fragment(fragment: Fragment, epoch: 0 | 1): void {
    // Finished is the one protected message; what comes unprotected after the keys is nobody's (openssl #32622).
    const isFinished = fragment.type === HandshakeType.Finished;
    if (isFinished !== (epoch === 1) || (epoch === 0 && this.association.records.reading !== undefined)) {
      this.context.counters.unexpected++;
      return;
    }
    const reception = this.incoming.accept(fragment);
    if (reception === 'repeated') this.sayAgain();
    else if (reception === 'conflict') this.malformed('contradicting fragments');
    else if (reception === 'dropped') this.context.counters.unexpected++;
    else this.proceed();
  }

  /** May be early, or come twice: it counts once, in its place. */
  changeCipherSpec(): void {
    this.changeSeen = true;
    this.proceed();
  }

  /** A protected record that cannot be taken yet. */
  keepEarly(record: Buffer): void {
    if (this.early.length < MOST_EARLY && record.length <= LARGEST_EARLY) this.early.push(Buffer.from(record));
  }

  /** A protected record in the place of Finished that cannot be read. */
  notDeciphered(): void {
    this.undecipherable++;
    if (this.undecipherable >= UNDECIPHERABLE && this.state === 'wait-finished') this.fail(this.suspicion);
  }

  /** Unproved, so it ends this handshake at most. */
  refused(alert: number): void {
    // With a wrong key a peer may say what it thinks of our Finished; ours to say is what is behind it.
    this.fail(failure('refused-by-peer', `the peer broke the handshake off with alert ${alert}`));
  }

  /** The timer. */
  due(): void {
    const now = this.context.clock.monotonic();
    if (now - this.startedAt >= this.context.settings.limits.handshakeMs) return this.fail(this.overdue());
    if (now >= this.retransmitAt) {
      if (this.flight.repeats >= MOST_REPEATS) this.retransmitAt = Number.POSITIVE_INFINITY;
      else this.repeatFlight();
    }
    this.arm();
  }

  /** Says the last flight again because the peer did, yet not once for each of its fragments. */
  sayAgain(): void {
    const now = this.context.clock.monotonic();
    if (now - this.flight.sentAt < this.context.settings.retransmitMs / 2 || this.flight.repeats >= MOST_REPEATS) return;
    this.repeatFlight();
    this.arm();
  }

  fail(why: Failure): void {
    if (this.isOver) return;
    this.finish();
    this.context.failed(this, why);
  }

  /** The handler of a message in the present state; undefined when it has no place there. */
  protected abstract handler(type: number): ((message: CompleteMessage) => void) | undefined;
  protected abstract finished(message: CompleteMessage): void;

  protected ask<T>(start: () => Answer<T>, then: (answer: T | undefined) => void): void {
    this.state = 'look-up';
    this.lookUp = this.context.lookUps.ask(this.association.address, start, (answer, error) => {
      if (this.isOver) return;
      if (error !== undefined) return this.fail(failure('look-up-failed', `the look-up of its key failed: ${String(error)}`));
      then(answer);
      this.proceed();
    });
  }

  /** Asks whose key it is that the peer showed and proved to own. */
  protected identify(shown: ShownKey, then: () => void): void {
    const { address, port } = this.association;
    this.ask(
      () => shown.identify(this.context.credentials, { address, port }),
      (found) => {
        if (found === undefined || 'reason' in found) return this.fail(found ?? NOBODY);
        this.claimed = found;
        then();
      },
    );
  }

  protected proceed(): void {
    while (!this.isOver && this.state !== 'look-up' && this.state !== 'keeping') {
      if (this.state === 'wait-ccs') {
        if (!this.changeSeen) return;
        this.useReadKeys();
        continue;
      }
      const message = this.incoming.take();
      if (message === undefined) return;
      // Part of the next flight is here: from now on the peer's timer leads.
      this.retransmitAt = Number.POSITIVE_INFINITY;
      const handle =
        message.type === HandshakeType.Finished && this.state === 'wait-finished' ? this.finished : this.handler(message.type);
      if (handle === undefined) {
        return this.fail(
          failure('unexpected-message', `handshake message ${message.type} came in state ${this.state}`, Alert.UnexpectedMessage),
        );
      }
      handle.call(this, message);
    }
  }

  /** Adds a message of ours to the flight and to the transcript. */
  protected say(type: number, body: Buffer, epoch: 0 | 1 = 0): void {
    this.flight.add(this.transcript.add(type, this.sendSequence++, body), epoch);
  }

  protected hear({ type, sequence, body }: CompleteMessage): void {
    this.transcript.add(type, sequence, body);
  }

  protected newFlight(): void {
    this.flight = new Flight();
  }

  /** @param answered whether something has to come back, so that silence means loss */
  protected sendFlight(answered: boolean): void {
    this.timeoutMs = this.context.settings.retransmitMs;
    this.transmitFlight();
    this.retransmitAt = answered ? this.flight.sentAt + this.timeoutMs : Number.POSITIVE_INFINITY;
    this.arm();
  }

  /** Master secret and keys, from a premaster secret; the transcript ends with ClientKeyExchange. */
  protected derive(premaster: Uint8Array): void {
    this.master = this.association.extendedMasterSecret
      ? extendedMasterSecret(premaster, this.transcript.hash())
      : plainMasterSecret(premaster, this.clientRandom, this.serverRandom);
    this.makeCiphers();
  }

  protected makeCiphers(): void {
    const { suite, encryptThenMac } = this.association;
    const block = keyBlock(this.master as KeyObject, this.clientRandom, this.serverRandom, keyBlockLength(suite as Suite));
    this.ciphers = ciphersFrom(suite as Suite, block, encryptThenMac);
  }

  /** ChangeCipherSpec and Finished of ours, as the end of the flight. */
  protected sayFinished(): void {
    const data = verifyData(this.master as KeyObject, this.side, this.transcript.hash());
    this.association.records.writing = this.ciphers?.[this.side];
    this.flight.addChangeCipherSpec();
    this.say(HandshakeType.Finished, data, 1);
  }

  /** Whether the peer saw what we saw; fails otherwise. */
  protected isVerified(body: Buffer): boolean {
    const expected = verifyData(this.master as KeyObject, otherSide(this.side), this.transcript.hash());
    if (body.length === expected.length && timingSafeEqual(body, expected)) return true;
    this.fail(failure('bad-finished', 'the Finished of the peer does not match the handshake', Alert.DecryptError));
    return false;
  }

  /** Everything is proved; `then` tells the peer. What that lets the peer send at once waits, too. */
  protected keep(identity: PeerIdentity, then: () => void): void {
    const { association, context } = this;
    association.identity = identity;
    association.records.writing = this.ciphers?.[this.side];
    this.state = 'keeping';
    context.keep(association, () => {
      if (this.isOver) return;
      const { early } = this;
      then();
      for (const datagram of early) context.replay(association, datagram);
    });
  }

  protected establish(identity: PeerIdentity): void {
    this.association.identity = identity;
    this.association.finalFlight = this.flight;
    this.finish();
    this.context.established(this);
  }

  protected malformed(what: string): void {
    this.fail(failure('malformed', `${what} of the peer cannot be read`, Alert.DecodeError));
  }

  /** What to say of a handshake that took too long. */
  protected overdue(): Failure {
    return this.undecipherable > 0 ? this.suspicion : failure('timeout', `the peer fell silent in state ${this.state}`);
  }

  private useReadKeys(): void {
    this.association.records.reading = this.ciphers?.[otherSide(this.side)];
    this.state = 'wait-finished';
    const { early } = this;
    this.early = [];
    for (const datagram of early) this.context.replay(this.association, datagram);
  }

  private repeatFlight(): void {
    this.flight.repeats++;
    this.context.counters.retransmissions++;
    const wasTimed = this.retransmitAt !== Number.POSITIVE_INFINITY;
    this.transmitFlight();
    if (!wasTimed) return;
    this.timeoutMs = Math.min(this.timeoutMs * 2, LONGEST_TIMEOUT_MS);
    this.retransmitAt = this.flight.sentAt + this.timeoutMs;
  }

  private transmitFlight(): void {
    const { association, context } = this;
    this.flight.sentAt = context.clock.monotonic();
    this.flight.send(association.records, context.settings.largestDatagram, (datagram) =>
      context.transmit(association, datagram),
    );
  }

  private arm(): void {
    if (this.isOver) return;
    const now = this.context.clock.monotonic();
    const end = this.startedAt + this.context.settings.limits.handshakeMs;
    this.context.timers.set(this, Math.max(Math.min(end, this.retransmitAt) - now, 0));
  }

  private finish(): void {
    this.state = 'over';
    this.lookUp?.cancel();
    this.lookUp = undefined;
    this.context.timers.clear(this);
    this.incoming.clear();
    this.early = [];
  }
}

function otherSide(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}
