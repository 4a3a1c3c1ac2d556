/** A router with a NAT between one device and our server: the device keeps its socket while the server sees another port. */
import { createSocket, type Socket } from 'node:dgram';
import { HOST } from './server';

/** First byte of a record in the clear (RFC 6347 §4.3.1), and of the handshake message in it. */
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;

export class Nat {
  private readonly inside = createSocket('udp4');
  private outside: Socket | undefined;
  private device: { readonly address: string; readonly port: number } | undefined;
  port = 0;
  /** Datagrams of the device that begin with a ClientHello (DTLS). */
  hellos = 0;

  private constructor(private readonly serverPort: number) {}

  static async start(serverPort: number): Promise<Nat> {
    const nat = new Nat(serverPort);
    await new Promise<void>((resolve) => nat.inside.bind(0, HOST, resolve));
    nat.port = nat.inside.address().port;
    nat.inside.on('message', (datagram, { address, port }) => {
      nat.device = { address, port };
      if (datagram[0] === HANDSHAKE_RECORD && datagram[13] === CLIENT_HELLO) nat.hellos++;
      nat.outside?.send(datagram, nat.serverPort, HOST);
    });
    await nat.forget();
    return nat;
  }

  /** Forgets the mapping: from now on the device comes from another port, and what is sent to the old one is lost. */
  async forget(): Promise<void> {
    const next = createSocket('udp4');
    await new Promise<void>((resolve) => next.bind(0, HOST, resolve));
    next.on('message', (datagram) => {
      if (this.device !== undefined) this.inside.send(datagram, this.device.port, this.device.address);
    });
    this.outside?.close();
    this.outside = next;
  }

  close(): void {
    this.inside.close();
    this.outside?.close();
  }
}
