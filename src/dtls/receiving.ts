/**
 * The way of a record: whose it is, whether it is authentic, what it carries. Nothing is kept of a record that is not authentic, and
 * nothing but the handshake under way at its address heeds a plain one (RFC 6347 §4.1.2.7).
 */
import type { Clock } from '../clock';
import type { Events } from '../events';
import type { Association } from './association';
import type { AssociationView } from './association-view';
import { type Associations, cidKey } from './associations';
import type { DtlsCounters } from './counters';
import type { CloseReason, DtlsEvents } from './dtls-events';
import type { Handshakes } from './handshakes';
import { Alert, AlertLevel, ContentType, DTLS_1_0, DTLS_1_2, HandshakeType } from './protocol';
import { parseRecord, RecordHeader } from './record';
import type { Settings } from './settings';
import { Suspicion } from './suspicion';

/**
 * Wrong tags that end an association, whatever their source: the limit of RFC 9147 §4.5.3 for CCM, which for the eight bytes of CCM_8 is
 * ours by choice.
 */
const MOST_FAILURES = 2 ** 23;
const CHANGE_CIPHER_SPEC = 1;

export interface ReceivingContext {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly counters: DtlsCounters;
  readonly associations: Associations;
  readonly handshakes: Handshakes;
  readonly events: Events<DtlsEvents>;
  deliver(from: AssociationView, data: Buffer): void;
  close(association: Association, reason: CloseReason): void;
  sendAlert(association: Association, level: number, alert: number): void;
  repeatFinal(association: Association): void;
  stateDue(association: Association): void;
}

export class Receiving {
  private readonly header = new RecordHeader();
  private readonly suspicion = new Suspicion();
  private readonly cidLength: number;

  constructor(private readonly context: ReceivingContext) {
    this.cidLength = context.settings.cidLength ?? 0;
  }

  /** All records of a datagram; the first that is none ends it. */
  records(datagram: Buffer, address: string, port: number): void {
    for (let at = 0; at < datagram.length; ) {
      const { header } = this;
      if (!parseRecord(datagram, at, this.cidLength, header)) {
        this.context.counters.malformed++;
        return;
      }
      // Noted first: handling a record may use the header for others.
      at = header.end;
      if (header.epoch === 0) this.plain(datagram, address, port);
      else if (header.cidLength > 0) this.withCid(datagram, address, port);
      else this.withoutCid(datagram, address, port);
    }
  }

  private plain(datagram: Buffer, address: string, port: number): void {
    const { header } = this;
    const { handshakes, settings } = this.context;
    const { type, fragmentAt, end } = header;
    const isHello = type === ContentType.Handshake && datagram[fragmentAt] === HandshakeType.ClientHello;
    // The first hellos of real clients bear any version (fe ff, fe 00).
    if (isHello) return settings.serve ? handshakes.hello(datagram, header, address, port) : this.unexpected();
    const handshake = handshakes.at(address, port)?.handshake;
    const isKeyed = handshake === undefined || handshake.association.records.reading !== undefined;
    if (isKeyed || (header.version !== DTLS_1_2 && header.version !== DTLS_1_0)) return this.unexpected();
    const length = end - fragmentAt;
    if (type === ContentType.Handshake) handshake.received(datagram.subarray(fragmentAt, end), 0);
    else if (type === ContentType.ChangeCipherSpec && length === 1 && datagram[fragmentAt] === CHANGE_CIPHER_SPEC) {
      handshake.changeCipherSpec();
    } else if (type === ContentType.Alert && length === 2 && isEnd(datagram[fragmentAt], datagram[fragmentAt + 1])) {
      handshake.refused(datagram[fragmentAt + 1] as number);
    } else this.unexpected();
  }

  private withCid(datagram: Buffer, address: string, port: number): void {
    const { header } = this;
    const association = this.context.associations.withCid(cidKey(datagram, header.cidAt, header.cidLength));
    if (association === undefined) this.context.counters.unknown++;
    else if (!this.isKept(association, datagram)) this.open(association, datagram, address, port);
  }

  /** A new handshake may be under way where an association is: its Finished comes from the same address. */
  private withoutCid(datagram: Buffer, address: string, port: number): void {
    const { associations, handshakes, counters } = this.context;
    const connected = associations.at(address, port);
    const waiting = handshakes.at(address, port);
    if (connected !== undefined && this.open(connected, datagram, address, port, waiting !== undefined)) return;
    if (waiting !== undefined) {
      if (!this.isKept(waiting, datagram)) this.open(waiting, datagram, address, port);
    } else if (connected === undefined) counters.unknown++;
  }

  /** What comes before its time waits. */
  private isKept({ handshake }: Association, datagram: Buffer): boolean {
    if (handshake?.isAhead !== true) return false;
    handshake.keepEarly(datagram.subarray(this.header.at, this.header.end));
    return true;
  }

  /**
   * @param another whether it may be for another association, so that a wrong tag means nothing
   * @returns whether it was authentic
   */
  private open(association: Association, datagram: Buffer, address: string, port: number, another = false): boolean {
    const { header, suspicion, context } = this;
    const { counters } = context;
    const { records } = association;
    const now = context.clock.monotonic();
    if (!records.isPlausible(header)) {
      counters.replayed++;
      return false;
    }
    if (suspicion.isQuiet(address, port, now)) {
      counters.quiet++;
      return false;
    }
    const isNewest = header.sequence > records.window.top;
    const failures = records.failures;
    const content = records.open(datagram, header);
    if (content === undefined) {
      if (records.failures > failures && !another) this.forged(association, address, port, now);
      return false;
    }
    if (association.state === 'connected') {
      association.heardAt = now;
      context.associations.touch(association);
      if (isNewest && (association.port !== port || association.address !== address)) this.rebind(association, address, port);
      if (records.window.top >= association.dueTop) context.stateDue(association);
    }
    if (records.openedType === ContentType.ApplicationData) this.data(association, content);
    else if (records.openedType === ContentType.Handshake) this.handshake(association, content);
    else if (records.openedType === ContentType.Alert) this.alert(association, content);
    else this.unexpected();
    return true;
  }

  private data(association: Association, content: Buffer): void {
    // Data before Finished proves nothing yet.
    if (association.state !== 'connected' || content.length === 0) return this.unexpected();
    // Whoever sends data has our last flight.
    association.finalFlight = undefined;
    this.context.counters.received++;
    this.context.deliver(association, content);
  }

  private handshake(association: Association, content: Buffer): void {
    if (association.handshake !== undefined) return association.handshake.received(content, 1);
    if (content[0] === HandshakeType.Finished) return this.context.repeatFinal(association);
    this.unexpected();
    if (content[0] === HandshakeType.ClientHello) this.context.sendAlert(association, AlertLevel.Warning, Alert.NoRenegotiation);
  }

  private alert(association: Association, content: Buffer): void {
    if (content.length !== 2 || !isEnd(content[0], content[1])) return this.unexpected();
    if (association.handshake !== undefined) association.handshake.refused(content[1] as number);
    else this.context.close(association, 'closed-by-peer');
  }

  private rebind(association: Association, address: string, port: number): void {
    // Without a CID it was found by its address.
    const from = { address: association.address, port: association.port };
    association.address = address;
    association.port = port;
    this.context.counters.rebinds++;
    this.context.events.emit('rebind', { association, from, to: { address, port } });
  }

  private forged(association: Association, address: string, port: number, now: number): void {
    const { counters, events, close } = this.context;
    counters.forged++;
    association.handshake?.notDeciphered();
    if (this.suspicion.failed(address, port, now)) events.emit('suspicious', { address, port });
    if (association.records.failures >= MOST_FAILURES) close(association, 'forgeries');
  }

  private unexpected(): void {
    this.context.counters.unexpected++;
  }
}

/** A fatal alert, or the end of the association. */
function isEnd(level: number | undefined, alert: number | undefined): boolean {
  return level === AlertLevel.Fatal || alert === Alert.CloseNotify;
}
