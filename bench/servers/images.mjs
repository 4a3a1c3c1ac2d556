/** A whole server with one image for devices to fetch; or, told so, a socket that answers each request with as many bytes. */
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { serve } from '../control.mjs';
import { pack } from '../pack.mjs';

const { SystemClock } = pack('clock');
const { Fleet } = pack('fleet/fleet');
const { Lwm2mServer } = pack('lwm2m/server/server');

/** A block with its header and options. */
const ANSWER = Buffer.alloc(1024 + 24);

serve({
  listen: async ({ bytes, raw }) => {
    if (raw) {
      const socket = dgram.createSocket({
        type: 'udp4',
        recvBufferSize: 4 * 1024 * 1024,
        lookup: (host, _o, done) => done(null, host, 4),
      });
      socket.on('message', (datagram, from) => {
        // Who asked finds its answer by message ID and token.
        datagram.copy(ANSWER, 0, 0, 8);
        socket.send(ANSWER, from.port, from.address);
      });
      await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
      return { port: socket.address().port, token: 'none' };
    }
    const clock = new SystemClock();
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0 }, admission: 'open', clock });
    const fleet = new Fleet(server, clock);
    server.downloadSource = fleet.imageServing.source;
    await server.start();
    const { id } = await fleet.images.add(randomBytes(bytes), { name: 'bench', version: '1' });
    const { token } = await fleet.imageServing.offer(id);
    return { port: server.local.port, token };
  },
});
