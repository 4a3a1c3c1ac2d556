/** The message layer on connections (RFC 8323): no acknowledgements, no repeats, larger bodies, and an end that is told. Real sockets on loopback. */
import assert from 'node:assert/strict';
import { SystemClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import type { Endpoint } from '../../src/coap/endpoint';
import type { IncomingRequest } from '../../src/coap/incoming';
import { CoapLayer, type LayerOptions } from '../../src/coap/layer';
import { TcpTransport } from '../../src/coap/transports/tcp';
import { CSM, hex, RawPeer, until } from './transports/frames';
import { ask, type Outcome } from './world';

describe('the message layer on connections', () => {
  const clock = new SystemClock();
  const layers: CoapLayer[] = [];
  const peers: RawPeer[] = [];

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.end();
    for (const layer of layers.splice(0)) await layer.close();
  });

  async function opened(transport: TcpTransport, options: Partial<LayerOptions> = {}): Promise<CoapLayer> {
    const onRequest = (request: IncomingRequest): void => request.respond({ code: Code.Content, payload: request.payload });
    const layer = new CoapLayer({ transports: [transport], clock, onRequest, ...options });
    layers.push(layer);
    await layer.open();
    return layer;
  }

  /** A listening layer, and one that connects to it. */
  async function pair(
    options: Partial<LayerOptions> = {},
  ): Promise<{ server: CoapLayer; client: CoapLayer; to: () => Endpoint }> {
    const server = await opened(new TcpTransport({ listen: { host: '127.0.0.1', port: 0 }, clock }), options);
    const client = await opened(new TcpTransport({ clock }));
    return { server, client, to: () => client.endpoint('127.0.0.1', server.local?.port as number) };
  }

  /** A listening layer, and a connected peer whose bytes the test writes. */
  async function withPeer(csm: Buffer | string = CSM) {
    const requests: IncomingRequest[] = [];
    const gone: [Endpoint, string][] = [];
    const layer = await opened(new TcpTransport({ listen: { host: '127.0.0.1', port: 0 }, clock }), {
      onRequest: (request) => {
        requests.push(request);
        request.respond({ code: Code.Changed });
      },
      onDisconnected: (endpoint, reason) => gone.push([endpoint, reason]),
    });
    const peer = await RawPeer.connected(layer.local?.port as number);
    peers.push(peer);
    peer.send(csm);
    // POST /r with token aa: that it is answered means that the CSM has been read.
    peer.send('21 02 aa b1 72');
    await until(() => peer.answers === '0144aa', 'the first answer');
    const endpoint = requests[0]?.endpoint as Endpoint;
    const from = peer.answers.length;
    return { layer, peer, endpoint, requests, gone, sent: () => peer.answers.slice(from) };
  }

  async function settled(outcome: Outcome): Promise<Outcome> {
    await until(() => outcome.error !== undefined || outcome.response !== undefined, 'an outcome');
    return outcome;
  }

  it('asks and is answered', async () => {
    const { client, to } = await pair();
    const payload = Buffer.from('hello');
    const { response } = await settled(ask(client, to(), { code: Code.Post, path: ['echo'], payload }));
    assert.equal(response?.code, Code.Content);
    assert.deepEqual(response.payload, payload);
  });

  it('keeps the endpoint of a connection while it is idle', async () => {
    const { layer, endpoint } = await withPeer();
    assert.equal(endpoint.pinned, true);
    assert.equal(layer.held().endpoints, 1);
  });

  it('sends requests and answers with neither type nor message ID, and remembers nothing to recognise repeats by', async () => {
    const { layer, peer, requests, sent } = await withPeer();
    peer.send('21 02 bb b1 72 21 02 bb b1 72');
    await until(() => sent() === '0144bb0144bb', 'both answers');
    assert.equal(requests.length, 3);
    assert.equal(layer.held().deduplicationEntries, 0);
  });

  it('answers an unknown critical option with 4.02, there being no confirmable and non-confirmable', async () => {
    const { peer, sent } = await withPeer();
    peer.send('11 02 bb 90');
    await until(() => sent() !== '', 'the answer');
    assert.equal(sent(), '0182bb');
  });

  it('ends the connection over a message it cannot parse', async () => {
    const { peer, sent, gone } = await withPeer();
    peer.send('11 02 bb f0');
    await until(() => peer.closed, 'the end');
    assert.equal(Buffer.from(sent(), 'hex').subarray(-19).toString(), 'a malformed message');
    assert.equal(gone.length, 1);
  });

  it('says nothing to an answer that nobody waits for', async () => {
    const { peer, sent } = await withPeer();
    peer.send('08 45 0102030405060708 21 02 bb b1 72');
    await until(() => sent() === '0144bb', 'the answer to what came after it');
  });

  describe('when the connection ends', () => {
    it('fails what is under way and what waits, and tells whose it was', async () => {
      const { layer, peer, endpoint, gone } = await withPeer();
      const first = ask(layer, endpoint, { code: Code.Get, path: ['a'] });
      const second = ask(layer, endpoint, { code: Code.Get, path: ['b'] });
      peer.end();
      assert.equal((await settled(first)).error?.code, 'disconnected');
      assert.equal((await settled(second)).error?.code, 'disconnected');
      assert.match(first.error?.message ?? '', /^the connection to 127\.0\.0\.1:\d+ ended: it closed the connection$/);
      assert.deepEqual(gone, [[endpoint, 'it closed the connection']]);
      assert.deepEqual([layer.held().tokens, layer.held().endpoints], [0, 0]);
    });

    it('refuses at once what is asked later', async () => {
      const { layer, peer, endpoint, gone } = await withPeer();
      peer.end();
      await until(() => gone.length === 1, 'the end');
      assert.equal(ask(layer, endpoint, { code: Code.Get, path: ['a'] }).error?.code, 'disconnected');
      assert.equal(endpoint.gone, true);
    });

    it('ends observations', async () => {
      const { layer, peer, endpoint, sent } = await withPeer();
      const ended: string[] = [];
      const observer = { notification: () => undefined, ended: (reason: { code: string }) => void ended.push(reason.code) };
      const observation = layer.observe(endpoint, { code: Code.Get, path: ['a'] }, observer, {}, () => undefined);
      await until(() => sent() !== '', 'the Observe');
      peer.send(Buffer.concat([hex('38 45'), observation.token, hex('60 ff 31')]));
      await until(() => observation.accepted, 'the first answer');
      peer.end();
      await until(() => ended.length === 1, 'the end');
      assert.deepEqual(ended, ['disconnected']);
      assert.equal(layer.held().tokens, 0);
    });

    it('tells a client that cannot connect', async () => {
      const { server, client, to } = await pair();
      const endpoint = to();
      await server.close();
      const { error } = await settled(ask(client, endpoint, { code: Code.Get, path: ['a'] }));
      assert.equal(error?.code, 'disconnected');
      assert.match(error.message, /ECONNREFUSED/);
    });

    it('connects again when a client asks again, as another endpoint', async () => {
      const { client, to } = await pair();
      const before = to();
      await settled(ask(client, before, { code: Code.Get, path: ['a'] }));
      client.disconnect(before);
      const after = to();
      assert.notEqual(after, before);
      assert.equal((await settled(ask(client, after, { code: Code.Get, path: ['a'] }))).response?.code, Code.Content);
    });
  });

  describe('observing', () => {
    async function observing() {
      const { layer, peer, endpoint, sent } = await withPeer();
      const values: string[] = [];
      const observer = {
        notification: ({ payload }: { payload: Buffer }) => void values.push(payload.toString()),
        ended: () => undefined,
      };
      const observation = layer.observe(endpoint, { code: Code.Get, path: ['a'] }, observer, {}, () => undefined);
      await until(() => sent() !== '', 'the Observe');
      const notify = (observe: string, value: string): void => {
        const body = Buffer.concat([hex(observe), Buffer.from([0xff]), Buffer.from(value)]);
        peer.send(Buffer.concat([Buffer.from([(body.length << 4) | 8, 0x45]), observation.token, body]));
      };
      notify('60', 'first');
      await until(() => observation.accepted, 'the first answer');
      return { peer, observation, values, notify, sent };
    }

    it('takes notifications as they come, whatever their Observe value says', async () => {
      const { values, notify } = await observing();
      notify('61 09', 'a');
      notify('61 03', 'b');
      notify('60', 'c');
      await until(() => values.length === 3, 'three');
      assert.deepEqual(values, ['a', 'b', 'c']);
    });

    it('tells the device when it is not interested any more, there being no Reset', async () => {
      const { observation, sent } = await observing();
      const before = sent().length;
      observation.cancel('passive');
      await until(() => sent().length > before, 'the cancellation');
      // GET, Observe 1, /a, under the observation's token.
      assert.equal(sent().slice(before), `4801${observation.token.toString('hex')}61015161`);
    });
  });

  describe('bodies', () => {
    it('of 60 kB go in one message', async () => {
      const { server, client, to } = await pair();
      // The peer has said what it takes.
      await settled(ask(client, to(), { code: Code.Get, path: ['a'] }));
      const payload = Buffer.alloc(60_000, 'x');
      const before = server.statistics.received;
      const { response } = await settled(ask(client, to(), { code: Code.Post, path: ['echo'], payload }));
      assert.deepEqual(response?.payload, payload);
      assert.equal(server.statistics.received, before + 1);
    });

    it('of 300 kB go in runs of blocks (BERT), up and down', async () => {
      const { server, client, to } = await pair();
      await settled(ask(client, to(), { code: Code.Get, path: ['a'] }));
      const payload = Buffer.from(Array.from({ length: 300_001 }, (_, index) => index % 251));
      const before = server.statistics.received;
      const { response } = await settled(ask(client, to(), { code: Code.Post, path: ['echo'], payload }));
      assert.ok(response?.payload.equals(payload));
      // Five up, the last of which brings the first down, and four more.
      assert.equal(server.statistics.received, before + 9);
    });

    it('go in the usual blocks before the peer has said what it takes', async () => {
      const { server, client, to } = await pair();
      const payload = Buffer.alloc(3_000, 'x');
      const { response } = await settled(ask(client, to(), { code: Code.Post, path: ['echo'], payload }));
      assert.deepEqual(response?.payload, payload);
      assert.equal(server.statistics.received, 3);
    });

    it('go in the usual blocks to a peer with the usual messages', async () => {
      const { layer, endpoint, sent } = await withPeer('10 e1 40');
      void ask(layer, endpoint, { code: Code.Put, path: ['a'], payload: Buffer.alloc(2_500) });
      await until(() => sent().length > 2_000, 'the first block');
      // Block1 0, more, 1024; Size1 2500.
      assert.match(sent(), /^e8....03[0-9a-f]{16}b161d1030ed21409c4ff(00){1024}$/);
    });

    it('that are too large for a peer without blocks are refused before anything is sent', async () => {
      const { layer, endpoint, sent } = await withPeer('30 e1 22 1000');
      const { error } = ask(layer, endpoint, { code: Code.Put, path: ['a'], payload: Buffer.alloc(5_000) });
      assert.equal(error?.code, 'too-large');
      assert.match(error.message, /at most 3968 bytes at once/);
      assert.equal(sent(), '');
    });

    it('that come in runs of blocks are joined; a run that is no multiple of 1024 is refused', async () => {
      const { peer, requests, sent } = await withPeer();
      const block = (value: string, payload: Buffer): Buffer => {
        const body = Buffer.concat([hex(`b1 72 d1 03 ${value}`), Buffer.from([0xff]), payload]);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(body.length - 269);
        return Buffer.concat([hex('e1'), length, hex('03 bb'), body]);
      };
      peer.send(block('0f', Buffer.alloc(2_048, 'a')));
      await until(() => sent().includes('5fbb'), 'continue');
      peer.send(block('27', Buffer.alloc(1_500, 'b')));
      await until(() => requests.length === 2, 'the whole');
      assert.equal(requests[1]?.payload.toString(), 'a'.repeat(2_048) + 'b'.repeat(1_500));
      peer.send(block('0f', Buffer.alloc(1_500)));
      await until(() => sent().includes('80bb'), 'the refusal');
    });
  });
});
