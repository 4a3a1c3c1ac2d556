/** Images for devices that fetch over HTTP: GET and HEAD with ranges and validators (RFC 9110 §13, §14), under names nobody can guess. */
import type { Download } from '../../src/device/download';
import type { RunningServers } from '../runtime/running-servers';
import type { Request } from './api-request';
import { type ByteRange, byteRange } from './byte-range';
import { IMAGE_ROUTE } from './places';

/** What is needed of Express. */
interface DownloadRequest extends Request {
  readonly method: string;
}

interface DownloadResponse {
  readonly destroyed: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  write(bytes: Buffer): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

interface Routes {
  get(path: string, handler: (request: DownloadRequest, response: DownloadResponse) => void): unknown;
}

/** Written at once; a slow device holds no more than this. */
const PIECE_BYTES = 64 * 1024;

/** @param routes of Node-RED's HTTP nodes; absent where it has switched them off */
export function serveDownloads(routes: Routes | undefined, servers: RunningServers): void {
  // HEAD comes here too: Express has it so.
  routes?.get(`${IMAGE_ROUTE}/:token`, (request, response) => {
    const download = found(servers, request.params.token ?? '');
    if (download === undefined) {
      response.writeHead(404, { 'content-length': 0 });
      return void response.end();
    }
    answer(request, response, download).catch(() => response.destroy());
  });
}

function found(servers: RunningServers, token: string): Download | undefined {
  for (const { fleet } of servers.all()) {
    const download = fleet.imageServing.overHttp(token);
    if (download !== undefined) return download;
  }
  return undefined;
}

async function answer({ method, headers }: DownloadRequest, response: DownloadResponse, download: Download): Promise<void> {
  const { size } = download;
  const etag = `"${download.etag.toString('hex')}"`;
  const known = { etag, 'accept-ranges': 'bytes', 'cache-control': 'private' };
  if (isAmong(headers['if-none-match'], etag)) {
    response.writeHead(304, known);
    return void response.end();
  }
  // Part of another body would be of no use (RFC 9110 §13.1.5).
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isSame && typeof headers.range === 'string' ? byteRange(headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...known, 'content-range': `bytes */${size}`, 'content-length': 0 });
    return void response.end();
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range === undefined ? 200 : 206, {
    ...known,
    'content-type': 'application/octet-stream',
    'content-length': end - start + 1,
    ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  if (method === 'HEAD') return void response.end();
  await send(response, download, { start, end });
}

async function send(response: DownloadResponse, download: Download, { start, end }: ByteRange): Promise<void> {
  for (let at = start; at <= end; ) {
    const piece = await download.read(at, Math.min(PIECE_BYTES, end - at + 1));
    if (response.destroyed) return;
    const isTaken = response.write(piece);
    download.served(at, piece.length);
    at += piece.length;
    if (!isTaken) await drained(response);
  }
  response.end();
}

function drained(response: DownloadResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

function isAmong(header: string | string[] | undefined, etag: string): boolean {
  const tags = String(header ?? '').split(',');
  return tags.some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
