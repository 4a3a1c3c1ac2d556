/** A whole server under attack over DTLS: what is refused, what is told, what a device notices of it, and what is held meanwhile. */
import assert from 'node:assert/strict';
import type { CoapLayer } from '../../src/coap/layer';
import { Alert, AlertLevel, ContentType } from '../../src/dtls/protocol';
import { plainRecord } from '../../src/dtls/record';
import type { PeerAddress } from '../../src/dtls/settings';
import { Lockstep } from '../dtls/lockstep';
import { testBytes } from '../dtls/world';
import { givenServer, locationOf, PORT, SERVER } from './dtls-world';

const HELLOS_PER_SECOND = 10_000;
const BATCH_MS = 100;

/** `dev` registered, and observed; what it said until then, as seen on the network. */
async function givenObserved() {
  const world = await givenServer();
  const { clock, network, secure, server, makeDevice, start } = world;
  network.record = true;
  const device = await start(makeDevice('dev'));
  await Promise.all([server.perform('dev', { operation: 'observe', path: '/3303/0/5700' }), clock.advanceAsync(1_000)]);
  network.record = false;
  const own = device.carrier.local ?? assert.fail('not open');
  const said = network.sightings.filter(({ to }) => to === `${SERVER}:${PORT}`).map(({ datagram }) => datagram);
  const { layer } = server as unknown as { layer: CoapLayer };
  const held = () => {
    const { endpoints, tokens, blockBytes } = layer.held();
    return { ...secure.endpoint.held(), endpoints, tokens, blockBytes };
  };
  const from = ({ address, port }: PeerAddress, ...datagrams: readonly Buffer[]): void => {
    const transport = network.transport(address, port);
    for (const datagram of datagrams) transport.send(datagram, SERVER, PORT);
  };
  const suspicious: PeerAddress[] = [];
  secure.endpoint.events.on('suspicious', (source) => suspicious.push(source));
  /** It reports a value and is read, and both arrive. */
  const isServed = async (value: number): Promise<void> => {
    device.client.setValue('/3303/0/5700', value);
    const read = server.perform('dev', { operation: 'read', path: '/3/0/0' });
    await clock.advanceAsync(1_000);
    assert.equal((await read).values[0]?.value, 'Acme');
    assert.equal(world.notifications.at(-1)?.values[0]?.value, value);
  };
  return { ...world, device, own, said, held, from, suspicious, isServed };
}

/** With a number that is still to come, so that its tag has to be looked at, and cannot be right. */
function forged(record: Buffer): Buffer {
  const copy = Buffer.from(record);
  copy.writeUIntBE(2 ** 30, 5, 6);
  return copy;
}

describe('a server under attack over DTLS', () => {
  it('10,000 spoofed ClientHellos a second, half with made-up cookies, from 50,000 addresses and its own: a device is answered, nothing is held', async () => {
    const { clock, network, secure, server, notifications, own, device, held, from } = await givenObserved();
    const lockstep = new Lockstep(network);
    const random = testBytes(9);
    const quiet = held();
    const { counters } = secure.endpoint;
    const reads: Promise<unknown>[] = [];
    const seconds = 5;
    let sent = 0;
    for (let second = 1; second <= seconds; second++) {
      device.client.setValue('/3303/0/5700', second);
      reads.push(server.perform('dev', { operation: 'read', path: '/3/0/0' }).then(({ values }) => values[0]?.value));
      for (let batch = 0; batch < 1_000 / BATCH_MS; batch++) {
        for (let index = 0; index < (HELLOS_PER_SECOND * BATCH_MS) / 1_000; index++, sent++) {
          const hello = lockstep.helloRecord(sent % 2 === 0 ? {} : { cookie: random(32) });
          const spoofed = {
            address: `10.${100 + (sent >> 16)}.${(sent >> 8) & 255}.${sent & 255}`,
            port: 1_024 + (sent % 60_000),
          };
          from(index === 0 ? own : spoofed, hello);
        }
        await clock.advanceAsync(BATCH_MS);
        const { handshakes, reassemblyBytes, associations, endpoints } = held();
        assert.deepEqual([handshakes, reassemblyBytes, associations, endpoints], [0, 0, 1, quiet.endpoints]);
      }
    }
    await clock.advanceAsync(1_000);
    assert.equal(sent, seconds * HELLOS_PER_SECOND);
    assert.equal(counters.helloVerifyRequests, sent + 1, 'each was asked to prove its address, and the device once');
    assert.deepEqual(await Promise.all(reads), Array(seconds).fill('Acme'));
    assert.deepEqual(
      notifications.map(({ values }) => values[0]?.value),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual(held(), quiet);
    assert.deepEqual([counters.handshakes, counters.bugs, server.refused, server.size], [1, 0, 0, 1]);
  }).timeout(60_000);

  it('all that a device said, again and again, from its own address and from others: nothing happens twice, nobody moves', async () => {
    const { clock, secure, server, lifecycle, notifications, own, said, held, from, isServed } = await givenObserved();
    const quiet = held();
    const before = [lifecycle.length, notifications.length];
    const { counters } = secure.endpoint;
    for (let round = 0; round < 20; round++) {
      from(own, ...said);
      from({ address: `10.200.0.${round}`, port: 5_000 }, ...said);
      await clock.advanceAsync(BATCH_MS);
      assert.ok(held().handshakes <= 1, 'its own hello, with a cookie that is good there');
    }
    assert.ok(counters.replayed >= 20 * 2, 'its records were known');
    assert.deepEqual([lifecycle.length, notifications.length], before);
    assert.deepEqual([counters.rebinds, counters.handshakes], [0, 1]);
    assert.equal(server.registration('dev')?.address, `${own.address}:${own.port}`);
    await isServed(7);
    await clock.advanceAsync(70_000);
    assert.deepEqual(held(), quiet);
  });

  it('plain text and wrong tags in the place of its records: nothing is heard, nothing ends, and who floods is named and not listened to', async () => {
    const { clock, secure, server, lifecycle, own, said, held, from, suspicious, isServed } = await givenObserved();
    const quiet = held();
    const events = lifecycle.length;
    const { counters } = secure.endpoint;
    // DELETE /rd/<id>: whoever were heard with it would have ended the registration.
    const id = Buffer.from(locationOf(server, 'dev'));
    const leave = Buffer.concat([Buffer.from([0x40, 4, 0x12, 0x34, 0xb2]), Buffer.from('rd'), Buffer.from([id.length]), id]);
    assert.ok(id.length < 13, 'a length in a nibble');
    const alert = (level: number, description: number) => plainRecord(ContentType.Alert, 9, Buffer.from([level, description]));
    const plain = [
      plainRecord(ContentType.ApplicationData, 9, leave),
      alert(AlertLevel.Warning, Alert.CloseNotify),
      alert(AlertLevel.Fatal, Alert.HandshakeFailure),
      plainRecord(ContentType.ChangeCipherSpec, 9, Buffer.from([1])),
    ];
    const last = said.at(-1) ?? assert.fail('it said nothing');
    const flood = { address: '10.66.0.1', port: 6_666 };
    for (let round = 0; round < 10; round++) {
      from(own, ...plain, forged(last));
      from(flood, ...Array<Buffer>(1_000).fill(forged(last)));
      await clock.advanceAsync(BATCH_MS);
    }
    assert.equal(lifecycle.length, events);
    assert.ok(suspicious.length > 0 && suspicious.every(({ address, port }) => address === flood.address && port === flood.port));
    assert.ok(
      counters.forged >= 128 && counters.quiet > counters.forged,
      `${counters.forged} tried, ${counters.quiet} not looked at`,
    );
    assert.deepEqual([counters.rebinds, counters.bugs, server.size], [0, 0, 1]);
    await isServed(8);
    assert.deepEqual(held(), quiet);
  });

  it('the key of one with the name of another, over and over: refused and named once a minute, and the other is not touched', async () => {
    const { clock, server, lifecycle, own, makeDevice, isServed } = await givenObserved();
    const thief = makeDevice('dev', 'key-thief');
    void thief.client.start();
    await clock.advanceAsync(100_000);
    const refused = lifecycle.filter(({ event }) => event === 'refused');
    assert.ok(refused.length >= 1 && refused.length <= 2);
    assert.ok(server.refused >= refused.length);
    for (const { device, refusal } of refused) {
      assert.equal(device, 'dev');
      assert.match(refusal?.reason ?? '', /^dev from 10\.2\.0\.1 refused: PSK identity key-thief is that of thief$/);
      assert.notEqual(refusal?.remedy, '');
    }
    assert.equal(server.registration('dev')?.address, `${own.address}:${own.port}`);
    assert.equal(server.size, 1);
    await isServed(9);
    await thief.client.stop();
  });
});
