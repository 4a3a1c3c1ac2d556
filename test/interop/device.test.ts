/** Our LwM2M client under foreign servers: node-coap as the server it registers with, libcoap's client asking it. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import * as coap from 'coap';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { findProgram, Program, skipWithout } from './program';
import { eventually, HOST } from './server';

const endpoint = 'our-device';

/** As much of an LwM2M server as a few lines of node-coap make. */
class NodeCoapServer {
  readonly requests: { readonly method: string; readonly url: string; readonly payload: string }[] = [];
  private readonly socket = dgram.createSocket('udp4');
  private agent: coap.Agent | undefined;
  private server: coap.Server | undefined;
  /** Where the device spoke from. */
  devicePort = 0;

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.socket.bind(0, HOST, resolve));
    this.agent = new coap.Agent({ type: 'udp4', socket: this.socket });
    const server = coap.createServer({ type: 'udp4' }, (request, response) => {
      this.devicePort = request.rsinfo.port;
      this.requests.push({ method: request.method, url: request.url, payload: request.payload.toString() });
      const isRegister = request.url.startsWith('/rd?');
      if (isRegister) response.setOption('Location-Path', 'rd/n1');
      response.statusCode = isRegister ? '2.01' : request.method === 'DELETE' ? '2.02' : '2.04';
      response.end();
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, () => resolve()));
    return this.socket.address().port;
  }

  /** Its caches would keep the process for EXCHANGE_LIFETIME. */
  close(): void {
    this.server?.close();
    this.socket.close();
  }

  ask(pathname: string, { method = 'GET', observe = false, payload = '' }: Asking = {}): Promise<coap.IncomingMessage> {
    return new Promise((resolve, reject) => {
      assert.ok(this.agent, 'opened');
      const request = coap.request({ hostname: HOST, port: this.devicePort, method, pathname, observe, agent: this.agent });
      request.setOption('Accept', 'text/plain');
      if (payload !== '') request.setOption('Content-Format', 'text/plain');
      request.on('response', resolve);
      request.on('error', reject);
      request.end(payload);
    });
  }
}

interface Asking {
  readonly method?: 'GET' | 'PUT' | 'POST';
  readonly observe?: boolean;
  readonly payload?: string;
}

describe('our device under foreign servers', function () {
  this.timeout(30_000);
  let server: NodeCoapServer;
  let device: Lwm2mClient;
  const executed: string[] = [];

  before(async () => {
    server = new NodeCoapServer();
    const port = await server.open();
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave', 9: 85, 14: '+01:00' }, { 4: { execute: () => undefined } });
    objects.add(3303, 0, { 5700: 21.5, 5750: 'x'.repeat(3000) });
    device = new Lwm2mClient({ endpoint, server: { host: HOST, port }, objects, lifetime: 300 });
    device.events.on('executed', ({ path }) => executed.push(path));
    await device.start();
  });
  after(async () => {
    await device?.stop();
    server?.close();
  });

  it('registers with its object list', () => {
    const [register] = server.requests;
    assert.equal(register?.method, 'POST');
    assert.match(register?.url ?? '', /lwm2m=1\.1/);
    assert.match(register?.url ?? '', /ep=our-device/);
    assert.match(register?.payload ?? '', /<\/3303\/0>/);
  });

  it('is read and written by node-coap', async () => {
    assert.equal((await server.ask('/3/0/0')).payload.toString(), 'Fleetweave');
    assert.equal((await server.ask('/3/0/14', { method: 'PUT', payload: '+02:00' })).code, '2.04');
    assert.equal((await server.ask('/3/0/14')).payload.toString(), '+02:00');
  });

  it('serves a long value in blocks to node-coap', async () => {
    assert.equal((await server.ask('/3303/0/5750')).payload.length, 3000);
  });

  it('is executed by node-coap', async () => {
    assert.equal((await server.ask('/3/0/4', { method: 'POST' })).code, '2.04');
    await eventually('the execution', () => executed.find((path) => path === '/3/0/4'));
  });

  it('notifies node-coap of a change', async () => {
    const stream = (await server.ask('/3303/0/5700', { observe: true })) as coap.ObserveReadStream;
    const values: string[] = [];
    stream.on('data', (chunk: Buffer) => values.push(chunk.toString()));
    await eventually('the first value', () => values.find((value) => value === '21.5'));
    device.setValue('/3303/0/5700', 22.25);
    await eventually('the notification', () => values.find((value) => value === '22.25'));
    stream.close();
  });

  it('answers libcoap: reads in blocks of its size, and tells what it does not have', async function () {
    const client = findProgram('coap-client-notls', 'coap-client');
    if (client === undefined) skipWithout(this, 'coap-client', 'apt-get install libcoap3-bin');
    const get = async (path: string, ...parameters: readonly string[]): Promise<string> => {
      const url = `coap://${HOST}:${server.devicePort}${path}`;
      return (await new Program(client, ['-v', '7', '-B', '5', '-m', 'get', ...parameters, url]).ended).output;
    };
    const inBlocks = await get('/3303/0/5750', '-A', '0', '-b', '64');
    // A device belongs to its server: a stranger may be refused, but is answered.
    assert.match(inBlocks, /c:(2\.05|4\.0[13])/);
    assert.match(await get('/3/0/21'), /c:4\.0[134]/);
  });
});
