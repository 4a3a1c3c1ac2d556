/** A device of the secured phases: the client of this pack's DTLS, a new handshake whenever it is told, never a resumption. */
import { createHash, randomBytes } from 'node:crypto';
import { pack } from './pack.mjs';

const { DtlsEndpoint } = pack('dtls/dtls');

/** 16 bytes, as devices have them. */
export function keyOf(identity) {
  return createHash('sha256').update(identity).digest().subarray(0, 16);
}

/**
 * @param {number} index
 * @param {{clock: object, transmit: (datagram: Buffer) => void, deliver: (data: Buffer) => void,
 *   connected: () => void, failed: (text: string) => void}} to
 * @returns {{endpoint: object, connect: (host: string, port: number) => number}}
 */
export function secureDevice(index, { clock, transmit, deliver, connected, failed }) {
  const identity = `bench-${String(index).padStart(6, '0')}`;
  const psk = { identity, key: keyOf(identity) };
  const endpoint = new DtlsEndpoint({
    clock,
    random: randomBytes,
    credentials: {},
    serve: false,
    limits: { sessions: 0 },
    transmit,
    deliver: (_from, data) => deliver(data),
  });
  endpoint.events.on('association', connected);
  endpoint.events.on('handshake-failed', ({ text }) => failed(text));
  return { endpoint, connect: (host, port) => endpoint.connect(host, port, { psk }) };
}
