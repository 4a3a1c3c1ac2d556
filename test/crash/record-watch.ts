/**
 * Somebody on the wire between devices and a server over DTLS, who notes each record number that is used a second time with one key. Keys are
 * told apart by the handshake they come from, which begins with a ServerHello.
 */
import { ContentType, HANDSHAKE_HEADER, HandshakeType, RANDOM_BYTES } from '../../src/dtls/protocol';
import { parseRecord, RecordHeader } from '../../src/dtls/record';

export type Side = 'server' | 'device';

/** Of the connection ids in the records of a side: the server has given them out, devices have none. */
const CID_BYTES: Readonly<Record<Side, number>> = { device: 8, server: 0 };

interface Line {
  /** The random of the ServerHello; whoever repeats it says the same. */
  key: string;
  readonly used: Readonly<Record<Side, Set<number>>>;
}

export class RecordWatch {
  /** Protected records seen. */
  records = 0;
  readonly mistakes: string[] = [];
  private readonly lines = new Map<string, Line>();
  private readonly header = new RecordHeader();

  /** @param device any name of its own */
  look(device: string, from: Side, datagram: Buffer): void {
    const { header } = this;
    const line = this.lineOf(device);
    for (let at = 0; at < datagram.length && parseRecord(datagram, at, CID_BYTES[from], header); at = header.end) {
      if (header.epoch === 0) this.plain(line, datagram);
      else this.sealed(device, from, line);
    }
  }

  private plain(line: Line, datagram: Buffer): void {
    const { type, fragmentAt } = this.header;
    if (type !== ContentType.Handshake || datagram[fragmentAt] !== HandshakeType.ServerHello) return;
    // After the version.
    const randomAt = fragmentAt + HANDSHAKE_HEADER + 2;
    const key = datagram.toString('hex', randomAt, randomAt + RANDOM_BYTES);
    if (key === line.key) return;
    line.key = key;
    for (const used of Object.values(line.used)) used.clear();
  }

  private sealed(device: string, from: Side, { key, used }: Line): void {
    const { sequence } = this.header;
    this.records++;
    if (used[from].has(sequence)) this.mistakes.push(`number ${sequence} came twice from the ${from}, ${device}, key ${key}`);
    used[from].add(sequence);
  }

  private lineOf(device: string): Line {
    const known = this.lines.get(device);
    if (known !== undefined) return known;
    const line = { key: '', used: { server: new Set<number>(), device: new Set<number>() } };
    this.lines.set(device, line);
    return line;
  }
}
