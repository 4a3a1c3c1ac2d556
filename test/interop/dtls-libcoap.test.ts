/** libcoap's secured programs, on OpenSSL and on GnuTLS: clients of our message layer and our LwM2M server, and servers we ask, over DTLS and TLS. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt, X509Certificate } from 'node:crypto';
import { SystemClock } from '../../src/clock';
import { Code, codeText } from '../../src/coap/codes';
import type { IncomingRequest } from '../../src/coap/incoming';
import { CoapLayer, type CoapResponse, type RequestSpec } from '../../src/coap/layer';
import type { Transport } from '../../src/coap/transport';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { TlsTransport } from '../../src/coap/transports/tls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { LifecycleEvent } from '../../src/device/manager';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { fingerprint, publicSpki } from '../../src/dtls/raw-key';
import type { Credentials } from '../../src/dtls/settings';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { findProgram, Program, skipWithout } from './program';
import { IDENTITY, Pki } from './secure-echo';
import { credentialsOf } from './secure-server';
import { eventually, HOST } from './server';

const REMEDY = 'apt-get install libcoap3-bin';
/** libcoap takes keys as text. */
const KEY = 'secretPSKkey1234';
/** As in the certificate of the server. */
const NAME = 'localhost';
const BODY = Buffer.from('0123456789'.repeat(400));

type Way = 'psk' | 'x509' | 'rpk';
interface Combination {
  readonly library: 'openssl' | 'gnutls';
  readonly scheme: 'coaps' | 'coaps+tcp';
  readonly way: Way;
}

/** OpenSSL 3.0 and Node's TLS know no raw public keys. */
const COMBINATIONS: readonly Combination[] = [
  { library: 'openssl', scheme: 'coaps', way: 'psk' },
  { library: 'openssl', scheme: 'coaps', way: 'x509' },
  { library: 'openssl', scheme: 'coaps+tcp', way: 'psk' },
  { library: 'openssl', scheme: 'coaps+tcp', way: 'x509' },
  { library: 'gnutls', scheme: 'coaps', way: 'psk' },
  { library: 'gnutls', scheme: 'coaps', way: 'x509' },
  { library: 'gnutls', scheme: 'coaps', way: 'rpk' },
  { library: 'gnutls', scheme: 'coaps+tcp', way: 'psk' },
  { library: 'gnutls', scheme: 'coaps+tcp', way: 'x509' },
];

const title = ({ scheme, way }: Combination): string => `${scheme} with ${way}`;

for (const library of ['openssl', 'gnutls'] as const) {
  describe(`coap-client on ${library}`, function () {
    this.timeout(30_000);
    const program = findProgram(`coap-client-${library}`);
    const closing: (() => Promise<void>)[] = [];
    let pki: Pki;

    before(function () {
      if (program === undefined) skipWithout(this, `coap-client-${library}`, REMEDY);
      pki = new Pki();
    });
    after(() => pki?.remove());
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });

    function transportFor({ scheme, way }: Combination): Transport {
      const clock = new SystemClock();
      const lookupPsk = (identity: string): Buffer | undefined => (identity === IDENTITY ? Buffer.from(KEY) : undefined);
      const { ownChain, ...others } = credentialsOf(pki);
      // It names certificates first whatever it has, and would be shown ours.
      const credentials = { ...others, lookupPsk, ...(way !== 'rpk' && ownChain !== undefined && { ownChain }) };
      if (scheme === 'coaps+tcp') return new TlsTransport({ clock, credentials, listen: { host: HOST, port: 0 } });
      return new DtlsTransport({ carrier: new UdpTransport({ host: HOST, port: 0 }), clock, random: randomBytes, credentials });
    }

    const proofs: Readonly<Record<Way, () => readonly string[]>> = {
      psk: () => ['-u', IDENTITY, '-k', KEY],
      x509: () => ['-c', pki.file('device.pem'), '-j', pki.file('device.key'), '-R', pki.file('root.pem')],
      rpk: () => ['-M', pki.file('device-sec1.key')],
    };

    const run = ({ way }: Combination, url: string, ...parameters: readonly string[]): Program =>
      new Program(program as string, ['-v', '7', '-B', '8', ...proofs[way](), ...parameters, url]);

    for (const combination of COMBINATIONS.filter((one) => one.library === library)) {
      const { scheme, way } = combination;

      it(`${title(combination)}: gets what we serve, in blocks too, and observes`, async () => {
        const transport = transportFor(combination);
        const layer = new CoapLayer({
          transports: [transport],
          clock: new SystemClock(),
          onRequest: (request) => {
            if (request.observe === 0) observed(layer, request);
            else request.respond({ code: Code.Content, payload: BODY });
          },
        });
        await layer.open();
        closing.push(() => layer.close());
        const url = `${scheme}://${NAME}:${transport.local?.port}/x`;
        const { output } = await run(combination, url, '-m', 'get', '-b', '256').ended;
        assert.ok(output.includes('0123456789'.repeat(20)), output);
        const observing = run(combination, url, '-m', 'get', '-s', '5');
        await eventually('the second notification', () => (observing.output.includes('value 2') ? true : undefined));
        await observing.stop();
      });

      it(`${title(combination)}: registers at our LwM2M server as who it is, and answers what it is asked`, async () => {
        const secure = transportFor(combination);
        const server = new Lwm2mServer({ listen: { host: HOST, port: 0 }, secure });
        const lifecycle: LifecycleEvent[] = [];
        server.events.on('lifecycle', (event) => lifecycle.push(event));
        await server.start();
        closing.push(() => server.stop());
        const url = `${scheme}://${NAME}:${secure.local?.port}/rd?lwm2m=1.1&ep=${IDENTITY}&b=U&lt=300`;
        // Twice, a second apart: meanwhile it is there to be asked, and has nothing.
        const device = run(combination, url, '-m', 'post', '-t', '40', '-e', '</3/0>', '-G', '2');
        await eventually('the registration', () => lifecycle.find(({ event }) => event === 'registered'));
        assert.equal(server.registration(IDENTITY)?.security, way);
        await assert.rejects(server.perform(IDENTITY, { operation: 'read', path: '/3/0/0' }), { code: '4.04' });
        assert.match((await device.ended).output, /c:2\.01/);
      });
    }
  });

  describe(`coap-server on ${library}`, function () {
    this.timeout(30_000);
    const program = findProgram(`coap-server-${library}`);
    const closing: (() => Promise<unknown>)[] = [];
    let pki: Pki;

    before(function () {
      if (program === undefined) skipWithout(this, `coap-server-${library}`, REMEDY);
      pki = new Pki();
    });
    after(() => pki?.remove());
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });

    const proofs: Readonly<Record<Way, () => readonly string[]>> = {
      psk: () => ['-k', KEY, '-h', 'hint'],
      x509: () => ['-c', pki.file('server.pem'), '-j', pki.file('server.key'), '-R', pki.file('root.pem')],
      rpk: () => ['-M', pki.file('server-sec1.key')],
    };

    const credentials: Readonly<Record<Way, () => Credentials>> = {
      psk: () => ({}),
      x509: () => ({
        ownKey: pki.device.key,
        ownChain: [pki.device.der],
        verifyCertificate: (chain) =>
          verifyChain(chain, { anchors: [new X509Certificate(pki.root.der)], now: Date.now(), purpose: 'server' }),
      }),
      rpk: () => ({
        ownKey: pki.device.key,
        lookupRpk: (print) => (print.equals(fingerprint(publicSpki(pki.server.key))) ? 'server' : undefined),
      }),
    };

    function transportFor({ scheme, way }: Combination): Transport {
      const clock = new SystemClock();
      const connectWith = () => (way === 'psk' ? { psk: { identity: IDENTITY, key: Buffer.from(KEY) } } : {});
      const common = { clock, credentials: credentials[way](), connectWith };
      if (scheme === 'coaps+tcp') return new TlsTransport(common);
      return new DtlsTransport({ ...common, carrier: new UdpTransport({ port: 0 }), random: randomBytes, serve: false });
    }

    for (const combination of COMBINATIONS.filter((one) => one.library === library)) {
      it(`${title(combination)}: takes a body of ours in blocks and gives it back, is observed and notifies`, async () => {
        // What is secured listens on the next port, for TCP too: below those that connections are given.
        const port = randomInt(20_000, 30_000);
        const theirs = new Program(program as string, [
          ...['-v', '7', '-A', HOST, '-p', String(port - 1), '-d', '10'],
          ...proofs[combination.way](),
        ]);
        closing.push(() => theirs.stop());
        await eventually('its socket', () => (theirs.output.includes(`:${port}`) ? true : undefined));
        const layer = new CoapLayer({
          transports: [transportFor(combination)],
          clock: new SystemClock(),
          onRequest: (request) => request.respond({ code: Code.NotFound }),
        });
        await layer.open();
        closing.unshift(() => layer.close());
        const endpoint = layer.endpoint(HOST, port);
        const ask = (spec: RequestSpec, blockSize: number): Promise<CoapResponse> =>
          new Promise((resolve, reject) => {
            layer.request(endpoint, spec, { blockSize }, (error, response) => {
              if (response === undefined) reject(error);
              else resolve(response);
            });
          });
        assert.match(codeText((await ask({ code: Code.Put, path: ['kept'], payload: BODY }, 256)).code), /^2\.0[14]$/);
        assert.ok((await ask({ code: Code.Get, path: ['kept'] }, 128)).payload.equals(BODY));
        const values: string[] = [];
        layer.observe(
          endpoint,
          { code: Code.Get, path: ['time'] },
          { notification: ({ payload }) => values.push(payload.toString()), ended: (error) => values.push(String(error)) },
          {},
          () => undefined,
        );
        await eventually('two notifications', () => (values.length >= 2 ? values : undefined));
      });
    }
  });
}

/** Accepts, and notifies twice. */
function observed(layer: CoapLayer, request: IncomingRequest): void {
  request.respond({ code: Code.Content, payload: Buffer.from('value 0'), observe: 0 });
  const token = Buffer.from(request.message.token);
  for (const sequence of [1, 2]) {
    const response = { code: Code.Content, payload: Buffer.from(`value ${sequence}`), observe: sequence };
    layer.notify(request.endpoint, token, response, { confirmable: true });
  }
}
