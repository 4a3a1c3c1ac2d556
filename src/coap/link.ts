/** One transport of a layer, and the peers met on it: an address means something only together with what carries messages there. */
import { sizesFor } from './block/sizes';
import type { Endpoint, EndpointTable } from './endpoint';
import type { Receiving } from './receiving';
import type { PeerCapabilities, Receiver, RefusedPeer, Transport } from './transport';

/** What the layer does beside receiving. */
export interface LinkOwner {
  disconnected(endpoint: Endpoint, reason: string): void;
  refused(peer: RefusedPeer): void;
}

export class Link implements Receiver {
  constructor(
    readonly transport: Transport,
    readonly endpoints: EndpointTable,
    private readonly receiving: Receiving,
    private readonly owner: LinkOwner,
  ) {}

  received(datagram: Buffer, address: string, port: number): void {
    this.receiving.received(datagram, address, port, this.transport, this.endpoints);
  }

  announced(address: string, port: number, capabilities: PeerCapabilities): void {
    this.endpoints.findOrMake(address, port).sizes = sizesFor(capabilities);
  }

  disconnected(address: string, port: number, reason: string): void {
    const endpoint = this.endpoints.find(address, port);
    if (endpoint === undefined) return;
    // Whoever connects from there next is someone else.
    this.endpoints.remove(endpoint);
    endpoint.gone = true;
    this.owner.disconnected(endpoint, reason);
  }

  refused(peer: RefusedPeer): void {
    this.owner.refused(peer);
  }
}
