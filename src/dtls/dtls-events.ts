/** What an endpoint tells whoever runs it. */
import type { AssociationView, PeerIdentity } from './association-view';
import type { FailureReason } from './failure';
import type { PeerAddress } from './settings';

export type CloseReason =
  | 'closed-by-peer'
  | 'closed'
  | 'replaced' // by a new handshake from the same place
  | 'revoked'
  | 'evicted' // idle for longest when room was needed
  | 'idle'
  | 'exhausted' // its record numbers are used up
  | 'forgeries' // more than its tags can stand
  | 'stopped';

export interface HandshakeFailed extends PeerAddress {
  readonly association: number;
  readonly role: 'server' | 'client';
  readonly reason: FailureReason;
  /** For a person; names the identity where one was claimed. */
  readonly text: string;
  /** Claimed, and not proved. */
  readonly identity?: PeerIdentity;
}

export interface DtlsEvents {
  association: AssociationView;
  /** The peer is met at another address; the record that told was authentic and newer than all before. */
  rebind: { readonly association: AssociationView; readonly from: PeerAddress; readonly to: PeerAddress };
  'handshake-failed': HandshakeFailed;
  closed: { readonly association: AssociationView; readonly reason: CloseReason };
  /** So many forged records came from there that it is not listened to for a while. */
  suspicious: PeerAddress;
  /** It was heard with a newer record than its stored place says: store that soon (`outliving.ts`). */
  'state-due': AssociationView;
}
