/** Caps on what those who connect can make a transport hold, in count, bytes and time. */

export interface TcpLimits {
  /** Open at once, refused and closing ones included: each costs a descriptor and some 10 kB. */
  readonly connections: number;
  /** From one address; a NAT or a gateway may stand for many devices. */
  readonly connectionsPerAddress: number;
  /** Of one message, announced to the peer (Max-Message-Size). */
  readonly largestMessage: number;
  /** All messages that are not complete, and all answers their peers have not taken yet. */
  readonly heldBytes: number;
  /** Answers one peer has not taken yet. */
  readonly unsentBytes: number;
  /** From connecting to the first message. */
  readonly openingMs: number;
  /** From the first byte of a message to its last, and one more for each byte it announces: slower than that nobody is. */
  readonly messageMs: number;
  /** Without a byte from the peer before it is asked whether it is there (Ping). */
  readonly idleMs: number;
  /** For its answer. */
  readonly pongMs: number;
}

export const DEFAULT_TCP_LIMITS: TcpLimits = {
  connections: 20_000,
  connectionsPerAddress: 1_000,
  largestMessage: 1024 * 1024,
  heldBytes: 64 * 1024 * 1024,
  unsentBytes: 1024 * 1024,
  openingMs: 10_000,
  messageMs: 30_000,
  idleMs: 30 * 60_000,
  pongMs: 60_000,
};
