/** Endpoints on one network in memory and one virtual clock. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { VirtualClock } from '../../src/clock';
import type { Transport } from '../../src/coap/transport';
import { MemoryNetwork, type NetworkFaults, seededRandom } from '../../src/coap/transports/memory';
import type { AssociationView } from '../../src/dtls/association-view';
import { DtlsEndpoint } from '../../src/dtls/dtls';
import type { CloseReason, HandshakeFailed } from '../../src/dtls/dtls-events';
import type { ConnectOptions } from '../../src/dtls/handshake-client';
import { publicSpki } from '../../src/dtls/raw-key';
import type { Credentials, DtlsOptions, PeerAddress } from '../../src/dtls/settings';
import { IDENTITY, PSK } from './worked-example';

export const SERVER = '10.0.0.1';
export const PORT = 5684;
export const DEVICE = '10.0.0.2';
export const DEVICE_PSK: ConnectOptions = { psk: { identity: IDENTITY, key: PSK } };

export function testBytes(seed: number): (length: number) => Buffer {
  const next = seededRandom(seed);
  return (length) => Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)));
}

export interface Delivery {
  readonly from: AssociationView;
  readonly data: string;
}

/** An endpoint with a socket of the network, its events kept. */
export class Peer {
  readonly endpoint: DtlsEndpoint;
  readonly delivered: Delivery[] = [];
  readonly connected: AssociationView[] = [];
  readonly failures: HandshakeFailed[] = [];
  readonly closed: { readonly association: AssociationView; readonly reason: CloseReason }[] = [];
  readonly rebinds: { readonly from: PeerAddress; readonly to: PeerAddress }[] = [];
  readonly suspicious: PeerAddress[] = [];
  readonly due: AssociationView[] = [];
  readonly bugs: unknown[] = [];
  /** Datagrams sent. */
  readonly sent: Buffer[] = [];
  /** What is done with each datagram that comes; undefined = it is lost. */
  pass: (datagram: Buffer) => Buffer | undefined = (datagram) => datagram;
  private transport: Transport;

  readonly credentials: Credentials;

  constructor(
    private readonly network: MemoryNetwork,
    options: Partial<DtlsOptions> & { readonly credentials: Credentials },
    address: string,
    port: number,
    seed: number,
  ) {
    this.credentials = options.credentials;
    this.endpoint = new DtlsEndpoint({
      clock: network.clock,
      random: testBytes(seed),
      transmit: (datagram, to, toPort) => {
        this.sent.push(datagram);
        this.transport.send(datagram, to, toPort);
      },
      deliver: (from, data) => this.delivered.push({ from, data: data.toString() }),
      onBug: (bug) => this.bugs.push(bug),
      ...options,
    });
    const { events } = this.endpoint;
    events.on('association', (association) => this.connected.push(association));
    events.on('handshake-failed', (failed) => this.failures.push(failed));
    events.on('closed', (end) => this.closed.push(end));
    events.on('rebind', ({ from, to }) => this.rebinds.push({ from, to }));
    events.on('suspicious', (source) => this.suspicious.push(source));
    events.on('state-due', (association) => this.due.push(association));
    this.transport = this.open(address, port);
  }

  get last(): AssociationView {
    const association = this.connected[this.connected.length - 1];
    if (association === undefined) throw new Error(`not connected: ${JSON.stringify(this.failures)}`);
    return association;
  }

  /** From now on it is met at another address, as behind a NAT. */
  move(address: string, port: number): void {
    void this.transport.close();
    this.transport = this.open(address, port);
  }

  connect(options: ConnectOptions = DEVICE_PSK): number {
    return this.endpoint.connect(SERVER, PORT, options);
  }

  send(data: string): boolean {
    return this.endpoint.send(this.last.id, Buffer.from(data));
  }

  texts(): string[] {
    return this.delivered.map(({ data }) => data);
  }

  private open(address: string, port: number): Transport {
    const transport = this.network.transport(address, port);
    void transport.open({
      received: (datagram, from, fromPort) => {
        const passed = this.pass(datagram);
        if (passed !== undefined) this.endpoint.receive(passed, from, fromPort);
      },
    });
    return transport;
  }
}

export interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly server: Peer;
  readonly device: Peer;
  /** Lets time pass, and promises settle. */
  later(ms?: number): Promise<void>;
  /** Another endpoint of the same kind. */
  another(address: string, options?: Partial<DtlsOptions>, port?: number): Peer;
}

export interface WorldOptions {
  readonly faults?: NetworkFaults;
  readonly server?: Partial<DtlsOptions>;
  readonly device?: Partial<DtlsOptions>;
  readonly seed?: number;
}

/** A server that knows `dev1`, and a device; nothing said yet. */
export function givenWorld({ faults, server = {}, device = {}, seed = 1 }: WorldOptions = {}): World {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, faults);
  const known: Credentials = { lookupPsk: (identity) => (identity === IDENTITY ? PSK : undefined) };
  const another = (address: string, options: Partial<DtlsOptions> = {}, port = 0): Peer =>
    new Peer(network, { serve: false, credentials: {}, ...options }, address, port, seed++ * 31);
  return {
    clock,
    network,
    server: new Peer(network, { credentials: known, ...server }, SERVER, PORT, seed++ * 31),
    device: another(DEVICE, device, 50_000),
    later: (ms = 200) => clock.advanceAsync(ms),
    another,
  };
}

/** As `givenWorld`, the device connected. */
export async function givenConnected(options: WorldOptions & { readonly connect?: ConnectOptions } = {}): Promise<World> {
  const world = givenWorld(options);
  world.device.connect(options.connect);
  await world.later();
  return world;
}

export interface RawKeyPair {
  readonly key: KeyObject;
  readonly spki: Buffer;
}

export function rawKeyPair(): RawKeyPair {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { key: privateKey, spki: publicSpki(privateKey) };
}
