/** Cipher suites: a key exchange and a record protection each. All use SHA-256 in the PRF. */

export type KeyExchange = 'psk' | 'ecdhe-ecdsa';

export interface Suite {
  readonly number: number;
  /** Name in the IANA registry, without "TLS_". */
  readonly name: string;
  readonly keyExchange: KeyExchange;
  readonly cipher: 'aes-128-ccm' | 'aes-128-gcm' | 'aes-128-cbc';
  /** Bytes that prove a record: authentication tag, or HMAC. */
  readonly tagBytes: number;
}

/**
 * In the server's order of preference: CCM_8 first, which LwM2M makes mandatory (LwM2M Transport 1.2 §6.2), and PSK before
 * certificates, since clients with a PSK alone often offer every suite their library knows (Anjay), but hardly the other way round.
 */
export const SUITES: readonly Suite[] = [
  suite(0xc0a8, 'PSK_WITH_AES_128_CCM_8', 'psk', 'aes-128-ccm', 8),
  suite(0xc0a4, 'PSK_WITH_AES_128_CCM', 'psk', 'aes-128-ccm', 16),
  suite(0x00a8, 'PSK_WITH_AES_128_GCM_SHA256', 'psk', 'aes-128-gcm', 16),
  suite(0xc0ae, 'ECDHE_ECDSA_WITH_AES_128_CCM_8', 'ecdhe-ecdsa', 'aes-128-ccm', 8),
  suite(0xc0ac, 'ECDHE_ECDSA_WITH_AES_128_CCM', 'ecdhe-ecdsa', 'aes-128-ccm', 16),
  suite(0xc02b, 'ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ecdhe-ecdsa', 'aes-128-gcm', 16),
  suite(0x00ae, 'PSK_WITH_AES_128_CBC_SHA256', 'psk', 'aes-128-cbc', 32),
  suite(0xc023, 'ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ecdhe-ecdsa', 'aes-128-cbc', 32),
];

const BY_NUMBER = new Map(SUITES.map((entry) => [entry.number, entry]));

export function suiteOf(number: number): Suite | undefined {
  return BY_NUMBER.get(number);
}

export function isCbc(entry: Suite): boolean {
  return entry.cipher === 'aes-128-cbc';
}

function suite(number: number, name: string, keyExchange: KeyExchange, cipher: Suite['cipher'], tagBytes: number): Suite {
  return { number, name, keyExchange, cipher, tagBytes };
}
