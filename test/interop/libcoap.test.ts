/** Debian's libcoap programs (package libcoap3-bin) against our server and our message layer. */
import assert from 'node:assert/strict';
import { SystemClock } from '../../src/clock';
import { Code, codeText } from '../../src/coap/codes';
import type { Endpoint } from '../../src/coap/endpoint';
import { CoapLayer, type CoapResponse, type RequestSpec } from '../../src/coap/layer';
import { UdpTransport } from '../../src/coap/transports/udp';
import { freeUdpPort } from '../free-port';
import { findProgram, Program, skipWithout } from './program';
import { eventually, HOST, ServerUnderTest } from './server';

const REMEDY = 'apt-get install libcoap3-bin';
/** Prints every message with its options. */
const VERBOSE = ['-v', '7'];
const PATIENCE = ['-B', '5'];

describe('libcoap as a device', function () {
  this.timeout(30_000);
  const client = findProgram('coap-client-notls', 'coap-client');
  let ours: ServerUnderTest;

  before(async function () {
    if (client === undefined) skipWithout(this, 'coap-client', REMEDY);
    ours = await ServerUnderTest.start();
  });
  after(() => ours?.stop());

  /** Runs coap-client; resolves to what it printed. */
  async function coap(method: string, target: string, ...parameters: readonly string[]): Promise<string> {
    const program = new Program(client as string, [...VERBOSE, ...PATIENCE, '-m', method, ...parameters, `${ours.url}${target}`]);
    return (await program.ended).output;
  }

  /** Registers and returns the location. */
  async function register(endpoint: string, links: string, ...parameters: readonly string[]): Promise<string> {
    const output = await coap('post', `/rd?lwm2m=1.1&ep=${endpoint}&b=U&lt=300`, '-t', '40', '-e', links, ...parameters);
    const location = [...output.matchAll(/Location-Path:([^, \]]+)/g)].map(([, segment]) => segment);
    assert.match(output, /c:2\.01/, output);
    return `/${location.slice(-2).join('/')}`;
  }

  it('registers by POST to /rd with its object list', async () => {
    await register('libcoap-1', '</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>');
    const { registration } = await ours.happened('registered', 'libcoap-1');
    assert.equal(registration?.lifetime, 300);
    assert.equal(registration?.versions['3303'], '1.1');
    assert.ok(registration?.objects.includes('/3303/0'));
  });

  it('updates its lifetime and leaves', async () => {
    const location = await register('libcoap-2', '</3/0>');
    assert.match(await coap('post', `${location}?lt=600`), /c:2\.04/);
    assert.equal((await ours.happened('updated', 'libcoap-2')).registration?.lifetime, 600);
    assert.match(await coap('delete', location), /c:2\.02/);
    await ours.happened('deregistered', 'libcoap-2');
    assert.match(await coap('post', location), /c:4\.04/, 'the location is gone');
  });

  it('registers block-wise with a list of 300 instances', async () => {
    const links = Array.from({ length: 300 }, (_, instance) => `</3303/${instance}>`).join(',');
    await register('libcoap-3', links, '-b', '64');
    const { registration } = await ours.happened('registered', 'libcoap-3');
    assert.ok(registration?.objects.includes('/3303/299'));
  });

  it('registers while a third of its datagrams is lost', async () => {
    await register('libcoap-4', '</3/0>', '-l', '1,3');
    await ours.happened('registered', 'libcoap-4');
    assert.equal(ours.lifecycle.filter(({ event, device }) => event === 'registered' && device === 'libcoap-4').length, 1);
  });

  const mistakes: readonly [string, string, string, RegExp][] = [
    ['without an endpoint name', 'post', '/rd?lwm2m=1.1&lt=60', /c:4\.00/],
    ['in a version we do not speak', 'post', '/rd?lwm2m=7.5&ep=x&lt=60', /c:4\.12/],
    ['at a place that does not exist', 'get', '/no/such/place', /c:4\.04/],
  ];
  for (const [what, method, target, answer] of mistakes) {
    it(`is told its mistake: ${what}`, async () => {
      assert.match(await coap(method, target), answer);
    });
  }

  it('is told that a critical option is unknown (RFC 7252 §5.4.1)', async () => {
    assert.match(await coap('get', '/rd', '-O', '65001,x'), /c:4\.02/);
  });
});

describe('libcoap as a server', function () {
  this.timeout(30_000);
  let theirs: Program;
  let layer: CoapLayer;
  let endpoint: Endpoint;

  before(async function () {
    const program = findProgram('coap-server-notls', 'coap-server');
    if (program === undefined) skipWithout(this, 'coap-server', REMEDY);
    const port = await freeUdpPort();
    theirs = new Program(program, ['-A', HOST, '-p', String(port), '-d', '10']);
    layer = new CoapLayer({
      transports: [new UdpTransport({ host: HOST, port: 0 })],
      clock: new SystemClock(),
      onRequest: (request) => request.respond({ code: Code.NotFound }),
    });
    await layer.open();
    endpoint = layer.endpoint(HOST, port);
  });
  after(async () => {
    await layer?.close();
    await theirs?.stop();
  });

  function ask(spec: RequestSpec, blockSize?: number): Promise<CoapResponse> {
    return new Promise((resolve, reject) => {
      layer.request(endpoint, spec, blockSize === undefined ? {} : { blockSize }, (error, response) => {
        if (response === undefined) reject(error);
        else resolve(response);
      });
    });
  }

  it('answers a ping', async () => {
    assert.equal(await new Promise((resolve) => layer.ping(endpoint, resolve)), true);
  });

  it('lists its resources', async () => {
    const response = await ask({ code: Code.Get, path: ['.well-known', 'core'] });
    assert.equal(codeText(response.code), '2.05');
    assert.match(response.payload.toString(), /<\/time>/);
  });

  it('takes a body of 20,000 bytes in blocks of ours, and gives it back in blocks', async () => {
    const body = Buffer.from(Array.from({ length: 20_000 }, (_, index) => 97 + (index % 26)));
    const path = ['kept'];
    assert.match(codeText((await ask({ code: Code.Put, path, payload: body }, 256)).code), /^2\.0[14]$/);
    const { code, payload } = await ask({ code: Code.Get, path }, 128);
    assert.equal(codeText(code), '2.05');
    assert.ok(payload.equals(body));
  });

  it('is observed, notifies, and stops when told to', async () => {
    const values: string[] = [];
    const observation = await new Promise<ReturnType<CoapLayer['observe']>>((resolve, reject) => {
      const started = layer.observe(
        endpoint,
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
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.ok(values.length <= seen + 1, 'no notification after the cancellation');
  });
});
