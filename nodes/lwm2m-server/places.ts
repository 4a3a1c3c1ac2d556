/** Where devices find this machine: what a person says of it, or what the way to a device shows. */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { Places } from '../../src/fleet/firmware/image-urls';

export interface PlaceSettings {
  /** What the server listens on; "" = every address. */
  readonly host: string;
  readonly publicHost: string;
  readonly imageBaseUrl: string;
}

/** Below the root of Node-RED's HTTP nodes: devices have no business in the editor's. */
export const IMAGE_ROUTE = '/device-management/images';

/** Of RFC 5737, where nobody is: the way there is the way to the rest of the world. */
const ANYWHERE = '192.0.2.1';
/** Any will do: nothing is sent there. */
const A_PORT = 5683;
const EVERY_ADDRESS: readonly string[] = ['', '0.0.0.0', '::'];

/** @param settings as they are now */
export function placesOf(settings: () => PlaceSettings, listening: Places['listening']): Places {
  return {
    listening,
    async hostFor(address) {
      const { host, publicHost } = settings();
      if (publicHost !== '') return publicHost;
      if (!EVERY_ADDRESS.includes(host)) return host;
      return (await addressTowards(address ?? ANYWHERE)) ?? firstAddress();
    },
    httpBase() {
      const { imageBaseUrl } = settings();
      return imageBaseUrl === '' ? undefined : `${imageBaseUrl.replace(/\/+$/, '')}${IMAGE_ROUTE}`;
    },
  };
}

/** The address of this machine on the way to another: the system knows, and sends nothing. */
function addressTowards(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const end = (found: string | undefined): void => {
      socket.close();
      resolve(found);
    };
    socket.once('error', () => end(undefined));
    // A zone (fe80::1%eth0) is of this machine and means nothing to another.
    socket.connect(A_PORT, address, () => end(socket.address().address.replace(/%.*$/, '')));
  });
}

function firstAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
}
