/**
 * A DTLS socket of node-dtls-client with datagrams in hex, one per line: from standard input to the peer, from the peer to standard output.
 *   node bridge.mjs MODULE HOST PORT IDENTITY KEY SUITE
 */
import { createInterface } from 'node:readline';

const [module, address, port, identity, key, suite] = process.argv.slice(2);
const { dtls } = await import(module);
const socket = dtls.createSocket({
  type: 'udp4',
  address,
  port: Number(port),
  ciphers: [suite],
  psk: { [identity]: Buffer.from(key, 'hex') },
  timeout: 10_000,
});
socket.on('connected', () => console.log('connected'));
socket.on('message', (datagram) => console.log(`< ${datagram.toString('hex')}`));
socket.on('error', (error) => console.log(`error ${error.message}`));
socket.on('close', () => process.exit(0));
createInterface({ input: process.stdin })
  .on('line', (line) => socket.send(Buffer.from(line, 'hex')))
  .on('close', () => socket.close());
