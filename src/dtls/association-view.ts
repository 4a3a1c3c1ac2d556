/** What others may see of an association, and of who the peer proved to be. */
import type { Suite } from './suites';

/** What a handshake proved. */
export interface PeerIdentity {
  readonly security: 'psk' | 'rpk' | 'x509';
  /** PSK identity, or the name that a look-up gave to a key or certificate. */
  readonly name: string;
}

export type AssociationState = 'handshake' | 'connected' | 'closed';

export interface AssociationView {
  readonly id: number;
  readonly role: 'server' | 'client';
  readonly state: AssociationState;
  readonly address: string;
  readonly port: number;
  readonly identity: PeerIdentity | undefined;
  readonly suite: Suite | undefined;
  readonly resumed: boolean;
  /** Does the peer put a CID into its records? Then its address may change. */
  readonly movable: boolean;
}
