/**
 * CoAP over connections (RFC 8323), TCP or TLS: a listener that takes them, or, without one, connections made to whom something is sent. A
 * connection is known above by the address and port of its peer.
 */
import type { Server, Socket } from 'node:net';
import type { Clock } from '../../clock';
import { Deadlines } from '../../deadlines';
import type { PeerIdentity } from '../../dtls/association-view';
import type { LocalAddress, PeerCapabilities, Receiver, Transport } from '../transport';
import { canonicalAddress } from './address';
import { checkPort, listenError } from './listen-error';
import { type ConnectionOwner, TcpConnection } from './tcp-connection';
import { DEFAULT_TCP_LIMITS, type TcpLimits } from './tcp-limits';

export interface ConnectionOptions {
  /** Where connections are taken; without it they are made. Absent or empty host = every address; port 0 = any free one. */
  readonly listen?: { readonly host?: string; readonly port: number };
  readonly clock: Clock;
  readonly limits?: Partial<TcpLimits>;
}

/** What a kind of connection does its own way. */
export interface Streams {
  /** "tcp", "tls" */
  readonly name: string;
  /**
   * A listener that is not listening yet.
   * @param taken told of each socket as it comes; false = it was one too many and is gone
   * @param ready told of those that can be used, and who has been proved to be there
   */
  serve(taken: (socket: Socket) => boolean, ready: (socket: Socket, identity?: PeerIdentity) => void): Server;
  connect(address: string, port: number): Socket;
}

/** Deadlines of connections are seconds; nothing is gained by keeping them more precisely. */
const TICK_MS = 500;

export abstract class ConnectionTransport implements Transport, ConnectionOwner {
  readonly name: string;
  readonly reliable = true;
  readonly limits: TcpLimits;
  readonly deadlines: Deadlines<TcpConnection>;
  /** Connections not taken because there were too many. */
  refused = 0;
  private readonly byAddress = new Map<string, Map<number, TcpConnection>>();
  /** Descriptors in use, also of connections that are ending. */
  private readonly sockets = new Map<Socket, string>();
  private readonly socketsFrom = new Map<string, number>();
  private held = 0;
  private server: Server | undefined;
  protected receiver: Receiver | undefined;

  constructor(
    private readonly streams: Streams,
    private readonly options: ConnectionOptions,
  ) {
    this.name = streams.name;
    this.limits = { ...DEFAULT_TCP_LIMITS, ...options.limits };
    this.deadlines = new Deadlines<TcpConnection>(options.clock, TICK_MS, (connection) => connection.due());
  }

  get local(): LocalAddress | undefined {
    const at = this.server?.address();
    return at === null || at === undefined || typeof at === 'string' ? undefined : { address: at.address, port: at.port };
  }

  /** Connections open now. */
  get size(): number {
    return this.sockets.size;
  }

  /** Bytes held for incomplete messages and for answers not taken. */
  get heldBytes(): number {
    return this.held;
  }

  async open(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
    const { listen } = this.options;
    if (listen !== undefined) this.server = await this.listen(listen.host ?? '', listen.port);
  }

  send(message: Buffer, address: string, port: number): void {
    const connection = this.find(address, port);
    if (connection !== undefined) connection.send(message);
    // A device behind a port that it has left cannot be called back.
    else if (this.receiver !== undefined && this.options.listen === undefined) this.connect(address, port).send(message);
  }

  disconnect(address: string, port: number, fault?: string): void {
    const connection = this.find(address, port);
    if (fault === undefined) connection?.release('this side ended the connection');
    else connection?.abort(fault);
  }

  async close(): Promise<void> {
    const { server } = this;
    this.receiver = undefined;
    this.server = undefined;
    const closed = server === undefined ? undefined : new Promise((resolve) => server.close(resolve));
    for (const connection of this.connections()) connection.release('this side was closed');
    // Last words are handed to the system by now, or will not be: nobody waits for peers that do not listen.
    await new Promise((resolve) => setImmediate(resolve));
    for (const socket of this.sockets.keys()) socket.destroy();
    await closed;
    this.deadlines.stop();
  }

  now(): number {
    return this.options.clock.monotonic();
  }

  account(change: number): number {
    this.held += change;
    return this.held;
  }

  received(message: Buffer, { address, port }: TcpConnection): void {
    this.receiver?.received(message, address, port);
  }

  announced(capabilities: PeerCapabilities, { address, port }: TcpConnection): void {
    this.receiver?.announced?.(address, port, capabilities);
  }

  ended(reason: string, connection: TcpConnection): void {
    const { address, port } = connection;
    const connections = this.byAddress.get(address);
    if (connections?.get(port) !== connection) return;
    connections.delete(port);
    if (connections.size === 0) this.byAddress.delete(address);
    this.receiver?.disconnected?.(address, port, reason);
  }

  protected find(address: string, port: number): TcpConnection | undefined {
    return this.byAddress.get(address)?.get(port);
  }

  protected connections(): TcpConnection[] {
    return [...this.byAddress.values()].flatMap((connections) => [...connections.values()]);
  }

  private listen(host: string, port: number): Promise<Server> {
    checkPort(port);
    // Without a host every address is meant, IPv6 and IPv4, or IPv4 alone where a machine has no IPv6.
    const server = this.streams.serve(
      (socket) => this.take(socket),
      (socket, identity) => this.accept(socket, identity),
    );
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError('TCP', error, host, port)));
      server.listen({ port, ...(host !== '' && { host }) }, () => {
        // Out of descriptors, most likely: connections wait until some have been given back.
        server.on('error', () => {
          this.refused++;
        });
        resolve(server);
      });
    });
  }

  private take(socket: Socket): boolean {
    const { remoteAddress } = socket;
    const address = remoteAddress === undefined ? '' : canonicalAddress(remoteAddress);
    const { connections, connectionsPerAddress } = this.limits;
    const isOneTooMany = this.sockets.size >= connections || (this.socketsFrom.get(address) ?? 0) >= connectionsPerAddress;
    if (isOneTooMany) this.refused++;
    // Without an address it has gone already.
    if (isOneTooMany || address === '') socket.destroy();
    else this.count(socket, address);
    return !socket.destroyed;
  }

  private accept(socket: Socket, identity: PeerIdentity | undefined): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
    this.keep(socket, canonicalAddress(remoteAddress), remotePort, identity);
  }

  private connect(address: string, port: number): TcpConnection {
    const socket = this.streams.connect(address, port);
    this.count(socket, address);
    return this.keep(socket, address, port);
  }

  private count(socket: Socket, address: string): void {
    this.sockets.set(socket, address);
    this.socketsFrom.set(address, (this.socketsFrom.get(address) ?? 0) + 1);
    socket.once('close', () => this.forget(socket));
  }

  private keep(socket: Socket, address: string, port: number, identity?: PeerIdentity): TcpConnection {
    const connection = new TcpConnection(this, socket, address, port, identity);
    let connections = this.byAddress.get(address);
    if (connections === undefined) {
      connections = new Map();
      this.byAddress.set(address, connections);
    }
    connections.set(port, connection);
    return connection;
  }

  private forget(socket: Socket): void {
    const address = this.sockets.get(socket);
    if (address === undefined) return;
    this.sockets.delete(socket);
    const left = (this.socketsFrom.get(address) ?? 1) - 1;
    if (left > 0) this.socketsFrom.set(address, left);
    else this.socketsFrom.delete(address);
  }
}
