/**
 * What carries messages. To the layer every message is one of RFC 7252, whatever it looks like on the wire: a transport that has a form of
 * its own (RFC 8323) translates. There are two kinds, told apart by `reliable`.
 *
 * - Datagrams (UDP, DTLS): may be lost, repeated and overtaken; the layer acknowledges, repeats and recognises.
 * - Connections (TCP, TLS): all of it arrives, once and in order, or the end of the connection is told. Type and message ID mean nothing
 *   there; the layer sends everything as non-confirmable with ID 0 and looks at neither in what comes.
 */

import type { Identity } from '../device/identity';

/** What a peer takes, as it said when the connection began (RFC 8323 §5.3). */
export interface PeerCapabilities {
  /** Bytes of a whole message. */
  readonly largestMessage: number;
  /** Whether it knows block-wise transfer. */
  readonly blockwise: boolean;
}

/** A peer whose proof was not accepted, and who is therefore not heard. */
export interface RefusedPeer {
  readonly address: string;
  readonly port: number;
  /** Whom it claims to be. */
  readonly name?: string;
  /** For a person, a sentence without its full stop. */
  readonly reason: string;
}

export interface Receiver {
  /** One message; the buffer is the receiver's to keep. */
  received(datagram: Buffer, address: string, port: number): void;
  /** Told by reliable transports only: the peer on this connection takes larger messages than every peer must. */
  announced?(address: string, port: number, capabilities: PeerCapabilities): void;
  /** Told by reliable transports only: the connection has ended, or could not be made. The next one is another peer. */
  disconnected?(address: string, port: number, reason: string): void;
  /** Told by transports that prove who a peer is. */
  refused?(peer: RefusedPeer): void;
}

/** Where a transport listens. */
export interface LocalAddress {
  readonly address: string;
  readonly port: number;
}

export interface Transport {
  /** "udp", "tcp", "memory" */
  readonly name: string;
  /** RFC 8323 instead of RFC 7252 §4: no acknowledgement, repetition or recognition of repeats. */
  readonly reliable?: boolean;
  /** Once open; undefined too for a transport that only connects out. */
  readonly local: LocalAddress | undefined;
  /** @throws DeviceManagementError `port-in-use` or `server-unavailable`, saying what to do */
  open(receiver: Receiver): Promise<void>;
  /** Never throws; what cannot be sent is lost, as on any network. The buffer must not change afterwards. */
  send(datagram: Buffer, address: string, port: number): void;
  /**
   * Who a peer is and where, for transports that prove it: there the address and port given above may be a name of the peer's own, that
   * stays while its address changes. Undefined = nothing is proved, or no more.
   */
  identify?(address: string, port: number): Identity | undefined;
  /** Ends the connection to a peer, and says why when the peer has broken a rule. Transports with connections or associations only. */
  disconnect?(address: string, port: number, fault?: string): void;
  /** Ends what was proved by this name (`Identity`): its credentials are no longer good. */
  revoke?(name: string): void;
  /** Another socket at another port, as of a device that has started anew. Datagrams only, and where any port will do. */
  reopen?(): Promise<void>;
  close(): Promise<void>;
}
