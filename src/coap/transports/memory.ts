/**
 * A network in memory, on the clock it is given: it loses, repeats, reorders and delays datagrams as a seeded generator says, so that a
 * failing test can be run again.
 */
import type { Clock } from '../../clock';
import { DeviceManagementError } from '../../errors';
import type { Receiver, Transport } from '../transport';

export interface NetworkFaults {
  /** Share of datagrams lost, 0..1. */
  readonly loss?: number;
  /** Share delivered twice. */
  readonly duplicate?: number;
  /** Share held back by up to `reorderMs`, so that later ones overtake. */
  readonly reorder?: number;
  readonly reorderMs?: number;
  /** One-way delay (default 10 ms). */
  readonly delayMs?: number;
  readonly seed?: number;
}

/** A datagram on its way, as a test sees it. */
export interface Sighting {
  readonly from: string;
  readonly to: string;
  readonly datagram: Buffer;
  readonly at: number;
}

export class MemoryNetwork {
  /** Everything that was sent, lost or not. */
  readonly sightings: Sighting[] = [];
  /** Keep `sightings`? Off for long runs. */
  record = true;
  faults: NetworkFaults;
  private readonly receivers = new Map<string, Receiver>();
  private readonly random: () => number;
  private nextPort = 40_000;

  constructor(
    readonly clock: Clock,
    faults: NetworkFaults = {},
  ) {
    this.faults = faults;
    this.random = seededRandom(faults.seed ?? 1);
  }

  /** @param port 0 = a free one */
  transport(address: string, port = 0): Transport {
    const at = port === 0 ? this.nextPort++ : port;
    const place = `${address}:${at}`;
    return {
      name: 'memory',
      local: { address, port: at },
      open: async (receiver) => this.attach(place, receiver),
      send: (datagram, toAddress, toPort) => this.carry(datagram, address, at, toAddress, toPort),
      close: async () => {
        this.receivers.delete(place);
      },
    };
  }

  private attach(place: string, receiver: Receiver): void {
    if (this.receivers.has(place)) throw new DeviceManagementError('port-in-use', `${place} is in use`);
    this.receivers.set(place, receiver);
  }

  private carry(datagram: Buffer, address: string, port: number, toAddress: string, toPort: number): void {
    const from = `${address}:${port}`;
    const to = `${toAddress}:${toPort}`;
    if (this.record) this.sightings.push({ from, to, datagram: Buffer.from(datagram), at: this.clock.monotonic() });
    const { loss = 0, duplicate = 0 } = this.faults;
    if (this.random() < loss) return;
    const copies = this.random() < duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.deliverLater(datagram, to, address, port);
  }

  private deliverLater(datagram: Buffer, to: string, address: string, port: number): void {
    const { reorder = 0, reorderMs = 3_000, delayMs = 10 } = this.faults;
    const held = this.random() < reorder ? this.random() * reorderMs : 0;
    // A copy, as from a socket: nobody downstream can change what another got.
    const copy = Buffer.from(datagram);
    this.clock.after(delayMs + held, () => this.receivers.get(to)?.received(copy, address, port));
  }
}

/** mulberry32: small, fast, and the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
