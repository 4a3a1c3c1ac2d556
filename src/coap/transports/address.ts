/** One spelling per peer: an IPv4 peer looks the same through an IPv6 socket. */

const MAPPED = '::ffff:';

export function canonicalAddress(address: string): string {
  return address.charCodeAt(0) === 58 && address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
}
