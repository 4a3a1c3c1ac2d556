/** What strangers can do before their cookie is good: nothing but get an answer shorter than what they sent. */
import assert from 'node:assert/strict';
import { fragmentRecord, fragmentsOf, Lockstep } from './lockstep';
import { givenConnected, givenWorld } from './world';

describe('before the cookie', () => {
  const SECRET_LIFE_MS = 5 * 60_000;

  /** Whether a hello, which may differ from the one that got the cookie, begins a handshake. */
  async function isTaken(
    change: (client: Lockstep, world: ReturnType<typeof givenWorld>) => Promise<Lockstep> | Lockstep,
  ): Promise<boolean> {
    const world = givenWorld();
    const client = new Lockstep(world.network);
    await client.takeCookie();
    const sender = await change(client, world);
    const answers = sender.messages().length;
    sender.send(sender.helloRecord({ cookie: client.hello.cookie }));
    await sender.later();
    const isBegun = world.server.endpoint.held().handshakes === 1;
    assert.equal(sender.messages().length > answers, true, 'it is answered');
    assert.equal(sender.messages(answers)[0]?.type === 3, !isBegun, 'with another HelloVerifyRequest, or a ServerHello');
    return isBegun;
  }

  it('the same hello with its cookie is taken', async () => assert.ok(await isTaken((client) => client)));

  it('cookie-wrong-address, cookie-wrong-port: a cookie is good from where it was sent to, only', async () => {
    assert.equal(await isTaken((client, { network }) => new Lockstep(network, '10.0.0.66', 40_000, client.hello)), false);
    assert.equal(await isTaken((client, { network }) => new Lockstep(network, '10.0.0.9', 40_001, client.hello)), false);
  });

  it('cookie-other-params: a cookie is good for the hello it answers, only', async () => {
    const changes = [
      { suites: [0xc0a8, 0xc0a4] },
      { random: Buffer.alloc(32, 5) },
      { sessionId: Buffer.alloc(32, 5) },
      { extensions: {} },
    ];
    for (const change of changes) {
      const isSame = await isTaken((client) => {
        client.hello = { ...client.hello, ...change };
        return client;
      });
      assert.equal(isSame, false, Object.keys(change)[0]);
    }
  });

  it('cookie-old-secret: a cookie survives one change of the secret, and not two', async () => {
    const afterMs = (ms: number) => isTaken(async (client) => client.later(ms).then(() => client));
    assert.equal(await afterMs(SECRET_LIFE_MS), true);
    assert.equal(await afterMs(2 * SECRET_LIFE_MS), false);
  });

  it('hello-no-state: 100,000 first hellos leave no handshake, no timer and no byte', async () => {
    const { server, network, later } = givenWorld();
    network.record = false;
    const client = new Lockstep(network);
    const hello = client.helloRecord();
    const before = server.endpoint.held();
    for (let index = 0; index < 100_000; index++) {
      hello.writeUInt32BE(index, 30);
      server.endpoint.receive(hello, `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`, 1_024 + (index % 60_000));
      server.sent.length = 0;
      if (index % 10_000 === 0) await later(1_000);
    }
    assert.deepEqual(server.endpoint.held(), before);
    assert.equal(server.endpoint.counters.helloVerifyRequests, 100_000);
    assert.equal(server.failures.length, 0, 'and no event');
  });

  it('hvr-not-amplifying: no answer is longer than its hello', async () => {
    const { network } = givenWorld();
    const client = new Lockstep(network, '10.0.0.9', 40_000, { suites: [0xc0a8], extensions: {} });
    const hello = client.helloRecord();
    // The shortest piece that has all a cookie covers, and one that lacks a byte.
    const [shortest] = fragmentsOf(hello, 36);
    const [shorter] = fragmentsOf(hello, 35);
    for (const request of [hello, shortest as Buffer, shorter as Buffer]) {
      client.send(request);
      await client.later();
      assert.ok(client.lengths.every((length) => length <= request.length));
    }
    assert.equal(client.lengths.length, 2);
  });

  it('hello-epoch-1: a hello in a protected epoch begins nothing (eclipse/tinydtls #13)', async () => {
    const { network, server } = givenWorld();
    const client = new Lockstep(network);
    await client.takeCookie();
    const hello = client.helloRecord();
    hello.writeUInt16BE(1, 3);
    client.send(hello);
    await client.later();
    assert.equal(server.endpoint.held().handshakes, 0);
  });

  it('hello-message-seq-high: beyond a handful the number of a hello is nobody’s; 2 after a stale cookie is (californium #1620)', async () => {
    const { network, server } = givenWorld();
    const client = new Lockstep(network);
    await client.takeCookie();
    client.send(client.helloRecord({}, 9), client.helloRecord({}, 0xffff));
    await client.later();
    assert.equal(server.endpoint.held().handshakes, 0);
    client.hello = { ...client.hello, cookie: Buffer.alloc(32) };
    await client.takeCookie();
    assert.equal(client.messageSequence, 2);
    client.send(client.helloRecord());
    await client.later();
    assert.equal(server.endpoint.held().handshakes, 1);
    const hello = client.messages().find(({ type }) => type === 2);
    assert.equal(hello?.sequence, 2, 'the numbers of the server go on from there');
  });

  it('a hello whose record number leaves no room for ours begins nothing', async () => {
    const { network, server } = givenWorld();
    const client = new Lockstep(network);
    await client.takeCookie();
    client.records.plainSequence = 2 ** 48 - 1;
    client.send(client.helloRecord());
    await client.later();
    assert.equal(server.endpoint.held().handshakes, 0);
  });

  it('HelloVerifyRequest and ServerHello bear the numbers of the hello they answer', async () => {
    const { network } = givenWorld();
    const client = new Lockstep(network);
    client.records.plainSequence = 17;
    await client.takeCookie();
    client.send(client.helloRecord());
    await client.later();
    assert.deepEqual(
      client.heard.slice(0, 2).map(({ sequence }) => sequence),
      [17, 18],
    );
    assert.deepEqual(
      client.messages().map(({ sequence }) => sequence),
      [0, 1, 2],
    );
  });

  it('hello-fragmented: later pieces without a first one are nobody’s', async () => {
    const { network, server } = givenWorld();
    const client = new Lockstep(network);
    for (let sequence = 0; sequence < 5; sequence++) client.send(fragmentRecord(1, 8_000, sequence, 4_000, Buffer.alloc(1_000)));
    await client.later();
    assert.deepEqual(server.endpoint.held().reassemblyBytes, 0);
    assert.equal(client.heard.length, 0);
  });

  it('a flood of spoofed hellos leaves a connected device alone: spoofed-hello-does-not-kill', async () => {
    const { server, device, network, later } = await givenConnected({ server: { cidLength: false } });
    const client = new Lockstep(network);
    const hello = client.helloRecord();
    for (let index = 0; index < 1_000; index++) server.endpoint.receive(hello, device.last.address, 50_000);
    device.send('still here');
    await later();
    assert.deepEqual(server.texts(), ['still here']);
    assert.equal(server.closed.length, 0);
  });
});
