/** What a peer with a good cookie can do during a handshake. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { DtlsEndpoint } from '../../src/dtls/dtls';
import { handshakeMessage, writeCertificateVerify, writeClientPoint, writeRawPublicKey } from '../../src/dtls/messages';
import { Alert, CertificateType, HandshakeType } from '../../src/dtls/protocol';
import { EphemeralKey, fingerprint, publicSpki } from '../../src/dtls/raw-key';
import { plainRecord } from '../../src/dtls/record';
import { fragmentRecord, fragmentsOf, Lockstep } from './lockstep';
import { IDENTITY, PSK } from './worked-example';
import { DEVICE_PSK, givenConnected, givenWorld, type Peer, rawKeyPair, testBytes } from './world';

const NOTHING = Buffer.alloc(0);

/** A server and a client whose ServerHelloDone has come. */
async function givenServerHelloDone(): Promise<{ client: Lockstep; server: Peer; world: ReturnType<typeof givenWorld> }> {
  const world = givenWorld();
  const client = new Lockstep(world.network);
  await client.reachServer();
  return { client, server: world.server, world };
}

/** It failed, nobody is connected, nothing is held. */
function assertFailed(server: Peer, reason: string): void {
  assert.equal(server.failures[0]?.reason, reason);
  assertNothing(server);
}

function assertNothing(server: Peer): void {
  assert.equal(server.connected.length, 0);
  const { associations, handshakes, reassemblyBytes } = server.endpoint.held();
  assert.deepEqual([associations, handshakes, reassemblyBytes], [0, 0, 0]);
  assert.deepEqual(server.bugs, []);
}

describe('during a PSK handshake', () => {
  it('led by hand, the handshake succeeds: what the cases below leave out is what fails them', async () => {
    const { server, network } = givenWorld();
    const client = new Lockstep(network, '10.0.0.9', 40_000, {
      extensions: { extendedMasterSecret: true, connectionId: NOTHING },
    });
    await client.connect();
    client.send(client.data('hello'));
    await client.later();
    assert.deepEqual(server.texts(), ['hello']);
    assert.equal(client.records.peerCid.length, 8);
  });

  it('without extended master secret a device is served, and gets no session to resume', async () => {
    const { server, network } = givenWorld();
    const client = new Lockstep(network, '10.0.0.9', 40_000, { extensions: {} });
    await client.connect();
    assert.equal(server.connected.length, 1);
    assert.equal(client.serverHello?.sessionId.length, 0);
    assert.equal(server.endpoint.held().sessions, 0);
  });

  it('where extended master secret is required, a hello without it is refused', async () => {
    const { server, network } = givenWorld({ server: { requireExtendedMasterSecret: true } });
    const client = new Lockstep(network, '10.0.0.9', 40_000, { extensions: {} });
    await client.reachServer();
    assertFailed(server, 'downgrade');
    assert.deepEqual(client.alerts(), [Alert.HandshakeFailure]);
  });

  it('finished-before-ccs: Finished before ChangeCipherSpec connects nobody', async () => {
    const { client, server } = await givenServerHelloDone();
    const keyExchange = client.pskKeyExchange();
    client.useKeys();
    client.send(keyExchange, client.finished());
    await client.later(5_000);
    assert.equal(server.connected.length, 0);
    client.send(client.changeCipherSpec());
    await client.later();
    assert.equal(server.connected.length, 1, 'it had only been overtaken');
  });

  it('ccs-early: ChangeCipherSpec before the keys changes nothing', async () => {
    const { client, server } = await givenServerHelloDone();
    client.send(client.changeCipherSpec());
    await client.later();
    const zeroKeyed = new Lockstep(givenWorld().network);
    zeroKeyed.serverHello = client.serverHello;
    zeroKeyed.useKeys(Buffer.alloc(36));
    client.send(zeroKeyed.finished());
    await client.later(61_000);
    assert.equal(server.connected.length, 0);
    assertNothing(server);
  });

  it('ccs-twice: a second ChangeCipherSpec is nothing', async () => {
    const { client, server } = await givenServerHelloDone();
    const keyExchange = client.pskKeyExchange();
    client.useKeys();
    client.send(keyExchange, client.changeCipherSpec(), client.changeCipherSpec(), client.finished(), client.changeCipherSpec());
    client.send(client.data('a'), client.changeCipherSpec(), client.data('b'));
    await client.later();
    assert.deepEqual(server.texts(), ['a', 'b']);
  });

  it('cke-twice: a second ClientKeyExchange ends the handshake', async () => {
    const { client, server } = await givenServerHelloDone();
    client.send(client.pskKeyExchange(), client.pskKeyExchange());
    client.useKeys();
    client.send(client.changeCipherSpec(), client.finished());
    await client.later(61_000);
    assert.equal(server.connected.length, 0);
    assertNothing(server);
  });

  it('a message out of its place ends the handshake: ServerHello, Certificate, ServerHelloDone from a client', async () => {
    for (const type of [HandshakeType.ServerHello, HandshakeType.Certificate, HandshakeType.ServerHelloDone, 99]) {
      const { client, server } = await givenServerHelloDone();
      client.send(client.message(type, NOTHING));
      await client.later();
      assertFailed(server, 'unexpected-message');
      assert.deepEqual(client.alerts(), [Alert.UnexpectedMessage]);
    }
  });

  it('plaintext-after-keys: plain handshake messages, alerts and data are ignored once there are keys (openssl #32622)', async () => {
    const { client, server } = await givenServerHelloDone();
    const keyExchange = client.pskKeyExchange();
    client.useKeys();
    client.send(keyExchange, client.changeCipherSpec());
    await client.later();
    client.send(
      plainRecord(22, 50, handshakeMessage(HandshakeType.Finished, client.messageSequence, client.verifyData())),
      plainRecord(21, 51, Buffer.from([2, 40])),
      plainRecord(23, 52, Buffer.from('plain')),
      plainRecord(22, 53, handshakeMessage(HandshakeType.Certificate, client.messageSequence, NOTHING)),
    );
    await client.later();
    assert.equal(server.connected.length, 0);
    assert.equal(server.failures.length, 0);
    client.send(client.finished(), plainRecord(23, 54, Buffer.from('plain')), plainRecord(21, 55, Buffer.from([2, 40])));
    await client.later();
    client.send(client.data('sealed'));
    await client.later();
    assert.deepEqual(server.texts(), ['sealed']);
  });

  it('data before Finished is not delivered', async () => {
    const { client, server } = await givenServerHelloDone();
    const keyExchange = client.pskKeyExchange();
    client.useKeys();
    client.send(keyExchange, client.changeCipherSpec(), client.data('early'));
    await client.later();
    assert.deepEqual(server.texts(), []);
  });

  it('finished-timing-safe: a Finished with any byte wrong, or of another length, is refused', async () => {
    for (const change of [
      (right: Buffer) => right.map((byte, at) => (at === 11 ? byte ^ 1 : byte)),
      () => Buffer.alloc(12),
      () => Buffer.alloc(11),
      () => Buffer.alloc(48),
    ]) {
      const { client, server } = await givenServerHelloDone();
      const keyExchange = client.pskKeyExchange();
      client.useKeys();
      client.send(keyExchange, client.changeCipherSpec(), client.finished(Buffer.from(change(client.verifyData()))));
      await client.later();
      assertFailed(server, 'bad-finished');
    }
  });

  const identities: readonly [string, Buffer][] = [
    ['psk-identity-too-long', Buffer.alloc(129, 0x61)],
    ['psk-identity-invalid-utf8', Buffer.from('c328', 'hex')],
    ['an empty identity', NOTHING],
  ];
  for (const [name, identity] of identities) {
    it(`${name}: refused before any look-up`, async () => {
      const asked: string[] = [];
      const lookupPsk = (asking: string) => {
        asked.push(asking);
        return PSK;
      };
      const { server, network } = givenWorld({ server: { credentials: { lookupPsk } } });
      const client = new Lockstep(network);
      await client.reachServer();
      client.send(client.pskKeyExchange(identity));
      await client.later();
      assertFailed(server, 'bad-identity');
      assert.deepEqual(asked, []);
    });
  }

  it('psk-empty-key: an identity with an empty key is an identity without one', async () => {
    const { server, device, later } = givenWorld({ server: { credentials: { lookupPsk: () => NOTHING } } });
    device.connect({ psk: { identity: IDENTITY, key: NOTHING } });
    await later(61_000);
    assertFailed(server, 'unknown-identity');
  });

  it('a single forged record in the place of Finished harms nobody', async () => {
    const { client, server } = await givenServerHelloDone();
    const keyExchange = client.pskKeyExchange();
    client.useKeys();
    client.send(keyExchange, client.changeCipherSpec());
    await client.later();
    const forged = Buffer.from(client.data('forged, and of no use'));
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    client.send(forged, client.finished());
    await client.later();
    assert.equal(server.connected.length, 1);
  });

  it('a plain alert ends an unfinished handshake, and says so', async () => {
    const { client, server } = await givenServerHelloDone();
    client.send(plainRecord(21, 9, Buffer.from([2, 51])));
    await client.later();
    assertFailed(server, 'refused-by-peer');
  });

  it('no suite in common, and an older protocol, are refused with their own reasons', async () => {
    for (const [hello, reason, alert] of [
      [{ suites: [0x1301, 0xc0ae] }, 'no-common-suite', Alert.HandshakeFailure],
      [{ version: 0xfeff }, 'protocol-version', Alert.ProtocolVersion],
      [{ version: 0x0303 }, 'protocol-version', Alert.ProtocolVersion],
    ] as const) {
      const { server, network } = givenWorld();
      const client = new Lockstep(network, '10.0.0.9', 40_000, hello);
      await client.reachServer();
      assertFailed(server, reason);
      assert.deepEqual(client.alerts(), [alert]);
    }
  });
});

describe('fragments', () => {
  const key = (client: Lockstep): Buffer => client.pskKeyExchange(Buffer.alloc(100, 0x61));

  it('in any order, with overlaps that agree, they are one message', async () => {
    const { client, server } = await givenServerHelloDone();
    const record = client.pskKeyExchange();
    client.useKeys();
    const body = record.subarray(25);
    client.send(
      fragmentRecord(16, 6, 2, 3, body.subarray(3)),
      fragmentRecord(16, 6, 2, 1, body.subarray(1, 5)),
      fragmentRecord(16, 6, 2, 0, body.subarray(0, 2)),
    );
    client.send(client.changeCipherSpec(), client.finished());
    await client.later();
    assert.equal(server.connected.length, 1);
  });

  it('fragment-overlap: overlaps that contradict each other end the handshake', async () => {
    const { client, server } = await givenServerHelloDone();
    const [first, second] = fragmentsOf(key(client), 60);
    client.send(first as Buffer);
    client.send(fragmentRecord(16, 102, 2, 50, Buffer.alloc(30, 0x62)), second as Buffer);
    await client.later();
    assertFailed(server, 'malformed');
  });

  it('fragment-length-conflict, fragment-type-conflict: one message has one length and one type', async () => {
    for (const [type, length] of [
      [16, 90],
      [15, 102],
    ] as const) {
      const { client, server } = await givenServerHelloDone();
      client.send(fragmentsOf(key(client), 60)[0] as Buffer, fragmentRecord(type, length, 2, 60, Buffer.alloc(20, 0x61)));
      await client.later();
      assertFailed(server, 'malformed');
    }
  });

  it('fragment-16M: a message that claims 16 MB is refused and costs no memory', async () => {
    const { client, server } = await givenServerHelloDone();
    client.send(fragmentRecord(16, 0xff_ffff, 2, 0, Buffer.alloc(100)));
    await client.later();
    assertFailed(server, 'malformed');
  });

  it('fragment-many-future: what is kept ahead is bounded, in messages and in bytes', async () => {
    const { client, server } = await givenServerHelloDone();
    for (let sequence = 3; sequence < 1_000; sequence++) client.send(fragmentRecord(16, 8_000, sequence, 0, Buffer.alloc(10)));
    await client.later();
    assert.ok(server.endpoint.held().reassemblyBytes <= 16_384);
    await client.later(61_000);
    assertNothing(server);
  });

  it('a fragment beyond its message, an empty one of a message that is not, and bytes after the last end the handshake', async () => {
    const cut = fragmentRecord(16, 10, 2, 0, Buffer.alloc(10));
    for (const wrong of [
      fragmentRecord(16, 10, 2, 5, Buffer.alloc(6)),
      fragmentRecord(16, 10, 2, 0, NOTHING),
      plainRecord(22, 7, cut.subarray(13, 30)),
    ]) {
      const { client, server } = await givenServerHelloDone();
      client.send(wrong);
      await client.later();
      assertFailed(server, 'malformed');
    }
  });

  it('all reassemblies together are bounded', async () => {
    const limits = { reassemblyBytes: 50_000, halfOpenPerAddress: 100 };
    const { server, network } = givenWorld({ server: { limits } });
    for (let port = 0; port < 20; port++) {
      const client = new Lockstep(network, '10.0.0.9', 30_000 + port);
      await client.reachServer();
      client.send(fragmentRecord(16, 8_000, 2, 0, Buffer.alloc(10)));
      await client.later(10);
    }
    assert.equal(server.endpoint.held().reassemblyBytes, 48_000);
  });
});

describe('half-open handshakes', () => {
  it('half-open-cap, half-open-per-address: no more than so many, and those connected are not touched', async () => {
    const limits = { halfOpen: 8, halfOpenPerAddress: 3 };
    const { server, device, network, later } = await givenConnected({ server: { limits } });
    const begin = async (address: string, port: number) => {
      const client = new Lockstep(network, address, port);
      await client.takeCookie();
      client.send(client.helloRecord());
      await client.later(20);
    };
    for (let port = 0; port < 5; port++) await begin('10.0.1.1', 30_000 + port);
    assert.equal(server.endpoint.held().handshakes, 3);
    for (let host = 0; host < 10; host++) await begin(`10.0.2.${host}`, 30_000);
    assert.equal(server.endpoint.held().handshakes, 8);
    assert.equal(server.endpoint.counters.halfOpenRefused, 7);
    device.send('still here');
    await later();
    assert.deepEqual(server.texts(), ['still here']);
  });

  it('handshake-deadline: they end after a minute, with nothing left', async () => {
    const { client, server } = await givenServerHelloDone();
    await client.later(59_000);
    assert.equal(server.endpoint.held().handshakes, 1);
    await client.later(2_000);
    assertFailed(server, 'timeout');
    assert.equal(server.endpoint.held().timers, 0);
  });

  it('a flight is said at most five times again, at growing distances', async () => {
    const { client, server } = await givenServerHelloDone();
    const sent = server.sent.length;
    await client.later(59_000);
    assert.equal(server.sent.length - sent, 5);
    assert.equal(server.endpoint.counters.retransmissions, 5);
  });

  it('repeats of a hello do not make one flight each', async () => {
    const { client, server } = await givenServerHelloDone();
    const sent = server.sent.length;
    const again = client.helloRecord({}, 1);
    for (let repeat = 0; repeat < 100; repeat++) client.send(again);
    await client.later(200);
    assert.equal(server.sent.length, sent);
  });

  it('a device that begins again at its address replaces its own unfinished handshake', async () => {
    const { client, server, world } = await givenServerHelloDone();
    client.hello = { ...client.hello, random: Buffer.alloc(32, 3), cookie: NOTHING };
    client.messageSequence = 0;
    client.records.plainSequence = 0;
    client.transcript.clear();
    await client.connect();
    assert.equal(server.failures[0]?.reason, 'superseded');
    assert.equal(server.connected.length, 1);
    assert.equal(world.server.endpoint.held().handshakes, 0);
  });
});

describe('during an ECDHE handshake', () => {
  const serverKey = rawKeyPair();
  const deviceKey = rawKeyPair();
  const hello = {
    suites: [0xc0ae],
    extensions: {
      extendedMasterSecret: true as const,
      clientCertificateTypes: [CertificateType.RawPublicKey],
      serverCertificateTypes: [CertificateType.RawPublicKey],
    },
  };

  async function givenHelloDone(): Promise<{ client: Lockstep; server: Peer; ephemeral: EphemeralKey }> {
    const credentials = {
      ownKey: serverKey.key,
      lookupRpk: (print: Buffer) => (print.equals(fingerprint(deviceKey.spki)) ? 'the device' : undefined),
    };
    const { server, network } = givenWorld({ server: { credentials } });
    const client = new Lockstep(network, '10.0.0.9', 40_000, hello);
    await client.reachServer();
    return { client, server, ephemeral: new EphemeralKey() };
  }

  function agreed(client: Lockstep, ephemeral: EphemeralKey): Buffer {
    const exchange = client.messages().find(({ type }) => type === HandshakeType.ServerKeyExchange);
    return ephemeral.agree(exchange?.bytes.subarray(4, 69) as Buffer) as Buffer;
  }

  /** The flight of a client; what is undefined is left out. */
  async function answer(
    client: Lockstep,
    ephemeral: EphemeralKey,
    parts: { certificate?: Buffer; point?: Buffer; sign?: boolean; signer?: typeof deviceKey },
  ): Promise<void> {
    const { certificate = writeRawPublicKey(deviceKey.spki), point = ephemeral.point, signer = deviceKey } = parts;
    client.send(client.message(HandshakeType.Certificate, certificate));
    client.send(client.message(HandshakeType.ClientKeyExchange, writeClientPoint(point)));
    client.useKeys(agreed(client, ephemeral));
    if (parts.sign ?? true) {
      const signature = sign('sha256', client.transcript.bytes(), signer.key);
      client.send(client.message(HandshakeType.CertificateVerify, writeCertificateVerify(signature)));
    }
    client.send(client.changeCipherSpec(), client.finished());
    await client.later();
  }

  it('led by hand, the handshake succeeds', async () => {
    const { client, server, ephemeral } = await givenHelloDone();
    await answer(client, ephemeral, {});
    assert.deepEqual(server.last.identity, { security: 'rpk', name: 'the device' });
  });

  it('skip-certificate-verify: a key that is not proved connects nobody', async () => {
    const { client, server, ephemeral } = await givenHelloDone();
    await answer(client, ephemeral, { sign: false });
    await client.later(61_000);
    assert.equal(server.connected.length, 0);
    assertNothing(server);
  });

  it('a signature with another key than the one shown is refused', async () => {
    const { client, server, ephemeral } = await givenHelloDone();
    await answer(client, ephemeral, { signer: serverKey });
    assertFailed(server, 'bad-signature');
  });

  it('a good signature by a key nobody knows is refused', async () => {
    const { client, server, ephemeral } = await givenHelloDone();
    const stranger = rawKeyPair();
    await answer(client, ephemeral, { certificate: writeRawPublicKey(stranger.spki), signer: stranger });
    assertFailed(server, 'unknown-identity');
  });

  it('empty-client-certificate: refused, since a device must say who it is', async () => {
    const { client, server } = await givenHelloDone();
    client.send(client.message(HandshakeType.Certificate, writeRawPublicKey(NOTHING)));
    await client.later();
    assertFailed(server, 'no-certificate');
    assert.deepEqual(client.alerts(), [Alert.HandshakeFailure]);
  });

  const offCurve = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]);
  const points: readonly [string, (point: Buffer) => Buffer][] = [
    ['ecdh-invalid-point', () => offCurve],
    ['ecdh-compressed', (point) => Buffer.concat([Buffer.from([2 + ((point[64] as number) & 1)]), point.subarray(1, 33)])],
    ['ecdh-infinity', () => Buffer.from([0])],
    ['a hybrid point', (point) => Buffer.concat([Buffer.from([6 + ((point[64] as number) & 1)]), point.subarray(1)])],
    ['the point zero', () => Buffer.concat([Buffer.from([4]), Buffer.alloc(64)])],
  ];
  for (const [name, change] of points) {
    it(`${name}: illegal_parameter`, async () => {
      const { client, server, ephemeral } = await givenHelloDone();
      client.send(client.message(HandshakeType.Certificate, writeRawPublicKey(deviceKey.spki)));
      client.send(client.message(HandshakeType.ClientKeyExchange, writeClientPoint(change(ephemeral.point))));
      await client.later();
      assertFailed(server, 'malformed');
      assert.deepEqual(client.alerts(), [Alert.IllegalParameter]);
    });
  }

  const spkis: readonly [string, () => Buffer][] = [
    ['spki-trailing-bytes', () => Buffer.concat([deviceKey.spki, Buffer.from([0])])],
    ['spki-other-curve', () => publicSpki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)],
    ['an SPKI whose point is not on the curve', () => Buffer.concat([deviceKey.spki.subarray(0, 26), offCurve])],
    ['a hash in place of a key', () => createHash('sha256').update('key').digest()],
  ];
  for (const [name, spki] of spkis) {
    it(`${name}: bad_certificate`, async () => {
      const { client, server } = await givenHelloDone();
      client.send(client.message(HandshakeType.Certificate, writeRawPublicKey(spki())));
      await client.later();
      assertFailed(server, 'certificate-refused');
      assert.deepEqual(client.alerts(), [Alert.BadCertificate]);
    });
  }
});

describe('sanity of the settings', () => {
  it('a CID longer than twenty bytes is a mistake that is named', () => {
    const options = { credentials: {}, random: testBytes(1), transmit: () => undefined, deliver: () => undefined };
    const { clock } = givenWorld();
    assert.throws(() => new DtlsEndpoint({ ...options, clock, cidLength: 21 }), /0 to 20 bytes, not 21/);
  });

  it('a client cannot begin more handshakes than the limit', async () => {
    const { device } = givenWorld({ device: { limits: { halfOpen: 1 } } });
    device.connect();
    assert.throws(() => device.endpoint.connect('10.0.0.3', 5684, DEVICE_PSK), /too many/);
  });
});
