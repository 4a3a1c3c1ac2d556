/** What an endpoint counts. */
export class DtlsCounters {
  datagrams = 0;
  /** Datagrams, or the rest of them, that are no records. */
  malformed = 0;
  helloVerifyRequests = 0;
  /** Hellos with a good cookie that found no room. */
  halfOpenRefused = 0;
  handshakes = 0;
  resumptions = 0;
  handshakesFailed = 0;
  retransmissions = 0;
  /** Handshake messages and records that nothing waits for. */
  unexpected = 0;
  received = 0;
  sent = 0;
  /** Records for a CID or an address that is nobody's. */
  unknown = 0;
  replayed = 0;
  /** Records with a wrong tag, and those not looked at because too many came before. */
  forged = 0;
  quiet = 0;
  rebinds = 0;
  evicted = 0;
  /** Exceptions of our own code while it handled a datagram; always zero, or there is a bug. */
  bugs = 0;
}
