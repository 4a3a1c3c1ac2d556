/**
 * The protection of one direction of an association: what it does, and its keys. It sees fragments and what is authenticated with them,
 * and knows neither numbers nor addresses. Opening never throws.
 */

/**
 * `additional` is what a tag covers beside the content (RFC 5246 §6.2.3.3, RFC 9146 §5). Its last two bytes are the length of the
 * content; a cipher that covers something else writes that length there.
 */
export interface RecordCipher {
  /** Bytes of a fragment with so much content. */
  sealedLength(contentLength: number): number;
  /** Writes the fragment at `at`; the eight bytes of `sequence` (epoch and number) never repeat under one key. */
  seal(additional: Buffer, sequence: Buffer, content: Buffer, target: Buffer, at: number): void;
  /** Whether a fragment so long can be one. */
  plausibleLength(fragmentLength: number): boolean;
  /** The content, or undefined when the tag is wrong. */
  open(additional: Buffer, datagram: Buffer, at: number, end: number): Buffer | undefined;
  /** The keys, to be stored (encrypted) and given to `cipherFrom`. */
  material(): Buffer;
}
