/** Frames as text, and sockets whose peer is a test. */
import { connect, type Socket } from 'node:net';

/** "44 02 …" without the blanks, as bytes. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** CSM with Max-Message-Size 65,536 and Block-Wise-Transfer. */
export const CSM = hex('50 e1 23 01 00 00 20');

/** Lets sockets work until `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A peer that sends and sees raw bytes. */
export class RawPeer {
  received = Buffer.alloc(0);
  closed = false;
  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async connected(port: number): Promise<RawPeer> {
    const socket = connect({ host: '127.0.0.1', port });
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('connect', resolve).once('error', resolve));
    return peer;
  }

  send(bytes: Buffer | string): void {
    this.socket.write(typeof bytes === 'string' ? hex(bytes) : bytes);
  }

  /** What came after the CSM of the other side, as text. */
  get answers(): string {
    const csm = hex('50 e1 23 10 00 00 20').length;
    return this.received.subarray(csm).toString('hex');
  }

  end(): void {
    this.socket.destroy();
  }
}
