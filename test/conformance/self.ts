/** Our own client with a full set of objects under our own server: one virtual clock, one network in memory that loses a tenth of all datagrams. */
import { VirtualClock } from '../../src/clock';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import type { LifecycleEvent, NotificationEvent, SendEvent } from '../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../src/lwm2m/client/client';
import { Firmware } from '../../src/lwm2m/client/firmware';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';
import type { Peer } from './peer';

const SERVER = '10.0.0.1';
const PATIENCE_SECONDS = 400;

export interface SelfOptions {
  readonly version?: string;
  readonly versions?: Readonly<Record<string, string>>;
  readonly client?: Partial<Lwm2mClientOptions>;
  readonly server?: Partial<Lwm2mServerOptions>;
  /** Whether to wait for its registration (default). */
  readonly registered?: boolean;
  /** Instead of a Firmware Update object that takes everything. */
  readonly firmware?: (tree: ObjectTree, clock: VirtualClock) => void;
  /** Before the client is made. */
  readonly prepare?: (tree: ObjectTree) => void;
}

export class Self implements Peer {
  readonly endpoint = 'dev';
  readonly lifecycle: LifecycleEvent[] = [];
  readonly notifications: NotificationEvent[] = [];
  readonly sends: SendEvent[] = [];
  readonly client: Lwm2mClient;
  readonly network: MemoryNetwork;
  /** Between it and the server. */
  readonly nat: MovingCarrier;
  rebooted = 0;
  wasReset = 0;
  server: Lwm2mServer;

  private constructor(
    readonly clock: VirtualClock,
    readonly tree: ObjectTree,
    private readonly options: SelfOptions,
  ) {
    this.network = new MemoryNetwork(clock, { delayMs: 5, loss: 0.1, duplicate: 0.02, seed: 4 });
    this.network.record = false;
    this.nat = new MovingCarrier(this.network);
    this.server = this.makeServer();
    this.fill(tree);
    options.prepare?.(tree);
    if (options.firmware === undefined) new Firmware(tree, { clock, install: () => undefined });
    else options.firmware(tree, clock);
    this.client = new Lwm2mClient({
      endpoint: this.endpoint,
      ...(options.client?.bootstrap === undefined && { server: { host: SERVER } }),
      objects: tree,
      lifetime: 600,
      transport: this.nat,
      clock,
      random: testRandom(8),
      confirmableNotifications: true,
      muteSend: false,
      ...options.client,
    });
  }

  static async start(options: SelfOptions = {}): Promise<Self> {
    const tree = new ObjectTree({ version: options.version ?? '1.1', versions: { 10: '1.1', ...options.versions } });
    const self = new Self(new VirtualClock(), tree, options);
    await self.server.start();
    self.client.start().catch(() => undefined);
    if (options.registered !== false)
      await self.until('the registration', () => (self.client.state === 'registered' ? true : undefined));
    return self;
  }

  perform(request: OperationRequest): Promise<OperationResult> {
    return this.settled(this.server.perform(this.endpoint, request, { timeoutMs: 200_000 }));
  }

  /** Lets time pass until a promise is settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.until('an answer', () => (isSettled ? true : undefined), 0.05);
    return promise;
  }

  async until<T>(what: string, found: () => T | undefined, stepSeconds = 0.5): Promise<T> {
    for (let passed = 0; passed < PATIENCE_SECONDS; passed += stepSeconds) {
      const value = found();
      if (value !== undefined) return value;
      await this.clock.advanceAsync(stepSeconds * 1_000);
    }
    throw new Error(`${what}: not within ${PATIENCE_SECONDS} s`);
  }

  pass(seconds: number): Promise<void> {
    return this.clock.advanceAsync(seconds * 1_000);
  }

  change(path: string, value: number | string): void {
    this.client.setValue(path, value);
  }

  send(paths: readonly string[]): void {
    this.client.send(paths).catch(() => undefined);
  }

  update(): void {
    this.client.update();
  }

  leave(): void {
    void this.client.stop();
  }

  async restartServer(): Promise<void> {
    await this.server.stop();
    this.server = this.makeServer();
    await this.server.start();
  }

  private makeServer(): Lwm2mServer {
    const server = new Lwm2mServer({
      transport: this.network.transport(SERVER, 5683),
      clock: this.clock,
      random: testRandom(7),
      admission: 'open',
      ...this.options.server,
    });
    server.events.on('lifecycle', (event) => this.lifecycle.push(event));
    server.events.on('notification', (event) => this.notifications.push(event));
    server.events.on('send', (event) => this.sends.push(event));
    return server;
  }

  private fill(tree: ObjectTree): void {
    const now = new Date(1_700_000_000_000);
    tree.add(
      3,
      0,
      {
        0: 'Acme',
        1: 'Model',
        2: '345000123',
        3: '1.0',
        6: [1, 5],
        7: [3800, 5000],
        8: [125, 900],
        9: 85,
        11: [0],
        13: now,
        14: '+02:00',
        15: 'Europe/Berlin',
        16: 'U',
      },
      {
        4: { execute: () => () => this.restart(() => this.rebooted++) },
        5: { execute: () => () => this.restart(() => this.wasReset++) },
      },
    );
    tree.add(4, 0, { 0: 41, 1: [41], 2: -92, 4: ['192.168.1.2'], 8: 1 });
    tree.add(6, 0, { 0: 48.2, 1: 16.3, 4: Buffer.from([1, 2, 3]), 5: now });
    tree.add(
      7,
      0,
      { 2: 0, 3: 0, 8: 3_600 },
      {
        6: {
          execute: () => () =>
            this.tree.setAll([
              ['/7/0/2', 0],
              ['/7/0/3', 0],
            ]),
        },
        7: {
          execute: () => () =>
            this.tree.setAll([
              ['/7/0/2', 12],
              ['/7/0/3', 34],
            ]),
        },
      },
    );
    tree.add(10, 0, { 4: 10, 5: 20, 6: '001-01', 8: Buffer.of(0x95), 9: Buffer.of(0x05), 11: { 0: '11:0' }, 12: 31, 13: 3 });
    tree.add(11, 0, { 0: 'internet', 1: 'apn.example', 3: true, 4: 3 });
    tree.permit(11, { create: true, delete: true });
    tree.permit(13, { create: true, delete: true });
    tree.add(16, 0, { 0: { 0: 'host', 1: 'maker', 2: 'model', 3: 'serial' } });
    tree.permit(16, { create: true, delete: true });
    tree.add(19, 0, { 0: { 0: Buffer.from('data') }, 1: 1 });
    tree.add(19, 1, { 0: { 0: Buffer.alloc(0) }, 1: 1 });
    tree.add(
      20,
      0,
      { 4010: 1, 4013: 0, 4014: Buffer.from('log') },
      { 4011: { execute: () => () => this.tree.set('/20/0/4013', 1) } },
    );
    tree.add(3303, 0, { 5700: 21.5, 5701: 'Cel' }, { 5605: { execute: () => undefined } });
    tree.permit(3303, { create: true, delete: true });
    tree.add(3442, 0, { 110: 'text', 120: 1, 130: 1.5, 140: true, 150: Buffer.from([1, 2, 3]) });
  }

  private restart(count: () => unknown): void {
    this.client.restart(2_000, () => void count());
  }
}
