/** Why a handshake failed. For whoever runs the endpoint: the peer learns an alert at most, and often nothing. */

export type FailureReason =
  | 'unknown-identity' // nobody has this PSK identity, raw key or certificate name
  | 'wrong-key' // the identity is known, its key is another
  | 'bad-identity' // too long, or no text
  | 'no-certificate' // the peer showed none
  | 'certificate-refused'
  | 'bad-signature' // it does not own the key it showed
  | 'bad-finished' // what both sides saw is not the same
  | 'no-common-suite'
  | 'protocol-version'
  | 'malformed'
  | 'unexpected-message'
  | 'downgrade' // extended master secret was dropped
  | 'refused-by-peer'
  | 'timeout'
  | 'look-up-failed' // the look-up itself
  | 'superseded' // the peer began again
  | 'revoked'
  | 'stopped'; // this endpoint was

export interface Failure {
  readonly reason: FailureReason;
  /** A sentence for a person: what happened, and where it helps, what to do. */
  readonly text: string;
  /** Sent to the peer, if any. */
  readonly alert?: number;
}

export function failure(reason: FailureReason, text: string, alert?: number): Failure {
  return alert === undefined ? { reason, text } : { reason, text, alert };
}
