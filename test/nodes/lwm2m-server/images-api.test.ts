/** Firmware images over the admin API, in a real Node-RED runtime and on a real disk. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import helper from 'node-red-node-test-helper';
import type { Image } from '../../../src/fleet/firmware/image';
import { withFolder } from '../../store/folder';
import { around, deploy, endFlow, running, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
const IMAGES = 'servers/server/images';
const BYTES = Buffer.alloc(200_000, 'firmware');

async function given(folder: string, properties: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await deploy([serverNode({ store: 'level', storePath: path.join(folder, 'state'), ...properties }), ...around(READ)]);
  await serverState('listening');
}

async function upload(query: string, bytes = BYTES, type = 'application/octet-stream') {
  const answer = await helper.request().post(`/device-management/${IMAGES}?${query}`).set('Content-Type', type).send(bytes);
  return { status: answer.status, body: JSON.parse(answer.text) as Image & ToldProblem };
}

const list = async () => (await call<{ images: Image[] }>('get', IMAGES)).body.images;

describe('admin HTTP API: images', () => {
  afterEach(endFlow);

  it('takes the bytes as they are, keeps them in a file, and lists them', () =>
    withFolder(async (folder) => {
      await given(folder);
      const { status, body } = await upload('name=tracker&version=2.0.0&hardware=TR-1,TR-2&notes=for+the+field');
      assert.equal(status, 201, body.detail);
      const { id, created, ...rest } = body;
      assert.deepEqual(rest, {
        name: 'tracker',
        version: '2.0.0',
        hardware: ['TR-1', 'TR-2'],
        dependencies: [],
        notes: 'for the field',
        size: 200_000,
        sha256: createHash('sha256').update(BYTES).digest('hex'),
      });
      assert.deepEqual(readFileSync(path.join(folder, 'state.images', id)), BYTES);
      assert.deepEqual(await list(), [body]);
      assert.equal((await upload('name=tracker&version=2.0.0')).status, 200, 'the same once more');
      assert.ok(created > 0);
    }));

  it('has them after a restart of the flows, and of the process', () =>
    withFolder(async (folder) => {
      await given(folder);
      await upload('name=tracker&version=1.0.0');
      const before = await list();
      await given(folder, { ackTimeout: 3 });
      assert.deepEqual(await list(), before);
    }));

  it('fetches one from a URL, or a file of this machine', () =>
    withFolder(async (folder) => {
      await given(folder);
      const file = path.join(folder, 'tracker.bin');
      await writeFile(file, BYTES);
      const ofFile = await call('post', IMAGES, { file, name: 'tracker', version: '1.0.0', hardware: ['TR-1'] });
      assert.deepEqual([ofFile.status, ofFile.body.size], [201, BYTES.length]);
      const web = createServer((_request, response) => response.end('from the web')).listen(0, '127.0.0.1');
      await new Promise((resolve) => web.once('listening', resolve));
      const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/tracker.bin`;
      const ofWeb = await call('post', IMAGES, { url, name: 'tracker', version: '2.0.0' });
      assert.deepEqual([ofWeb.status, ofWeb.body.size, ofWeb.body.previous], [201, 12, ofFile.body.id]);
      web.closeAllConnections();
      web.close();
    }));

  it('removes one by id or "name@version", and none that an update works with', () =>
    withFolder(async (folder) => {
      await given(folder);
      const { body } = await upload('name=tracker&version=1.0.0');
      const { images } = running().fleet;
      images.hold(body.id, 'firmware update of dev-1');
      const used = await call<ToldProblem>('delete', `${IMAGES}/${body.id}`);
      assert.deepEqual([used.status, used.body.title], [409, 'Conflict']);
      assert.match(used.body.detail, /is in use \(firmware update of dev-1\)/);
      assert.deepEqual(
        (await list()).map((image) => (image as { usedBy?: string[] }).usedBy),
        [['firmware update of dev-1']],
      );
      images.release(body.id, 'firmware update of dev-1');
      assert.equal((await call('delete', `${IMAGES}/tracker`)).status, 404, 'a name may mean several');
      assert.deepEqual((await call('delete', `${IMAGES}/tracker@1.0.0`)).body, { removed: body.id });
      assert.deepEqual([await list(), readdirSync(path.join(folder, 'state.images'))], [[], []]);
      assert.equal((await call('delete', `${IMAGES}/tracker@1.0.0`)).status, 404);
    }));

  it('says what is wrong', () =>
    withFolder(async (folder) => {
      await given(folder, { largestImage: 1 });
      await upload('name=tracker&version=1.0.0');
      for (const [query, bytes, type, status, detail] of [
        ['version=1', BYTES, 'application/octet-stream', 400, /^name of an image/],
        [
          'name=tracker&version=1.0.0',
          Buffer.from('other'),
          'application/octet-stream',
          409,
          /there is another image tracker@1\.0\.0/,
        ],
        ['name=tracker&version=2', Buffer.alloc(1_100_000), 'application/octet-stream', 413, /at most 1048576 bytes/],
        [
          'name=tracker&version=2',
          Buffer.from('a'),
          'application/x-www-form-urlencoded',
          400,
          /Content-Type: application\/octet-stream/,
        ],
        [`name=tracker&version=2&sha256=${'0'.repeat(64)}`, BYTES, 'application/octet-stream', 400, /changed or cut short/],
      ] as const) {
        const { status: told, body } = await upload(query, Buffer.from(bytes), type);
        assert.equal(told, status, query);
        assert.match(body.detail, detail);
      }
      for (const body of [
        { name: 'a', version: '1' },
        { url: 'file:///etc/passwd', name: 'a', version: '1' },
      ])
        assert.equal((await call('post', IMAGES, body)).status, 400);
      assert.equal((await list()).length, 1);
    }));

  it('a body whose length nobody has told is refused when it is too large, with a reason', () =>
    withFolder(async (folder) => {
      await given(folder, { largestImage: 1 });
      const request = helper
        .request()
        .post(`/device-management/${IMAGES}?name=a&version=1`)
        .set('Content-Type', 'application/octet-stream');
      for (let piece = 0; piece < 20; piece++) request.write(Buffer.alloc(100_000));
      const { status } = await request;
      assert.equal(status, 413);
    }));

  it('where there are signers, takes only what one of them has signed', () =>
    withFolder(async (folder) => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const imageSignersFile = path.join(folder, 'signers.pem');
      await writeFile(imageSignersFile, publicKey.export({ type: 'spki', format: 'pem' }));
      await given(folder, { imageSignersFile });
      const { status, body } = await upload('name=tracker&version=1.0.0');
      assert.deepEqual([status, /this server sends signed images only/.test(body.detail)], [400, true]);
      const signature = sign(null, createHash('sha256').update(BYTES).digest(), privateKey).toString('base64');
      assert.equal((await upload(`name=tracker&version=1.0.0&signature=${encodeURIComponent(signature)}`)).status, 201);
    }));

  it('is not for tokens of applications', () =>
    withFolder(async (folder) => {
      await given(folder);
      const made = await call('post', 'servers/server/tokens', { name: 'app', select: ['*'], operations: ['view', 'write'] });
      const token = made.body.token as string;
      for (const method of ['get', 'post'] as const)
        assert.equal((await call(method, IMAGES, method === 'post' ? {} : undefined, { token })).status, 403);
    }));
});
