/** A client at 10.0.0.2 and a scripted server at 10.0.0.1: one virtual clock, one network in memory, raw messages. */
import { VirtualClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import { emptyMessage, type Message, MessageType, MessageWriter } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../../src/lwm2m/client/client';
import type { ClientEvents } from '../../../src/lwm2m/client/client-events';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { ScriptedPeer, testRandom } from '../../coap/world';

export const SERVER = { address: '10.0.0.1', port: 5683 };
export const CLIENT = { address: '10.0.0.2', port: 56830 };

export interface Asked {
  readonly code?: number;
  readonly accept?: number;
  readonly observe?: number;
  readonly query?: readonly string[];
  readonly contentFormat?: number;
  readonly payload?: string | Uint8Array;
  readonly token?: string;
}

export interface Answered {
  readonly code: number;
  readonly locationPath?: readonly string[];
  readonly maxAge?: number;
  readonly contentFormat?: number;
  readonly payload?: string | Uint8Array;
}

/** What a friendly server answers. */
export function friendly(request: Message): Answered | undefined {
  const path = request.strings(Option.UriPath);
  if (request.code === Code.Post && path.length === 1 && path[0] === 'rd')
    return { code: Code.Created, locationPath: ['rd', 'a1'] };
  if (request.code === Code.Delete) return { code: Code.Deleted };
  return { code: Code.Changed };
}

/** A server that says what the test says. */
export class ScriptedServer {
  /** Requests of the client, each once. */
  readonly asked: Message[] = [];
  /** Notifications of the client, each once. */
  readonly notified: Message[] = [];
  /** How it answers; undefined: with silence. */
  answers: (request: Message) => Answered | undefined = friendly;
  /** What notifications get. */
  reaction: 'acknowledge' | 'reset' | 'silence' = 'acknowledge';
  readonly peer: ScriptedPeer;
  private readonly writer = new MessageWriter();
  private readonly seen = new Set<number>();
  private messageId = 1;

  constructor(
    network: MemoryNetwork,
    private readonly clock: VirtualClock,
  ) {
    this.peer = new ScriptedPeer(network, SERVER.address, SERVER.port, (message) => this.react(message));
  }

  /** Asks the client "/3/0/9", and gives what it answers within a second. */
  async ask(path: string, { code = Code.Get, ...request }: Asked = {}): Promise<Message> {
    const messageId = this.messageId++;
    const token = request.token === undefined ? Buffer.from([messageId >> 8, messageId & 0xff]) : Buffer.from(request.token);
    const writer = this.writer.begin(MessageType.Confirmable, code, messageId, token);
    if (request.observe !== undefined) writer.uint(Option.Observe, request.observe);
    writer.strings(Option.UriPath, path.split('/').slice(1));
    if (request.contentFormat !== undefined) writer.uint(Option.ContentFormat, request.contentFormat);
    writer.strings(Option.UriQuery, request.query ?? []);
    if (request.accept !== undefined) writer.uint(Option.Accept, request.accept);
    if (request.payload !== undefined) writer.payload(Buffer.from(request.payload as Uint8Array));
    const before = this.peer.inbox.length;
    this.peer.send(writer.finish(), CLIENT.address, CLIENT.port);
    await this.clock.advanceAsync(50);
    const answer = this.peer.inbox
      .slice(before)
      .find((message) => message.messageId === messageId && message.type === MessageType.Acknowledgement);
    if (answer === undefined) throw new Error(`no answer to ${path}`);
    return answer;
  }

  /** Requests of the client to a path, "/rd/a1". */
  askedFor(path: string): Message[] {
    return this.asked.filter((message) => pathOf(message) === path);
  }

  private react(message: Message): void {
    if (message.code === 0 || message.type === MessageType.Acknowledgement) return;
    const isRepeated = this.seen.has(message.messageId);
    this.seen.add(message.messageId);
    if (message.code < 0x20) this.answer(message, isRepeated);
    else this.take(message, isRepeated);
  }

  private answer(message: Message, isRepeated: boolean): void {
    if (!isRepeated) this.asked.push(message);
    const answer = this.answers(message);
    if (answer === undefined) return;
    const writer = this.writer.begin(MessageType.Acknowledgement, answer.code, message.messageId, message.token);
    if (answer.locationPath !== undefined) writer.strings(Option.LocationPath, answer.locationPath);
    if (answer.contentFormat !== undefined) writer.uint(Option.ContentFormat, answer.contentFormat);
    if (answer.maxAge !== undefined) writer.uint(Option.MaxAge, answer.maxAge);
    if (answer.payload !== undefined) writer.payload(Buffer.from(answer.payload as Uint8Array));
    this.peer.send(writer.finish(), CLIENT.address, CLIENT.port);
  }

  private take(message: Message, isRepeated: boolean): void {
    if (!isRepeated) this.notified.push(message);
    if (this.reaction === 'silence') return;
    if (this.reaction === 'acknowledge' && message.type !== MessageType.Confirmable) return;
    const type = this.reaction === 'reset' ? MessageType.Reset : MessageType.Acknowledgement;
    this.peer.send(emptyMessage(type, message.messageId), CLIENT.address, CLIENT.port);
  }
}

export interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly server: ScriptedServer;
  readonly client: Lwm2mClient;
  readonly tree: ObjectTree;
  /** Names of the client's events. */
  readonly told: (keyof ClientEvents)[];
  seconds(seconds: number): Promise<void>;
}

const EVENTS: readonly (keyof ClientEvents)[] = [
  'bootstrapped',
  'registered',
  'updated',
  'deregistered',
  'failed',
  'asleep',
  'awake',
  'written',
  'executed',
  'created',
  'deleted',
  'observed',
  'observation-ended',
];

/** A thermometer with a Device object. */
export function thermometer(version = '1.1', versions: Readonly<Record<string, string>> = {}): ObjectTree {
  const tree = new ObjectTree({ version, versions });
  tree.add(
    3,
    0,
    { 0: 'Acme', 6: [1, 5], 7: [3800, 5000], 9: 85, 11: [0], 14: '+02:00', 15: 'Europe/Berlin', 16: 'U' },
    { 4: { execute: () => undefined } },
  );
  tree.add(3303, 0, { 5700: 20, 5701: 'Cel' });
  tree.permit(3303, { create: true, delete: true });
  return tree;
}

export interface WorldOptions extends Partial<Lwm2mClientOptions> {
  readonly answers?: ScriptedServer['answers'];
  /** Whether the client is registered when the test begins (default). */
  readonly registered?: boolean;
  /** Whether it knows its server from the factory (default). */
  readonly factory?: boolean;
}

export async function givenClient({ answers, registered = true, factory = true, ...options }: WorldOptions = {}): Promise<World> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 1 });
  const server = new ScriptedServer(network, clock);
  if (answers !== undefined) server.answers = answers;
  const tree = options.objects ?? thermometer();
  const client = new Lwm2mClient({
    endpoint: 'dev-1',
    ...(factory && { server: { host: SERVER.address, port: SERVER.port } }),
    lifetime: 300,
    transport: network.transport(CLIENT.address, CLIENT.port),
    clock,
    random: testRandom(5),
    ...options,
    objects: tree,
  });
  const told: (keyof ClientEvents)[] = [];
  for (const name of EVENTS) client.events.on(name, () => told.push(name));
  const started = client.start();
  started.catch(() => undefined);
  await clock.advanceAsync(20);
  if (registered) await started;
  return { clock, network, server, client, tree, told, seconds: (seconds) => clock.advanceAsync(seconds * 1000) };
}

export function pathOf(message: Message): string {
  return `/${message.strings(Option.UriPath).join('/')}`;
}

export function textOf(message: Message): string {
  return message.payload.toString();
}
