/**
 * The DTLS endpoint: composition. Datagrams in, datagrams and application data out; no socket, no clock, no randomness of its own. It
 * answers handshakes and begins them; what a peer did wrong is an event, and never an exception.
 */
import type { Clock, Timer } from '../clock';
import { Deadlines } from '../deadlines';
import { Events } from '../events';
import type { Association } from './association';
import type { AssociationView } from './association-view';
import { Associations } from './associations';
import { DtlsCounters } from './counters';
import type { CloseReason, DtlsEvents } from './dtls-events';
import { type Failure, failure } from './failure';
import type { Handshake } from './handshake';
import type { ConnectOptions } from './handshake-client';
import type { HandshakeContext } from './handshake-context';
import { Handshakes } from './handshakes';
import { LookUps } from './look-ups';
import { enabledSuites, serverExchanges } from './negotiation';
import { Outliving } from './outliving';
import { Alert, AlertLevel, ContentType } from './protocol';
import { ReassemblyBudget } from './reassembly';
import { Receiving } from './receiving';
import { Sessions } from './sessions';
import { type Credentials, type DtlsOptions, type Settings, settingsOf } from './settings';

const TIMER_TICK_MS = 50;
const HOUSEKEEPING_MS = 60_000;
/** How long a last flight may have to be said again: twice the maximum segment lifetime (RFC 6347 §4.2.4). */
const FINAL_FLIGHT_MS = 240_000;

export class DtlsEndpoint {
  readonly events = new Events<DtlsEvents>();
  readonly counters = new DtlsCounters();
  private readonly clock: Clock;
  private readonly settings: Settings;
  /** Those that may be resumed. */
  readonly sessions: Sessions;
  /** How its associations go on after a restart. */
  readonly outliving: Outliving;
  private readonly associations = new Associations();
  private readonly handshakes: Handshakes;
  private readonly receiving: Receiving;
  private readonly context: { -readonly [Name in keyof HandshakeContext]: HandshakeContext[Name] };
  private readonly timers: Deadlines<Handshake>;
  private readonly budget: ReassemblyBudget;
  /** In the order in which they were connected, while their last flight is kept. */
  private fresh: Association[] = [];
  private housekeeping: Timer | undefined;
  private nextId = 1;

  /** @throws RangeError when a number in the options is beyond what the protocol has */
  constructor(private readonly options: DtlsOptions) {
    const { clock, random, credentials, transmit } = options;
    this.clock = clock;
    this.settings = settingsOf(options);
    const { settings, counters } = this;
    const { limits } = settings;
    this.sessions = new Sessions(limits.sessions, limits.sessionMs);
    this.timers = new Deadlines<Handshake>(clock, TIMER_TICK_MS, (handshake) => handshake.due());
    this.budget = new ReassemblyBudget(limits.reassemblyBytes);
    this.context = {
      clock,
      random,
      settings,
      credentials,
      suites: enabledSuites(settings, serverExchanges(credentials)),
      sessions: this.sessions,
      lookUps: new LookUps(limits.lookUps, limits.lookUpsPerAddress),
      budget: this.budget,
      counters,
      timers: this.timers,
      transmit: (association, datagram) => transmit(datagram, association.address, association.port),
      allotCid: (association) => this.handshakes.allotCid(association),
      replay: (association, datagram) => this.receiving.records(datagram, association.address, association.port),
      keep: (association, then) => this.outliving.keep(association, then),
      established: (handshake) => this.established(handshake),
      failed: (handshake, why) => this.failed(handshake, why),
    };
    this.handshakes = new Handshakes(this.context, this.associations, () => this.nextId++, transmit);
    this.receiving = new Receiving({
      clock,
      settings,
      counters,
      associations: this.associations,
      handshakes: this.handshakes,
      events: this.events,
      deliver: options.deliver,
      close: (association, reason) => this.end(association, reason),
      sendAlert: (association, level, alert) => this.sendAlert(association, level, alert),
      repeatFinal: (association) => this.repeatFinal(association),
      stateDue: (association) => this.stateDue(association),
    });
    this.outliving = new Outliving({
      clock,
      settings,
      associations: this.associations,
      connect: (association) => {
        this.nextId = Math.max(this.nextId, association.id + 1);
        this.replace(association);
        this.admit(association);
      },
      onBug: (bug) => this.bug(bug),
    });
  }

  /** Associations, handshakes under way and sessions to be resumed, to be watched and tested. */
  held(): { associations: number; handshakes: number; sessions: number; reassemblyBytes: number; timers: number } {
    return {
      associations: this.associations.size,
      handshakes: this.handshakes.size,
      sessions: this.sessions.size,
      reassemblyBytes: this.budget.held,
      timers: this.timers.size,
    };
  }

  /** One datagram; never throws. */
  receive(datagram: Buffer, address: string, port: number): void {
    this.counters.datagrams++;
    try {
      this.receiving.records(datagram, address, port);
    } catch (bug) {
      this.bug(bug);
    }
  }

  /** Other credentials, for the handshakes that begin from now on. */
  trust(credentials: Credentials): void {
    this.context.credentials = credentials;
    this.context.suites = enabledSuites(this.settings, serverExchanges(credentials));
  }

  /**
   * Begins a handshake; `association` or `handshake-failed` tells how it ended.
   * @returns the id of the association to be
   * @throws RangeError when too many handshakes are under way
   */
  connect(address: string, port: number, options: ConnectOptions = {}): number {
    return this.handshakes.connect(address, port, options).id;
  }

  /** One record. @returns false when the association is not connected, or the data too large for a record of its peer */
  send(id: number, data: Buffer): boolean {
    const association = this.associations.get(id);
    if (association === undefined) return false;
    const { records } = association;
    if (data.length === 0 || data.length > records.largestContent) return false;
    if (records.sequence >= records.sequenceEnd) {
      this.end(association, 'exhausted');
      return false;
    }
    this.counters.sent++;
    this.options.transmit(records.seal(ContentType.ApplicationData, data), association.address, association.port);
    return true;
  }

  association(id: number): AssociationView | undefined {
    return this.associations.get(id);
  }

  /** All that are connected. */
  connected(): Iterable<AssociationView> {
    return this.associations.all();
  }

  /** Of this identity, as many as there are. */
  associationsOf(name: string): readonly AssociationView[] {
    return this.associations.of(name);
  }

  /** Tells the peer, and forgets it. */
  close(id: number): void {
    const association = this.associations.get(id);
    if (association !== undefined) this.end(association, 'closed');
  }

  /**
   * An identity is no longer to be trusted, or has another key: ends its associations, its handshakes and what could be resumed.
   * @returns how many associations
   */
  revoke(name: string): number {
    this.sessions.revoke(name);
    for (const { handshake } of this.handshakes.all()) {
      if (handshake?.claimed?.name === name) handshake.fail(failure('revoked', `the credentials of ${name} were revoked`));
    }
    const associations = this.associations.of(name);
    for (const association of associations) this.end(association, 'revoked');
    return associations.length;
  }

  /**
   * Ends everything; associations that are stored stay as they are, for whoever takes them up.
   * @param tell send close_notify?
   */
  stop(tell: boolean): void {
    for (const { handshake } of this.handshakes.all()) handshake?.fail(failure('stopped', 'the endpoint was stopped'));
    if (!this.outliving.isOn) for (const association of [...this.associations.all()]) this.end(association, 'stopped', tell);
    this.housekeeping?.cancel();
    this.housekeeping = undefined;
    this.timers.stop();
  }

  private established(handshake: Handshake): void {
    const { association } = handshake;
    const now = this.clock.monotonic();
    this.handshakes.remove(association);
    this.replace(association);
    association.handshake = undefined;
    association.state = 'connected';
    association.connectedAt = now;
    association.heardAt = now;
    this.counters.handshakes++;
    if (association.resumed) this.counters.resumptions++;
    this.fresh.push(association);
    this.admit(association);
    this.events.emit('association', association);
  }

  /** Only now, after Finished, are those that were there before ended (RFC 6347 §4.2.8). */
  private replace(association: Association): void {
    const { address, port, identity } = association;
    const before = this.associations.at(address, port);
    if (before !== undefined) this.end(before, 'replaced', false);
    for (const other of this.associations.of(identity?.name ?? '')) {
      if (other.address === address && other.port === port) this.end(other, 'replaced', false);
    }
  }

  private admit(association: Association): void {
    const { leastRecent } = this.associations;
    if (this.associations.size >= this.settings.limits.associations && leastRecent !== undefined) {
      this.counters.evicted++;
      this.end(leastRecent, 'evicted', false);
    }
    this.associations.add(association);
    this.keepHouse();
  }

  private failed(handshake: Handshake, why: Failure): void {
    const { association, claimed } = handshake;
    this.counters.handshakesFailed++;
    this.handshakes.remove(association);
    this.associations.releaseCid(association);
    association.handshake = undefined;
    if (why.alert !== undefined) this.sendAlert(association, AlertLevel.Fatal, why.alert);
    association.state = 'closed';
    if (!this.events.has('handshake-failed')) return;
    this.events.emit('handshake-failed', {
      association: association.id,
      role: association.role,
      address: association.address,
      port: association.port,
      reason: why.reason,
      text: why.text,
      ...(claimed !== undefined && { identity: claimed }),
    });
  }

  private end(association: Association, reason: CloseReason, tell = true): void {
    if (association.state !== 'connected') return;
    if (tell) this.sendAlert(association, AlertLevel.Warning, Alert.CloseNotify);
    association.state = 'closed';
    association.finalFlight = undefined;
    this.associations.remove(association);
    this.events.emit('closed', { association, reason });
  }

  private sendAlert(association: Association, level: number, alert: number): void {
    const { records, address, port } = association;
    if (records.sequence >= records.sequenceEnd) return;
    const content = Buffer.from([level, alert]);
    const record =
      records.writing === undefined ? records.plain(ContentType.Alert, content) : records.seal(ContentType.Alert, content);
    this.options.transmit(record, address, port);
  }

  /** The peer said its Finished again: it lacks ours. */
  private repeatFinal(association: Association): void {
    const { finalFlight, records } = association;
    if (finalFlight === undefined) return;
    const now = this.clock.monotonic();
    if (now - finalFlight.sentAt < this.settings.retransmitMs / 2) return;
    finalFlight.sentAt = now;
    this.counters.retransmissions++;
    finalFlight.send(records, this.settings.largestDatagram, (datagram) =>
      this.options.transmit(datagram, association.address, association.port),
    );
  }

  private stateDue(association: Association): void {
    association.dueTop = Number.POSITIVE_INFINITY;
    this.events.emit('state-due', association);
  }

  private bug(error: unknown): void {
    this.counters.bugs++;
    this.options.onBug?.(error);
  }

  /** While there are associations: ends those whose address is gone for long, and lets go of last flights. */
  private keepHouse(): void {
    if (this.housekeeping !== undefined) return;
    this.housekeeping = this.clock.after(HOUSEKEEPING_MS, () => {
      this.housekeeping = undefined;
      const now = this.clock.monotonic();
      const idleSince = now - this.settings.limits.idleMs;
      for (const association of this.idle(idleSince)) this.end(association, 'idle', false);
      const kept = this.fresh.findIndex(({ connectedAt }) => now - connectedAt < FINAL_FLIGHT_MS);
      for (const association of this.fresh.splice(0, kept < 0 ? this.fresh.length : kept)) association.finalFlight = undefined;
      if (this.associations.size > 0) this.keepHouse();
    });
  }

  private idle(since: number): Association[] {
    const found: Association[] = [];
    for (let next = this.associations.leastRecent; next !== undefined && next.heardAt < since; next = next.newer) {
      if (!next.movable) found.push(next);
    }
    return found;
  }
}
