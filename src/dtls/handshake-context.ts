/** What a handshake needs of the endpoint it belongs to. */
import type { Clock } from '../clock';
import type { Deadlines } from '../deadlines';
import type { Association } from './association';
import type { DtlsCounters } from './counters';
import type { Failure } from './failure';
import type { Handshake } from './handshake';
import type { LookUps } from './look-ups';
import type { ReassemblyBudget } from './reassembly';
import type { Sessions } from './sessions';
import type { Credentials, Settings } from './settings';
import type { Suite } from './suites';

export interface HandshakeContext {
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  readonly settings: Settings;
  /** Others from time to time (`DtlsEndpoint.trust`), for the handshakes that begin then. */
  readonly credentials: Credentials;
  readonly suites: readonly Suite[];
  readonly sessions: Sessions;
  readonly lookUps: LookUps;
  readonly budget: ReassemblyBudget;
  readonly counters: DtlsCounters;
  readonly timers: Deadlines<Handshake>;
  transmit(association: Association, datagram: Buffer): void;
  /** A CID by which `association` is found from now on; undefined when there is none to give. */
  allotCid(association: Association): Buffer | undefined;
  /** Looks again at a datagram that came before its keys. */
  replay(association: Association, datagram: Buffer): void;
  /** @param then called once what the peer is about to rely on is stored */
  keep(association: Association, then: () => void): void;
  established(handshake: Handshake): void;
  failed(handshake: Handshake, failure: Failure): void;
}
