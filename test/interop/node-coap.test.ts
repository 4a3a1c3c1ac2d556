/** node-coap (npm `coap`) as a device on one socket: its client registers, its server answers ours. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import * as coap from 'coap';
import { eventually, HOST, ServerUnderTest } from './server';

const LONG_TEXT = 'lorem ipsum '.repeat(300);

/** An LwM2M device with a few resources in text format. */
class NodeCoapDevice {
  readonly values = new Map<string, string>([
    ['/3/0/0', 'node-coap'],
    ['/3/0/9', '85'],
    ['/3303/0/5700', '21.5'],
    ['/3303/0/5750', LONG_TEXT],
  ]);
  readonly executed: string[] = [];
  readonly observers = new Set<coap.ObserveWriteStream>();
  private readonly socket = dgram.createSocket('udp4');
  private agent: coap.Agent | undefined;
  private server: coap.Server | undefined;

  constructor(private readonly serverPort: number) {}

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.bind(0, HOST, resolve));
    this.agent = new coap.Agent({ type: 'udp4', socket: this.socket });
    const server = coap.createServer({ type: 'udp4' }, (request, response) => this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, () => resolve()));
  }

  /** Its caches would keep the process for EXCHANGE_LIFETIME. */
  close(): void {
    for (const observer of this.observers) observer.end();
    this.server?.close();
    this.socket.close();
  }

  request(method: 'POST' | 'DELETE', pathname: string, query = '', payload = ''): Promise<coap.IncomingMessage> {
    return new Promise((resolve, reject) => {
      assert.ok(this.agent, 'opened');
      const request = coap.request({ hostname: HOST, port: this.serverPort, method, pathname, query, agent: this.agent });
      if (payload !== '') request.setOption('Content-Format', 'application/link-format');
      request.on('response', resolve);
      request.on('error', reject);
      request.end(payload);
    });
  }

  change(path: string, value: string): void {
    this.values.set(path, value);
    for (const observer of this.observers) observer.write(value);
  }

  private answer(request: coap.IncomingMessage, response: coap.OutgoingMessage | coap.ObserveWriteStream): void {
    const path = request.url.split('?')[0] ?? '';
    const value = this.values.get(path);
    if (request.method === 'GET' && value !== undefined) {
      response.setOption('Content-Format', 'text/plain');
      if (request.headers.Observe === 0) {
        const observer = response as coap.ObserveWriteStream;
        this.observers.add(observer);
        observer.on('finish', () => this.observers.delete(observer));
        observer.write(value);
      } else response.end(value);
      return;
    }
    if (request.method === 'PUT' && value !== undefined) {
      this.values.set(path, request.payload.toString());
      response.statusCode = '2.04';
    } else if (request.method === 'POST' && path === '/3/0/4') {
      this.executed.push(request.payload.toString());
      response.statusCode = '2.04';
    } else {
      response.statusCode = '4.04';
    }
    response.end();
  }
}

describe('node-coap as a device', function () {
  this.timeout(30_000);
  const endpoint = 'node-coap-1';
  let ours: ServerUnderTest;
  let device: NodeCoapDevice;
  let location: string;

  before(async () => {
    ours = await ServerUnderTest.start();
    device = new NodeCoapDevice(ours.port);
    await device.open();
  });
  after(async () => {
    device?.close();
    await ours?.stop();
  });

  it('registers', async () => {
    const response = await device.request('POST', '/rd', `lwm2m=1.0&ep=${endpoint}&b=U&lt=300`, '</1/0>,</3/0>,</3303/0>');
    assert.equal(response.code, '2.01');
    // Its `headers` keep one of several equal options.
    location = (response._packet.options ?? [])
      .filter(({ name }) => name === 'Location-Path')
      .map(({ value }) => `/${String(value)}`)
      .join('');
    assert.ok((await ours.happened('registered', endpoint)).registration?.objects.includes('/3303/0'));
  });

  it('updates', async () => {
    assert.equal((await device.request('POST', location, 'lt=600')).code, '2.04');
    assert.equal((await ours.happened('updated', endpoint)).registration?.lifetime, 600);
  });

  it('is read: text becomes the type of the model', async () => {
    const text = await ours.server.perform(endpoint, { operation: 'read', path: '/3/0/0' });
    assert.equal(text.values[0]?.value, 'node-coap');
    const number = await ours.server.perform(endpoint, { operation: 'read', path: '/3/0/9' });
    assert.equal(number.values[0]?.value, 85);
  });

  it('is read block-wise', async () => {
    const { values } = await ours.server.perform(endpoint, { operation: 'read', path: '/3303/0/5750' });
    assert.equal(values[0]?.value, LONG_TEXT);
  });

  // In one message only: its server wants the same token on every block, against RFC 9175 §4.
  it('is written', async () => {
    await ours.server.perform(endpoint, { operation: 'write', path: '/3303/0/5750', value: 'boiler room', contentFormat: 0 });
    assert.equal(device.values.get('/3303/0/5750'), 'boiler room');
  });

  it('is executed with arguments', async () => {
    await ours.server.perform(endpoint, { operation: 'execute', path: '/3/0/4', arguments: "0='now'" });
    assert.deepEqual(device.executed, ["0='now'"]);
  });

  it('has its refusal reported as an error with its code', async () => {
    await assert.rejects(ours.server.perform(endpoint, { operation: 'read', path: '/3/0/21' }), { code: '4.04' });
  });

  it('is observed and notifies', async () => {
    const observed = await ours.server.perform(endpoint, { operation: 'observe', path: '/3303/0/5700' });
    assert.equal(observed.observed, true);
    device.change('/3303/0/5700', '22.25');
    const seen = await eventually('a notification', () => ours.notifications.find(({ values }) => values[0]?.value === 22.25));
    assert.equal(seen.device, endpoint);
    assert.equal(seen.path, '/3303/0/5700');
    await ours.server.perform(endpoint, { operation: 'cancel-observation', path: '/3303/0/5700' });
    assert.deepEqual(ours.server.observations(endpoint), []);
  });

  it('leaves', async () => {
    assert.equal((await device.request('DELETE', location)).code, '2.02');
    await ours.happened('deregistered', endpoint);
  });
});
