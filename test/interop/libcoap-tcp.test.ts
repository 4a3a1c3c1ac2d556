/** CoAP over TCP (RFC 8323) with Debian's libcoap programs (package libcoap3-bin): against our server, our message layer, and our client side. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SystemClock } from '../../src/clock';
import { Code, codeText } from '../../src/coap/codes';
import type { Endpoint } from '../../src/coap/endpoint';
import type { IncomingRequest } from '../../src/coap/incoming';
import { CoapLayer, type CoapResponse, type RequestSpec } from '../../src/coap/layer';
import { TcpTransport } from '../../src/coap/transports/tcp';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { findProgram, Program, skipWithout } from './program';
import { eventually, HOST } from './server';

const REMEDY = 'apt-get install libcoap3-bin';
const clock = new SystemClock();

function freeTcpPort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, HOST, () => {
      const at = probe.address();
      probe.close(() => resolve(at !== null && typeof at === 'object' ? at.port : 0));
    });
  });
}

describe('libcoap over TCP as a client', function () {
  this.timeout(30_000);
  const client = findProgram('coap-client-notls', 'coap-client');
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => 97 + (index % 26)));
  let layer: CoapLayer;
  let server: Lwm2mServer;
  let port: number;
  let folder: string;
  const observers: { endpoint: Endpoint; token: Buffer }[] = [];
  let uploaded: Buffer | undefined;

  function answer(request: IncomingRequest): void {
    const [name] = request.path;
    if (name === 'large') return request.respond({ code: Code.Content, contentFormat: 42, payload: body });
    if (name === 'whole') return request.respond({ code: Code.Content, contentFormat: 42, payload: body.subarray(0, 30_000) });
    if (name === 'kept') {
      uploaded = Buffer.from(request.payload);
      return request.respond({ code: Code.Changed });
    }
    if (name === 'time' && request.observe === 0) {
      observers.push({ endpoint: request.endpoint, token: Buffer.from(request.token) });
      return request.respond({ code: Code.Content, observe: 0, payload: Buffer.from('now') });
    }
    request.respond({ code: Code.NotFound });
  }

  before(async function () {
    if (client === undefined) skipWithout(this, 'coap-client', REMEDY);
    folder = mkdtempSync(path.join(tmpdir(), 'libcoap-'));
    layer = new CoapLayer({
      transports: [new TcpTransport({ listen: { host: HOST, port: 0 }, clock })],
      clock,
      onRequest: answer,
    });
    await layer.open();
    port = layer.local?.port as number;
    server = new Lwm2mServer({ listen: { host: HOST, port: 0, tcpPort: 0 }, admission: 'open' });
    await server.start();
  });
  after(async () => {
    await layer?.close();
    await server?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  function start(at: number, method: string, target: string, ...parameters: readonly string[]): Program {
    const url = `coap+tcp://${HOST}:${at}${target}`;
    return new Program(client as string, ['-v', '7', '-B', '5', '-m', method, ...parameters, url]);
  }

  async function coap(at: number, method: string, target: string, ...parameters: readonly string[]): Promise<string> {
    return (await start(at, method, target, ...parameters).ended).output;
  }

  it('exchanges capabilities, and is told that a resource is not there', async () => {
    const output = await coap(port, 'get', '/none');
    assert.match(output, /c:CSM .*Max-Message-Size:1048576, Block-Wise-Transfer/);
    assert.match(output, /c:4\.04/);
  });

  it('fetches 30,000 bytes in one message', async () => {
    const file = path.join(folder, 'whole');
    const before = layer.statistics.received;
    await coap(port, 'get', '/whole', '-o', file);
    assert.ok(readFileSync(file).equals(body.subarray(0, 30_000)));
    assert.equal(layer.statistics.received, before + 1);
  });

  it('fetches 300,000 bytes in runs of blocks (BERT)', async () => {
    const file = path.join(folder, 'large');
    const before = layer.statistics.received;
    const output = await coap(port, 'get', '/large', '-o', file);
    assert.ok(readFileSync(file).equals(body), output.slice(-2_000));
    assert.equal(layer.statistics.received - before, Math.ceil(body.length / (64 * 1_024)));
  });

  it('uploads 300,000 bytes', async () => {
    const file = path.join(folder, 'up');
    writeFileSync(file, body);
    const output = await coap(port, 'put', '/kept', '-f', file);
    assert.match(output, /c:2\.04|2\.04/);
    assert.ok(uploaded?.equals(body), output.slice(-2_000));
  });

  it('uploads in blocks of 256 bytes when it chooses so', async () => {
    const file = path.join(folder, 'small');
    writeFileSync(file, body.subarray(0, 5_000));
    await coap(port, 'put', '/kept', '-b', '256', '-f', file);
    assert.ok(uploaded?.equals(body.subarray(0, 5_000)));
  });

  it('observes, and is notified in order', async () => {
    const program = start(port, 'get', '/time', '-s', '3', '-w');
    const { endpoint, token } = await eventually('the observation', () => observers[0]);
    for (const value of ['first', 'second', 'third']) {
      layer.notify(endpoint, token, { code: Code.Content, observe: 0, payload: Buffer.from(value) }, { confirmable: false });
    }
    const { output } = await program.ended;
    assert.match(output, /now[\s\S]*first[\s\S]*second[\s\S]*third/);
  });

  it('registers as a device of LwM2M over TCP', async () => {
    const tcpPort = server.listening.find(({ transport }) => transport === 'tcp')?.port as number;
    const output = await coap(tcpPort, 'post', '/rd?lwm2m=1.1&ep=libcoap-tcp&b=T&lt=300', '-t', '40', '-e', '</1/0>,</3/0>');
    assert.match(output, /2\.01/);
    assert.equal(server.registration('libcoap-tcp')?.binding, 'T');
    // The program has ended, and its connection with it: the registration stays, and cannot be asked.
    await eventually('its absence', () => (server.presence('libcoap-tcp') === 'asleep' ? true : undefined));
  });
});

describe('libcoap over TCP as a server', function () {
  this.timeout(30_000);
  let theirs: Program;
  let layer: CoapLayer;
  let port: number;

  before(async function () {
    const program = findProgram('coap-server-notls', 'coap-server');
    if (program === undefined) skipWithout(this, 'coap-server', REMEDY);
    port = await freeTcpPort();
    theirs = new Program(program, ['-A', HOST, '-p', String(port), '-d', '10']);
    layer = new CoapLayer({
      transports: [new TcpTransport({ clock })],
      clock,
      onRequest: (request) => request.respond({ code: Code.NotFound }),
    });
    await layer.open();
    // It takes a moment to listen.
    for (let tries = 0; tries < 50; tries++) {
      const alive = await ask({ code: Code.Get, path: [] }).catch(() => undefined);
      if (alive !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  after(async () => {
    await layer?.close();
    await theirs?.stop();
  });

  function ask(spec: RequestSpec, blockSize?: number): Promise<CoapResponse> {
    return new Promise((resolve, reject) => {
      layer.request(layer.endpoint(HOST, port), spec, blockSize === undefined ? {} : { blockSize }, (error, response) => {
        if (response === undefined) reject(error);
        else resolve(response);
      });
    });
  }

  it('lists its resources', async () => {
    const response = await ask({ code: Code.Get, path: ['.well-known', 'core'] });
    assert.equal(codeText(response.code), '2.05');
    assert.match(response.payload.toString(), /<\/time>/);
  });

  it('says how much it takes', async () => {
    await eventually('its capabilities', () => (layer.endpoint(HOST, port).sizes.whole > 1_024 ? true : undefined));
  });

  for (const blockSize of [undefined, 256]) {
    it(`takes 200,000 bytes and gives them back, in blocks of ${blockSize ?? 'its choice and ours'}`, async () => {
      const body = Buffer.from(
        Array.from({ length: blockSize === undefined ? 200_000 : 20_000 }, (_, index) => 97 + (index % 26)),
      );
      const name = ['kept', String(blockSize ?? 0)];
      assert.match(codeText((await ask({ code: Code.Put, path: name, payload: body }, blockSize)).code), /^2\.0[14]$/);
      const { code, payload } = await ask({ code: Code.Get, path: name }, blockSize);
      assert.equal(codeText(code), '2.05');
      assert.ok(payload.equals(body));
    });
  }

  it('is observed, notifies, and stops when told to', async () => {
    const values: string[] = [];
    const observation = await new Promise<ReturnType<CoapLayer['observe']>>((resolve, reject) => {
      const started = layer.observe(
        layer.endpoint(HOST, port),
        { code: Code.Get, path: ['time'] },
        { notification: (response) => values.push(response.payload.toString()), ended: reject },
        {},
        (error) => (error === undefined ? resolve(started) : reject(error)),
      );
    });
    assert.equal(observation.accepted, true);
    await eventually('two notifications', () => (values.length >= 2 ? values : undefined));
    await new Promise<void>((resolve) => observation.cancel('active', () => resolve()));
    const seen = values.length;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.ok(values.length <= seen + 1, 'no notification after the cancellation');
  });
});
