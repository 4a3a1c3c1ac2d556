/**
 * The device's link to the network, which it can switch off: asleep it does not hear, and anything it sends wakes it (queue mode);
 * cut off it neither hears nor sends. It lies over what carries datagrams or connections, and below DTLS; a connection is kept while
 * asleep, and what comes on it is heard.
 */
import type { LocalAddress, Transport } from '../../coap/transport';

export type RadioState = 'on' | 'asleep' | 'cut-off';

export class Radio {
  state: RadioState = 'on';

  /** @param onTraffic a message went out or came in */
  constructor(private readonly onTraffic: () => void) {}

  /** The transport as it is with this radio. */
  over(transport: Transport): Transport {
    return {
      name: transport.name,
      reliable: transport.reliable === true,
      get local(): LocalAddress | undefined {
        return transport.local;
      },
      open: (receiver) =>
        transport.open({
          received: (datagram, address, port) => {
            if (this.state === 'cut-off' || (this.state === 'asleep' && transport.reliable !== true)) return;
            this.onTraffic();
            receiver.received(datagram, address, port);
          },
          announced: (address, port, capabilities) => receiver.announced?.(address, port, capabilities),
          disconnected: (address, port, reason) => receiver.disconnected?.(address, port, reason),
        }),
      send: (datagram, address, port) => {
        if (this.state === 'cut-off') return;
        this.state = 'on';
        this.onTraffic();
        transport.send(datagram, address, port);
      },
      disconnect: (address, port, fault) => transport.disconnect?.(address, port, fault),
      close: () => transport.close(),
    };
  }
}
