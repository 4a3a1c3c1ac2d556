/**
 * CoAP over TLS (RFC 8323 §4): connections as over TCP, after a handshake of Node's TLS 1.2 that proves both sides, by a pre-shared key or by
 * certificates. Node knows no raw public keys (RFC 7250). Nothing is resumed: who comes back proves itself anew, so that a revoked
 * key is worth nothing.
 */
import type { Identity } from '../../device/identity';
import type { ConnectOptions } from '../../dtls/handshake-client';
import type { Credentials } from '../../dtls/settings';
import { type ConnectionOptions, ConnectionTransport } from './connections';
import type { TcpConnection } from './tcp-connection';
import { TlsStreams } from './tls-streams';

export interface TlsOptions extends ConnectionOptions {
  /** Look-ups must answer at once: Node's TLS waits for none. */
  readonly credentials: Credentials;
  /** How to prove who we are to a server we call; by default with the certificate among the credentials. */
  readonly connectWith?: (address: string, port: number) => ConnectOptions;
}

export class TlsTransport extends ConnectionTransport {
  /** @throws Error when our own key and certificate do not belong together */
  constructor(options: TlsOptions) {
    super(
      new TlsStreams(options.credentials, options.connectWith ?? (() => ({})), (peer) => this.receiver?.refused?.(peer)),
      options,
    );
  }

  /** What the handshake of a connection proved, as long as the connection lasts. */
  identify(address: string, port: number): Identity | undefined {
    const identity = this.find(address, port)?.identity;
    return identity === undefined ? undefined : { security: identity.security, name: identity.name, address, port };
  }

  revoke(name: string): void {
    const proved = (connection: TcpConnection): boolean => connection.identity?.name === name;
    for (const connection of this.connections().filter(proved)) connection.release('its credentials are no longer good');
  }
}
