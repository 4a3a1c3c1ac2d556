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
