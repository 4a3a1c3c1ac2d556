/** CoAP over TLS on loopback: who is let in, as whom, and what whoever runs the server is told of the others. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { SystemClock } from '../../../src/clock';
import type { RefusedPeer } from '../../../src/coap/transport';
import { TlsTransport } from '../../../src/coap/transports/tls';
import { verifyChain } from '../../../src/dtls/certificate-chain';
import type { ConnectOptions } from '../../../src/dtls/handshake-client';
import type { Credentials } from '../../../src/dtls/settings';
import { type MadeCertificate, makeCertificate } from '../../dtls/certificate-maker';
import { hex, until } from './frames';

const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
/** GET /a with token 01, as RFC 7252 has it. */
const GET = hex('51 01 0000 01 b1 61');
const NOW = Date.now();
const validity = { from: NOW - 86_400_000, to: NOW + 86_400_000 };
const authority = makeCertificate({ commonName: 'Acme Root', ca: true, ...validity });
const serverCertificate = makeCertificate({ commonName: 'server.example', issuer: authority, ...validity });
const deviceCertificate = makeCertificate({ commonName: 'dev-x', issuer: authority, ...validity });

function trusting(purpose: 'client' | 'server', trusted: MadeCertificate): NonNullable<Credentials['verifyCertificate']> {
  return (chain) => verifyChain(chain, { anchors: [new X509Certificate(trusted.der)], now: NOW, purpose });
}

describe('the TLS transport', () => {
  const clock = new SystemClock();
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function givenServer(credentials: Credentials = { lookupPsk: (name) => (name === 'dev' ? KEY : undefined) }) {
    const server = new TlsTransport({ listen: { host: '127.0.0.1', port: 0 }, clock, credentials });
    closing.push(() => server.close());
    const received: { message: Buffer; port: number }[] = [];
    const refused: RefusedPeer[] = [];
    await server.open({
      received: (message, _address, port) => received.push({ message, port }),
      refused: (peer) => refused.push(peer),
    });
    return { server, received, refused, port: server.local?.port as number };
  }

  async function givenClient(options: ConnectOptions, credentials: Credentials = {}) {
    const client = new TlsTransport({ clock, credentials, connectWith: () => options });
    closing.push(() => client.close());
    const received: Buffer[] = [];
    const ended: string[] = [];
    await client.open({
      received: (message) => received.push(message),
      disconnected: (_address, _port, reason) => ended.push(reason),
    });
    return { client, received, ended };
  }

  function foreign(port: number, options: Record<string, unknown>): TLSSocket {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2', ...options });
    socket.on('error', () => undefined);
    closing.push(() => socket.destroy());
    return socket;
  }

  it('lets in who has the key of its identity, and tells who that is as long as the connection lasts', async () => {
    const { server, received, port } = await givenServer();
    const { client, received: answers } = await givenClient({ psk: { identity: 'dev', key: KEY } });
    client.send(GET, '127.0.0.1', port);
    await until(() => received.length === 1, 'the request');
    assert.deepEqual(received[0]?.message, GET);
    const from = received[0]?.port as number;
    assert.deepEqual(server.identify('127.0.0.1', from), { security: 'psk', name: 'dev', address: '127.0.0.1', port: from });
    server.send(hex('51 45 0000 01 ff 68 69'), '127.0.0.1', from);
    await until(() => answers.length === 1, 'the answer');
    await client.close();
    await until(() => server.identify('127.0.0.1', from) === undefined, 'the end');
  });

  for (const suite of ['PSK-AES128-CCM8', 'PSK-AES128-CCM', 'PSK-AES128-GCM-SHA256']) {
    it(`speaks ${suite} with OpenSSL`, async () => {
      const { server, port, received } = await givenServer();
      const socket = foreign(port, { ciphers: `${suite}:@SECLEVEL=0`, pskCallback: () => ({ psk: KEY, identity: 'dev' }) });
      socket.write(hex('00 e1'));
      socket.write(hex('21 01 01 b1 61'));
      await until(() => received.length === 1, 'the request');
      assert.equal(socket.getCipher().name, suite);
      assert.equal(server.identify('127.0.0.1', socket.localPort as number)?.name, 'dev');
    });
  }

  it('refuses a wrong key and an unknown identity alike, and tells apart which it was', async () => {
    const { server, received, refused, port } = await givenServer();
    const reasons: string[] = [];
    for (const identity of ['dev', 'stranger']) {
      const { client, ended } = await givenClient({ psk: { identity, key: Buffer.alloc(16, 7) } });
      client.send(GET, '127.0.0.1', port);
      await until(() => ended.length === 1, 'the end');
      reasons.push(ended[0] as string);
    }
    assert.deepEqual(
      new Set(reasons),
      new Set(['it ended the TLS handshake: check the key or certificate']),
      'the peer learns nothing',
    );
    assert.deepEqual(
      refused.map(({ name, reason }) => [name, reason]),
      [
        ['dev', 'wrong key for identity "dev"'],
        ['stranger', 'unknown identity "stranger"'],
      ],
    );
    assert.equal(received.length, 0);
    await until(() => server.size === 0, 'no socket stays');
    assert.ok(!JSON.stringify(refused).includes(KEY.toString('hex')));
  });

  it('a key that is revoked ends its connections at once', async () => {
    const { server, received, port } = await givenServer();
    const { client, ended } = await givenClient({ psk: { identity: 'dev', key: KEY } });
    client.send(GET, '127.0.0.1', port);
    await until(() => received.length === 1, 'the request');
    server.revoke('other');
    server.revoke('dev');
    await until(() => ended.length === 1, 'the end');
  });

  describe('with certificates', () => {
    const credentials: Credentials = {
      ownKey: serverCertificate.key,
      ownChain: [serverCertificate.der],
      verifyCertificate: trusting('client', authority),
      lookupPsk: (name) => (name === 'dev' ? KEY : undefined),
    };
    const device: Credentials = {
      ownKey: deviceCertificate.key,
      ownChain: [deviceCertificate.der],
      verifyCertificate: trusting('server', authority),
    };

    it('both sides prove themselves, and keys still do beside them', async () => {
      const { server, received, port } = await givenServer(credentials);
      const { client } = await givenClient({}, device);
      client.send(GET, '127.0.0.1', port);
      await until(() => received.length === 1, 'the request');
      const { security, name } = server.identify('127.0.0.1', received[0]?.port as number) ?? {};
      assert.deepEqual([security, name], ['x509', 'dev-x']);
      const { client: other } = await givenClient({ psk: { identity: 'dev', key: KEY } });
      other.send(GET, '127.0.0.1', port);
      await until(() => received.length === 2, 'the other request');
    });

    it('a device without one, and one that no trusted authority issued, are refused', async () => {
      const { received, refused, port } = await givenServer(credentials);
      const self = makeCertificate({ commonName: 'dev-x', ...validity });
      const { client, ended } = await givenClient({ credentials: { ...device, ownKey: self.key, ownChain: [self.der] } });
      client.send(GET, '127.0.0.1', port);
      await until(() => ended.length === 1 && refused.length === 1, 'the refusal');
      assert.match(refused[0]?.reason as string, /no trusted authority issued "CN=dev-x"/);
      const socket = foreign(port, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
      await until(() => socket.destroyed && refused.length === 2, 'the refusal of the other');
      assert.equal(received.length, 0);
    });

    it('a client says nothing to a server whose certificate it does not trust', async () => {
      const { received, port, server } = await givenServer(credentials);
      const stranger = makeCertificate({ commonName: 'Other Root', ca: true, ...validity });
      const { client, ended } = await givenClient({}, { ...device, verifyCertificate: trusting('server', stranger) });
      client.send(GET, '127.0.0.1', port);
      await until(() => ended.length === 1, 'the end');
      assert.match(
        ended[0] as string,
        /the certificate of the server is refused: no trusted authority issued "CN=server.example"/,
      );
      await until(() => server.size === 0, 'the end at the server');
      assert.equal(received.length, 0);
    });
  });

  it('one connection too many is ended before its handshake', async () => {
    const credentials: Credentials = { lookupPsk: () => KEY };
    const server = new TlsTransport({ listen: { host: '127.0.0.1', port: 0 }, clock, credentials, limits: { connections: 1 } });
    closing.push(() => server.close());
    await server.open({ received: () => undefined });
    const port = server.local?.port as number;
    const { client, ended } = await givenClient({ psk: { identity: 'dev', key: KEY } });
    client.send(GET, '127.0.0.1', port);
    await until(() => server.size === 1, 'one');
    const { client: second, ended: endedToo } = await givenClient({ psk: { identity: 'dev', key: KEY } });
    second.send(GET, '127.0.0.1', port);
    await until(() => endedToo.length === 1, 'the end of the second');
    assert.deepEqual([server.size, server.refused, ended.length], [1, 1, 0]);
  });
});
