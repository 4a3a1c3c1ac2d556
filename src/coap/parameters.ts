/** Transmission parameters and the times derived from them (RFC 7252 §4.8). Instances, never globals: one slow link is no reason to slow all. */

export interface TransmissionParameters {
  readonly ackTimeoutMs: number;
  readonly ackRandomFactor: number;
  readonly maxRetransmit: number;
  /** Outstanding requests per peer. */
  readonly nstart: number;
  /** Bytes per second to a peer that does not answer. */
  readonly probingRate: number;
  readonly maxLatencyMs: number;
  /** A request is acknowledged after this long when its answer is not ready (RFC 7252 §5.2.2 leaves the time open). */
  readonly separateAfterMs: number;
}

export const DEFAULT_PARAMETERS: TransmissionParameters = {
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  nstart: 1,
  probingRate: 1,
  maxLatencyMs: 100_000,
  separateAfterMs: 1_000,
};

export interface DerivedTimes {
  readonly maxTransmitSpanMs: number;
  readonly maxTransmitWaitMs: number;
  readonly exchangeLifetimeMs: number;
  readonly nonLifetimeMs: number;
}

/** RFC 7252 §4.8.2; always computed, so that the set stays consistent. */
export function derivedTimes(parameters: TransmissionParameters): DerivedTimes {
  const { ackTimeoutMs, ackRandomFactor, maxRetransmit, maxLatencyMs } = parameters;
  const processingDelayMs = ackTimeoutMs;
  const maxTransmitSpanMs = ackTimeoutMs * (2 ** maxRetransmit - 1) * ackRandomFactor;
  return {
    maxTransmitSpanMs,
    maxTransmitWaitMs: ackTimeoutMs * (2 ** (maxRetransmit + 1) - 1) * ackRandomFactor,
    exchangeLifetimeMs: maxTransmitSpanMs + 2 * maxLatencyMs + processingDelayMs,
    nonLifetimeMs: maxTransmitSpanMs + maxLatencyMs,
  };
}

/** Caps on what peers can make this layer hold. */
export interface LayerLimits {
  /** Peers without a registration; the oldest goes when one more comes. */
  readonly unknownEndpoints: number;
  /** Answers kept to be repeated; the oldest generation goes when they take more. */
  readonly deduplicationBytes: number;
  /** A body that is sent to us in blocks. */
  readonly requestBodyBytes: number;
  /** All bodies being received or served in blocks. */
  readonly blockBytes: number;
  readonly blockTransfers: number;
  readonly blockTransfersPerEndpoint: number;
  /** A body that we fetch in blocks. */
  readonly responseBodyBytes: number;
  /** Requests waiting for their turn with one peer (NSTART). */
  readonly queuedRequests: number;
  readonly queuedBytes: number;
}

export const DEFAULT_LIMITS: LayerLimits = {
  unknownEndpoints: 50_000,
  deduplicationBytes: 128 * 1024 * 1024,
  requestBodyBytes: 1024 * 1024,
  blockBytes: 32 * 1024 * 1024,
  blockTransfers: 2_000,
  blockTransfersPerEndpoint: 16,
  responseBodyBytes: 8 * 1024 * 1024,
  queuedRequests: 200,
  queuedBytes: 1024 * 1024,
};
