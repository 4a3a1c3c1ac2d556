/**
 * One peer, and the table of all peers met on one transport. An Endpoint is the peer, not its address: after a NAT rebinding it is the same object with
 * another address (`move`), so that whatever refers to it goes on. What is rarely needed is made when needed: there may be
 * a hundred thousand of these, and most are idle.
 */
import { type BodySizes, USUAL_SIZES } from './block/sizes';
import type { PeerQueue } from './peer-queue';
import type { TokenOwner } from './tokens';
import type { Transmission } from './transmission';
import type { Transport } from './transport';

const MESSAGE_IDS = 65_536;
/** Message IDs are guarded against early reuse a quarter of their space at a time. */
const QUARTER = MESSAGE_IDS / 4;
/** How many records are looked at to make room for one: a datagram must not cost a walk over all of them. */
const EVICTION_STEPS = 64;

export class Endpoint {
  /** Milliseconds of the layer's clock. */
  lastSeen = 0;
  /** Part of the key of deduplication; follows the address, where `id` follows the peer. */
  index: number;
  /** It let MAX_TRANSMIT_WAIT pass; PROBING_RATE holds until something arrives from it (RFC 7252 §4.7). */
  silent = false;
  /** When the last request left; while the peer is silent the next one keeps its distance. */
  lastProbe = 0;
  /** No RST for an unknown token before this. */
  resetAllowedAt = 0;
  received = 0;
  sent = 0;
  retransmitted = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** First of a chain of confirmable messages in flight. */
  inFlight: Transmission | undefined = undefined;
  /** First of a chain of what waits for messages with a token of ours. */
  owners: TokenOwner | undefined = undefined;
  queue: PeerQueue | undefined = undefined;
  /** How much it takes in one message and in one block. */
  sizes: BodySizes = USUAL_SIZES;
  /** Its connection has ended: it will not be heard again, and cannot be asked. */
  gone = false;
  /** For the owner of the layer; whatever is here means nothing to it. */
  data: unknown = undefined;
  private pins = 0;
  private nextMessageId: number;
  private quarterLeftAt: Float64Array | undefined = undefined;

  constructor(
    readonly id: number,
    /** What carries messages to it. */
    readonly transport: Transport,
    public address: string,
    public port: number,
    firstMessageId: number,
  ) {
    this.index = id;
    this.nextMessageId = firstMessageId;
  }

  /** Messages to and from it need no acknowledgement (RFC 8323). */
  get reliable(): boolean {
    return this.transport.reliable === true;
  }

  /** Whether the record is to stay; that of a connection does as long as it. */
  get pinned(): boolean {
    return this.pins > 0 || (this.reliable && !this.gone);
  }

  /** Keeps the record however long the peer is idle; `release` ends it. */
  retain(): void {
    this.pins++;
  }

  release(): void {
    if (this.pins > 0) this.pins--;
  }

  /**
   * The next message ID towards this peer, or -1 while every one was used within EXCHANGE_LIFETIME (RFC 7252 §4.4). On a connection there
   * is none: always 0.
   * @param now milliseconds; @param lifetimeMs EXCHANGE_LIFETIME
   */
  takeMessageId(now: number, lifetimeMs: number): number {
    if (this.reliable) return 0;
    const id = this.nextMessageId;
    const next = (id + 1) % MESSAGE_IDS;
    if (next % QUARTER === 0) {
      this.quarterLeftAt ??= new Float64Array(4).fill(Number.NEGATIVE_INFINITY);
      const entered = next / QUARTER;
      if (now - (this.quarterLeftAt[entered] as number) < lifetimeMs) return -1;
      this.quarterLeftAt[Math.floor(id / QUARTER)] = now;
    }
    this.nextMessageId = next;
    return id;
  }
}

export class EndpointTable {
  private readonly byAddress = new Map<string, Map<number, Endpoint>>();
  /** Endpoints nobody has pinned when they were made, oldest first. */
  private readonly strangers = new Set<Endpoint>();
  evicted = 0;

  /**
   * @param mostStrangers cap on peers without a pin: anyone can send from any number of addresses
   * @param nextId numbers peers, over all tables of a layer
   * @param firstMessageId gives the random start of a peer's message IDs
   */
  constructor(
    private readonly transport: Transport,
    private readonly mostStrangers: number,
    private readonly nextId: () => number,
    private readonly firstMessageId: () => number,
  ) {}

  get size(): number {
    let count = 0;
    for (const ports of this.byAddress.values()) count += ports.size;
    return count;
  }

  *all(): Iterable<Endpoint> {
    for (const ports of this.byAddress.values()) yield* ports.values();
  }

  find(address: string, port: number): Endpoint | undefined {
    return this.byAddress.get(address)?.get(port);
  }

  findOrMake(address: string, port: number): Endpoint {
    let ports = this.byAddress.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.byAddress.set(address, ports);
    }
    let endpoint = ports.get(port);
    if (endpoint === undefined) {
      endpoint = new Endpoint(this.nextId(), this.transport, address, port, this.firstMessageId());
      ports.set(port, endpoint);
      if (this.strangers.size >= this.mostStrangers) this.makeRoom();
      this.strangers.add(endpoint);
    }
    return endpoint;
  }

  /** Met nowhere, until it is moved to where it is met; what is sent to it is lost. */
  absent(): Endpoint {
    const endpoint = new Endpoint(this.nextId(), this.transport, '', 0, this.firstMessageId());
    endpoint.gone = endpoint.reliable;
    return endpoint;
  }

  /** `endpoint` is now met where `found` was; `found` stays usable as an address, but is nobody's any more. */
  move(endpoint: Endpoint, found: Endpoint): void {
    if (endpoint === found) return;
    this.remove(endpoint);
    this.remove(found);
    endpoint.address = found.address;
    endpoint.port = found.port;
    // Repeats of what came from the new address must be recognised.
    endpoint.index = found.index;
    endpoint.lastSeen = found.lastSeen;
    endpoint.silent = false;
    const ports = this.byAddress.get(endpoint.address) ?? new Map<number, Endpoint>();
    ports.set(endpoint.port, endpoint);
    this.byAddress.set(endpoint.address, ports);
    this.strangers.add(endpoint);
  }

  /** Forgets idle strangers. */
  expire(seenBefore: number): void {
    for (const endpoint of this.strangers) {
      if (endpoint.pinned) this.strangers.delete(endpoint);
      else if (endpoint.lastSeen < seenBefore && !isBusy(endpoint)) this.remove(endpoint);
    }
  }

  /** An endpoint that lost its last pin ages like any stranger again. */
  unpinned(endpoint: Endpoint): void {
    if (!endpoint.pinned && this.find(endpoint.address, endpoint.port) === endpoint) this.strangers.add(endpoint);
  }

  /** Forgets a peer; whoever still has the record may go on using it. */
  remove(endpoint: Endpoint): void {
    this.strangers.delete(endpoint);
    const ports = this.byAddress.get(endpoint.address);
    if (ports?.get(endpoint.port) !== endpoint) return;
    ports.delete(endpoint.port);
    if (ports.size === 0) this.byAddress.delete(endpoint.address);
  }

  /** Those that have been pinned meanwhile are no strangers any more; if that does not do, the oldest idle one goes. */
  private makeRoom(): void {
    let steps = EVICTION_STEPS;
    for (const endpoint of this.strangers) {
      if (steps-- === 0) return;
      this.strangers.delete(endpoint);
      if (endpoint.pinned) continue;
      if (isBusy(endpoint)) {
        this.strangers.add(endpoint);
        continue;
      }
      this.remove(endpoint);
      this.evicted++;
      return;
    }
  }
}

function isBusy(endpoint: Endpoint): boolean {
  return endpoint.inFlight !== undefined || endpoint.queue !== undefined || endpoint.owners !== undefined;
}
