/** Transmission parameters and what follows from them (RFC 7252 §4.8). */
import assert from 'node:assert/strict';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, derivedTimes } from '../../src/coap/parameters';

describe('the parameters', () => {
  it('are those of RFC 7252 §4.8', () => {
    const { ackTimeoutMs, ackRandomFactor, maxRetransmit, nstart, probingRate, maxLatencyMs } = DEFAULT_PARAMETERS;
    assert.deepEqual([ackTimeoutMs, ackRandomFactor, maxRetransmit, nstart, probingRate], [2_000, 1.5, 4, 1, 1]);
    assert.equal(maxLatencyMs, 100_000);
  });

  it('scale together with ACK_TIMEOUT on a slow link', () => {
    // RFC 7252 §4.8.2: SPAN 10·15·1.5, WAIT 10·31·1.5, LIFETIME SPAN + 200 + 10, NON SPAN + 100.
    assert.deepEqual(derivedTimes({ ...DEFAULT_PARAMETERS, ackTimeoutMs: 10_000 }), {
      maxTransmitSpanMs: 225_000,
      maxTransmitWaitMs: 465_000,
      exchangeLifetimeMs: 435_000,
      nonLifetimeMs: 325_000,
    });
  });

  it('without retransmission leave one wait and the time a datagram may live', () => {
    const times = derivedTimes({ ...DEFAULT_PARAMETERS, maxRetransmit: 0 });
    assert.equal(times.maxTransmitSpanMs, 0);
    assert.equal(times.maxTransmitWaitMs, 3_000);
    assert.equal(times.exchangeLifetimeMs, 202_000);
  });
});

describe('the limits', () => {
  it('are all set, and a body fits what all bodies may take', () => {
    for (const [name, limit] of Object.entries(DEFAULT_LIMITS)) assert.ok(Number.isFinite(limit) && limit > 0, name);
    assert.ok(DEFAULT_LIMITS.requestBodyBytes <= DEFAULT_LIMITS.blockBytes);
    assert.ok(DEFAULT_LIMITS.blockTransfersPerEndpoint <= DEFAULT_LIMITS.blockTransfers);
  });
});
