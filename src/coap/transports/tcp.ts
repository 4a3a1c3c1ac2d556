/** CoAP over TCP (RFC 8323). */
import { connect, createServer } from 'node:net';
import { type ConnectionOptions, ConnectionTransport, type Streams } from './connections';

const TCP: Streams = {
  name: 'tcp',
  serve: (taken, ready) =>
    createServer((socket) => {
      if (taken(socket)) ready(socket);
    }),
  connect: (address, port) => connect({ host: address, port }),
};

export class TcpTransport extends ConnectionTransport {
  constructor(options: ConnectionOptions) {
    super(TCP, options);
  }
}
