/**
 * CoAP over DTLS (RFC 7252 §9.1). Above it a device is known by its association, not by its address: the address may change under a
 * connection id, and may be another's afterwards. So what comes from a device bears the name ASSOCIATION and its number in place of address
 * and port; `identify` tells who that is and where. Servers we call bear the address they were called at; the handshake is made when
 * something is first sent there.
 */
import type { Clock } from '../../clock';
import type { Identity } from '../../device/identity';
import type { AssociationView } from '../../dtls/association-view';
import { DtlsEndpoint } from '../../dtls/dtls';
import type { HandshakeFailed } from '../../dtls/dtls-events';
import type { FailureReason } from '../../dtls/failure';
import type { ConnectOptions } from '../../dtls/handshake-client';
import type { Credentials, DtlsOptions } from '../../dtls/settings';
import type { LocalAddress, Receiver, Transport } from '../transport';

/** In place of the address of a peer that came to us; no address looks like it. */
export const ASSOCIATION = 'association';

export interface DtlsTransportOptions extends Omit<DtlsOptions, 'transmit' | 'deliver' | 'credentials'> {
  /** A function where they take time or can fail, such as keys in files: it is asked each time the transport is opened. */
  readonly credentials: Credentials | (() => Promise<Credentials>);
  /** What carries the records: UDP, or the network in memory. */
  readonly carrier: Transport;
  /** How to prove who we are to a server we call; by default with the key or certificate among the credentials. */
  readonly connectWith?: (address: string, port: number) => ConnectOptions;
}

/** Messages that wait for a handshake; the message layer repeats what is lost. */
const MOST_WAITING = 8;
/**
 * A server that has lost its memory is silent, for DTLS knows no "I do not know you". A confirmable message repeated after this long without
 * a word from it makes a new handshake, early enough for its last repeat (RFC 7252 §4.2: 30 s) to go through.
 */
const SILENCE_MS = 20_000;

/** What says that a peer is not who it claims to be; the others are accidents of networks, or settings that do not go together. */
const UNPROVED: ReadonlySet<FailureReason> = new Set([
  'unknown-identity',
  'wrong-key',
  'bad-identity',
  'no-certificate',
  'certificate-refused',
  'bad-signature',
]);

/** A server we call. */
interface Called {
  readonly address: string;
  readonly port: number;
  /** Of the association, connected or on its way; it may be gone by now. */
  id: number;
  /** Until it is connected. */
  waiting: Buffer[] | undefined;
  /** When the first confirmable message left to which nothing has come back; -1 = none. */
  unansweredSince: number;
}

export class DtlsTransport implements Transport {
  readonly name = 'dtls';
  /** Associations, events, counters: for whoever runs the server. */
  readonly endpoint: DtlsEndpoint;
  private readonly carrier: Transport;
  private readonly clock: Clock;
  private readonly called = new Map<string, Called>();
  private readonly callees = new Map<number, Called>();
  private receiver: Receiver | undefined;

  /** @throws RangeError when a number in the options is beyond what the protocol has */
  constructor(private readonly options: DtlsTransportOptions) {
    this.carrier = options.carrier;
    this.clock = options.clock;
    this.endpoint = new DtlsEndpoint({
      ...options,
      credentials: typeof options.credentials === 'function' ? {} : options.credentials,
      transmit: (datagram, address, port) => this.carrier.send(datagram, address, port),
      deliver: (from, data) => this.deliver(from, data),
    });
    this.endpoint.events.on('association', (association) => this.connected(association));
    this.endpoint.events.on('handshake-failed', (failed) => {
      this.lost(failed.association);
      this.refused(failed);
    });
    this.endpoint.events.on('closed', ({ association }) => this.lost(association.id));
  }

  get local(): LocalAddress | undefined {
    return this.carrier.local;
  }

  async open(receiver: Receiver): Promise<void> {
    const { credentials } = this.options;
    if (typeof credentials === 'function') this.endpoint.trust(await credentials());
    this.receiver = receiver;
    await this.carrier.open({ received: (datagram, address, port) => this.endpoint.receive(datagram, address, port) });
  }

  send(datagram: Buffer, address: string, port: number): void {
    if (address === ASSOCIATION) this.endpoint.send(port, datagram);
    else this.call(datagram, address, port);
  }

  /** What the handshake proved, and where the peer was met last; undefined when the association has ended. */
  identify(address: string, port: number): Identity | undefined {
    const id = address === ASSOCIATION ? port : this.called.get(placeKey(address, port))?.id;
    const association = id === undefined ? undefined : this.endpoint.association(id);
    if (association?.identity === undefined) return undefined;
    const { security, name } = association.identity;
    return { security, name, address: association.address, port: association.port };
  }

  /** Ends the association; what is sent to a server afterwards makes a new handshake. */
  disconnect(address: string, port: number): void {
    const id = address === ASSOCIATION ? port : this.called.get(placeKey(address, port))?.id;
    if (id !== undefined) this.endpoint.close(id);
  }

  revoke(name: string): void {
    this.endpoint.revoke(name);
  }

  /** Ends all associations with a word to the peers; those that are stored (`endpoint.outliving`) go on with the next process. */
  async close(): Promise<void> {
    this.endpoint.stop(true);
    await this.carrier.close();
  }

  private deliver(from: AssociationView, data: Buffer): void {
    if (from.role === 'server') return this.receiver?.received(data, ASSOCIATION, from.id);
    const called = this.callees.get(from.id);
    if (called === undefined) return;
    called.unansweredSince = -1;
    this.receiver?.received(data, called.address, called.port);
  }

  private refused({ role, reason, text, address, port, identity }: HandshakeFailed): void {
    if (role !== 'server' || !UNPROVED.has(reason)) return;
    this.receiver?.refused?.({ address, port, reason: text, ...(identity !== undefined && { name: identity.name }) });
  }

  private call(datagram: Buffer, address: string, port: number): void {
    const called = this.called.get(placeKey(address, port)) ?? this.newCall(address, port);
    if (called.waiting === undefined && isConfirmable(datagram)) this.minding(called);
    if (called.waiting !== undefined) {
      // The first to come is the first to be too old.
      if (called.waiting.length === MOST_WAITING) called.waiting.shift();
      called.waiting.push(datagram);
    } else this.endpoint.send(called.id, datagram);
  }

  private newCall(address: string, port: number): Called {
    const called: Called = { address, port, id: 0, waiting: [], unansweredSince: -1 };
    this.called.set(placeKey(address, port), called);
    this.shakeHands(called);
    return called;
  }

  private shakeHands(called: Called): void {
    const { address, port } = called;
    called.waiting = [];
    called.unansweredSince = -1;
    try {
      called.id = this.endpoint.connect(address, port, this.options.connectWith?.(address, port) ?? {});
      this.callees.set(called.id, called);
    } catch {
      // Too many handshakes at once: as if it were lost.
      this.called.delete(placeKey(address, port));
    }
  }

  /** Whether the server still knows us. */
  private minding(called: Called): void {
    const now = this.clock.monotonic();
    if (called.unansweredSince < 0) called.unansweredSince = now;
    else if (now - called.unansweredSince >= SILENCE_MS) {
      // Without close_notify: it would go unheard, and the old keys serve until the new handshake is done.
      this.callees.delete(called.id);
      this.shakeHands(called);
    }
  }

  private connected(association: AssociationView): void {
    const called = this.callees.get(association.id);
    const waiting = called?.waiting;
    if (called === undefined || waiting === undefined) return;
    called.waiting = undefined;
    for (const datagram of waiting) this.endpoint.send(association.id, datagram);
  }

  private lost(id: number): void {
    const called = this.callees.get(id);
    this.callees.delete(id);
    if (called?.id === id) this.called.delete(placeKey(called.address, called.port));
  }
}

function placeKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/** Type 0 in the first byte (RFC 7252 §3). */
function isConfirmable(datagram: Buffer): boolean {
  return ((datagram[0] as number) & 0x30) === 0;
}
