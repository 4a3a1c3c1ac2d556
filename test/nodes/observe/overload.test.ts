/** A flow far slower than its devices: a minute of 20,000 notifications a second, through the real server and the real buffer. */
import assert from 'node:assert/strict';
import { ObserveNode } from '../../../nodes/observe/observe-node';
import type { Message } from '../../../nodes/runtime/flow-host';
import { RunningServer } from '../../../nodes/runtime/running-server';
import { VirtualClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import { MessageType, MessageWriter, parseMessage } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { Receiver, Transport } from '../../../src/coap/transport';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';
import { FakeHost } from '../runtime/fake-host';

const DEVICES = 200;
const SECONDS = 60;
const PER_SECOND = 20_000;
const PATH = '/3303/0/5700';
const FIRST_PORT = 10_000;
const ADDRESS = '10.0.0.2';
/** Values begin here, so that all are written with the same number of digits. */
const FIRST_VALUE = 1_000_000;
/** Of Observe and of the message IDs: of two bytes from the beginning. */
const FIRST_SEQUENCE = 256;

/** Two hundred devices at one address, as raw datagrams: they register, agree to be observed, and then only notify. */
class Devices implements Transport {
  readonly name = 'devices';
  readonly local = { address: '10.0.0.1', port: 5683 };
  /** Acknowledgements they got. */
  acknowledged = 0;
  /** What each sent last. */
  readonly newest = new Map<string, number>();
  private readonly templates: Buffer[] = [];
  private readonly messageIds = new Uint16Array(DEVICES).fill(FIRST_SEQUENCE);
  private readonly writer = new MessageWriter();
  private receiver: Receiver | undefined;

  async open(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
  }

  async close(): Promise<void> {}

  send(datagram: Buffer, _address: string, port: number): void {
    if (datagram.length === 4 && (datagram[0] as number) >> 4 === 6) {
      this.acknowledged++;
      return;
    }
    const request = parseMessage(Buffer.from(datagram));
    if (typeof request === 'number' || request.code !== Code.Get) return;
    assert.equal(`/${request.strings(Option.UriPath).join('/')}`, PATH);
    const index = port - FIRST_PORT;
    this.templates[index] = this.response(MessageType.Confirmable, 0, request.token, FIRST_VALUE);
    this.arrive(this.response(MessageType.Acknowledgement, request.messageId, request.token, FIRST_VALUE), index);
  }

  get observed(): number {
    return this.templates.length;
  }

  register(): void {
    for (let index = 0; index < DEVICES; index++) {
      const writer = this.writer.begin(MessageType.Confirmable, Code.Post, 65_535, Buffer.from([1]));
      writer.strings(Option.UriPath, ['rd']);
      writer.uint(Option.ContentFormat, 40);
      writer.strings(Option.UriQuery, [`ep=${nameOf(index)}`, 'lt=86400', 'lwm2m=1.1', 'b=U']);
      this.arrive(writer.payload(Buffer.from('</3303/0>')).finish(), index);
    }
  }

  /** A confirmable notification of the device whose turn it is. */
  notify(count: number): void {
    const index = count % DEVICES;
    const datagram = Buffer.from(this.templates[index] as Buffer);
    const messageId = (this.messageIds[index] as number) + 1;
    this.messageIds[index] = messageId;
    datagram.writeUInt16BE(messageId, 2);
    const value = FIRST_VALUE + count;
    datagram.write(String(value), datagram.length - 7, 'latin1');
    // The two bytes of the Observe option follow the token (RFC 7641 §3.4).
    datagram.writeUInt16BE(messageId, 4 + ((datagram[0] as number) & 15) + 1);
    this.newest.set(nameOf(index), value);
    this.arrive(datagram, index);
  }

  private response(type: number, messageId: number, token: Buffer, value: number): Buffer {
    const writer = this.writer.begin(type, Code.Content, messageId, token);
    writer.uint(Option.Observe, FIRST_SEQUENCE);
    writer.uint(Option.ContentFormat, 0);
    return writer.payload(Buffer.from(String(value))).finish();
  }

  private arrive(datagram: Buffer, index: number): void {
    this.receiver?.received(Buffer.from(datagram), ADDRESS, FIRST_PORT + index);
  }
}

function nameOf(index: number): string {
  return `t-${index}`;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('observe: a flow that is far too slow', () => {
  it('20,000 notifications a second for a minute: every ACK leaves at once, what is held stays bounded, the newest come', async function () {
    this.timeout(120_000);
    const clock = new VirtualClock();
    const devices = new Devices();
    const manager = new Lwm2mServer({ transport: devices, clock, random: testRandom(7), admission: 'open' });
    const server = new RunningServer('server', manager, clock, { warn: () => {}, info: () => {} });

    // Each message costs the flow 1 ms, a twentieth of what it could afford.
    const host = new FakeHost();
    let messages = 0;
    let missed = 0;
    const latest = new Map<string, number>();
    Object.assign(host, {
      send: ({ device, payload, dm }: Message) => {
        messages++;
        missed += (dm as { dropped?: number }).dropped ?? 0;
        assert.ok((latest.get(device as string) ?? 0) < Number(payload), 'never older than the one before');
        latest.set(device as string, Number(payload));
        clock.advance(1);
      },
    });
    new ObserveNode(host, server, {
      device: { name: 'device', value: '', type: 'str', whenEmpty: 'message' },
      path: { name: 'path', value: PATH, type: 'str', whenEmpty: 'message' },
      attributes: {},
      sends: true,
      keys: 'path',
    });
    await server.begin((error) => error);
    server.release();
    devices.register();
    while (devices.observed < DEVICES || messages < DEVICES) await turn();

    const began = clock.monotonic();
    let sent = 0;
    let held = 0;
    while (clock.monotonic() - began < SECONDS * 1000) {
      const due = Math.floor((clock.monotonic() - began) * (PER_SECOND / 1000)) + 20;
      while (sent < due) devices.notify(++sent);
      assert.equal(devices.acknowledged, sent, 'acknowledged whatever the flow does');
      held = Math.max(held, sent - (messages - DEVICES) - missed);
      const before = clock.monotonic();
      await turn();
      if (clock.monotonic() === before) clock.advance(1);
    }
    for (let before = -1; before !== messages; await turn()) {
      before = messages;
      clock.advance(100);
      await turn();
    }

    assert.ok(sent >= SECONDS * PER_SECOND, `${sent}`);
    assert.equal(messages - DEVICES + missed, sent, 'each notification is a message, or counted as missed');
    assert.deepEqual(latest, devices.newest);
    assert.ok(missed > sent * 0.9, `${missed}`);
    // The buffer's thousand, and what was missed since the message before, which is a few slices and pauses ago.
    assert.ok(held <= 1_000 + 100 * (PER_SECOND / 1000), `${held}`);
    await server.end();
  });
});
