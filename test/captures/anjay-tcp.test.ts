/** Anjay over CoAP/TCP: what its demo client said, frame for frame, to our server over a real socket. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeText } from '../../src/coap/codes';
import { type Message, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import { FrameReader, frameOf } from '../../src/coap/transports/tcp-framing';
import { isSignal, readSignal } from '../../src/coap/transports/tcp-signals';
import type { NotificationEvent, SendEvent } from '../../src/device/manager';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { RawPeer, until } from '../coap/transports/frames';

const LINES = readFileSync(path.join(__dirname, '../fixtures/captures/anjay-tcp.txt'), 'utf8').trim().split('\n');
/** Complete frames of the device. */
const SAID = LINES.filter((line) => line.startsWith('< ')).map((line) => Buffer.from(line.slice(2), 'hex'));

/** In the form of RFC 7252. */
function messageOf(frame: Buffer): Buffer {
  const reader = new FrameReader(100_000);
  reader.add(frame);
  const message = reader.next();
  assert.ok(Buffer.isBuffer(message));
  assert.equal(reader.next(), undefined);
  return message;
}

function parsed(frame: Buffer): Message {
  const message = parseMessage(messageOf(frame));
  assert.ok(typeof message !== 'number');
  return message;
}

/** The device's frame that begins so; and one under another token: what it answered to the recorder, it answers to us. */
const frame = (start: string): Buffer => SAID.find((bytes) => bytes.toString('hex').startsWith(start)) as Buffer;

function under(token: Buffer, said: Buffer): Buffer {
  const message = messageOf(said);
  const tokenLength = (message[0] as number) & 0x0f;
  const head = Buffer.from([0x50 | token.length, message[1] as number, 0, 0]);
  return frameOf(Buffer.concat([head, token, message.subarray(4 + tokenLength)]));
}

describe('Anjay over TCP', () => {
  let server: Lwm2mServer;
  let device: RawPeer;
  let heard: Message[];

  beforeEach(async () => {
    server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0, tcpPort: 0 }, makeId: () => 'a1' });
    await server.start();
    device = await RawPeer.connected(server.listening.find(({ transport }) => transport === 'tcp')?.port as number);
    heard = [];
    const reader = new FrameReader(100_000);
    device.socket.on('data', (chunk: Buffer) => {
      reader.add(chunk);
      for (let message = reader.next(); Buffer.isBuffer(message); message = reader.next()) {
        const one = isSignal(message) ? undefined : parseMessage(message);
        if (one !== undefined && typeof one !== 'number') heard.push(one);
      }
    });
    device.send(frame('68e1'));
    device.send(frame('d8ec02'));
    await until(() => heard.length === 1, 'the answer to the Register');
  });

  afterEach(async () => {
    device.end();
    await server.stop();
  });

  async function asked(): Promise<Message> {
    const before = heard.length;
    await until(() => heard.length > before, 'a request');
    return heard.at(-1) as Message;
  }

  it('says nothing that cannot be read: one signal, its capabilities, and messages', () => {
    const signals = SAID.filter((said) => isSignal(messageOf(said)));
    assert.deepEqual(
      signals.map((said) => readSignal(messageOf(said), { largestMessage: 1_152, blockwise: false })),
      [{ kind: 'capabilities', capabilities: { largestMessage: 2 ** 32 - 1, blockwise: true } }],
    );
    for (const said of SAID) if (!isSignal(messageOf(said))) parsed(said);
  });

  it('puts an empty Observe option in its first answer and in every notification', () => {
    const notifications = SAID.filter((said) => said.toString('hex').startsWith('d30045b50005'));
    assert.equal(notifications.length, 4);
    for (const said of notifications) assert.equal(parsed(said).uint(Option.Observe), 0);
  });

  it('registers with binding T, and gets the very answer it accepted in the recording', () => {
    assert.equal(codeText(heard[0]?.code ?? 0), '2.01');
    assert.ok(device.received.toString('hex').endsWith('6841fb934b19c630688e827264026131'));
    const registration = server.registration('urn:dev:os:anjay-tcp');
    assert.equal(registration?.binding, 'T');
    assert.equal(registration.version, '1.2');
    assert.ok(!registration.objects.some((object) => /^\/(0|21)(\/|$)/.test(object)));
  });

  it('is read: an instance of twenty resources in one message', async () => {
    const reading = server.perform('urn:dev:os:anjay-tcp', { operation: 'read', path: '/3/0' });
    const { token } = await asked();
    device.send(under(token, frame('d3dd45')));
    const { values, contentFormat } = await reading;
    assert.equal(contentFormat, 112);
    assert.equal(values.find((one) => one.path === '/3/0/0')?.value, 'anjay');
  });

  it('is observed: notifications in their order, though all carry the same Observe value', async () => {
    const told: NotificationEvent[] = [];
    server.events.on('notification', (event) => told.push(event));
    const observing = server.perform('urn:dev:os:anjay-tcp', { operation: 'observe', path: '/3/0/13' });
    const { token } = await asked();
    const [first, ...rest] = SAID.filter((said) => said.toString('hex').startsWith('d30045b50005'));
    device.send(under(token, first as Buffer));
    assert.equal((await observing).observed, true);
    device.send(Buffer.concat(rest.map((said) => under(token, said))));
    await until(() => told.length === 3, 'the notifications');
    const seconds = told.map(({ values }) => new Date(String(values[0]?.value)).getTime() || values[0]?.value);
    assert.deepEqual(seconds, [...seconds].sort());
    assert.equal(new Set(seconds).size, 3);
  });

  it('takes 5,000 bytes in one message, having said that it takes any', async () => {
    const writing = server.perform('urn:dev:os:anjay-tcp', {
      operation: 'write',
      path: '/5/0/0',
      value: Buffer.alloc(5_000, 'A'),
      contentFormat: 42,
    });
    const request = await asked();
    assert.equal(request.payloadLength, 5_000);
    assert.equal(request.has(Option.Block1), false);
    device.send(under(request.token, frame('0344c00007')));
    assert.equal((await writing).code, '2.04');
  });

  it('sends, updates and leaves', async () => {
    const sends: SendEvent[] = [];
    server.events.on('send', (event) => sends.push(event));
    const codes: string[] = [];
    for (const start of ['d81402', '6802cb', '6804ae']) {
      device.send(frame(start));
      codes.push(codeText((await asked()).code));
    }
    assert.deepEqual(codes, ['2.04', '2.04', '2.02']);
    assert.equal(sends[0]?.values.length, 1);
    assert.equal(server.size, 0);
  });
});
