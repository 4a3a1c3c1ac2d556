/** Peers of the CoAP layer in the words of this one: their address as text, and what is proved of them. */
import type { Endpoint } from '../../coap/endpoint';
import type { Identity } from '../../device/identity';

/** "192.168.1.20:56830", "[fe80::1]:56830". */
export function addressOf(peer: Endpoint): string {
  const { address, port } = whereabouts(peer);
  return compact(placeOf(address, port));
}

export function placeOf(address: string, port: number): string {
  const host = plainHost(address);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The same text in the least memory. The engine keeps the parts of a joined text and the whole of a cut one, and with a hundred
 * thousand registrations these are megabytes.
 */
export function compact(text: string): string {
  return Buffer.from(text).toString();
}

export function hostOf(peer: Endpoint): string {
  return plainHost(whereabouts(peer).address);
}

/** What the transport proved; a plain datagram proves nothing but that someone can send from there. */
export function provedIdentity(peer: Endpoint): Identity {
  const { transport, address, port } = peer;
  return transport.identify?.(address, port) ?? { security: 'none', address, port };
}

/** Whether the same peer can be met at another address: then its name in the message layer is not where it is. */
export function isMovable(peer: Endpoint): boolean {
  return peer.transport.identify !== undefined && !peer.reliable;
}

function whereabouts(peer: Endpoint): { readonly address: string; readonly port: number } {
  return peer.transport.identify?.(peer.address, peer.port) ?? peer;
}

/** A socket for both families shows IPv4 peers as ::ffff:a.b.c.d, which nobody would recognise. */
export function plainHost(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
