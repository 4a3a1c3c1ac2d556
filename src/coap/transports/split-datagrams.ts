/**
 * One socket for CoAP and for DTLS, as a device has that speaks both: the first byte tells them apart (RFC 7983 §7). It is 20 to 63 for DTLS,
 * and 64 to 127 for version 1 of CoAP.
 */
import type { LocalAddress, Receiver, Transport } from '../transport';

const FIRST_OF_DTLS = 20;
const FIRST_OF_COAP = 64;

export class SplitDatagrams {
  /** For CoAP, and for DTLS. */
  readonly plain: Transport;
  readonly secured: Transport;
  private readonly receivers = new Map<Transport, Receiver>();
  private opening: Promise<void> | undefined;

  /** @param carrier opened with the first of both, closed with the last */
  constructor(private readonly carrier: Transport) {
    this.plain = this.half();
    this.secured = this.half();
  }

  private half(): Transport {
    const { carrier } = this;
    const half: Transport = {
      name: carrier.name,
      get local(): LocalAddress | undefined {
        return carrier.local;
      },
      open: (receiver) => {
        this.receivers.set(half, receiver);
        this.opening ??= carrier.open({ received: (datagram, address, port) => this.received(datagram, address, port) });
        return this.opening;
      },
      send: (datagram, address, port) => carrier.send(datagram, address, port),
      close: async () => {
        this.receivers.delete(half);
        if (this.receivers.size === 0) await carrier.close();
      },
    };
    return half;
  }

  private received(datagram: Buffer, address: string, port: number): void {
    const [first = 0] = datagram;
    const half = first >= FIRST_OF_DTLS && first < FIRST_OF_COAP ? this.secured : this.plain;
    this.receivers.get(half)?.received(datagram, address, port);
  }
}
