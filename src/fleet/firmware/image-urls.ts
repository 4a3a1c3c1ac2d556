/** The URLs at which a device can reach what this server has for it, by the schemes of RFC 7252 and RFC 8323 and of HTTP. */
import { DOWNLOAD_PATH } from '../../device/download';
import type { Registration } from '../../device/manager';

export type ImageScheme = 'coap' | 'coaps' | 'coap+tcp' | 'coaps+tcp' | 'http' | 'https';
export type ImageUrls = Readonly<Partial<Record<ImageScheme, string>>>;

/** Where devices find this server. */
export interface Places {
  /** What it listens on. */
  listening(): readonly { readonly transport: string; readonly port: number }[];
  /** The address of this server as a device at `address` sees it; without one, as most do. Undefined when that is not known. */
  hostFor(address: string | undefined): Promise<string | undefined>;
  /** The HTTP route of images as devices see it, without the token; undefined: images are not offered over HTTP. */
  httpBase(): string | undefined;
}

/** By transport: the scheme, whether it is secured, and its usual port. */
const SCHEMES: Readonly<Record<string, { readonly scheme: ImageScheme; readonly isSecured: boolean; readonly port: number }>> = {
  udp: { scheme: 'coap', isSecured: false, port: 5683 },
  dtls: { scheme: 'coaps', isSecured: true, port: 5684 },
  tcp: { scheme: 'coap+tcp', isSecured: false, port: 5683 },
  tls: { scheme: 'coaps+tcp', isSecured: true, port: 5684 },
};

/**
 * A secured device is not sent where nothing is encrypted, and one without keys not where it would need them. HTTP is offered to all where
 * somebody has switched it on.
 * @param registration of the device; absent: for many devices
 */
export async function imageUrls(places: Places, token: string, registration: Registration | undefined): Promise<ImageUrls> {
  const urls: Partial<Record<ImageScheme, string>> = {};
  const base = places.httpBase();
  if (base !== undefined) urls[base.startsWith('https:') ? 'https' : 'http'] = `${base}/${token}`;
  const host = await places.hostFor(registration === undefined ? undefined : hostIn(registration.address));
  if (host === undefined) return urls;
  const written = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  for (const { transport, port } of places.listening()) {
    const known = SCHEMES[transport];
    if (known === undefined) continue;
    const isForIt = registration === undefined || known.isSecured === (registration.security !== 'none');
    const where = port === known.port ? written : `${written}:${port}`;
    if (isForIt) urls[known.scheme] = `${known.scheme}://${where}/${DOWNLOAD_PATH}/${token}`;
  }
  return urls;
}

/** "192.168.1.20" of "192.168.1.20:56830", "fe80::1" of "[fe80::1]:56830". */
function hostIn(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
