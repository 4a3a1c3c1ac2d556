/** CoAP over UDP (RFC 7252 §3): one bound socket for both directions. */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { DeviceManagementError } from '../../errors';
import type { LocalAddress, Receiver, Transport } from '../transport';
import { canonicalAddress } from './address';
import { checkPort, listenError } from './listen-error';

/** A reconnect storm arrives in a burst; the kernel's default holds about 250 datagrams. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface UdpOptions {
  /** Address to listen on; absent or "" = every address, IPv6 and IPv4. */
  readonly host?: string;
  /** 0 = any free port. */
  readonly port: number;
}

export class UdpTransport implements Transport {
  readonly name = 'udp';
  private socket: Socket | undefined;
  private dualStack = false;
  private receiver: Receiver | undefined;

  constructor(private readonly options: UdpOptions) {}

  get local(): LocalAddress | undefined {
    if (this.socket === undefined) return undefined;
    const { address, port } = this.socket.address();
    return { address, port };
  }

  async open(receiver: Receiver): Promise<void> {
    checkPort(this.options.port);
    this.receiver = receiver;
    const host = this.options.host === undefined || this.options.host === '' ? undefined : this.options.host;
    if (host !== undefined) return this.bind(receiver, host, isIP(host) === 6);
    try {
      await this.bind(receiver, '::', true);
    } catch (error) {
      // A machine with IPv6 switched off has no "::" to listen on.
      if (!isNoIpv6(error)) throw error;
      await this.bind(receiver, '0.0.0.0', false);
    }
  }

  send(datagram: Buffer, address: string, port: number): void {
    const { socket } = this;
    if (socket === undefined) return;
    // A socket for both families takes IPv4 addresses in their mapped form only.
    const target = this.dualStack && address.indexOf(':') < 0 ? `::ffff:${address}` : address;
    try {
      // Without a callback, which would cost a turn of the loop for each datagram: what is lost is lost, as on any network.
      socket.send(datagram, port, target);
    } catch {
      // An address that cannot be sent to, such as port 0 of a forged datagram.
    }
  }

  /** Another socket, at another port where any will do: as a device has that has started anew. */
  async reopen(): Promise<void> {
    const { receiver, socket } = this;
    if (receiver === undefined || socket === undefined) return;
    await this.close();
    await this.open(receiver);
  }

  close(): Promise<void> {
    const { socket } = this;
    this.socket = undefined;
    if (socket === undefined) return Promise.resolve();
    return new Promise((resolve) => socket.close(() => resolve()));
  }

  private bind(receiver: Receiver, host: string, ipv6: boolean): Promise<void> {
    const socket = createSocket({
      type: ipv6 ? 'udp6' : 'udp4',
      // Addresses are numeric here, and of the socket's family: the resolver would only cost time.
      lookup: (hostname, _options, callback) => callback(null, hostname, ipv6 ? 6 : 4),
    });
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        socket.close();
        reject(listenError('UDP', error, host, this.options.port));
      };
      socket.once('error', failed);
      socket.bind(this.options.port, host, () => {
        socket.removeListener('error', failed);
        // ICMP answers may surface here; a lost datagram is the message layer's business.
        socket.on('error', () => {});
        socket.on('message', (datagram, { address, port }) => receiver.received(datagram, canonicalAddress(address), port));
        this.enlargeBuffer(socket);
        this.socket = socket;
        this.dualStack = ipv6 && host === '::';
        resolve();
      });
    });
  }

  private enlargeBuffer(socket: Socket): void {
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch {
      // The system's maximum is smaller, and stays.
    }
  }
}

function isNoIpv6(error: unknown): boolean {
  const code = error instanceof DeviceManagementError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}
