/**
 * Confirmable messages on their way: sent, and sent again with doubled waits until an ACK or a RST with their message ID comes from the
 * same peer (RFC 7252 §4.2). It is the same for requests, separate responses, notifications and pings; what an end means is the owner's.
 */

import type { Clock } from '../clock';
import { Deadlines, NO_DEADLINE } from '../deadlines';
import type { Endpoint } from './endpoint';
import type { TransmissionParameters } from './parameters';

/** Retransmission times are multiples of this. */
const TICK_MS = 50;

export abstract class Transmission {
  deadline = NO_DEADLINE;
  tries = 0;
  waitMs = 0;
  /** Clock time after which there is no use in trying. */
  giveUpAt = Number.POSITIVE_INFINITY;
  messageId = -1;
  bytes: Buffer | undefined = undefined;
  /** Chain of the endpoint's messages in flight. */
  next: Transmission | undefined = undefined;

  constructor(public endpoint: Endpoint) {}

  /** Nobody acknowledged within MAX_TRANSMIT_WAIT, or before `giveUpAt`. */
  abstract expired(): void;
  /** An empty ACK came. */
  abstract acknowledged(): void;
  /** The peer answered RST. */
  abstract wasReset(): void;
}

/** Sends bytes to an endpoint and counts them. */
export type Send = (bytes: Buffer, endpoint: Endpoint) => void;

export class Transmitter {
  private readonly deadlines: Deadlines<Transmission>;
  retransmitted = 0;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly parameters: TransmissionParameters,
    private readonly random: () => number,
    private readonly send: Send,
  ) {
    this.deadlines = new Deadlines<Transmission>(clock, TICK_MS, (transmission) => this.due(transmission));
  }

  /** Sends for the first time; `bytes` and `messageId` are set. */
  start(transmission: Transmission): void {
    if (this.closed) return transmission.expired();
    const { ackTimeoutMs, ackRandomFactor } = this.parameters;
    transmission.tries = 1;
    transmission.waitMs = ackTimeoutMs * (1 + this.random() * (ackRandomFactor - 1));
    transmission.next = transmission.endpoint.inFlight;
    transmission.endpoint.inFlight = transmission;
    this.wait(transmission);
    this.send(transmission.bytes as Buffer, transmission.endpoint);
  }

  /** The message in flight to this peer with this ID: never one to another peer. */
  find(endpoint: Endpoint, messageId: number): Transmission | undefined {
    let transmission = endpoint.inFlight;
    while (transmission !== undefined && transmission.messageId !== messageId) transmission = transmission.next;
    return transmission;
  }

  /** Ends retransmission. Harmless when it has ended. */
  stop(transmission: Transmission): void {
    this.deadlines.clear(transmission);
    const { endpoint } = transmission;
    if (endpoint.inFlight === transmission) endpoint.inFlight = transmission.next;
    else {
      let before = endpoint.inFlight;
      while (before !== undefined && before.next !== transmission) before = before.next;
      if (before !== undefined) before.next = transmission.next;
    }
    transmission.next = undefined;
    transmission.bytes = undefined;
  }

  /** Whoever still waits for an acknowledgement is told that none will come. */
  close(endpoints: Iterable<Endpoint>): void {
    this.closed = true;
    for (const { inFlight } of endpoints) {
      for (let transmission = inFlight, next = inFlight?.next; transmission !== undefined; transmission = next) {
        next = transmission.next;
        this.stop(transmission);
        transmission.expired();
      }
    }
    this.deadlines.stop();
  }

  private wait(transmission: Transmission): void {
    const left = transmission.giveUpAt - this.clock.monotonic();
    this.deadlines.set(transmission, Math.min(transmission.waitMs, left));
  }

  private due(transmission: Transmission): void {
    const outOfTries = transmission.tries > this.parameters.maxRetransmit;
    if (outOfTries || this.clock.monotonic() >= transmission.giveUpAt) {
      transmission.endpoint.silent ||= outOfTries;
      this.stop(transmission);
      transmission.expired();
      return;
    }
    transmission.tries++;
    transmission.waitMs *= 2;
    this.retransmitted++;
    transmission.endpoint.retransmitted++;
    this.wait(transmission);
    this.send(transmission.bytes as Buffer, transmission.endpoint);
  }
}
