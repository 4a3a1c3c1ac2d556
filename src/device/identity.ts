/** What a transport proved about a peer. The key of every table above is this and the registration, never the address. */

export type SecurityMode = 'none' | 'psk' | 'rpk' | 'x509';

export interface Identity {
  readonly security: SecurityMode;
  /** PSK identity, fingerprint of a raw public key, or certificate name; absent without security. */
  readonly name?: string;
  readonly address: string;
  readonly port: number;
}

/** 127.0.0.0/8 and ::1, also as an IPv4-mapped IPv6 address. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}

/** Whether it can only be reached from nearby: this machine, RFC 1918 §3, RFC 4193, link-local (RFC 3927, RFC 4291 §2.5.6). */
export function isPrivate(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isLoopback(address) || PRIVATE_V4.test(plain) || PRIVATE_V6.test(plain);
}

const PRIVATE_V4 = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)[\d.]+$/;
const PRIVATE_V6 = /^(f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i;

/** Who it is, whatever the address; undefined where nothing is proved. */
export function identityKey(identity: Pick<Identity, 'security' | 'name'>): string | undefined {
  return identity.security === 'none' ? undefined : `${identity.security}:${identity.name ?? ''}`;
}
