/** Datagrams as a capture file that Wireshark reads (classic pcap, raw IPv4 packets). */
import type { Sighting } from '../../src/coap/transports/memory';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const LINK_RAW_IP = 101;
const UDP = 17;
const LARGEST_PACKET = 65_535;

export function pcapOf(sightings: readonly Sighting[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32BE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16BE(2, 4);
  header.writeUInt16BE(4, 6);
  header.writeUInt32BE(LARGEST_PACKET, 16);
  header.writeUInt32BE(LINK_RAW_IP, 20);
  return Buffer.concat([header, ...sightings.map(packet)]);
}

function packet({ from, to, datagram, at }: Sighting): Buffer {
  const ip = ipv4(from, to, datagram);
  const record = Buffer.alloc(16);
  record.writeUInt32BE(Math.floor(at / 1000), 0);
  record.writeUInt32BE(Math.floor((at % 1000) * 1000), 4);
  record.writeUInt32BE(ip.length, 8);
  record.writeUInt32BE(ip.length, 12);
  return Buffer.concat([record, ip]);
}

/** Checksums are left out: 0 says so in UDP, and Wireshark does not look at that of IP. */
function ipv4(from: string, to: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(28);
  const [source, destination] = [placeOf(from), placeOf(to)];
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(UDP, 9);
  source.address.copy(header, 12);
  destination.address.copy(header, 16);
  header.writeUInt16BE(source.port, 20);
  header.writeUInt16BE(destination.port, 22);
  header.writeUInt16BE(8 + payload.length, 24);
  return Buffer.concat([header, payload]);
}

function placeOf(text: string): { readonly address: Buffer; readonly port: number } {
  const [host = '', port] = text.split(':');
  return { address: Buffer.from(host.split('.').map(Number)), port: Number(port) };
}
