/** How much of a body goes to a peer in one message, and in what blocks a larger one goes. */
import type { PeerCapabilities } from '../transport';
import { LARGEST_BLOCK, SMALLEST_BLOCK } from './option';

export interface BodySizes {
  /** Payload bytes of one message. */
  readonly whole: number;
  /** Of one block: 16 to 1024, or a multiple of 1024 (BERT); 0 = the peer knows no blocks. */
  readonly block: number;
}

/** RFC 7252 §4.6: what fits a datagram everywhere; and what every peer on a connection takes before it has said more. */
export const USUAL_SIZES: BodySizes = { whole: LARGEST_BLOCK, block: LARGEST_BLOCK };

/** The message around a payload of 1024 bytes has up to 1152 (RFC 7252 §4.6). */
const MESSAGE_OVERHEAD = 128;
/**
 * On a connection, too, a longer body goes in blocks: each has the time of a whole request, and nothing else gets through while it is
 * under way.
 */
const LARGEST_WHOLE = 64 * 1024;

/** By what the peer said of itself; BERT needs blocks and messages larger than the usual (RFC 8323 §6). */
export function sizesFor({ largestMessage, blockwise }: PeerCapabilities): BodySizes {
  const whole = Math.max(largestMessage - MESSAGE_OVERHEAD, SMALLEST_BLOCK);
  if (!blockwise) return { whole, block: 0 };
  const most = Math.min(whole, LARGEST_WHOLE);
  return { whole: most, block: most < LARGEST_BLOCK ? most : most - (most % LARGEST_BLOCK) };
}
