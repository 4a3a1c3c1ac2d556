/**
 * A device that was recorded, under our server: it says again what it said, and answers a request of ours as it answered the same one of the
 * recorder. The same: method, path, query, Accept, Observe, block, and a body in the same format that says the same. To any other it is silent, and the
 * test is told.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Code, isRequest } from '../../src/coap/codes';
import { type Message, MessageType, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { Path } from '../../src/device/path';
import type { ResourceValue } from '../../src/device/value';
import { decode } from '../../src/lwm2m/formats/formats';
import { decodePathList, isPathListFormat } from '../../src/lwm2m/formats/senml-paths';
import { typeOf } from '../captures/resource-types';
import { ScriptedPeer } from '../coap/world';
import { givenServer, SERVER, type World } from '../lwm2m/server/world';

interface Line {
  readonly note: string;
  readonly fromDevice: boolean;
  readonly message: Message;
}

function readLines(name: string): Line[] {
  const lines: Line[] = [];
  let note = '';
  for (const text of readFileSync(path.join(__dirname, '../fixtures/captures', `${name}.txt`), 'utf8')
    .trim()
    .split('\n')) {
    if (text.startsWith('#')) note = text.slice(2);
    else {
      const message = parseMessage(Buffer.from(text.slice(2), 'hex'));
      if (typeof message !== 'number') lines.push({ note, fromDevice: text.startsWith('<'), message });
    }
  }
  return lines;
}

/** What two equal requests have in common. A list of paths may come in another format: Accept says how the answer looks. */
function keyOf(message: Message): string {
  return JSON.stringify([
    message.code,
    message.strings(Option.UriPath),
    message.strings(Option.UriQuery).sort(),
    [Option.Accept, Option.Observe, Option.Block1, Option.Block2].map((option) => message.uint(option) ?? ''),
    meaningOf(message),
  ]);
}

/** The same body can be written in several ways: LwM2M CBOR nests, JSON orders as it pleases. */
function meaningOf(message: Message): unknown {
  const format = message.uint(Option.ContentFormat);
  const { payload } = message;
  try {
    if (message.code === Code.Fetch && isPathListFormat(format as number)) return decodePathList(format as number, payload);
    const base = Path.of(...message.strings(Option.UriPath).map(Number));
    if (format !== undefined && payload.length > 0 && !message.has(Option.Block1))
      return [format, decode(format, payload, { base, typeOf, mayBeRelative: true, now: 0 })];
  } catch {
    // No values: the bytes themselves are compared.
  }
  return [format ?? '', payload.toString('hex')];
}

export class RecordedDevice {
  /** Requests it was never asked in the recording. */
  readonly strange: string[] = [];
  readonly peer: ScriptedPeer;
  private readonly lines: readonly Line[];
  /** Where the story goes on. */
  private at = 0;
  /** Recorded token of each observation, and ours. */
  private readonly observed = new Map<string, Buffer>();

  private constructor(
    readonly world: World,
    readonly endpoint: string,
    lines: readonly Line[],
  ) {
    this.lines = lines;
    this.peer = new ScriptedPeer(world.network, '10.0.0.2', 56830, (message) => this.hear(message));
  }

  /** Registered as it was in the recording, and under the same location. */
  static async registered(name: string, options: Parameters<typeof givenServer>[0] = {}): Promise<RecordedDevice> {
    const lines = readLines(name);
    const ids = lines.flatMap(({ message }) =>
      message.has(Option.LocationPath) ? [message.strings(Option.LocationPath)[1]] : [],
    );
    let next = 0;
    const world = await givenServer({ makeId: () => ids[next++] ?? `x${next}`, ...options });
    const register = lines.find(({ note, fromDevice }) => note === 'Register' && fromDevice);
    const endpoint =
      register?.message
        .strings(Option.UriQuery)
        .find((item) => item.startsWith('ep='))
        ?.slice(3) ?? '';
    const device = new RecordedDevice(world, endpoint, lines);
    await device.says('Register');
    return device;
  }

  get server(): World['server'] {
    return this.world.server;
  }

  /** The story goes on where this begins. */
  from(note: string): this {
    const at = this.lines.findIndex((line) => line.note.startsWith(note));
    if (at < 0) throw new Error(`"${note}" is not in the recording`);
    this.at = at;
    return this;
  }

  /** What the recorder wrote under this note. */
  next(note: string): ResourceValue[] {
    const line = this.lines.find((one) => !one.fromDevice && one.note === note && one.message.payloadLength > 0);
    if (line === undefined) throw new Error(`nothing was written under "${note}"`);
    const { message } = line;
    const base = Path.of(...message.strings(Option.UriPath).map(Number));
    return decode(message.uint(Option.ContentFormat), message.payload, { base, typeOf, now: 0 });
  }

  /** The next request of the device under this note, as it was sent; gives the code of our answer. */
  async says(note: string): Promise<number | undefined> {
    const at = this.find((line) => line.fromDevice && line.note === note && isRequest(line.message.code));
    if (at < 0) throw new Error(`the device says no "${note}" in the recording`);
    this.at = at + 1;
    const { message } = this.lines[at] as Line;
    const before = this.peer.inbox.length;
    this.peer.send(message.bytes, SERVER.address, SERVER.port);
    await this.world.settle(50);
    return this.peer.inbox.slice(before).find(({ code, token }) => code >= 0x40 && token.equals(message.token))?.code;
  }

  /** The next notification of what was observed under this note; gives what we sent back. */
  async notifies(note: string): Promise<Message | undefined> {
    const began = this.lines.find((line) => !line.fromDevice && line.note === note && line.message.uint(Option.Observe) === 0);
    const token = began?.message.token.toString('hex') ?? '';
    const ours = this.observed.get(token);
    if (ours === undefined) throw new Error(`"${note}" is not observed`);
    const isNext = ({ fromDevice, message }: Line): boolean =>
      fromDevice && message.type !== MessageType.Acknowledgement && message.token.toString('hex') === token;
    const at = this.find(isNext);
    if (at < 0) throw new Error(`no notification of "${note}" in the recording`);
    this.at = at + 1;
    const before = this.peer.inbox.length;
    this.peer.send(withToken((this.lines[at] as Line).message, ours), SERVER.address, SERVER.port);
    await this.world.settle(50);
    return this.peer.inbox[before];
  }

  /** What it sent under this message ID, byte for byte; gives what we sent back. */
  async repeats(messageId: number): Promise<Message | undefined> {
    const line = this.lines.find(({ fromDevice, message }) => fromDevice && message.messageId === messageId);
    if (line === undefined) throw new Error(`it sent no message ${messageId} in the recording`);
    const before = this.peer.inbox.length;
    this.peer.send(line.message.bytes, SERVER.address, SERVER.port);
    await this.world.settle(50);
    return this.peer.inbox[before];
  }

  async perform(request: OperationRequest): Promise<OperationResult> {
    let outcome: { value: OperationResult } | { error: unknown } | undefined;
    this.server.perform(this.endpoint, request).then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    for (let second = 0; second < 200 && outcome === undefined; second++) {
      await this.world.settle(second < 10 ? 100 : 1_000);
      if (this.strange.length > 0) throw new Error(`never asked in the recording: ${this.strange.join(', ')}`);
    }
    if (outcome === undefined) throw new Error('no answer');
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  private hear(message: Message): void {
    if (!isRequest(message.code)) return;
    const key = keyOf(message);
    const at = this.find((line) => !line.fromDevice && isRequest(line.message.code) && keyOf(line.message) === key);
    if (at < 0) {
      this.strange.push(key);
      return;
    }
    const asked = (this.lines[at] as Line).message;
    const answer = this.lines.slice(at + 1).find(({ fromDevice, message: one }) => fromDevice && isAnswer(one, asked))?.message;
    this.at = at + 1;
    if (asked.uint(Option.Observe) === 0) this.observed.set(asked.token.toString('hex'), Buffer.from(message.token));
    if (answer === undefined) return;
    const bytes = answer.code === 0 ? Buffer.from(answer.bytes) : withToken(answer, message.token);
    if (answer.messageId === asked.messageId) bytes.writeUInt16BE(message.messageId, 2);
    this.peer.send(bytes, SERVER.address, SERVER.port);
  }

  /** From where the story is to its end, then from its beginning. */
  private find(matches: (line: Line) => boolean): number {
    const later = this.lines.findIndex((line, index) => index >= this.at && matches(line));
    return later >= 0 ? later : this.lines.findIndex(matches);
  }
}

function isAnswer(message: Message, asked: Message): boolean {
  if (message.type === MessageType.Acknowledgement) return message.messageId === asked.messageId;
  return message.token.equals(asked.token) && !isRequest(message.code);
}

/** The same message under another token. */
function withToken({ bytes }: Message, token: Buffer): Buffer {
  const rest = bytes.subarray(4 + ((bytes[0] as number) & 0x0f));
  const head = Buffer.from(bytes.subarray(0, 4));
  head[0] = ((head[0] as number) & 0xf0) | token.length;
  return Buffer.concat([head, token, rest]);
}
