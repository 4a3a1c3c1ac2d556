/**
 * The wire between devices and a server over DTLS, with somebody who looks on: sees every record, and notes each number that is used a second
 * time with one key. Keys are told apart by the handshake they come from, which begins with a ServerHello.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ContentType, HANDSHAKE_HEADER, HandshakeType, RANDOM_BYTES } from '../../src/dtls/protocol';
import { parseRecord, RecordHeader } from '../../src/dtls/record';

const HOST = '127.0.0.1';
/** Connection ids of the server; devices have none. */
const SERVER_CID_BYTES = 8;

/** One device, by its address. */
class Line {
  readonly upstream = createSocket('udp4');
  /** Of the ServerHello; whoever repeats it says the same. */
  key = '';
  handshakes = 0;
  readonly used = { server: new Set<number>(), device: new Set<number>() };

  begin(key: string): void {
    if (key === this.key) return;
    this.key = key;
    this.handshakes++;
    this.used.server.clear();
    this.used.device.clear();
  }
}

export class Wire {
  /** Protected records seen. */
  records = 0;
  readonly mistakes: string[] = [];
  private readonly socket: Socket = createSocket('udp4');
  private readonly lines = new Map<number, Line>();
  private readonly header = new RecordHeader();

  constructor(private readonly serverPort: number) {}

  /** @returns the port that devices are to call */
  async open(): Promise<number> {
    this.socket.on('message', (datagram, { port }) => {
      const line = this.lineOf(port);
      this.look(line, datagram, 'device');
      line.upstream.send(datagram, this.serverPort, HOST);
    });
    this.socket.bind(0, HOST);
    await once(this.socket, 'listening');
    return this.socket.address().port;
  }

  close(): void {
    this.socket.close();
    for (const { upstream } of this.lines.values()) upstream.close();
  }

  private lineOf(port: number): Line {
    const known = this.lines.get(port);
    if (known !== undefined) return known;
    const line = new Line();
    this.lines.set(port, line);
    line.upstream.on('message', (datagram) => {
      this.look(line, datagram, 'server');
      this.socket.send(datagram, port, HOST);
    });
    return line;
  }

  private look(line: Line, datagram: Buffer, from: 'server' | 'device'): void {
    const { header } = this;
    const cidBytes = from === 'device' ? SERVER_CID_BYTES : 0;
    for (let at = 0; at < datagram.length && parseRecord(datagram, at, cidBytes, header); at = header.end) {
      if (header.epoch === 0) {
        const isHello = header.type === ContentType.Handshake && datagram[header.fragmentAt] === HandshakeType.ServerHello;
        const randomAt = header.fragmentAt + HANDSHAKE_HEADER + 2;
        if (isHello) line.begin(datagram.toString('hex', randomAt, randomAt + RANDOM_BYTES));
        continue;
      }
      this.records++;
      const used = line.used[from];
      if (used.has(header.sequence)) this.mistakes.push(`the ${from} used number ${header.sequence} twice with key ${line.key}`);
      used.add(header.sequence);
    }
  }
}
