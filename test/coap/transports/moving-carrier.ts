/** A device behind a network that gives it another address whenever it pleases. */
import type { Receiver, Transport } from '../../../src/coap/transport';
import type { MemoryNetwork } from '../../../src/coap/transports/memory';

export class MovingCarrier implements Transport {
  readonly name = 'memory';
  private current: Transport;
  private receiver: Receiver | undefined;
  private moves = 0;
  private movesWithNext = false;

  constructor(
    private readonly network: MemoryNetwork,
    private readonly prefix = '10.1.0',
  ) {
    this.current = this.next();
  }

  get local(): Transport['local'] {
    return this.current.local;
  }

  open(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
    return this.current.open(receiver);
  }

  send(datagram: Buffer, address: string, port: number): void {
    if (this.movesWithNext) this.move();
    this.movesWithNext = false;
    this.current.send(datagram, address, port);
  }

  close(): Promise<void> {
    return this.current.close();
  }

  /** Another address and port from now on; what is on its way to the old one is lost. */
  move(): void {
    void this.current.close();
    this.current = this.next();
    if (this.receiver !== undefined) void this.current.open(this.receiver);
  }

  /** What it says next comes from elsewhere, while what it hears until then still reaches it. */
  moveWithNext(): void {
    this.movesWithNext = true;
  }

  private next(): Transport {
    this.moves++;
    return this.network.transport(`${this.prefix}.${this.moves % 250}`, 40_000 + this.moves - 1);
  }
}
