/**
 * The device's link to the network, which it can switch off: asleep it does not hear, and anything it sends wakes it (queue mode);
 * cut off it neither hears nor sends. Below it is any transport; a connection is kept while asleep, and what comes on it is heard.
 */
import type { Receiver, Transport } from '../../coap/transport';

export type RadioState = 'on' | 'asleep' | 'cut-off';

export class Radio implements Transport {
  private current: RadioState = 'on';

  /** @param onTraffic a message went out or came in */
  constructor(
    private readonly transport: Transport,
    private readonly onTraffic: () => void,
  ) {}

  get name(): string {
    return this.transport.name;
  }

  get reliable(): boolean {
    return this.transport.reliable === true;
  }

  get local(): { readonly address: string; readonly port: number } | undefined {
    return this.transport.local;
  }

  get state(): RadioState {
    return this.current;
  }

  set state(state: RadioState) {
    this.current = state;
  }

  open(receiver: Receiver): Promise<void> {
    return this.transport.open({
      received: (datagram, address, port) => {
        if (this.current === 'cut-off' || (this.current === 'asleep' && !this.reliable)) return;
        this.onTraffic();
        receiver.received(datagram, address, port);
      },
      announced: (address, port, capabilities) => receiver.announced?.(address, port, capabilities),
      disconnected: (address, port, reason) => receiver.disconnected?.(address, port, reason),
    });
  }

  send(datagram: Buffer, address: string, port: number): void {
    if (this.current === 'cut-off') return;
    this.current = 'on';
    this.onTraffic();
    this.transport.send(datagram, address, port);
  }

  disconnect(address: string, port: number, fault?: string): void {
    this.transport.disconnect?.(address, port, fault);
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}
