/** A server at 10.0.0.1 and scripted devices around it: one virtual clock, one network in memory, raw messages. */
import { VirtualClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import { emptyMessage, type Message, MessageType, MessageWriter } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { MemoryNetwork, type NetworkFaults } from '../../../src/coap/transports/memory';
import type {
  LifecycleEvent,
  NotificationEvent,
  ObservationEndedEvent,
  ProblemEvent,
  SendEvent,
} from '../../../src/device/manager';
import { DeviceKeeper } from '../../../src/lwm2m/server/device-keeper';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../../src/lwm2m/server/server';
import type { Store } from '../../../src/store/store';
import { ScriptedPeer, testRandom } from '../../coap/world';

export interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly server: Lwm2mServer;
  readonly lifecycle: LifecycleEvent[];
  readonly notifications: NotificationEvent[];
  readonly sends: SendEvent[];
  readonly ended: ObservationEndedEvent[];
  readonly problems: ProblemEvent[];
  /** Lets datagrams arrive and promises settle. */
  settle(ms?: number): Promise<void>;
}

export const SERVER = { address: '10.0.0.1', port: 5683 };

export interface WorldOptions extends Lwm2mServerOptions {
  readonly faults?: NetworkFaults;
  /** Where the server keeps its devices, and finds those of an earlier life. */
  readonly store?: Store;
  /** Told of the store's troubles. */
  readonly troubles?: string[];
  /** The world of an earlier server, which must have ended. */
  readonly after?: Pick<World, 'clock' | 'network'>;
  /** Between the restoring of devices and the first that is heard. */
  readonly beforeStart?: (world: World) => Promise<void>;
  /** What the wall clock shows at first. */
  readonly epoch?: number;
}

export async function givenServer(options: WorldOptions = {}): Promise<World> {
  const { faults, store, troubles = [], after, epoch, beforeStart, ...rest } = options;
  const clock = after?.clock ?? new VirtualClock(epoch);
  const network = after?.network ?? new MemoryNetwork(clock, { delayMs: 1, ...faults });
  const server = new Lwm2mServer({
    transport: network.transport(SERVER.address, SERVER.port),
    clock,
    random: testRandom(7),
    admission: 'open',
    ...rest,
  });
  const world: World = {
    clock,
    network,
    server,
    lifecycle: [],
    notifications: [],
    sends: [],
    ended: [],
    problems: [],
    settle: (ms = 10) => clock.advanceAsync(ms),
  };
  server.events.on('lifecycle', (event) => world.lifecycle.push(event));
  server.events.on('notification', (event) => world.notifications.push(event));
  server.events.on('send', (event) => world.sends.push(event));
  server.events.on('observation-ended', (event) => world.ended.push(event));
  server.events.on('problem', (event) => world.problems.push(event));
  if (store !== undefined) await server.restore(new DeviceKeeper(store, clock, (reason) => troubles.push(reason)));
  await beforeStart?.(world);
  await server.start();
  return world;
}

/** Names of the lifecycle events so far, for one device where given. */
export function told(world: World, device?: string): string[] {
  return world.lifecycle.filter((event) => device === undefined || event.device === device).map((event) => event.event);
}

export interface Sent {
  readonly type?: number;
  readonly code: number;
  readonly path?: readonly string[];
  readonly query?: readonly string[];
  /** As on the wire: number, more, size (RFC 7959 §2.2). */
  readonly block1?: number;
  readonly block2?: number;
  readonly etag?: Uint8Array;
  readonly size2?: number;
  readonly contentFormat?: number;
  readonly payload?: string | Uint8Array;
}

export interface Answer {
  readonly code: number;
  readonly contentFormat?: number;
  readonly observe?: number;
  readonly locationPath?: readonly string[];
  readonly maxAge?: number;
  readonly payload?: string | Uint8Array;
}

/** A device that says what the test says, and answers requests by `answers`. */
export class ScriptedDevice {
  readonly peer: ScriptedPeer;
  /** Requests of the server, in order. */
  readonly asked: Message[] = [];
  /** How it answers; undefined: with silence. */
  answers: (request: Message) => Answer | undefined = () => undefined;
  private readonly writer = new MessageWriter();
  private messageId = 100;

  constructor(
    private readonly world: World,
    address = '10.0.0.2',
    port = 56830,
  ) {
    this.peer = new ScriptedPeer(world.network, address, port, (message) => this.react(message));
  }

  get inbox(): Message[] {
    return this.peer.inbox;
  }

  /** Sends one request and gives the answer to it. */
  async request(sent: Sent): Promise<Message> {
    const messageId = this.messageId++;
    const writer = this.writer.begin(sent.type ?? MessageType.Confirmable, sent.code, messageId, Buffer.from([messageId & 0xff]));
    if (sent.etag !== undefined) writer.opaque(Option.ETag, sent.etag);
    writer.strings(Option.UriPath, sent.path ?? []);
    if (sent.contentFormat !== undefined) writer.uint(Option.ContentFormat, sent.contentFormat);
    writer.strings(Option.UriQuery, sent.query ?? []);
    if (sent.block2 !== undefined) writer.uint(Option.Block2, sent.block2);
    if (sent.block1 !== undefined) writer.uint(Option.Block1, sent.block1);
    if (sent.size2 !== undefined) writer.uint(Option.Size2, sent.size2);
    if (sent.payload !== undefined) writer.payload(Buffer.from(sent.payload as Uint8Array));
    const before = this.inbox.length;
    this.peer.send(writer.finish(), SERVER.address, SERVER.port);
    await this.world.settle();
    const token = Buffer.from([messageId & 0xff]);
    const answer = this.inbox.slice(before).find((message) => message.code >= 0x40 && message.token.equals(token));
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  /** Registers, and gives the id of the registration. */
  async register(endpoint: string, { query = ['lt=300', 'lwm2m=1.1', 'b=U'], links = '</1/0>,</3/0>' } = {}): Promise<string> {
    const answer = await this.request({
      code: Code.Post,
      path: ['rd'],
      query: [`ep=${endpoint}`, ...query],
      contentFormat: 40,
      payload: links,
    });
    if (answer.code !== Code.Created) throw new Error(`not registered: ${answer.code.toString(16)} ${answer.payload}`);
    return answer.strings(Option.LocationPath)[1] as string;
  }

  update(id: string, query: readonly string[] = [], links?: string): Promise<Message> {
    return this.request({ code: Code.Post, path: ['rd', id], query, ...(links !== undefined && { payload: links }) });
  }

  deregister(id: string): Promise<Message> {
    return this.request({ code: Code.Delete, path: ['rd', id] });
  }

  /** A notification, or any other response of its own. */
  notify(token: Buffer, answer: Answer, type: number = MessageType.NonConfirmable): void {
    this.peer.send(this.encode(type, this.messageId++, token, answer), SERVER.address, SERVER.port);
  }

  private react(message: Message): void {
    if (message.code === 0 || message.code >= 0x20) return;
    this.asked.push(message);
    const answer = this.answers(message);
    if (answer === undefined) return;
    const bytes = this.encode(MessageType.Acknowledgement, message.messageId, message.token, answer);
    this.peer.send(bytes, SERVER.address, SERVER.port);
  }

  private encode(type: number, messageId: number, token: Buffer, answer: Answer): Buffer {
    const writer = this.writer.begin(type, answer.code, messageId, token);
    if (answer.observe !== undefined) writer.uint(Option.Observe, answer.observe);
    writer.strings(Option.LocationPath, answer.locationPath ?? []);
    if (answer.contentFormat !== undefined) writer.uint(Option.ContentFormat, answer.contentFormat);
    if (answer.maxAge !== undefined) writer.uint(Option.MaxAge, answer.maxAge);
    if (answer.payload !== undefined) writer.payload(Buffer.from(answer.payload as Uint8Array));
    return writer.finish();
  }

  /** An empty ACK or RST. */
  acknowledge(messageId: number, type: number = MessageType.Acknowledgement): void {
    this.peer.send(emptyMessage(type, messageId), SERVER.address, SERVER.port);
  }
}

/** "/3/0/9" of a request of the server. */
export function pathOf(message: Message): string {
  return `/${message.strings(Option.UriPath).join('/')}`;
}
