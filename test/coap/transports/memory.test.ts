/** The network in memory: as bad as it is told to be, and the same every time for the same seed. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork, type NetworkFaults, seededRandom } from '../../../src/coap/transports/memory';

interface Arrival {
  readonly text: string;
  readonly at: number;
  readonly from: string;
}

/** Sends `count` datagrams a second apart and tells what arrived. */
async function arrivals(faults: NetworkFaults, count = 200): Promise<Arrival[]> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, faults);
  const seen: Arrival[] = [];
  await network.transport('10.0.0.2', 1).open({
    received: (datagram, address, port) =>
      seen.push({ text: datagram.toString(), at: clock.monotonic(), from: `${address}:${port}` }),
  });
  const sender = network.transport('10.0.0.1', 7);
  for (let index = 0; index < count; index++) {
    sender.send(Buffer.from(String(index)), '10.0.0.2', 1);
    clock.advance(1_000);
  }
  clock.advance(60_000);
  return seen;
}

const order = (seen: readonly Arrival[]): number[] => seen.map(({ text }) => Number(text));

describe('the network in memory', () => {
  it('without faults delivers each datagram once, in order, after its delay, from where it was sent', async () => {
    const seen = await arrivals({ delayMs: 30 });
    assert.deepEqual(
      seen.map(({ at, text, from }) => [at, text, from]),
      Array.from({ length: 200 }, (_, index) => [index * 1_000 + 30, String(index), '10.0.0.1:7']),
    );
  });

  it('loses as many as it is told', async () => {
    const { length } = await arrivals({ loss: 0.3 }, 1_000);
    assert.ok(length > 630 && length < 770, `${length} arrived`);
    assert.deepEqual(await arrivals({ loss: 1 }), []);
  });

  it('repeats as many as it is told', async () => {
    const { length } = await arrivals({ duplicate: 0.3 }, 1_000);
    assert.ok(length > 1_230 && length < 1_370, `${length} arrived`);
    assert.equal((await arrivals({ duplicate: 1 })).length, 400);
  });

  it('holds some back, so that later ones overtake them, and no longer than it is told', async () => {
    const seen = await arrivals({ reorder: 0.3, reorderMs: 5_000, delayMs: 10 });
    const numbers = order(seen);
    assert.equal(new Set(numbers).size, 200);
    assert.ok(numbers.some((number, at) => at > 0 && number < (numbers[at - 1] as number)));
    for (const { text, at } of seen) assert.ok(at - Number(text) * 1_000 <= 5_010, `${text} at ${at}`);
  });

  it('does all of it the same way again for the same seed, and another way for another', async () => {
    const faults = { loss: 0.2, duplicate: 0.2, reorder: 0.2 };
    const first = await arrivals({ ...faults, seed: 4 });
    assert.deepEqual(await arrivals({ ...faults, seed: 4 }), first);
    assert.notDeepEqual(await arrivals({ ...faults, seed: 5 }), first);
  });

  it('carries copies: neither sender nor receiver can change what the other has', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock, { duplicate: 1 });
    const seen: Buffer[] = [];
    await network.transport('10.0.0.2', 1).open({ received: (datagram) => void seen.push(datagram) });
    const sent = Buffer.from('abc');
    network.transport('10.0.0.1', 1).send(sent, '10.0.0.2', 1);
    sent.fill(0);
    clock.advance(10);
    seen[0]?.fill(1);
    assert.equal(seen[1]?.toString(), 'abc');
    assert.equal(network.sightings[0]?.datagram.toString(), 'abc');
  });

  it('has ports: a second transport at one is refused, one that has closed receives nothing and leaves it free', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock);
    const first = network.transport('10.0.0.2', 1);
    const seen: string[] = [];
    await first.open({ received: () => seen.push('first') });
    await assert.rejects(network.transport('10.0.0.2', 1).open({ received: () => undefined }), { code: 'port-in-use' });
    first.send(Buffer.from('x'), '10.0.0.2', 1);
    await first.close();
    clock.advance(100);
    assert.deepEqual(seen, []);
    await network.transport('10.0.0.2', 1).open({ received: () => undefined });
    assert.notEqual(network.transport('10.0.0.2').local?.port, network.transport('10.0.0.2').local?.port);
  });

  it('draws numbers that are spread evenly', () => {
    const next = seededRandom(1);
    const buckets = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index++) {
      const value = next();
      assert.ok(value >= 0 && value < 1);
      const bucket = Math.floor(value * 10);
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    assert.ok(
      buckets.every((count) => count > 850 && count < 1_150),
      `${buckets}`,
    );
  });
});
