/** Peers of the CoAP layer in the words of this one: their address as text, and what is proved of them. */
import type { Endpoint } from '../../coap/endpoint';
import type { Identity } from '../../device/identity';

/** "192.168.1.20:56830", "[fe80::1]:56830". */
export function addressOf(peer: Endpoint): string {
  const host = hostOf(peer);
  return compact(host.includes(':') ? `[${host}]:${peer.port}` : `${host}:${peer.port}`);
}

/**
 * The same text in the least memory. The engine keeps the parts of a joined text and the whole of a cut one, and with a hundred
 * thousand registrations these are megabytes.
 */
export function compact(text: string): string {
  return Buffer.from(text).toString();
}

/** A socket for both families shows IPv4 peers as ::ffff:a.b.c.d, which nobody would recognise. */
export function hostOf(peer: Endpoint): string {
  return peer.address.startsWith('::ffff:') && peer.address.includes('.') ? peer.address.slice(7) : peer.address;
}

/** What a plain datagram proves: nothing but that someone can send from there. */
export function unsecuredIdentity(peer: Endpoint): Identity {
  return { security: 'none', address: peer.address, port: peer.port };
}

/** Who it is, whatever the address; undefined where nothing is proved. */
export function identityKey(identity: Identity): string | undefined {
  return identity.security === 'none' ? undefined : `${identity.security}:${identity.name ?? ''}`;
}
