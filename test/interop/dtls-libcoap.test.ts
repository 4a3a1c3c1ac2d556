/** libcoap's clients, on OpenSSL and on GnuTLS, against our message layer over DTLS. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { SystemClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import { CoapLayer } from '../../src/coap/layer';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { LifecycleEvent } from '../../src/device/manager';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { findProgram, Program, skipWithout } from './program';
import { eventually, HOST } from './server';

const KEY = 'secretPSKkey1234';

function secureTransport(): DtlsTransport {
  return new DtlsTransport({
    carrier: new UdpTransport({ host: HOST, port: 0 }),
    clock: new SystemClock(),
    random: randomBytes,
    credentials: { lookupPsk: (identity) => (identity === 'dev7' ? Buffer.from(KEY) : undefined) },
  });
}

for (const name of ['coap-client-openssl', 'coap-client-gnutls']) {
  describe(name, function () {
    this.timeout(30_000);
    const program = findProgram(name);
    const closing: (() => Promise<void>)[] = [];

    before(function () {
      if (program === undefined) skipWithout(this, name, 'apt-get install libcoap3-bin');
    });
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });

    const run = (url: string, ...parameters: readonly string[]): Program =>
      new Program(program as string, ['-v', '7', '-B', '8', '-u', 'dev7', '-k', KEY, ...parameters, url]);

    it('gets what we serve, in blocks too, and observes', async () => {
      const transport = secureTransport();
      const body = Buffer.from('0123456789'.repeat(400));
      const layer = new CoapLayer({
        transports: [transport],
        clock: new SystemClock(),
        onRequest: (request) => {
          const isObserved = request.observe === 0;
          request.respond({
            code: Code.Content,
            payload: isObserved ? Buffer.from('value 0') : body,
            ...(isObserved && { observe: 0 }),
          });
          if (!isObserved) return;
          const token = Buffer.from(request.message.token);
          for (const sequence of [1, 2]) {
            layer.notify(
              request.endpoint,
              token,
              { code: Code.Content, payload: Buffer.from(`value ${sequence}`), observe: sequence },
              { confirmable: true },
            );
          }
        },
      });
      await layer.open();
      closing.push(() => layer.close());
      const url = `coaps://${HOST}:${transport.local?.port}/x`;
      const { output } = await run(url, '-m', 'get', '-b', '256').ended;
      assert.ok(output.includes('0123456789'.repeat(20)), output);
      const observing = run(url, '-m', 'get', '-s', '5');
      await eventually('the second notification', () => (observing.output.includes('value 2') ? true : undefined));
      await observing.stop();
    });

    it('registers at our LwM2M server with the identity of its key', async () => {
      const secure = secureTransport();
      const server = new Lwm2mServer({ listen: { host: HOST, port: 0 }, secure, endpointOf: () => 'dev7' });
      const lifecycle: LifecycleEvent[] = [];
      server.events.on('lifecycle', (event) => lifecycle.push(event));
      await server.start();
      closing.push(() => server.stop());
      const { output } = await run(
        `coaps://${HOST}:${secure.local?.port}/rd?lwm2m=1.1&ep=dev7&b=U&lt=300`,
        '-m',
        'post',
        '-t',
        '40',
        '-e',
        '</3/0>',
      ).ended;
      assert.match(output, /c:2\.01/);
      assert.equal(server.registration('dev7')?.security, 'psk');
      assert.equal(lifecycle[0]?.event, 'registered');
    });
  });
}
