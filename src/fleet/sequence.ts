/** Requests of which each is asked only when the one before was answered well: "write the targets, then wipe". */
import type { Order, Outcome } from './outcomes';

/** What is to be asked after `order`; `undefined` when it was the last, or failed. */
export function following(order: Order, outcome: Outcome): Order | undefined {
  // What was begun is finished: only its first step asks whether the device may be disturbed.
  const { further, provided: _begun, ...same } = order;
  const [next, ...rest] = further ?? [];
  if (next === undefined || 'error' in outcome) return undefined;
  return { ...same, request: next, ...(rest.length > 0 && { further: rest }) };
}
