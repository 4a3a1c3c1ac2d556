/** Images fetched by programs that share no code with us: libcoap in blocks over CoAP, DTLS and TLS; curl in ranges; signed by OpenSSL. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { serveDownloads } from '../../nodes/lwm2m-server/image-downloads';
import type { RunningServers } from '../../nodes/runtime/running-servers';
import { SystemClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { TlsTransport } from '../../src/coap/transports/tls';
import { UdpTransport } from '../../src/coap/transports/udp';
import { signersIn } from '../../src/fleet/firmware/image-signature';
import { Fleet } from '../../src/fleet/fleet';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { withFolder } from '../store/folder';
import { findProgram, Program, skipWithout } from './program';
import { HOST } from './server';

const KEY = 'secretPSKkey1234';
const IDENTITY = 'libcoap';
const BODY = randomBytes(100_000);

describe('an image', function () {
  this.timeout(60_000);
  const clock = new SystemClock();
  const credentials = { lookupPsk: (identity: string) => (identity === IDENTITY ? Buffer.from(KEY) : undefined) };
  const dtls = new DtlsTransport({ carrier: new UdpTransport({ host: HOST, port: 0 }), clock, random: randomBytes, credentials });
  const tls = new TlsTransport({ listen: { host: HOST, port: 0 }, clock, credentials });
  const server = new Lwm2mServer({ listen: { host: HOST, port: 0, tcpPort: 0 }, secure: [dtls, tls], admission: 'open' });
  const places = { listening: () => server.listening, hostFor: async () => HOST, httpBase: () => web };
  const fleet = new Fleet(server, clock, { places });
  let web = '';
  let http: Server;
  let urls: Readonly<Record<string, string>>;

  before(async () => {
    server.downloadSource = fleet.imageServing.source;
    await server.start();
    http = createServer((request, response) => {
      const token = request.url?.split('/').at(-1);
      handler?.(Object.assign(request, { params: { token } }) as never, response as never);
    }).listen(0, HOST);
    await new Promise((resolve) => http.once('listening', resolve));
    web = `http://${HOST}:${(http.address() as AddressInfo).port}`;
    const { id } = await fleet.images.add(BODY, { name: 'tracker', version: '1.0.0' });
    urls = (await fleet.imageServing.offer(id)).urls as Readonly<Record<string, string>>;
  });
  after(async () => {
    http.closeAllConnections();
    http.close();
    fleet.close();
    await server.stop();
  });

  let handler: ((request: never, response: never) => void) | undefined;
  serveDownloads({ get: (_path, given) => (handler = given as typeof handler) }, {
    all: () => [{ fleet }],
  } as unknown as RunningServers);

  for (const scheme of ['coap', 'coap+tcp', 'coaps', 'coaps+tcp']) {
    for (const size of scheme.endsWith('tcp') ? ['1024'] : ['16', '256', '1024']) {
      it(`is fetched by libcoap over ${scheme} in blocks of ${size}`, function () {
        const isSecured = scheme.startsWith('coaps');
        const program = findProgram('coap-client-openssl', 'coap-client-gnutls');
        if (program === undefined) skipWithout(this, 'coap-client-openssl', 'apt-get install libcoap3-bin');
        return withFolder(async (folder) => {
          const file = path.join(folder, 'image');
          const proof = isSecured ? ['-k', KEY, '-u', IDENTITY] : [];
          const { output } = await new Program(program, ['-B', '40', '-b', size, '-o', file, ...proof, urls[scheme] ?? '']).ended;
          assert.deepEqual(await readFile(file).catch(() => output), BODY);
        });
      });
    }
  }

  it('is fetched by curl, and the rest of what it has', function () {
    const curl = findProgram('curl');
    if (curl === undefined) skipWithout(this, 'curl', 'apt-get install curl');
    return withFolder(async (folder) => {
      const file = path.join(folder, 'image');
      await writeFile(file, BODY.subarray(0, 40_000));
      const { output } = await new Program(curl, [
        '-sS',
        '-C',
        '-',
        '-o',
        file,
        '-w',
        '%{http_code} %{size_download}',
        urls.http ?? '',
      ]).ended;
      assert.deepEqual([output, await readFile(file)], ['206 60000', BODY]);
    });
  });

  it('signed by OpenSSL is taken, over its hash and over itself', function () {
    const openssl = findProgram('openssl');
    if (openssl === undefined) skipWithout(this, 'openssl', 'apt-get install openssl');
    return withFolder(async (folder) => {
      const file = (name: string): string => path.join(folder, name);
      const run = async (...parameters: readonly string[]): Promise<void> => {
        const { code, output } = await new Program(openssl, parameters).ended;
        assert.equal(code, 0, output);
      };
      await writeFile(file('image'), BODY);
      await run('genpkey', '-algorithm', 'ed25519', '-out', file('key.pem'));
      await run('pkey', '-in', file('key.pem'), '-pubout', '-out', file('signers.pem'));
      await run('dgst', '-sha256', '-binary', '-out', file('hash'), file('image'));
      const signed = new Fleet(server, clock, { images: { signers: signersIn(file('signers.pem')) } });
      for (const [version, what] of [
        ['1', 'hash'],
        ['2', 'image'],
      ] as const) {
        // biome-ignore format: a table
        await run('pkeyutl', '-sign', '-rawin', '-inkey', file('key.pem'), '-in', file(what), '-out', file('signature'));
        const signature = (await readFile(file('signature'))).toString('base64');
        await signed.images.add(BODY, { name: 'tracker', version, signature });
      }
      assert.equal(signed.images.all().length, 2);
      signed.close();
    });
  });
});
