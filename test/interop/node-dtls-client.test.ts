/** A device of npm's node-dtls-client, which wants Node.js 22, and coap-packet: DTLS and CoAP that we did not write, against our LwM2M server. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { generate, type NamedOption, type Packet, type ParsedPacket, parse } from 'coap-packet';
import { command } from '../e2e/command';
import { cacheFolder } from '../e2e/project';
import { Program, skipWithout } from './program';
import { IDENTITY, KEY, Pki } from './secure-echo';
import { SecureTransportUnderTest } from './secure-server';
import { eventually, HOST, ServerUnderTest } from './server';

const INSTALL_MS = 240_000;

interface Installed {
  readonly node: string;
  readonly module: string;
}

/** Kept between runs, for the npm package `node` brings a binary of 120 MB. Rejects with the reason when it cannot be had. */
async function install(): Promise<Installed> {
  const folder = cacheFolder('node-dtls-client');
  const node = path.join(folder, 'node_modules', 'node', 'bin', 'node');
  const main = path.join(folder, 'node_modules', 'node-dtls-client', 'build', 'dtls.js');
  if (!existsSync(node) || !existsSync(main)) {
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'dtls-peer', private: true }));
    await command('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', 'node@22', 'node-dtls-client@2.0.3'], {
      cwd: folder,
      timeoutMs: INSTALL_MS,
    });
  }
  return { node, module: pathToFileURL(main).href };
}

const option = (name: NamedOption['name'], value: string | Buffer): NamedOption => ({ name, value: Buffer.from(value) });

/** Asks, and answers what it is asked for object 3303. */
class Device {
  temperature = 21.5;
  private readonly seen: ParsedPacket[] = [];
  private read = 0;
  private messageId = 1;
  private observer: Buffer | undefined;
  private sequence = 0;

  constructor(private readonly program: Program) {}

  connected(): Promise<true> {
    return eventually('the handshake', () => (this.received().isConnected ? true : undefined)).catch(() => {
      throw new Error(`no handshake: ${this.program.output}`);
    });
  }

  async ask(code: 'GET' | 'POST' | 'DELETE', options: readonly NamedOption[], payload = ''): Promise<ParsedPacket> {
    const token = Buffer.from([0xaa, this.messageId]);
    this.say({ code, token, options: [...options], payload: Buffer.from(payload) });
    return eventually(`the answer to ${code}`, () => {
      this.received();
      return this.seen.find((packet) => packet.token.equals(token));
    });
  }

  notify(value: number): void {
    this.temperature = value;
    assert.ok(this.observer, 'observed');
    this.say({ code: '2.05', token: this.observer, options: this.content(true), payload: this.value() });
  }

  stop(): Promise<unknown> {
    return this.program.stop();
  }

  /** Takes what has come since the last time; requests are answered at once. */
  received(): { readonly isConnected: boolean } {
    const lines = this.program.output.split('\n').slice(0, -1);
    for (const line of lines.slice(this.read)) {
      if (!line.startsWith('< ')) continue;
      const packet = parse(Buffer.from(line.slice(2), 'hex'));
      if (packet.code === '0.01') this.answer(packet);
      else this.seen.push(packet);
    }
    this.read = lines.length;
    return { isConnected: lines.includes('connected') };
  }

  private answer({ messageId, token, options }: ParsedPacket): void {
    const names = options.map(({ name, value }) => `${String(name)}:${value.toString()}`);
    const isObserved = options.some(({ name, value }) => name === 'Observe' && value.length === 0);
    const isThere = names.includes('Uri-Path:3303');
    if (isObserved) this.observer = token;
    this.say({
      ack: true,
      messageId,
      token,
      code: isThere ? '2.05' : '4.04',
      ...(isThere && { options: this.content(isObserved), payload: this.value() }),
    });
  }

  private content(isObserved: boolean): NamedOption[] {
    const observe = isObserved ? [option('Observe', Buffer.from([++this.sequence]))] : [];
    return [...observe, option('Content-Format', Buffer.alloc(0))];
  }

  private value(): Buffer {
    return Buffer.from(String(this.temperature));
  }

  private say(packet: Packet): void {
    const confirmable = packet.ack !== true;
    this.program.say(generate({ confirmable, messageId: this.messageId++, ...packet }).toString('hex'));
  }
}

describe('node-dtls-client', function () {
  this.timeout(30_000);
  let installed: Installed;
  let pki: Pki;
  let secure: SecureTransportUnderTest;
  let ours: ServerUnderTest;
  let device: Device;

  before(async function () {
    this.timeout(INSTALL_MS);
    installed = await install().catch((error: Error) => skipWithout(this, 'node-dtls-client with Node.js 22', error.message));
    pki = new Pki();
    secure = new SecureTransportUnderTest(pki, { cbc: 'any', limits: { handshakeMs: 5_000 } });
    ours = await ServerUnderTest.start(undefined, { secure: secure.transport, admission: 'secured' });
  });
  after(async () => {
    await ours?.stop();
    pki?.remove();
  });
  afterEach(() => device?.stop());

  async function connect(suite: string, key = KEY): Promise<Device> {
    const bridge = path.join(__dirname, 'node-dtls-client', 'bridge.mjs');
    const { node, module } = installed;
    device = new Device(new Program(node, [bridge, module, HOST, String(secure.port), IDENTITY, key, suite]));
    return device;
  }

  /** What the device is asked is answered when it looks. */
  async function whileAnswering<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const answering = eventually('an answer', () => {
      device.received();
      return isDone ? true : undefined;
    });
    try {
      return await work;
    } finally {
      isDone = true;
      await answering;
    }
  }

  for (const suite of [
    'PSK_WITH_AES_128_CCM_8',
    'PSK_WITH_AES_128_CCM',
    'PSK_WITH_AES_128_GCM_SHA256',
    'PSK_WITH_AES_128_CBC_SHA256',
  ]) {
    it(`${suite}: connects, and gets an answer`, async () => {
      await (await connect(`TLS_${suite}`)).connected();
      assert.equal(secure.associations.at(-1)?.suite?.name, suite);
      assert.equal((await device.ask('GET', [option('Uri-Path', 'nothing')])).code, '4.04');
    });
  }

  it('registers, is read, is observed and notifies, and leaves', async () => {
    await (await connect('TLS_PSK_WITH_AES_128_CCM_8')).connected();
    const query = ['lwm2m=1.0', `ep=${IDENTITY}`, 'b=U', 'lt=300'].map((text) => option('Uri-Query', text));
    const links = option('Content-Format', Buffer.from([40]));
    const registered = await device.ask('POST', [option('Uri-Path', 'rd'), links, ...query], '</1/0>,</3303/0>');
    assert.equal(registered.code, '2.01');
    const { registration } = await ours.happened('registered', IDENTITY);
    assert.equal(registration?.security, 'psk');

    const temperature = { path: '/3303/0/5700', contentFormat: 0 };
    const read = await whileAnswering(ours.server.perform(IDENTITY, { operation: 'read', ...temperature }));
    assert.equal(read.values[0]?.value, 21.5);
    const observed = await whileAnswering(ours.server.perform(IDENTITY, { operation: 'observe', ...temperature }));
    assert.equal(observed.observed, true);
    device.notify(23.25);
    await eventually('the notification', () => ours.notifications.find(({ values }) => values[0]?.value === 23.25));

    const location = registered.options.filter(({ name }) => name === 'Location-Path');
    assert.equal(
      (
        await device.ask(
          'DELETE',
          location.map(({ value }) => option('Uri-Path', value)),
        )
      ).code,
      '2.02',
    );
    await ours.happened('deregistered', IDENTITY);
  });

  it('with a wrong key it hears nothing, and we know whose key is wrong', async () => {
    await connect('TLS_PSK_WITH_AES_128_CCM_8', 'ff');
    const { reason, identity } = await eventually('the failure', () => secure.failures[0]);
    assert.equal(reason, 'wrong-key');
    assert.equal(identity?.name, IDENTITY);
    assert.equal(device.received().isConnected, false);
  });
});
