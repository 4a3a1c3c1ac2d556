/** Carries datagrams between devices and the server over DTLS, whether that lives or not, and lets them be watched. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { RecordWatch } from './record-watch';

const HOST = '127.0.0.1';

export class Wire {
  readonly watch = new RecordWatch();
  private readonly socket: Socket = createSocket('udp4');
  /** Towards the server, by the port of the device. */
  private readonly upstreams = new Map<number, Socket>();

  constructor(private readonly serverPort: number) {}

  /** @returns the port that devices are to call */
  async open(): Promise<number> {
    this.socket.on('message', (datagram, { port }) => {
      this.watch.look(String(port), 'device', datagram);
      this.upstreamOf(port).send(datagram, this.serverPort, HOST);
    });
    this.socket.bind(0, HOST);
    await once(this.socket, 'listening');
    return this.socket.address().port;
  }

  close(): void {
    this.socket.close();
    for (const upstream of this.upstreams.values()) upstream.close();
  }

  private upstreamOf(port: number): Socket {
    const known = this.upstreams.get(port);
    if (known !== undefined) return known;
    const upstream = createSocket('udp4');
    this.upstreams.set(port, upstream);
    upstream.on('message', (datagram) => {
      this.watch.look(String(port), 'server', datagram);
      this.socket.send(datagram, port, HOST);
    });
    return upstream;
  }
}
