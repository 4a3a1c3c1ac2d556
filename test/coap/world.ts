/** Two peers on one network in memory and one virtual clock. */
import { VirtualClock } from '../../src/clock';
import type { Endpoint } from '../../src/coap/endpoint';
import type { IncomingRequest } from '../../src/coap/incoming';
import {
  CoapLayer,
  type CoapResponse,
  type LayerOptions,
  type Random,
  type RequestOptions,
  type RequestSpec,
} from '../../src/coap/layer';
import { type Message, parseMessage } from '../../src/coap/message';
import type { Transport } from '../../src/coap/transport';
import { MemoryNetwork, type NetworkFaults, seededRandom } from '../../src/coap/transports/memory';
import type { DeviceManagementError } from '../../src/errors';

export function testRandom(seed: number): Random {
  const next = seededRandom(seed);
  return { fraction: next, bytes: (length) => Buffer.from(Array.from({ length }, () => Math.floor(next() * 256))) };
}

export interface Outcome {
  error?: DeviceManagementError;
  response?: CoapResponse;
}

export interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly layer: CoapLayer;
  readonly requests: IncomingRequest[];
}

/** A layer at 10.0.0.1:5683; `onRequest` answers 2.05 with nothing unless given. */
export async function givenLayer(
  options: Partial<LayerOptions> & {
    faults?: NetworkFaults;
    network?: MemoryNetwork;
    clock?: VirtualClock;
    address?: string;
  } = {},
): Promise<World> {
  const clock = options.clock ?? new VirtualClock();
  const network = options.network ?? new MemoryNetwork(clock, options.faults);
  const requests: IncomingRequest[] = [];
  const answer = options.onRequest ?? ((request) => request.respond({ code: 0x45 }));
  const layer = new CoapLayer({
    transports: [network.transport(options.address ?? '10.0.0.1', 5683)],
    clock,
    random: testRandom(7),
    ...options,
    onRequest: (request) => {
      requests.push(request);
      answer(request);
    },
  });
  await layer.open();
  return { clock, network, layer, requests };
}

/** A peer that sends and sees raw datagrams: what no correct client would do can be done with it. */
export class ScriptedPeer {
  readonly inbox: Message[] = [];
  private readonly transport: Transport;

  constructor(
    network: MemoryNetwork,
    readonly address: string,
    readonly port = 5683,
    private readonly react: (message: Message, peer: ScriptedPeer) => void = () => undefined,
  ) {
    this.transport = network.transport(address, port);
    void this.transport.open({
      received: (datagram) => {
        const message = parseMessage(datagram);
        if (typeof message === 'number') return;
        this.inbox.push(message);
        this.react(message, this);
      },
    });
  }

  send(datagram: Buffer | string, to = '10.0.0.1', port = 5683): void {
    this.transport.send(typeof datagram === 'string' ? Buffer.from(datagram.replaceAll(' ', ''), 'hex') : datagram, to, port);
  }

  get last(): Message | undefined {
    return this.inbox[this.inbox.length - 1];
  }
}

/** Begins a request and tells how it ended, once it has. */
export function ask(layer: CoapLayer, endpoint: Endpoint, spec: RequestSpec, options: RequestOptions = {}): Outcome {
  const outcome: Outcome = {};
  layer.request(endpoint, spec, options, (error, response) => {
    if (error !== undefined) outcome.error = error;
    if (response !== undefined) outcome.response = response;
  });
  return outcome;
}
