/** A package fetched block by block: it goes on where it stood, and ends with a reason. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { decodeBlock } from '../../../src/coap/block/option';
import { Code } from '../../../src/coap/codes';
import type { CoapResponse, ResponseCallback } from '../../../src/coap/layer';
import { DeviceManagementError } from '../../../src/errors';
import { type FetchOptions, PackageFetch } from '../../../src/lwm2m/client/package-fetch';

const BODY = Buffer.from(Array.from({ length: 3000 }, (_, at) => at & 255));

type Reply = Partial<CoapResponse> | 'silence';

/** A server that answers each request as `reply` says; by default with the block that is asked for. */
function given(
  reply: (at: number) => Reply | undefined = () => undefined,
  options: FetchOptions = {},
  most = Number.POSITIVE_INFINITY,
) {
  const clock = new VirtualClock();
  const asked: [number: number, szx: number][] = [];
  const parts: Buffer[] = [];
  const ends: string[] = [];
  const ask = (block2: number, callback: ResponseCallback) => {
    const { number, szx } = decodeBlock(block2) ?? assert.fail('the reserved size');
    const at = asked.push([number, szx]) - 1;
    const size = 2 ** (szx + 4);
    const payload = BODY.subarray(number * size, (number + 1) * size);
    const usual: Partial<CoapResponse> = {
      code: Code.Content,
      payload,
      etag: Buffer.from('1'),
      block: { number, szx, more: (number + 1) * size < BODY.length },
      size: BODY.length,
    };
    const said = reply(at);
    if (said === 'silence') callback(new DeviceManagementError('timeout', 'nobody answered'), undefined);
    else callback(undefined, { ...usual, ...said } as CoapResponse);
    return { cancel: () => undefined };
  };
  const fetch = new PackageFetch(
    clock,
    ask,
    {
      part: (bytes) => {
        parts.push(bytes);
        return parts.length < most;
      },
      done: () => ends.push('done'),
      failed: (why) => ends.push(why),
    },
    options,
  );
  fetch.start();
  return { clock, fetch, asked, parts, ends };
}

describe('a package that is fetched', () => {
  it('comes block by block, each asked for by itself', () => {
    const { asked, parts, ends } = given();
    assert.deepEqual(asked, [[0, 6], [1, 6], [2, 6]]); // biome-ignore format: a table
    assert.deepEqual([Buffer.concat(parts), ends], [BODY, ['done']]);
  });

  it('in blocks of the size that the device can take, or the server', () => {
    assert.equal(given(undefined, { blockSize: 256 }).asked.length, 12);
    const { asked, parts } = given((at) =>
      at === 0 ? { block: { number: 0, szx: 4, more: true }, payload: BODY.subarray(0, 256) } : undefined,
    );
    assert.deepEqual(asked.slice(0, 3), [[0, 6], [1, 4], [2, 4]]); // biome-ignore format: a table
    assert.deepEqual(Buffer.concat(parts), BODY);
  });

  it('goes on at the same block after a silence or a server that is not up to it', () => {
    for (const trouble of ['silence', { code: Code.ServiceUnavailable }, { code: Code.TooManyRequests }] as const) {
      const { clock, asked, parts, ends } = given((at) => (at === 1 || at === 2 ? trouble : undefined));
      clock.advance(10_000);
      assert.deepEqual(
        asked.map(([number]) => number),
        [0, 1, 1, 1, 2],
      );
      assert.deepEqual([Buffer.concat(parts), ends], [BODY, ['done']]);
    }
  });

  it('is given up when nobody answers for long', () => {
    const { clock, asked, ends } = given(() => 'silence');
    clock.advance(600_000);
    assert.deepEqual([asked.length, ends, clock.pending], [5, ['connection-lost'], 0]);
  });

  it('ends when there is nothing, when it is another one now, or the server makes no sense', () => {
    for (const [reply, end] of [
      [{ code: Code.NotFound }, 'invalid-uri'],
      [{ etag: Buffer.from('2') }, 'changed'],
      [{ block: { number: 9, szx: 6, more: true } }, 'connection-lost'],
    ] as const)
      assert.deepEqual(given((at) => (at === 1 ? reply : undefined)).ends, [end]);
  });

  it('ends when that is enough, and when it is cancelled', () => {
    const enough = given(undefined, {}, 2);
    assert.deepEqual([enough.parts.length, enough.ends], [2, []]);
    const { fetch, clock, asked, ends } = given(undefined, { pauseMs: () => 1000 });
    fetch.cancel();
    clock.advance(10_000);
    assert.deepEqual([asked.length, ends], [1, []]);
  });

  it('waits between parts where it is told to', () => {
    const { clock, asked, ends } = given(undefined, { pauseMs: (offset) => (offset < 2000 ? 1000 : 0) });
    assert.equal(asked.length, 1);
    clock.advance(1000);
    assert.deepEqual([asked.length, ends], [3, ['done']]);
  });
});
