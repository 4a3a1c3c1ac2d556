/** One transport of a layer, and the peers met on it: an address means something only together with what carries messages there. */
import type { EndpointTable } from './endpoint';
import type { Receiver, Transport } from './transport';

/** What the layer does with what comes. */
export interface LinkOwner {
  received(datagram: Buffer, address: string, port: number, link: Link): void;
}

export class Link implements Receiver {
  constructor(
    readonly transport: Transport,
    readonly endpoints: EndpointTable,
    private readonly owner: LinkOwner,
  ) {}

  received(datagram: Buffer, address: string, port: number): void {
    this.owner.received(datagram, address, port, this);
  }
}
