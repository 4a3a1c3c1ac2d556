/** The ceiling: one receive and one send per message in Node, nothing in between. */
import dgram from 'node:dgram';
import { serve } from '../control.mjs';

const socket = dgram.createSocket({
  type: 'udp4',
  recvBufferSize: 4 * 1024 * 1024,
  lookup: (host, _options, callback) => callback(null, host, 4),
});
socket.on('message', (datagram, from) => socket.send(datagram, from.port, from.address));

serve({
  listen: () => new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve({ port: socket.address().port }))),
});
