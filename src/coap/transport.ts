/** What carries messages. A transport moves datagrams and knows nothing of what is in them. A layer may have several. */

export interface Receiver {
  /** One datagram; the buffer is the receiver's to keep. */
  received(datagram: Buffer, address: string, port: number): void;
}

/** Where a transport listens. */
export interface LocalAddress {
  readonly address: string;
  readonly port: number;
}

export interface Transport {
  /** "udp", "memory" */
  readonly name: string;
  /** Where it listens, once open. */
  readonly local: LocalAddress | undefined;
  /** @throws DeviceManagementError `port-in-use` or `server-unavailable`, saying what to do */
  open(receiver: Receiver): Promise<void>;
  /** Never throws; what cannot be sent is lost, as on any network. The buffer must not change afterwards. */
  send(datagram: Buffer, address: string, port: number): void;
  close(): Promise<void>;
}
