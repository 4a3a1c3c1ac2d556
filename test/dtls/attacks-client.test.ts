/** What a server, or someone between, can do to our client. */
import assert from 'node:assert/strict';
import { HandshakeType } from '../../src/dtls/protocol';
import { plainRecord } from '../../src/dtls/record';
import { givenConnected, givenWorld, PORT, SERVER } from './world';

/** Lets something between change the ServerHello; `at` counts from its body. */
async function withServerHello(change: (body: Buffer) => void, resumed = false): Promise<ReturnType<typeof givenWorld>> {
  const world = resumed ? await givenConnected() : givenWorld();
  const { device, later } = world;
  device.pass = (datagram) => {
    if (datagram[0] === 22 && datagram[13] === HandshakeType.ServerHello) change(datagram.subarray(25));
    return datagram;
  };
  device.connect();
  await later(3_000);
  return world;
}

const SESSION_LENGTH_AT = 34;
const SUITE_AT = 67;

describe('a hostile server', () => {
  it('cannot choose a suite that was not offered', async () => {
    const { device } = await withServerHello((body) => body.writeUInt16BE(0x00ff, SUITE_AT));
    assert.equal(device.failures[0]?.reason, 'no-common-suite');
  });

  it('cannot speak an older version', async () => {
    const { device } = await withServerHello((body) => body.writeUInt16BE(0xfeff, 0));
    assert.equal(device.failures[0]?.reason, 'protocol-version');
  });

  it('cannot compress', async () => {
    const { device } = await withServerHello((body) => body.writeUInt8(1, SUITE_AT + 2));
    assert.equal(device.failures[0]?.reason, 'malformed');
  });

  it('cannot answer an extension that was not offered, nor drop extended master secret from a resumption', async () => {
    const extensionsAt = SUITE_AT + 5;
    // extended_master_secret is the first; max_fragment_length has a content.
    const unoffered = await withServerHello((body) => {
      assert.equal(body.readUInt16BE(extensionsAt), 23);
      body.writeUInt16BE(22, extensionsAt);
    });
    assert.equal(unoffered.device.failures[0]?.reason, 'malformed');
    const dropped = await withServerHello((body) => body.writeUInt16BE(0x1234, extensionsAt), true);
    assert.equal(dropped.device.failures[0]?.reason, 'downgrade');
  });

  it('who changes the randoms on the way connects nobody', async () => {
    const { device, server } = await withServerHello((body) => body.writeUInt8((body[5] as number) ^ 1, 5));
    assert.deepEqual([device.connected.length, server.connected.length], [0, 0]);
  });

  it('who changes the session id on the way connects nobody', async () => {
    const { device } = await withServerHello((body) => {
      assert.equal(body[SESSION_LENGTH_AT], 32);
      body.writeUInt8((body[40] as number) ^ 1, 40);
    });
    assert.equal(device.connected.length, 0);
  });

  it('that asks for cookies without end is given up', async () => {
    const { device, network, later } = givenWorld();
    let answers = 0;
    device.pass = () => undefined;
    device.connect();
    await later();
    device.pass = (datagram) => datagram;
    const server = network.transport('10.0.0.99', PORT);
    assert.equal(server.local?.port, PORT);
    for (let sequence = 0; sequence < 6; sequence++) {
      const body = Buffer.concat([Buffer.from('feff08', 'hex'), Buffer.alloc(8, sequence)]);
      const header = Buffer.from(`0300000b${sequence.toString(16).padStart(4, '0')}00000000000b`, 'hex');
      device.endpoint.receive(plainRecord(22, sequence, Buffer.concat([header, body]), 0xfeff), SERVER, PORT);
      answers = device.sent.length;
    }
    assert.equal(device.failures[0]?.reason, 'unexpected-message');
    assert.ok(answers <= 6);
  });

  it('a HelloRequest or a ClientHello to a client is nothing', async () => {
    const { device, server, later } = await givenConnected();
    device.endpoint.receive(server.sent[0] as Buffer, SERVER, PORT);
    device.endpoint.receive(device.sent[0] as Buffer, SERVER, PORT);
    device.send('still here');
    await later();
    assert.deepEqual(server.texts(), ['still here']);
    assert.equal(device.endpoint.held().handshakes, 0);
  });

  it('a server that is away is tried again, and told of in the end', async () => {
    const { device, later } = givenWorld();
    const id = device.endpoint.connect('10.0.0.77', PORT, { psk: { identity: 'x', key: Buffer.alloc(16) } });
    await later(61_000);
    assert.deepEqual([device.failures[0]?.reason, device.failures[0]?.association], ['timeout', id]);
    assert.equal(device.sent.length, 6);
  });
});
