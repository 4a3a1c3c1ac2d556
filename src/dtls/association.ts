/** One peer: its keys, its address and who it is. The id stays, whatever the address does; a new handshake makes a new association. */
import type { AssociationState, AssociationView, PeerIdentity } from './association-view';
import type { Flight } from './flight';
import type { Handshake } from './handshake';
import { RecordLayer } from './record';
import type { WindowSize } from './replay-window';
import type { Suite } from './suites';

export class Association implements AssociationView {
  state: AssociationState = 'handshake';
  identity: PeerIdentity | undefined = undefined;
  suite: Suite | undefined = undefined;
  resumed = false;
  extendedMasterSecret = false;
  encryptThenMac = false;
  readonly records: RecordLayer;
  handshake: Handshake | undefined = undefined;
  /** Our last flight, to be said again while the peer may lack it; it has no timer of its own. */
  finalFlight: Flight | undefined = undefined;
  /** Milliseconds, monotonic. */
  connectedAt = 0;
  heardAt = 0;
  /** The life of this endpoint in which its keys were made (`lives.ts`). */
  born = 0;
  /** The peer's record number from which on its stored place is out of date (`snapshot.ts`). */
  dueTop = Number.POSITIVE_INFINITY;
  /** Neighbours in the order of last use. */
  older: Association | undefined = undefined;
  newer: Association | undefined = undefined;

  constructor(
    readonly id: number,
    readonly role: 'server' | 'client',
    public address: string,
    public port: number,
    windowSize: WindowSize,
  ) {
    this.records = new RecordLayer(windowSize);
  }

  get movable(): boolean {
    return this.records.ownCid.length > 0;
  }
}
