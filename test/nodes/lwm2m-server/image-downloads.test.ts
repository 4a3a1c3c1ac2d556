/** Devices that fetch an image: over HTTP with ranges, over CoAP and CoAPS in blocks, from a real Node-RED. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import { SystemClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import { CoapLayer } from '../../../src/coap/layer';
import { UdpTransport } from '../../../src/coap/transports/udp';
import { withFolder } from '../../store/folder';
import { around, deploy, device, endFlow, portOf, running, serverNode, serverState } from '../flow';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 13 + (at >> 8)) & 255));
const WEB = 'http://127.0.0.1:1880';

/** Node-RED's HTTP for nodes, which the test helper has but does not serve. */
let web: Server | undefined;

function stopServing(): void {
  web?.closeAllConnections();
  web?.close();
  web = undefined;
}

function serveNodes(red: NodeAPI): void {
  stopServing();
  web = createServer(red.httpNode as unknown as RequestListener).listen(0, '127.0.0.1');
}

async function given(folder: string, properties: Readonly<Record<string, unknown>> = {}) {
  const nodes = [serverNode({ store: 'level', storePath: path.join(folder, 'state'), ...properties }), ...around(READ)];
  await deploy(nodes, { prepare: [serveNodes] });
  await serverState('listening');
  const { images, imageServing } = running().fleet;
  const { id } = await images.add(BODY, { name: 'tracker', version: '2.0.0' });
  const offer = await imageServing.offer(id, { devices: ['dev-1'] });
  return { id, images, imageServing, ...offer };
}

interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function webPort(): number {
  const address = web?.address() as AddressInfo | null;
  return address?.port ?? assert.fail('Node-RED serves nothing');
}

function fetched(token: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const asked = request(`http://127.0.0.1:${webPort()}/device-management/images/${token}`, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    asked.on('error', reject).end();
  });
}

describe('devices that fetch an image', () => {
  afterEach(async () => {
    stopServing();
    await endFlow();
  });

  describe('over HTTP', () => {
    it('get the whole, a range, and the rest of one they have begun', () =>
      withFolder(async (folder) => {
        const { token, urls } = await given(folder, { imageBaseUrl: `${WEB}/` });
        assert.equal(urls.http, `${WEB}/device-management/images/${token}`);
        const whole = await fetched(token);
        assert.deepEqual(
          [whole.status, whole.headers['content-length'], whole.headers['accept-ranges']],
          [200, '300000', 'bytes'],
        );
        assert.deepEqual(whole.body, BODY);
        const etag = String(whole.headers.etag);
        const rest = await fetched(token, { range: 'bytes=200000-', 'if-range': etag });
        assert.deepEqual([rest.status, rest.headers['content-range']], [206, 'bytes 200000-299999/300000']);
        assert.deepEqual(rest.body, BODY.subarray(200_000));
        const other = await fetched(token, { range: 'bytes=0-9', 'if-range': '"other"' });
        assert.equal(other.status, 200, 'part of another image would be of no use');
      }));

    it('are told that nothing has changed, that a range is beyond the end, and the size alone', () =>
      withFolder(async (folder) => {
        const { token } = await given(folder, { imageBaseUrl: WEB });
        const head = await fetched(token, {}, 'HEAD');
        assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '300000', 0]);
        const known = await fetched(token, { 'if-none-match': `"x", ${head.headers.etag}` });
        assert.deepEqual([known.status, known.body.length], [304, 0]);
        const beyond = await fetched(token, { range: 'bytes=300000-' });
        assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */300000']);
      }));

    it('are seen fetching', () =>
      withFolder(async (folder) => {
        const { token, imageServing } = await given(folder, { imageBaseUrl: WEB });
        let bytes = 0;
        imageServing.events.on('served', (event) => {
          bytes += event.length;
        });
        await fetched(token);
        assert.equal(bytes, 300_000);
      }));

    it('find nothing under another name, after it was withdrawn, or where it is not switched on', () =>
      withFolder(async (folder) => {
        const { token, imageServing } = await given(folder, { imageBaseUrl: WEB });
        assert.equal((await fetched('guessed')).status, 404);
        await imageServing.withdraw(token);
        assert.equal((await fetched(token)).status, 404);
        await endFlow();
        const plain = await given(path.join(folder, 'other'));
        assert.equal((await fetched(plain.token)).status, 404);
      }));
  });

  it('over CoAP get it at the address on their way, also after a restart', () =>
    withFolder(async (folder) => {
      const { token } = await given(folder);
      await device('dev-1');
      await given(folder, { ackTimeout: 3 });
      const { images, imageServing } = running().fleet;
      const { urls } = await imageServing.offer(images.find('tracker')?.id ?? '', { devices: ['dev-1'] });
      assert.equal(urls.coap, `coap://127.0.0.1:${portOf()}/fw/${token}`);
      const layer = new CoapLayer({
        transports: [new UdpTransport({ host: '127.0.0.1', port: 0 })],
        clock: new SystemClock(),
        onRequest: () => undefined,
      });
      await layer.open();
      const body = await new Promise<Buffer>((resolve, reject) => {
        const spec = { code: Code.Get, path: ['fw', token] };
        layer.request(layer.endpoint('127.0.0.1', portOf()), spec, {}, (error, response) =>
          response === undefined ? reject(error) : resolve(response.payload),
        );
      });
      await layer.close();
      assert.deepEqual(body, BODY);
    }));
});
