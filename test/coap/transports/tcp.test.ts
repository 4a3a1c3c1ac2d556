/** The TCP transport over real sockets on loopback, with time that moves only when told to: framing, signalling and limits as a peer meets them. */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { VirtualClock } from '../../../src/clock';
import type { PeerCapabilities } from '../../../src/coap/transport';
import { TcpTransport } from '../../../src/coap/transports/tcp';
import type { TcpLimits } from '../../../src/coap/transports/tcp-limits';
import { CSM, hex, RawPeer, until } from './frames';

/** Our own CSM: Max-Message-Size 1 MiB, Block-Wise-Transfer. */
const OUR_CSM = '50e12310000020';
/** GET /a with token 01. */
const GET = '21 01 01 b1 61';

describe('the TCP transport', () => {
  const clock = new VirtualClock();
  const transports: TcpTransport[] = [];
  const peers: RawPeer[] = [];
  const servers: Server[] = [];

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.end();
    for (const transport of transports.splice(0)) await transport.close();
    for (const server of servers.splice(0)) server.close();
  });

  async function given(limits: Partial<TcpLimits> = {}) {
    const transport = new TcpTransport({ listen: { host: '127.0.0.1', port: 0 }, clock, limits });
    transports.push(transport);
    const received: { message: Buffer; port: number }[] = [];
    const announced: PeerCapabilities[] = [];
    const disconnected: string[] = [];
    await transport.open({
      received: (message, _address, port) => received.push({ message, port }),
      announced: (_address, _port, capabilities) => announced.push(capabilities),
      disconnected: (_address, _port, reason) => disconnected.push(reason),
    });
    return { transport, received, announced, disconnected, port: transport.local?.port as number };
  }

  async function connected(port: number, ...bytes: (Buffer | string)[]): Promise<RawPeer> {
    const peer = await RawPeer.connected(port);
    peers.push(peer);
    for (const part of bytes) peer.send(part);
    return peer;
  }

  describe('takes connections', () => {
    it('and sends its CSM without waiting for the peer', async () => {
      const { port } = await given();
      const peer = await connected(port);
      await until(() => peer.received.length > 0, 'the CSM');
      assert.equal(peer.received.toString('hex'), OUR_CSM);
    });

    it('and hands on what comes, in the form of RFC 7252', async () => {
      const { port, received, announced } = await given();
      const peer = await connected(port, CSM, GET, '00 00', GET);
      await until(() => received.length === 2, 'two requests');
      assert.deepEqual(received[0], { message: hex('51 01 0000 01 b1 61'), port: peer.socket.localPort });
      assert.deepEqual(announced, [{ largestMessage: 65_536, blockwise: true }]);
    });

    it('and answers on the connection the request came by', async () => {
      const { transport, port, received } = await given();
      const peer = await connected(port, CSM, GET);
      const other = await connected(port, CSM);
      await until(() => received.length === 1, 'the request');
      transport.send(hex('51 45 0000 01 ff 68 69'), '127.0.0.1', peer.socket.localPort as number);
      await until(() => peer.answers.length > 0, 'the answer');
      assert.equal(peer.answers, '31' + '45' + '01' + 'ff6869');
      assert.equal(other.answers, '');
    });

    it('over IPv6 and IPv4 alike where no host is named, each peer under its usual address', async () => {
      const transport = new TcpTransport({ listen: { port: 0 }, clock });
      transports.push(transport);
      const from: string[] = [];
      await transport.open({ received: (_message, address) => from.push(address) });
      await connected(transport.local?.port as number, CSM, GET);
      await until(() => from.length === 1, 'the request');
      assert.deepEqual(from, ['127.0.0.1']);
    });

    it('one byte at a time, and a thousand messages in one piece', async () => {
      const { port, received } = await given();
      const slow = await connected(port);
      slow.socket.setNoDelay(true);
      for (const byte of Buffer.concat([CSM, hex(GET)])) {
        slow.send(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await connected(port, CSM, Buffer.concat(Array.from({ length: 1_000 }, () => hex(GET))));
      await until(() => received.length === 1_001, 'all of it');
    });

    it('and says what to do when its port is taken', async () => {
      const { port } = await given();
      const second = new TcpTransport({ listen: { host: '127.0.0.1', port }, clock });
      await assert.rejects(second.open({ received: () => undefined }), {
        code: 'port-in-use',
        message: new RegExp(`^TCP port ${port} of 127\\.0\\.0\\.1 is in use .* choose another port`),
      });
    });

    it('and does not call back a device that has left', async () => {
      const { transport, disconnected, port } = await given();
      const peer = await connected(port, CSM);
      const its = peer.socket.localPort as number;
      peer.end();
      await until(() => disconnected.length === 1, 'the end');
      transport.send(hex('51 01 0000 01'), '127.0.0.1', its);
      assert.equal(transport.size, 0);
    });
  });

  describe('signals', () => {
    it('Pong with the token of the Ping, and custody where asked for', async () => {
      const { port } = await given();
      const peer = await connected(port, CSM, '02 e2 0102', '12 e2 0304 20');
      await until(() => peer.answers.length === 18, 'two Pongs');
      assert.equal(peer.answers, '02e30102' + '12e3030420');
    });

    it('takes another CSM in the middle', async () => {
      const { port, announced } = await given();
      await connected(port, CSM, '30 e1 22 0800');
      await until(() => announced.length === 2, 'both');
      assert.deepEqual(announced[1], { largestMessage: 2_048, blockwise: true });
    });

    it('ends in peace when released, and tells above', async () => {
      const { port, disconnected } = await given();
      const peer = await connected(port, CSM, '00 e4');
      await until(() => peer.closed, 'the end');
      assert.deepEqual(disconnected, ['it released the connection']);
    });

    it('tells above why the peer aborted', async () => {
      const { port, disconnected } = await given();
      await connected(port, CSM, '40 e5 ff 776879');
      await until(() => disconnected.length === 1, 'the end');
      assert.deepEqual(disconnected, ['it ended the connection: "why"']);
    });

    it('Release when it is told to disconnect, and Abort with the reason for a fault', async () => {
      const { transport, port, announced } = await given();
      const one = await connected(port, CSM);
      const other = await connected(port, CSM);
      await until(() => announced.length === 2, 'both');
      transport.disconnect('127.0.0.1', one.socket.localPort as number);
      transport.disconnect('127.0.0.1', other.socket.localPort as number, 'why');
      await until(() => one.closed && other.closed, 'both ends');
      assert.equal(one.answers, '00e4');
      assert.equal(other.answers, '40e5ff776879');
    });

    it('Release to everyone when it closes', async () => {
      const { transport, port, announced } = await given();
      const peer = await connected(port, CSM);
      await until(() => announced.length === 1, 'the CSM');
      await transport.close();
      await until(() => peer.closed, 'the end');
      assert.equal(peer.answers, '00e4');
      assert.equal(transport.size, 0);
    });
  });

  describe('ends the connection of a peer', () => {
    const FAULTS: readonly (readonly [what: string, bytes: string, diagnostic: string])[] = [
      ['whose first message is no CSM', GET, 'the first message was no CSM'],
      ['whose first message is a Ping', '00 e2', 'the first message was no CSM'],
      ['with a token of nine bytes', `${CSM.toString('hex')} 09`, 'a token of more than 8 bytes'],
      ['with a message of 4 GB', `${CSM.toString('hex')} f0 ffffffff 02`, 'a message larger than Max-Message-Size'],
      ['with malformed options in a signal', `${CSM.toString('hex')} 10 e2 f0`, 'a signalling message with malformed options'],
      ['that speaks HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'the first message was no CSM'],
    ];
    for (const [what, bytes, diagnostic] of FAULTS) {
      it(`${what}, and says why`, async () => {
        const { port, received } = await given();
        const peer = await connected(port, bytes);
        await until(() => peer.closed, 'the end');
        assert.ok(peer.answers.endsWith(Buffer.from(diagnostic).toString('hex')), peer.answers);
        assert.equal(received.length, 0);
      });
    }

    it('with a critical option in its CSM that is not known, and names the option', async () => {
      const { port } = await given();
      const peer = await connected(port, '10 e1 50');
      await until(() => peer.closed, 'the end');
      assert.match(peer.answers, /^d0..e52105ff/);
    });

    it('that sends no CSM in time, whatever else it does', async () => {
      const { port, transport } = await given({ openingMs: 10_000 });
      const peer = await connected(port, '50');
      await until(() => transport.heldBytes > 0, 'half a CSM');
      clock.advance(9_000);
      assert.equal(transport.size, 1);
      clock.advance(2_000);
      await until(() => peer.closed, 'the end');
    });

    it('that sends a message byte by byte for ever', async () => {
      const { port, transport, disconnected } = await given({ messageMs: 30_000 });
      const peer = await connected(port, CSM, 'd0 64 02');
      await until(() => transport.heldBytes > 0, 'the beginning');
      for (let second = 0; second < 29; second += 5) {
        const held = peer.socket.bytesWritten;
        peer.send('c0');
        await until(() => peer.socket.bytesWritten > held, 'one more byte');
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(5_000);
      }
      clock.advance(2_000);
      await until(() => peer.closed, 'the end');
      assert.deepEqual(disconnected, ['the connection was ended: a message was not completed in time']);
    });

    it('that is idle and does not answer a Ping, and keeps one that does', async () => {
      const { port, announced, received, transport } = await given({ idleMs: 60_000, pongMs: 10_000 });
      const silent = await connected(port, CSM);
      const alive = await connected(port, CSM);
      await until(() => announced.length === 2, 'both');
      clock.advance(60_500);
      await until(() => silent.answers === '00e2' && alive.answers === '00e2', 'the Pings');
      alive.send('00 e3');
      alive.send(GET);
      await until(() => received.length === 1, 'its Pong and what follows');
      clock.advance(10_500);
      await until(() => silent.closed, 'the end');
      assert.equal(alive.closed, false);
      assert.equal(transport.size, 1);
    });

    it('that does not read its answers', async () => {
      const { transport, port, received, disconnected } = await given({ unsentBytes: 100_000 });
      const peer = await connected(port, CSM, GET);
      peer.socket.pause();
      await until(() => received.length === 1, 'the request');
      const answer = Buffer.concat([hex('51 45 0000 01 ff'), Buffer.alloc(60_000)]);
      for (let count = 0; count < 1_000 && disconnected.length === 0; count++) {
        transport.send(answer, '127.0.0.1', peer.socket.localPort as number);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(disconnected, ['it does not read what it is sent']);
      await until(() => transport.heldBytes === 0, 'what was held');
    });

    it('with the greatest part when all together hold too much, and leaves the modest alone', async () => {
      const { transport, port, disconnected } = await given({ heldBytes: 100_000 });
      const modest = await connected(port, CSM, 'd0 64 02');
      const greedy = await connected(port, CSM, 'f0 00070000 02');
      await until(() => transport.heldBytes > 0, 'the beginnings');
      greedy.send(Buffer.alloc(200_000, 0xc0));
      await until(() => disconnected.length === 1, 'the end');
      assert.deepEqual(disconnected, ['all connections together hold too much']);
      assert.equal(modest.closed, false);
      await until(() => transport.heldBytes < 1_000, 'what it held');
    });

    it('that vanishes in the middle of a message, and forgets what it held', async () => {
      const { transport, port, disconnected } = await given();
      const peer = await connected(port, CSM, 'd0 64 02 c0 c0');
      await until(() => transport.heldBytes > 0, 'the beginning');
      peer.end();
      await until(() => transport.heldBytes === 0, 'what was held');
      assert.deepEqual(disconnected, ['it closed the connection']);
      assert.equal(transport.size, 0);
    });
  });

  describe('limits', () => {
    it('how many connect from one address', async () => {
      const { transport, port } = await given({ connectionsPerAddress: 5 });
      const all = await Promise.all(Array.from({ length: 20 }, () => connected(port, CSM)));
      await until(() => all.filter(({ closed }) => closed).length === 15, 'those that are too many');
      assert.deepEqual([transport.size, transport.refused], [5, 15]);
    });

    it('how many connect in all, and takes others when some have gone', async () => {
      const { transport, port, received } = await given({ connections: 100 });
      const all = await Promise.all(Array.from({ length: 300 }, () => connected(port, CSM)));
      await until(() => all.filter(({ closed }) => closed).length === 200, 'those that are too many');
      assert.equal(transport.size, 100);
      for (const peer of all) peer.end();
      await until(() => transport.size === 0, 'their ends');
      await connected(port, CSM, GET);
      await until(() => received.length === 1, 'the newcomer');
    });

    it('what one peer can ask in one turn: another gets its answer in between', async () => {
      const { port, received } = await given();
      const storm = await connected(port, CSM, Buffer.concat(Array.from({ length: 20_000 }, () => hex(GET))));
      const quiet = await connected(port, CSM, GET);
      await until(() => received.some((one) => one.port === quiet.socket.localPort), 'the quiet one');
      assert.ok(received.filter((one) => one.port === storm.socket.localPort).length < 20_000);
      await until(() => received.length === 20_001, 'all of it');
    });
  });

  describe('connects out', () => {
    async function listening(onSocket: (socket: Socket) => void): Promise<number> {
      const server = createServer(onSocket);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const at = server.address();
      assert.ok(at !== null && typeof at === 'object');
      return at.port;
    }

    it('to whom something is sent, the CSM first', async () => {
      let stream = Buffer.alloc(0);
      const port = await listening((socket) => {
        socket.on('data', (chunk: Buffer) => {
          stream = Buffer.concat([stream, chunk]);
        });
      });
      const transport = new TcpTransport({ clock });
      transports.push(transport);
      await transport.open({ received: () => undefined });
      assert.equal(transport.local, undefined);
      transport.send(hex('51 01 0000 01 b1 61'), '127.0.0.1', port);
      transport.send(hex('51 01 0000 02 b1 61'), '127.0.0.1', port);
      await until(() => stream.length === 17, 'CSM and requests');
      assert.equal(stream.toString('hex'), `${OUR_CSM}210101b161210102b161`);
      assert.equal(transport.size, 1);
    });

    it('and tells when nobody is there', async () => {
      const port = await listening(() => undefined);
      servers.splice(0).map((server) => server.close());
      const disconnected: [string, number, string][] = [];
      const transport = new TcpTransport({ clock });
      transports.push(transport);
      await transport.open({
        received: () => undefined,
        disconnected: (...what) => disconnected.push(what),
      });
      transport.send(hex('51 01 0000 01'), '127.0.0.1', port);
      await until(() => disconnected.length === 1, 'the failure');
      assert.deepEqual(disconnected[0]?.slice(0, 2), ['127.0.0.1', port]);
      assert.match(disconnected[0]?.[2] ?? '', /ECONNREFUSED/);
    });

    it('and gives up on one that does not answer', async () => {
      const port = await listening(() => undefined);
      const disconnected: string[] = [];
      const transport = new TcpTransport({ clock, limits: { openingMs: 5_000 } });
      transports.push(transport);
      await transport.open({ received: () => undefined, disconnected: (_address, _port, reason) => disconnected.push(reason) });
      transport.send(hex('51 01 0000 01'), '127.0.0.1', port);
      // No turn of the event loop: to the transport nothing has come from there.
      clock.advance(6_000);
      assert.deepEqual(disconnected, ['nobody answered there']);
      await until(() => transport.size === 0, 'its socket');
    });

    it('and gives up on one that takes the connection and says nothing', async () => {
      let sockets = 0;
      const port = await listening(() => {
        sockets++;
      });
      const disconnected: string[] = [];
      const transport = new TcpTransport({ clock, limits: { openingMs: 5_000 } });
      transports.push(transport);
      await transport.open({ received: () => undefined, disconnected: (_address, _port, reason) => disconnected.push(reason) });
      transport.send(hex('51 01 0000 01'), '127.0.0.1', port);
      await until(() => sockets === 1, 'the connection');
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(6_000);
      assert.deepEqual(disconnected, ['the connection was ended: no CSM within the time allowed']);
    });
  });
});
