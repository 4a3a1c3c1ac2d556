/**
 * The peers a client talks to: the server that manages it, and the bootstrap server. They may be one. Where their connection has ended they
 * are met over another one.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Endpoint } from '../../coap/endpoint';
import type { CoapLayer } from '../../coap/layer';
import { DeviceManagementError } from '../../errors';
import { DEFAULT_PORT } from './client-options';

export interface Place {
  readonly host: string;
  readonly port?: number;
}

export class Servers {
  private managing: Endpoint | undefined;
  private bootstrapping: Endpoint | undefined;

  constructor(private readonly layer: Pick<CoapLayer, 'endpoint' | 'disconnect'>) {}

  get management(): Endpoint | undefined {
    this.managing = this.present(this.managing);
    return this.managing;
  }

  get bootstrap(): Endpoint | undefined {
    this.bootstrapping = this.present(this.bootstrapping);
    return this.bootstrapping;
  }

  /** Whether a connection that may have ended was the one to the management server. */
  isManagement(peer: Endpoint): boolean {
    return peer === this.managing;
  }

  /** @param address of the management server, resolved */
  manage(address: string, port = DEFAULT_PORT): void {
    this.managing?.release();
    this.managing = this.pinned(address, port);
  }

  bootstrapFrom(address: string, port = DEFAULT_PORT): void {
    this.bootstrapping = this.pinned(address, port);
  }

  /** A device without power has no connections. */
  hangUp(): void {
    for (const endpoint of [this.managing, this.bootstrapping]) if (endpoint !== undefined) this.layer.disconnect(endpoint);
  }

  release(): void {
    this.managing?.release();
    this.bootstrapping?.release();
  }

  private present(endpoint: Endpoint | undefined): Endpoint | undefined {
    if (endpoint?.gone !== true) return endpoint;
    endpoint.release();
    return this.pinned(endpoint.address, endpoint.port);
  }

  private pinned(address: string, port: number): Endpoint {
    const endpoint = this.layer.endpoint(address, port);
    endpoint.retain();
    return endpoint;
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
