/** A device behind a NAT that forgets: its datagrams come from another port whenever it pleases, and what is sent to the one before is lost. */
import type { Receiver, Transport } from '../../../src/coap/transport';
import { UdpTransport } from '../../../src/coap/transports/udp';

const HANDSHAKE = 22;

export class MovingSocket implements Transport {
  readonly name = 'udp';
  moves = 0;
  /** Datagrams that began with a handshake record (RFC 6347 §4.1). */
  handshakes = 0;
  lastSent: Buffer = Buffer.alloc(0);
  private current = new UdpTransport({ host: '127.0.0.1', port: 0 });
  private receiver: Receiver | undefined;

  get local(): Transport['local'] {
    return this.current.local;
  }

  open(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
    return this.current.open(receiver);
  }

  send(datagram: Buffer, address: string, port: number): void {
    if (datagram[0] === HANDSHAKE) this.handshakes++;
    this.lastSent = datagram;
    this.current.send(datagram, address, port);
  }

  close(): Promise<void> {
    return this.current.close();
  }

  async move(): Promise<void> {
    const next = new UdpTransport({ host: '127.0.0.1', port: 0 });
    await next.open(this.receiver as Receiver);
    const before = this.current;
    this.current = next;
    this.moves++;
    await before.close();
  }
}
