/** What a server listens on, by its settings: UDP always, TCP where it has a port, DTLS and TLS where they have been given. */
import type { Clock } from '../../clock';
import type { Transport } from '../../coap/transport';
import { TcpTransport } from '../../coap/transports/tcp';
import type { TcpLimits } from '../../coap/transports/tcp-limits';
import { UdpTransport } from '../../coap/transports/udp';

export interface ListenOptions {
  /** Absent = every address. */
  readonly host?: string;
  /** UDP; default 5683. */
  readonly port?: number;
  /** CoAP over TCP (RFC 8323, `coap+tcp://`, 5683 by the standard); absent = none. */
  readonly tcpPort?: number;
}

const DEFAULT_PORT = 5683;

/** @param first in place of UDP; @param secure beside it */
export function transportsFor(
  { host, port = DEFAULT_PORT, tcpPort }: ListenOptions,
  clock: Clock,
  tcpLimits: Partial<TcpLimits>,
  first?: Transport,
  secure: readonly Transport[] = [],
): [Transport, ...Transport[]] {
  const where = host === undefined ? {} : { host };
  const transports: [Transport, ...Transport[]] = [first ?? new UdpTransport({ ...where, port })];
  if (tcpPort !== undefined) transports.push(new TcpTransport({ listen: { ...where, port: tcpPort }, clock, limits: tcpLimits }));
  transports.push(...secure);
  return transports;
}
