/** The message layer as a whole, over a network that is lossless, and over one that is not. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import type { IncomingRequest } from '../../src/coap/incoming';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import { ask, givenLayer } from './world';

describe('the message layer', () => {
  it('brings a request to its handler once and the response back, under loss, duplication and reordering', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 5_000 }),
        async (seed, up, down) => {
          const clock = new VirtualClock();
          const network = new MemoryNetwork(clock, {
            seed,
            loss: 0.15,
            duplicate: 0.2,
            reorder: 0.2,
            reorderMs: 800,
            delayMs: 20,
          });
          const body = Buffer.alloc(down, 0x61);
          const served: IncomingRequest[] = [];
          const server = await givenLayer({
            clock,
            network,
            onRequest: (request) => {
              served.push(request);
              request.respond({ code: Code.Changed, payload: body });
            },
          });
          const client = await givenLayer({ clock, network, address: '10.0.0.2' });
          const outcome = ask(client.layer, client.layer.endpoint('10.0.0.1', 5683), {
            code: Code.Post,
            path: ['a', 'b'],
            query: ['x=1'],
            payload: Buffer.alloc(up, 0x62),
          });
          await clock.advanceAsync(2_000_000);
          await server.layer.close();
          await client.layer.close();
          // Five transmissions may all be lost; then it is a timeout, told once, and nothing else.
          if (outcome.error !== undefined) assert.equal(outcome.error.code, 'timeout');
          else {
            assert.equal(outcome.response?.code, Code.Changed);
            assert.deepEqual(outcome.response?.payload, body);
            assert.equal(served.length, 1);
            assert.equal(served[0]?.payload.length, up);
            assert.deepEqual(served[0]?.path, ['a', 'b']);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
