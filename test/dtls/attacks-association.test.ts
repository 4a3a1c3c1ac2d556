/** What can be done to an association that stands: records forged, repeated, moved, and hellos in its place. */
import assert from 'node:assert/strict';
import type { Association } from '../../src/dtls/association';
import type { ConnectOptions } from '../../src/dtls/handshake-client';
import { handshakeMessage } from '../../src/dtls/messages';
import { Alert, HandshakeType } from '../../src/dtls/protocol';
import { fingerprint } from '../../src/dtls/raw-key';
import { plainRecord } from '../../src/dtls/record';
import { EXTENSIONS_WITH_CID, Lockstep } from './lockstep';
import { IDENTITY, PSK } from './worked-example';
import { DEVICE, givenConnected, givenWorld, PORT, type RawKeyPair, rawKeyPair, SERVER, type World } from './world';

const NO_CID = { server: { cidLength: false as const } };

/** The association inside, to be driven to where traffic would take days to. */
const inner = (view: unknown): Association => view as Association;

/** Connected by hand. */
async function givenLockstep(
  options: Parameters<typeof givenWorld>[0] = {},
  extensions = EXTENSIONS_WITH_CID,
): Promise<World & { client: Lockstep }> {
  const world = givenWorld(options);
  const client = new Lockstep(world.network, '10.0.0.9', 40_000, { extensions });
  await client.connect();
  assert.equal(world.server.connected.length, 1);
  return { ...world, client };
}

function flipped(record: Buffer): Buffer {
  const forged = Buffer.from(record);
  forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
  return forged;
}

describe('records of an association', () => {
  it('replay-record, replay-old-window: nothing is delivered twice, nor when too old to know', async () => {
    const { client, server } = await givenLockstep();
    const records = Array.from({ length: 100 }, (_, index) => client.data(String(index)));
    const [first, ...rest] = records as [Buffer, ...Buffer[]];
    client.send(...rest, ...rest);
    await client.later();
    client.send(first);
    await client.later();
    assert.deepEqual(
      server.texts(),
      rest.map((_, index) => String(index + 1)),
    );
  });

  it('replay-mark-after-mac: a forged high number does not move the window', async () => {
    const { client, server } = await givenLockstep();
    const record = client.data('genuine');
    const forged = Buffer.from(record);
    forged.writeUIntBE(2 ** 40, 5, 6);
    client.send(forged, record);
    await client.later();
    assert.deepEqual(server.texts(), ['genuine']);
  });

  it('a larger window takes records that were overtaken by more', async () => {
    const { client, server } = await givenLockstep({ server: { replayWindow: 256 } });
    const records = Array.from({ length: 200 }, (_, index) => client.data(String(index)));
    client.send(...records.reverse());
    await client.later();
    assert.equal(server.texts().length, 200);
  });

  it('several records in a datagram are all heard; a bad one ends it without harm to those before', async () => {
    const { client, server } = await givenLockstep();
    client.send(Buffer.concat([client.data('a'), client.data('b'), Buffer.from('17fefd', 'hex'), client.data('c')]));
    client.send(client.data('d'));
    await client.later();
    assert.deepEqual(server.texts(), ['a', 'b', 'd']);
  });

  it('cid-forged, cid-unknown: a record with another CID, or a wrong tag, is nobody’s', async () => {
    const { client, server } = await givenLockstep();
    const unknown = Buffer.from(client.data('x'));
    unknown[12] = (unknown[12] as number) ^ 1;
    client.send(unknown, flipped(client.data('y')));
    await client.later();
    assert.deepEqual(server.texts(), []);
    assert.deepEqual([server.endpoint.counters.unknown, server.endpoint.counters.forged], [1, 1]);
  });

  it('cid-collision: CIDs of live associations differ, and when they run out a device gets none', async () => {
    const { server, another, later } = givenWorld({ server: { cidLength: 1, random: (length) => Buffer.alloc(length, 7) } });
    const devices = [another('10.0.1.1'), another('10.0.1.2')];
    for (const device of devices) {
      device.connect();
      await later();
    }
    assert.deepEqual(
      server.connected.map(({ movable }) => movable),
      [true, false],
    );
    for (const device of devices) device.send('x');
    await later();
    assert.equal(server.texts().length, 2);
  });

  it('plain-close-notify-ignored, plain-fatal-alert-ignored: only an authentic alert ends an association', async () => {
    const { server, device, network, later } = await givenConnected(NO_CID);
    const socket = network.transport(DEVICE, 50_000);
    for (const alert of [
      [1, 0],
      [2, 40],
    ])
      socket.send(plainRecord(21, 99, Buffer.from(alert)), SERVER, PORT);
    await later();
    device.send('still here');
    await later();
    assert.deepEqual(server.texts(), ['still here']);
    assert.equal(server.closed.length, 0);
  });

  it('an authentic fatal alert ends it', async () => {
    const { client, server } = await givenLockstep();
    client.send(client.records.seal(21, Buffer.from([2, 80])));
    await client.later();
    assert.equal(server.closed[0]?.reason, 'closed-by-peer');
  });

  it('renegotiation: refused with a warning, and the association goes on', async () => {
    const { client, server } = await givenLockstep();
    const hello = handshakeMessage(HandshakeType.ClientHello, 4, client.helloRecord().subarray(25));
    client.send(client.records.seal(22, hello), client.data('still here'));
    await client.later();
    assert.deepEqual(client.alerts(), [Alert.NoRenegotiation]);
    assert.deepEqual(server.texts(), ['still here']);
    assert.equal(server.endpoint.held().handshakes, 0);
  });

  it('mac-failures-quiet-period: a flood of garbage makes its source unheard for a second, and ends nothing', async () => {
    const { client, server, network, later } = await givenLockstep();
    const forged = flipped(client.data('x'));
    const attacker = network.transport('10.6.6.6', 666);
    for (let index = 0; index < 1_000; index++) {
      const record = Buffer.from(forged);
      record.writeUIntBE(1_000 + index, 5, 6);
      attacker.send(record, SERVER, PORT);
    }
    await later(500);
    assert.deepEqual(server.suspicious, [{ address: '10.6.6.6', port: 666 }]);
    assert.equal(server.endpoint.counters.forged, 128);
    assert.equal(server.endpoint.counters.quiet, 872);
    client.send(client.data('the device is heard meanwhile'));
    await later();
    assert.equal(server.texts().length, 1);
    await later(1_000);
    attacker.send(client.data('and so is the source, afterwards'), SERVER, PORT);
    await later();
    assert.equal(server.texts().length, 2);
  });

  it('more wrong tags than the keys can stand end it, wherever they come from', async () => {
    const { client, server } = await givenLockstep();
    inner(server.last).records.failures = 2 ** 23 - 1;
    client.send(flipped(client.data('x')));
    await client.later();
    assert.equal(server.closed[0]?.reason, 'forgeries');
  });

  it('sequence-wrap, epoch-wrap: closed before a record number could come twice; there is no third epoch', async () => {
    const { client, server } = await givenLockstep();
    inner(server.last).records.sequence = 2 ** 48 - 2;
    assert.equal(server.send('the last one'), true);
    assert.equal(server.send('one too many'), false);
    assert.equal(server.closed[0]?.reason, 'exhausted');
    const another = await givenLockstep();
    const record = another.client.data('epoch 2');
    record.writeUInt16BE(2, 3);
    another.client.send(record);
    await client.later();
    assert.deepEqual(another.server.texts(), []);
  });
});

describe('an address that changes', () => {
  it('rebind-valid: an authentic record newer than all before moves the association, and answers follow', async () => {
    const { server, device, later } = await givenConnected();
    device.move('10.0.7.7', 1_234);
    device.send('from elsewhere');
    await later();
    assert.deepEqual(server.rebinds, [{ from: { address: DEVICE, port: 50_000 }, to: { address: '10.0.7.7', port: 1_234 } }]);
    assert.deepEqual(server.texts(), ['from elsewhere']);
    assert.equal(server.connected.length, 1, 'no new handshake');
    server.send('to elsewhere');
    await later();
    assert.deepEqual(device.texts(), ['to elsewhere']);
  });

  it('rebind-forged, rebind-old-record: a forged record or one overtaken by others does not', async () => {
    const { client, server, network, later } = await givenLockstep();
    const older = client.data('older');
    client.send(client.data('newer'));
    await later();
    const elsewhere = network.transport('10.0.7.7', 1_234);
    elsewhere.send(flipped(client.data('x')), SERVER, PORT);
    elsewhere.send(older, SERVER, PORT);
    await later();
    assert.deepEqual(server.texts(), ['newer', 'older']);
    assert.deepEqual(server.rebinds, []);
    assert.equal(server.last.address, '10.0.0.9');
  });

  it('without a CID a record from elsewhere is nobody’s', async () => {
    const { server, device, later } = await givenConnected(NO_CID);
    device.move('10.0.7.7', 1_234);
    device.send('from elsewhere');
    await later();
    assert.deepEqual(server.texts(), []);
    assert.equal(server.last.address, DEVICE);
  });

  it('CIDs of any length on either side', async () => {
    for (const [ours, theirs] of [
      [8, 0],
      [8, 4],
      [0, 5],
      [20, 20],
      [1, 0],
      [0, 0],
    ] as const) {
      const { server, device, later } = await givenConnected({ server: { cidLength: ours }, device: { cidLength: theirs } });
      device.send('up');
      server.send('down');
      await later();
      assert.deepEqual([server.texts(), device.texts()], [['up'], ['down']], `${ours} and ${theirs}`);
      assert.deepEqual([server.last.movable, device.last.movable], [ours > 0, theirs > 0]);
    }
  });
});

describe('a new hello where an association is', () => {
  for (const [what, options] of [
    ['with CID', {}],
    ['without', NO_CID],
  ] as const) {
    it(`same-address-new-hello, ${what}: the old one lives until the new Finished, and then gives way`, async () => {
      const { server, device, another, later, clock } = await givenConnected(options);
      const old = server.last;
      // The device restarts: another state, the same socket.
      const rebooted = another('10.0.3.3');
      device.move('10.0.4.4', 1);
      rebooted.move(DEVICE, 50_000);
      rebooted.pass = (datagram) => (server.connected.length === 1 && datagram[0] === 20 ? undefined : datagram);
      rebooted.connect();
      await clock.advanceAsync(25);
      assert.equal(old.state, 'connected', 'during the handshake');
      await later();
      assert.equal(server.connected.length, 2);
      assert.deepEqual(
        server.closed.map(({ association, reason }) => [association.id, reason]),
        [[old.id, 'replaced']],
      );
      assert.equal(server.endpoint.held().associations, 1);
      assert.notEqual(server.last.id, old.id);
    });
  }

  it('the old association works while the new handshake is under way, also when its records come first', async () => {
    const { client, server, network } = await givenLockstep(NO_CID, { extendedMasterSecret: true });
    const begun = new Lockstep(network, '10.0.0.9', 40_001, { random: Buffer.alloc(32, 9) });
    Object.assign(begun, { transport: (client as unknown as { transport: unknown }).transport });
    client.send(begun.helloRecord());
    await client.later();
    const verify = client.messages().filter(({ type }) => type === HandshakeType.HelloVerifyRequest);
    // Behind the version and the length of the cookie.
    const cookie = verify[verify.length - 1]?.bytes.subarray(3) ?? assert.fail('no cookie came');
    client.send(begun.helloRecord({ cookie }, 1));
    await client.later();
    assert.equal(server.endpoint.held().handshakes, 1);
    client.send(client.data('one'), client.data('two'), client.data('three'));
    await client.later();
    assert.deepEqual(server.texts(), ['one', 'two', 'three']);
    assert.equal(server.failures.length, 0);
  });

  it('a device met at the address of another, by CID, does not push that one out', async () => {
    const { server, device, another, later } = await givenConnected();
    const plain = another('10.0.5.5', { cidLength: false }, 700);
    plain.connect();
    await later();
    const id = server.last.id;
    // Its own records, with a forged source.
    plain.move('10.0.5.6', 700);
    device.move('10.0.5.5', 700);
    device.send('from there');
    await later();
    device.move(DEVICE, 50_000);
    plain.move('10.0.5.5', 700);
    plain.send('me, all the time');
    await later();
    assert.deepEqual(server.delivered.map(({ from, data }) => [from.id, data]).pop(), [id, 'me, all the time']);
  });
});

describe('resumption', () => {
  /** Connects, forgets the association at both ends, and connects again. */
  async function givenResumed(
    between: (world: World) => void | Promise<void> = () => undefined,
    options: Parameters<typeof givenWorld>[0] = {},
  ): Promise<World> {
    const world = await givenConnected(options);
    world.device.endpoint.close(world.device.last.id);
    await world.later();
    await between(world);
    world.device.connect();
    await world.later();
    return world;
  }

  it('a session is resumed with one round trip less, without a look-up, under a new CID', async () => {
    let asked = 0;
    const lookupPsk = () => {
      asked++;
      return PSK;
    };
    const { server, device, later } = await givenResumed(undefined, { server: { credentials: { lookupPsk } } });
    assert.equal(asked, 1);
    assert.deepEqual(
      server.connected.map(({ resumed }) => resumed),
      [false, true],
    );
    assert.deepEqual(server.last.identity, { security: 'psk', name: IDENTITY });
    assert.equal(server.last.movable, true);
    device.send('up');
    server.send('down');
    await later();
    assert.deepEqual([server.texts(), device.texts()], [['up'], ['down']]);
  });

  it('works over a network that loses a third', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await givenResumed(({ network }) => {
        network.faults = { loss: 0.3, duplicate: 0.2, reorder: 0.3, reorderMs: 1_000, seed };
      });
      await world.later(60_000);
      assert.equal(world.device.connected.length, 2, `seed ${seed}`);
      world.network.faults = {};
      await world.later(10_000);
      world.device.send('up');
      await world.later();
      assert.deepEqual(world.server.texts(), ['up']);
    }
  });

  it('resume-other-proof: a client with another key or certificate than before makes a full handshake, and is who it proves to be', async () => {
    const [server, first, second] = [rawKeyPair(), rawKeyPair(), rawKeyPair()];
    const proof = ({ key }: RawKeyPair): ConnectOptions => ({ credentials: { ownKey: key, lookupRpk: () => 'the server' } });
    const lookupRpk = (print: Buffer): string => (print.equals(fingerprint(first.spki)) ? 'first' : 'second');
    const world = await givenConnected({ server: { credentials: { ownKey: server.key, lookupRpk } }, connect: proof(first) });
    for (const next of [second, first, first]) {
      world.device.endpoint.close(world.device.last.id);
      await world.later();
      world.device.connect(proof(next));
      await world.later();
    }
    assert.deepEqual(
      world.server.connected.map(({ identity, resumed }) => [identity?.name, resumed]),
      [
        ['first', false],
        ['second', false],
        ['first', true],
        ['first', true],
      ],
    );
  });

  it('resume-revoked: a revoked identity has nothing to resume, and its associations end', async () => {
    const { server } = await givenResumed(({ server: { endpoint } }) => {
      assert.equal(endpoint.revoke(IDENTITY), 0);
      assert.equal(endpoint.held().sessions, 0);
    });
    assert.equal(server.last.resumed, false);
    assert.equal(server.endpoint.revoke(IDENTITY), 1);
    assert.equal(server.closed[server.closed.length - 1]?.reason, 'revoked');
  });

  it('revoking ends handshakes under way too', async () => {
    const lookupPsk = () => new Promise<Buffer>((resolve) => world.clock.after(1_000, () => resolve(PSK)));
    const world = givenWorld({ server: { credentials: { lookupPsk } } });
    world.device.connect();
    await world.later(500);
    world.server.endpoint.revoke(IDENTITY);
    assert.equal(world.server.failures[0]?.reason, 'revoked');
    await world.later(5_000);
    assert.equal(world.server.connected.length, 0);
  });

  it('resume-other-suite: a full handshake', async () => {
    const { server, network } = givenWorld();
    const client = new Lockstep(network, '10.0.0.9', 40_000, { suites: [0xc0a8] });
    await client.connect();
    const again = new Lockstep(network, '10.0.0.9', 40_001, {
      suites: [0xc0a4],
      sessionId: client.serverHello?.sessionId as Buffer,
    });
    await again.connect();
    assert.deepEqual(
      server.connected.map(({ resumed }) => resumed),
      [false, false],
    );
    assert.equal(server.last.suite?.number, 0xc0a4);
  });

  it('resume-without-ems, ems-downgrade-on-resumption: aborted (RFC 7627 §5.3)', async () => {
    const { server, network } = givenWorld();
    const client = new Lockstep(network);
    await client.connect();
    const again = new Lockstep(network, '10.0.0.9', 40_001, {
      extensions: {},
      sessionId: client.serverHello?.sessionId as Buffer,
    });
    await again.reachServer();
    assert.equal(server.failures[0]?.reason, 'downgrade');
    assert.deepEqual(again.alerts(), [Alert.HandshakeFailure]);
  });

  it('a session that is too old, or one that nobody knows, is a full handshake', async () => {
    const old = await givenResumed(({ later }) => later(25 * 3_600_000));
    assert.equal(old.server.last.resumed, false);
    const unknown = new Lockstep(old.network, '10.0.0.9', 40_001, { sessionId: Buffer.alloc(32, 1) });
    await unknown.connect();
    assert.equal(old.server.last.resumed, false);
  });

  it('the cache is bounded, the oldest gives way', async () => {
    const { server, another, later } = givenWorld({ server: { limits: { sessions: 3 } } });
    for (let host = 0; host < 6; host++) {
      another(`10.0.1.${host}`).connect();
      await later();
    }
    assert.equal(server.endpoint.held().sessions, 3);
  });
});

describe('limits of associations', () => {
  it('the one idle for longest gives way, with an event', async () => {
    const { server, another, later } = givenWorld({ server: { limits: { associations: 3 } } });
    const devices = Array.from({ length: 4 }, (_, host) => another(`10.0.1.${host}`));
    for (const device of devices.slice(0, 3)) {
      device.connect();
      await later();
    }
    devices[0]?.send('not idle');
    await later();
    devices[3]?.connect();
    await later();
    assert.deepEqual(
      server.closed.map(({ association, reason }) => [association.address, reason]),
      [['10.0.1.1', 'evicted']],
    );
    assert.equal(server.endpoint.held().associations, 3);
  });

  it('idle for a day, one without CID is gone, and one with CID stays', async () => {
    const { server, another, later } = givenWorld();
    another('10.0.1.1').connect();
    another('10.0.1.2', { cidLength: false }).connect();
    await later();
    await later(25 * 3_600_000);
    assert.deepEqual(
      server.closed.map(({ association, reason }) => [association.address, reason]),
      [['10.0.1.2', 'idle']],
    );
  });

  it('with nothing left to do there is no timer', async () => {
    const { server, device, later, clock } = await givenConnected();
    server.endpoint.close(server.last.id);
    await later();
    device.endpoint.stop(true);
    await later(120_000);
    assert.equal(clock.pending, 0);
  });

  it('data that no record of the peer can hold is not sent', async () => {
    const { server } = await givenLockstep({}, { ...EXTENSIONS_WITH_CID, recordSizeLimit: 200 });
    assert.equal(server.endpoint.send(server.last.id, Buffer.alloc(201)), false);
    assert.equal(server.endpoint.send(server.last.id, Buffer.alloc(200)), true);
    assert.equal(server.endpoint.send(server.last.id, Buffer.alloc(0)), false);
    assert.equal(server.endpoint.send(99, Buffer.alloc(10)), false);
  });

  it('identity-binding: what is delivered bears the identity that its keys proved', async () => {
    const lookupPsk = (identity: string) => Buffer.from(`key of ${identity}`);
    const { server, another, later } = givenWorld({ server: { credentials: { lookupPsk } } });
    for (const name of ['a', 'b']) {
      const device = another(`10.0.1.${name.charCodeAt(0)}`);
      device.connect({ psk: { identity: name, key: Buffer.from(`key of ${name}`) } });
      await later();
      device.send(`I am ${name}`);
    }
    await later();
    assert.deepEqual(
      server.delivered.map(({ from, data }) => [from.identity?.name, data]),
      [
        ['a', 'I am a'],
        ['b', 'I am b'],
      ],
    );
  });
});
