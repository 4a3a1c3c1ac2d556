/** The DTLS of this pack alone: handshakes with a pre-shared key, and one record back for each that comes; no CoAP above it. */
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { serve } from '../control.mjs';
import { pack } from '../pack.mjs';
import { keyOf } from '../secure-device.mjs';

const { SystemClock } = pack('clock');
const { DtlsEndpoint } = pack('dtls/dtls');

/** All devices of the generator have one address. */
const ONE_ADDRESS = 1_000;

const socket = dgram.createSocket({
  type: 'udp4',
  recvBufferSize: 4 * 1024 * 1024,
  lookup: (host, _options, callback) => callback(null, host, 4),
});
const endpoint = new DtlsEndpoint({
  clock: new SystemClock(),
  random: randomBytes,
  credentials: { lookupPsk: keyOf },
  limits: { halfOpenPerAddress: ONE_ADDRESS, lookUpsPerAddress: ONE_ADDRESS },
  transmit: (datagram, address, port) => socket.send(datagram, port, address),
  deliver: (from, data) => endpoint.send(from.id, data),
});
socket.on('message', (datagram, from) => endpoint.receive(datagram, from.address, from.port));

serve({
  listen: () => new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve({ port: socket.address().port }))),
  counts: () => ({ ...endpoint.counters, associations: endpoint.held().associations }),
});
