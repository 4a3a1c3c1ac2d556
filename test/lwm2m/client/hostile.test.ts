/** Whatever a server asks, the client answers with a code of the specification and stays as it was. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code, codeText } from '../../../src/coap/codes';
import { givenClient, thermometer } from './world';

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('3', '0', '7', '9', '4', '14', '3303', '5700', '1', '8', '19', '65535') },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
);
const path = fc.array(segment, { maxLength: 5 }).map((segments) => segments.map((one) => `/${one.replaceAll('/', '')}`).join(''));
const query = fc.array(
  fc.oneof(
    fc.constantFrom('pmin=1', 'pmax', 'gt=5', 'lt=9', 'st=0', 'epmin=3', 'depth=2', 'pmin=', 'gt=1e5', '=', 'pmin=1=2'),
    fc.string({ maxLength: 8 }),
  ),
  { maxLength: 3 },
);
const format = fc.option(fc.constantFrom(0, 40, 42, 60, 110, 112, 320, 11542, 11543, 11544, 65_535), { nil: undefined });
const payload = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('[]', '[{"n":"/3/0/14","vs":"x"}]', '21.5', "0='a'", '{"e":[]}').map((text) => Buffer.from(text)),
    fc
      .constantFrom('80', 'c0', 'c10900', '0800', 'e3164543656c', '9fff', 'a0', '81a0', 'ff')
      .map((hex) => Buffer.from(hex, 'hex')),
  ),
  { nil: undefined },
);
/** POST /1/0/4 disables the client, and DELETE empties it: both are right, and end the test. */
const code = fc.constantFrom(Code.Get, Code.Post, Code.Put, Code.Fetch, Code.IPatch, Code.Patch);

describe('hostile requests', () => {
  for (const version of ['1.0', '1.1', '1.2']) {
    it(`are answered, each with 2.xx or 4.xx (${version})`, async function () {
      this.timeout(20_000);
      const world = await givenClient({ objects: thermometer(version), lifetime: 1_000_000 });
      const warnings: unknown[] = [];
      const listen = (warning: unknown): unknown => warnings.push(warning);
      process.on('warning', listen);
      await fc.assert(
        fc.asyncProperty(
          path,
          code,
          query,
          format,
          format,
          payload,
          fc.option(fc.constantFrom(0, 1, 7), { nil: undefined }),
          async (target, method, items, contentFormat, accept, body, observe) => {
            if (target === '/1/0/4' && method === Code.Post) return;
            const answer = await world.server.ask(target, {
              code: method,
              query: items,
              ...(contentFormat !== undefined && { contentFormat }),
              ...(accept !== undefined && { accept }),
              ...(body !== undefined && { payload: body }),
              ...(observe !== undefined && { observe }),
            });
            assert.ok(answer.code >> 5 === 2 || answer.code >> 5 === 4, `${codeText(answer.code)} to ${target}`);
          },
        ),
        { numRuns: 1_500, seed: 20_260_101 },
      );
      await new Promise((resolve) => setImmediate(resolve));
      process.removeListener('warning', listen);
      assert.deepEqual(warnings, []);
      assert.equal((await world.server.ask('/3/0/0')).payload.toString(), 'Acme');
      assert.ok(world.client.observations.length <= 200);
      assert.ok(world.tree.instances(3303).length <= 100);
    });
  }
});
