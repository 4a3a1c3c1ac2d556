/**
 * The peers a client talks to: the server that manages it, and the bootstrap server. They may be one, even at the same place with
 * different keys. Where their connection has ended they are met over another one.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Endpoint } from '../../coap/endpoint';
import type { CoapLayer } from '../../coap/layer';
import type { ConnectOptions } from '../../dtls/handshake-client';
import { DeviceManagementError } from '../../errors';
import type { Scheme } from './client-options';
import type { ClientTransports } from './client-transports';

/** A server to be met: where, and how the client proves itself there. */
export interface Place {
  readonly scheme: Scheme;
  /** Resolved. */
  readonly address: string;
  readonly port: number;
  readonly proof: ConnectOptions | undefined;
}

interface Peer extends Place {
  endpoint: Endpoint;
}

export class Servers {
  private managing: Peer | undefined;
  private bootstrapping: Peer | undefined;

  constructor(
    private readonly layer: Pick<CoapLayer, 'endpoint' | 'disconnect'>,
    private readonly transports: Pick<ClientTransports, 'of' | 'prove'>,
  ) {}

  get management(): Endpoint | undefined {
    return this.present(this.managing);
  }

  get bootstrap(): Endpoint | undefined {
    return this.present(this.bootstrapping);
  }

  /** Whether a connection that may have ended was the one to the management server. */
  isManagement(peer: Endpoint): boolean {
    return peer === this.managing?.endpoint;
  }

  manage(place: Place): void {
    this.managing?.endpoint.release();
    this.managing = this.pinned(place);
  }

  bootstrapFrom(place: Place): void {
    this.bootstrapping = this.pinned(place);
  }

  /** For what is about to be sent: it goes there with what the client is known by there. */
  toManagement(): Endpoint | undefined {
    return this.proved(this.managing);
  }

  toBootstrap(): Endpoint | undefined {
    return this.proved(this.bootstrapping);
  }

  /**
   * Another place than its servers, or the same: there the client is known by what its server knows it by.
   * @returns the peer, as it is whenever it is asked; `undefined` where the client does not speak the scheme
   */
  elsewhere(place: Omit<Place, 'proof'>): (() => Endpoint | undefined) | undefined {
    const { scheme, address, port } = place;
    if (this.transports.of(scheme) === undefined) return undefined;
    const { managing } = this;
    if (managing?.scheme === scheme && managing.address === address && managing.port === port) return () => this.toManagement();
    return () => {
      this.transports.prove(scheme, address, port, scheme.startsWith('coaps') ? this.managing?.proof : undefined);
      return this.layer.endpoint(address, port, this.transports.of(scheme));
    };
  }

  /** A device without power has no connections. */
  hangUp(): void {
    for (const peer of [this.managing, this.bootstrapping]) if (peer !== undefined) this.layer.disconnect(peer.endpoint);
  }

  release(): void {
    this.managing?.endpoint.release();
    this.bootstrapping?.endpoint.release();
  }

  private proved(peer: Peer | undefined): Endpoint | undefined {
    if (peer !== undefined) this.transports.prove(peer.scheme, peer.address, peer.port, peer.proof);
    return this.present(peer);
  }

  private present(peer: Peer | undefined): Endpoint | undefined {
    if (peer?.endpoint.gone === true) {
      peer.endpoint.release();
      peer.endpoint = this.pinned(peer).endpoint;
    }
    return peer?.endpoint;
  }

  private pinned({ scheme, address, port, proof }: Place): Peer {
    const endpoint = this.layer.endpoint(address, port, this.transports.of(scheme));
    endpoint.retain();
    return { scheme, address, port, proof, endpoint };
  }
}

/** @throws DeviceManagementError `server-unavailable` */
export async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new DeviceManagementError('server-unavailable', `The server ${host} has no address: check its name.`, { cause: error });
  }
}
