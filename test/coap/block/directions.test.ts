/** All four directions of block-wise transfer between two layers, over a network that loses, repeats, reorders and delays. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import type { IncomingRequest } from '../../../src/coap/incoming';
import type { CoapLayer } from '../../../src/coap/layer';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import { ask, givenLayer, type Outcome } from '../world';

/** Retransmission enough that nothing is lost for good, so that each transfer must arrive. */
const PATIENT = { maxRetransmit: 12 };

interface Pair {
  readonly clock: VirtualClock;
  readonly server: CoapLayer;
  readonly device: CoapLayer;
  /** What each side was asked. */
  readonly asked: { readonly server: IncomingRequest[]; readonly device: IncomingRequest[] };
}

async function givenPair(seed: number, body: Buffer): Promise<Pair> {
  const clock = new VirtualClock();
  const faults = { seed, loss: 0.1, duplicate: 0.2, reorder: 0.2, reorderMs: 2_500, delayMs: 30 };
  const network = new MemoryNetwork(clock, faults);
  network.record = false;
  const onRequest = (request: IncomingRequest): void => request.respond({ code: Code.Content, payload: body });
  const server = await givenLayer({ clock, network, onRequest, parameters: PATIENT });
  const device = await givenLayer({ clock, network, onRequest, parameters: PATIENT, address: '10.0.0.2' });
  const asked = { server: server.requests, device: device.requests };
  return { clock, server: server.layer, device: device.layer, asked };
}

function patterned(length: number, salt: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + salt) & 255));
}

describe('block-wise transfer over a bad network', () => {
  const cases = fc.record({
    seed: fc.nat(1e6),
    up: fc.nat(6_000),
    down: fc.nat(6_000),
    blockSize: fc.constantFrom(64, 128, 256, 512, 1_024),
    code: fc.constantFrom(Code.Put, Code.Post, Code.Fetch),
  });

  it('brings bodies whole, once and in both directions at the same time, from either side', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, up, down, blockSize, code }) => {
        const answer = patterned(down, 1);
        const { clock, server, device, asked } = await givenPair(seed, answer);
        const payload = patterned(up, 2);
        const spec = { code, path: ['a', 'b'], query: ['x=1'], payload };
        const outcomes: Outcome[] = [
          ask(server, server.endpoint('10.0.0.2', 5683), spec, { blockSize }),
          ask(device, device.endpoint('10.0.0.1', 5683), spec, { blockSize }),
        ];
        clock.advance(100_000_000);
        for (const { error, response } of outcomes) {
          assert.equal(error, undefined);
          assert.deepEqual(response?.payload, answer);
        }
        for (const requests of Object.values(asked)) {
          assert.equal(requests.length, 1);
          assert.deepEqual(Buffer.from(requests[0]?.payload as Buffer), payload);
        }
        for (const layer of [server, device]) {
          const { tokens, blockTransfers, blockBytes, deduplicationEntries } = layer.held();
          // Minutes after the last message nothing is left of it (RFC 7252 §4.8.2).
          assert.deepEqual([tokens, blockTransfers, blockBytes], [0, 0, 0]);
          assert.ok(deduplicationEntries <= 400, `${deduplicationEntries} entries`);
        }
        await server.close();
        await device.close();
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps transfers of many paths apart, though they share the peer', async () => {
    const { clock, server, asked } = await givenPair(5, Buffer.alloc(0));
    const bodies = Array.from({ length: 8 }, (_, index) => patterned(700 + index, index));
    const outcomes = bodies.map((payload, index) =>
      ask(server, server.endpoint('10.0.0.2', 5683), { code: Code.Put, path: [String(index)], payload }, { blockSize: 64 }),
    );
    clock.advance(100_000_000);
    assert.deepEqual(
      outcomes.map(({ error }) => error?.message),
      bodies.map(() => undefined),
    );
    for (const request of asked.device) {
      assert.deepEqual(Buffer.from(request.payload), bodies[Number(request.path[0])]);
    }
    assert.equal(asked.device.length, 8);
  });
});
