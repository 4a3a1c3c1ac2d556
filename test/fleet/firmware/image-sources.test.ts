import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { VirtualClock } from '../../../src/clock';
import { imageAtUrl, imageInFile } from '../../../src/fleet/firmware/image-sources';
import { withFolder } from '../../store/folder';
import { rejection } from './refusal';

async function whole(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function serving(listener: RequestListener, work: (base: string, server: Server) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('where images come from', () => {
  it('a file', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'image.bin');
      await writeFile(file, 'firmware');
      assert.equal(await whole(imageInFile(file).body), 'firmware');
      const { code, message } = await rejection(whole(imageInFile(path.join(folder, 'none')).body));
      assert.deepEqual([code, /cannot be read: ENOENT/.test(message)], ['invalid-value', true]);
    }));

  it('a URL, with its size where the server tells it, over redirections', () =>
    serving(
      ({ url }, response) => {
        if (url === '/old') response.writeHead(302, { location: '/new' }).end();
        else response.writeHead(200, { 'content-length': 8 }).end('firmware');
      },
      async (base) => {
        const { body, size } = await imageAtUrl(`${base}/old`, new VirtualClock());
        assert.equal(size, 8);
        assert.equal(await whole(body), 'firmware');
      },
    ));

  it('no other kind of URL', async () => {
    for (const url of ['file:///etc/passwd', 'image.bin', 'ftp://host/x', ''])
      assert.match((await rejection(imageAtUrl(url, new VirtualClock()))).message, /begins with http:\/\/ or https:\/\//);
  });

  it('what the server refuses, or cannot be reached, is told without user and password', () =>
    serving(
      ({ headers }, response) => response.writeHead(headers.authorization === 'Basic dXNlcjpzZWNyZXQ=' ? 404 : 401).end(),
      async (base, server) => {
        const { message } = await rejection(imageAtUrl(`${base.replace('//', '//user:secret@')}/a?key=b`, new VirtualClock()));
        assert.equal(message, `${base}/a was answered with 404 Not Found`);
        await new Promise((resolve) => server.close(resolve));
        const gone = await rejection(imageAtUrl(base, new VirtualClock()));
        assert.deepEqual([gone.code, /cannot be fetched: .*ECONNREFUSED/.test(gone.message)], ['server-unavailable', true]);
        server.listen(0);
        await new Promise((resolve) => server.once('listening', resolve));
      },
    ));

  it('a server that falls silent in the middle is given up after half a minute of it', () => {
    const clock = new VirtualClock();
    return serving(
      (_request, response) => {
        response.writeHead(200, { 'content-length': 8 });
        response.write('firm');
      },
      async (base) => {
        const { body } = await imageAtUrl(base, clock);
        const parts = body[Symbol.asyncIterator]();
        await parts.next();
        const next = rejection(parts.next());
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(30_000);
        assert.match((await next).message, /nothing came for 30 s/);
        assert.equal(clock.pending, 0);
      },
    );
  });
});
