/** The peers a client talks to: the server that manages it, and the bootstrap server. They may be one. */
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
  management: Endpoint | undefined;
  bootstrap: Endpoint | undefined;

  constructor(private readonly layer: Pick<CoapLayer, 'endpoint'>) {}

  /** @param address of the management server, resolved */
  manage(address: string, port = DEFAULT_PORT): void {
    this.management?.release();
    this.management = this.pinned(address, port);
  }

  bootstrapFrom(address: string, port = DEFAULT_PORT): void {
    this.bootstrap = this.pinned(address, port);
  }

  release(): void {
    this.management?.release();
    this.bootstrap?.release();
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
