/**
 * One connection (RFC 8323 §3.3, §5):
 *
 *   opening ──CSM──> open ──Release, Abort, a fault, a limit──> closing ──flushed, or LINGER_MS──> closed
 *      └───────────────any end of the socket──────────────────────────────────────────────────────> closed
 *
 * Our CSM goes first and waits for nothing. The owner is told once of the end, when nothing more will come of it.
 */
import type { Socket } from 'node:net';
import { type Deadlines, NO_DEADLINE } from '../../deadlines';
import type { PeerIdentity } from '../../dtls/association-view';
import type { PeerCapabilities } from '../transport';
import { FrameReader, type FramingFault, frameOf } from './tcp-framing';
import type { TcpLimits } from './tcp-limits';
import {
  abortFrame,
  BASE_CAPABILITIES,
  capabilitiesFrame,
  isSignal,
  pingFrame,
  pongFrame,
  readSignal,
  releaseFrame,
  type Signal,
} from './tcp-signals';

/** What a connection needs of its transport. */
export interface ConnectionOwner {
  readonly limits: TcpLimits;
  readonly deadlines: Deadlines<TcpConnection>;
  /** Milliseconds. */
  now(): number;
  /** Memory held by all connections together, this one's change included. */
  account(change: number): number;
  received(message: Buffer, connection: TcpConnection): void;
  announced(capabilities: PeerCapabilities, connection: TcpConnection): void;
  ended(reason: string, connection: TcpConnection): void;
}

type State = 'opening' | 'open' | 'closing' | 'closed';

/** Others shall have their turn before the rest of what one peer has sent at once. */
const MESSAGES_PER_TURN = 200;
/** For the peer to take our last words. */
const LINGER_MS = 2_000;
/** Whoever holds less is not the one to go when all hold too much. */
const MODEST_BYTES = 16 * 1024;

const FAULTS: Readonly<Record<FramingFault, string>> = {
  'token-length': 'a token of more than 8 bytes',
  'too-large': 'a message larger than Max-Message-Size',
};

export class TcpConnection {
  deadline = NO_DEADLINE;
  private state: State = 'opening';
  private readonly reader: FrameReader;
  private capabilities = BASE_CAPABILITIES;
  private messageSince: number | undefined;
  private pinged = false;
  private accounted = 0;
  private resting = false;
  private socketError: NodeJS.ErrnoException | undefined;

  /** @param address as the peer is known above; `remoteAddress` of a socket is gone with it; @param identity what TLS proved of it */
  constructor(
    private readonly owner: ConnectionOwner,
    private readonly socket: Socket,
    readonly address: string,
    readonly port: number,
    readonly identity?: PeerIdentity,
  ) {
    this.reader = new FrameReader(owner.limits.largestMessage);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.arrived(chunk));
    socket.on('error', (error) => {
      this.socketError = error;
    });
    socket.on('close', () => this.closed());
    this.write(capabilitiesFrame(owner.limits.largestMessage));
    owner.deadlines.set(this, owner.limits.openingMs);
  }

  get isLive(): boolean {
    return this.state === 'opening' || this.state === 'open';
  }

  /** @param message in the form of RFC 7252 */
  send(message: Buffer): void {
    if (this.isLive) this.write(frameOf(message));
  }

  /** Ends in peace (RFC 8323 §5.5). */
  release(reason: string): void {
    this.finish(releaseFrame(), reason);
  }

  /** Ends because the peer broke a rule (RFC 8323 §5.6). */
  abort(fault: string, badCsmOption?: number): void {
    this.finish(abortFrame(fault, badCsmOption), `the connection was ended: ${fault}`);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** A limit in time is reached. */
  due(): void {
    if (this.state === 'closing') return this.destroy();
    if (this.socket.connecting) return this.finish(undefined, 'nobody answered there');
    if (this.state === 'opening') return this.abort('no CSM within the time allowed');
    if (this.messageSince !== undefined) return this.abort('a message was not completed in time');
    if (this.pinged) return this.finish(undefined, 'it did not answer a Ping');
    this.pinged = true;
    this.write(pingFrame());
    this.owner.deadlines.set(this, this.owner.limits.pongMs);
  }

  private arrived(chunk: Buffer): void {
    // Read on, so that the peer can take our last words.
    if (!this.isLive) return;
    this.pinged = false;
    this.reader.add(chunk);
    if (!this.resting) this.work();
  }

  private readonly work = (): void => {
    this.resting = false;
    let count = 0;
    let message = this.reader.next();
    while (Buffer.isBuffer(message)) {
      this.messageSince = undefined;
      this.take(message);
      if (!this.isLive) return;
      if (++count === MESSAGES_PER_TURN) return this.rest();
      message = this.reader.next();
    }
    if (message !== undefined) return this.abort(FAULTS[message]);
    this.account();
    if (this.isLive) this.wait();
  };

  private take(message: Buffer): void {
    if (isSignal(message)) this.signalled(readSignal(message, this.capabilities));
    // RFC 8323 §5.3: the first message is a CSM.
    else if (this.state === 'opening') this.abort('the first message was no CSM');
    // RFC 8323 §3.4: an Empty message means nothing here.
    else if (message[1] !== 0) this.owner.received(message, this);
  }

  private signalled(signal: Signal): void {
    if (signal.kind === 'malformed') this.abort('a signalling message with malformed options');
    else if (signal.kind === 'bad-option') this.abort('an option of the CSM is not known', signal.number);
    else if (signal.kind === 'abort') this.finish(undefined, `it ended the connection: "${signal.diagnostic}"`);
    else if (signal.kind === 'release') this.finish(undefined, 'it released the connection');
    else if (signal.kind === 'capabilities') {
      this.state = 'open';
      this.capabilities = signal.capabilities;
      this.owner.announced(signal.capabilities, this);
    } else if (this.state === 'opening') this.abort('the first message was no CSM');
    // Whatever came before the Ping has been handed on by now.
    else if (signal.kind === 'ping') this.write(pongFrame(signal.token, signal.custody));
  }

  private rest(): void {
    this.resting = true;
    this.socket.pause();
    setImmediate(() => {
      if (!this.isLive) return;
      this.work();
      if (!this.resting) this.socket.resume();
    });
  }

  private wait(): void {
    const { deadlines, limits } = this.owner;
    // Until the first CSM the time runs from the beginning, whatever comes.
    if (this.state === 'opening') return;
    if (this.reader.held === 0) {
      this.messageSince = undefined;
      return deadlines.set(this, limits.idleMs);
    }
    const now = this.owner.now();
    this.messageSince ??= now;
    deadlines.set(this, Math.max(this.messageSince + limits.messageMs + this.reader.expected - now, 0));
  }

  private write(frame: Buffer): void {
    this.socket.write(frame, this.written);
    this.account();
  }

  private readonly written = (): void => {
    if (this.state !== 'closed') this.account();
  };

  /** What is held for this peer: a message that is not complete, and what it has not taken yet. */
  private account(): void {
    const { limits } = this.owner;
    const unsent = this.socket.writableLength;
    const held = this.reader.held + unsent;
    const all = this.owner.account(held - this.accounted);
    this.accounted = held;
    if (!this.isLive) return;
    if (unsent > limits.unsentBytes) this.finish(undefined, 'it does not read what it is sent');
    else if (all > limits.heldBytes && held > MODEST_BYTES) this.finish(undefined, 'all connections together hold too much');
  }

  /** @param lastWords nothing is said to a peer that is gone, or does not listen */
  private finish(lastWords: Buffer | undefined, reason: string): void {
    if (!this.isLive) return;
    this.state = 'closing';
    if (lastWords === undefined) this.destroy();
    else {
      this.socket.resume();
      this.socket.end(lastWords);
      this.owner.deadlines.set(this, LINGER_MS);
    }
    this.owner.ended(reason, this);
  }

  private closed(): void {
    const wasLive = this.isLive;
    this.state = 'closed';
    this.owner.deadlines.clear(this);
    this.owner.account(-this.accounted);
    this.accounted = 0;
    if (wasLive) this.owner.ended(endOf(this.socketError), this);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
};

function endOf(error: NodeJS.ErrnoException | undefined): string {
  if (error === undefined) return 'it closed the connection';
  const { code = '', message } = error;
  // An alert of TLS (RFC 5246 §7.2): the peer does not say more.
  if (/^ERR_SSL_.*ALERT/.test(code) || /SSL routines.* alert /.test(message))
    return 'it ended the TLS handshake: check the key or certificate';
  return REASONS[code] ?? message;
}
