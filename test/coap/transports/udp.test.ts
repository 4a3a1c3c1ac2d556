/** The socket glue, on real sockets at ports of the system's choice. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SystemClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import { CoapLayer } from '../../../src/coap/layer';
import { UdpTransport } from '../../../src/coap/transports/udp';
import { DeviceManagementError } from '../../../src/errors';
import { hex } from '../datagram';

interface Arrival {
  readonly text: string;
  readonly address: string;
  readonly port: number;
}

/** Everything a test has opened. */
const opened: (() => Promise<unknown>)[] = [];

async function listening(host?: string, port = 0): Promise<{ transport: UdpTransport; next(): Promise<Arrival> }> {
  const transport = new UdpTransport(host === undefined ? { port } : { host, port });
  const waiting: ((arrival: Arrival) => void)[] = [];
  const arrived: Arrival[] = [];
  await transport.open({
    received: (datagram, address, from) => {
      const arrival = { text: datagram.toString(), address, port: from };
      const first = waiting.shift();
      if (first === undefined) arrived.push(arrival);
      else first(arrival);
    },
  });
  opened.push(() => transport.close());
  const next = (): Promise<Arrival> =>
    new Promise((resolve) => {
      const first = arrived.shift();
      if (first === undefined) waiting.push(resolve);
      else resolve(first);
    });
  return { transport, next };
}

async function peer(type: 'udp4' | 'udp6', address: string): Promise<Socket> {
  const socket = createSocket(type);
  socket.bind(0, address);
  await once(socket, 'listening');
  opened.push(async () => {
    socket.close();
    await once(socket, 'close');
  });
  return socket;
}

const portOf = (transport: UdpTransport): number => transport.local?.port ?? 0;

/** Whether this machine has an IPv6 loopback; not every container does. */
async function hasIpv6(): Promise<boolean> {
  const socket = createSocket('udp6');
  try {
    socket.bind(0, '::1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

describe('the UDP transport', () => {
  afterEach(async () => {
    for (const close of opened.splice(0)) await close();
  });

  it('says where it listens once it is open, and not before or after', async () => {
    const transport = new UdpTransport({ host: '127.0.0.1', port: 0 });
    const local = (): UdpTransport['local'] => transport.local;
    assert.equal(local(), undefined);
    await transport.open({ received: () => undefined });
    assert.equal(local()?.address, '127.0.0.1');
    assert.ok(portOf(transport) > 0);
    await transport.close();
    assert.equal(local(), undefined);
    await transport.close();
  });

  it('brings datagrams in both directions over one port', async () => {
    const [one, two] = [await listening('127.0.0.1'), await listening('127.0.0.1')];
    one.transport.send(Buffer.from('there'), '127.0.0.1', portOf(two.transport));
    const arrival = await two.next();
    assert.deepEqual(arrival, { text: 'there', address: '127.0.0.1', port: portOf(one.transport) });
    two.transport.send(Buffer.from('and back'), arrival.address, arrival.port);
    assert.deepEqual(await one.next(), { text: 'and back', address: '127.0.0.1', port: portOf(two.transport) });
  });

  it('answers at the address a datagram came from', async () => {
    const { transport, next } = await listening('0.0.0.0');
    const other = await peer('udp4', '127.0.0.2');
    other.send('x', portOf(transport), '127.0.0.1');
    const { address, port } = await next();
    assert.equal(address, '127.0.0.2');
    transport.send(Buffer.from('reply'), address, port);
    const [reply] = await once(other, 'message');
    assert.equal(String(reply), 'reply');
  });

  for (const host of ['::1', undefined]) {
    it(`listens on IPv6 ${host === undefined ? 'and IPv4 with one socket, where an IPv4 peer looks like one' : 'alone where told to'}`, async function () {
      if (!(await hasIpv6())) this.skip();
      const { transport, next } = await listening(host);
      const six = await peer('udp6', '::1');
      six.send('six', portOf(transport), '::1');
      const arrival = await next();
      assert.equal(arrival.address, '::1');
      transport.send(Buffer.from('reply'), arrival.address, arrival.port);
      assert.equal(String((await once(six, 'message'))[0]), 'reply');
      if (host !== undefined) return;
      const four = await peer('udp4', '127.0.0.1');
      four.send('four', portOf(transport), '127.0.0.1');
      const fromFour = await next();
      assert.equal(fromFour.address, '127.0.0.1');
      transport.send(Buffer.from('reply'), fromFour.address, fromFour.port);
      assert.equal(String((await once(four, 'message'))[0]), 'reply');
    });
  }

  it('says what to do when its port is in use, and names it', async () => {
    const { transport } = await listening('127.0.0.1');
    const port = portOf(transport);
    const second = new UdpTransport({ host: '127.0.0.1', port });
    await assert.rejects(second.open({ received: () => undefined }), (error: unknown) => {
      assert.ok(error instanceof DeviceManagementError);
      assert.equal(error.code, 'port-in-use');
      assert.match(error.message, new RegExp(`UDP port ${port} of 127\\.0\\.0\\.1 .*choose another port`));
      return true;
    });
    assert.equal(second.local, undefined);
    await second.close();
  });

  it('leaves its port free when it closes, to be opened again by the same object too', async () => {
    const { transport } = await listening('127.0.0.1');
    const port = portOf(transport);
    await transport.close();
    const { transport: second } = await listening('127.0.0.1', port);
    assert.equal(portOf(second), port);
    await second.close();
    const third = new UdpTransport({ host: '127.0.0.1', port });
    await third.open({ received: () => undefined });
    await third.close();
    await third.open({ received: () => undefined });
    assert.equal(portOf(third), port);
    await third.close();
  });

  it('says so when its address is not one of this machine', async () => {
    // TEST-NET-1 (RFC 5737): never assigned.
    const transport = new UdpTransport({ host: '192.0.2.1', port: 0 });
    await assert.rejects(transport.open({ received: () => undefined }), (error: unknown) => {
      assert.ok(error instanceof DeviceManagementError);
      assert.equal(error.code, 'server-unavailable');
      assert.match(error.message, /192\.0\.2\.1 is not an address of this machine/);
      return true;
    });
  });

  it('loses what cannot be sent, and never throws', async () => {
    const { transport, next } = await listening('127.0.0.1');
    const port = portOf(transport);
    transport.send(Buffer.from('x'), '127.0.0.1', 0);
    transport.send(Buffer.from('x'), '127.0.0.1', 65_536);
    transport.send(Buffer.from('x'), 'no address', port);
    transport.send(Buffer.alloc(70_000), '127.0.0.1', port);
    transport.send(Buffer.from('good'), '127.0.0.1', port);
    assert.equal((await next()).text, 'good');
  });

  it('neither sends nor throws before it is open or after it is closed', async () => {
    const transport = new UdpTransport({ host: '127.0.0.1', port: 0 });
    transport.send(Buffer.from('x'), '127.0.0.1', 9);
    await transport.open({ received: () => undefined });
    await transport.close();
    transport.send(Buffer.from('x'), '127.0.0.1', 9);
    assert.equal(transport.local, undefined);
  });
});

describe('a layer over UDP', () => {
  it('asks and is asked over real sockets, in blocks too, and resets what is malformed', async () => {
    const body = Buffer.alloc(3_000, 7);
    const layers = [];
    for (let count = 0; count < 2; count++) {
      const layer = new CoapLayer({
        transports: [new UdpTransport({ host: '127.0.0.1', port: 0 })],
        clock: new SystemClock(),
        onRequest: (request) => request.respond({ code: Code.Content, payload: request.payload }),
      });
      await layer.open();
      layers.push(layer);
    }
    const [one, two] = layers as [CoapLayer, CoapLayer];
    try {
      const endpoint = one.endpoint('127.0.0.1', two.local?.port ?? 0);
      const echoed = await new Promise<Buffer>((resolve, reject) => {
        one.request(endpoint, { code: Code.Post, path: ['echo'], payload: body }, {}, (error, response) =>
          response === undefined ? reject(error) : resolve(response.payload),
        );
      });
      assert.deepEqual(echoed, body);
      const raw = createSocket('udp4');
      raw.send(hex('41 01 12 34'), two.local?.port ?? 0, '127.0.0.1');
      const [reset] = await once(raw, 'message');
      assert.equal((reset as Buffer).toString('hex'), '70001234');
      raw.close();
    } finally {
      for (const layer of layers) await layer.close();
    }
  });
});
