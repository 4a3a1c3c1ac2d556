/** Where the bytes of an image come from: a file of this machine, or a URL. Streams, never the whole. */
import { createReadStream } from 'node:fs';
import type { Clock } from '../../clock';
import { DeviceManagementError } from '../../errors';

export interface ImageSource {
  readonly body: AsyncIterable<Uint8Array>;
  /** Bytes, where that is known before. */
  readonly size?: number;
}

/** A server that says nothing for so long has gone. */
const SILENCE_MS = 30_000;

/** @throws DeviceManagementError `invalid-value` while it is read */
export function imageInFile(file: string): ImageSource {
  return { body: readingFile(file) };
}

async function* readingFile(file: string): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (caught) {
    throw new DeviceManagementError('invalid-value', `the image ${file} cannot be read: ${(caught as Error).message}`);
  }
}

/**
 * By HTTP or HTTPS, following redirections.
 * @throws DeviceManagementError `invalid-value` when it is no such URL; `server-unavailable` when what is there cannot be had
 */
export async function imageAtUrl(text: string, clock: Clock): Promise<ImageSource> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new DeviceManagementError('invalid-value', 'an image is fetched from a URL that begins with http:// or https://');
  }
  const headers = authorizationOf(url);
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  const patience = new Patience(clock);
  const response = await patience.with(shown, (signal) => fetch(`${shown}${url.search}`, { signal, headers }));
  if (!response.ok || response.body === null) {
    patience.end();
    throw new DeviceManagementError('server-unavailable', `${shown} was answered with ${response.status} ${response.statusText}`);
  }
  const length = Number(response.headers.get('content-length'));
  const isPlain = response.headers.get('content-encoding') === null;
  return {
    body: readingBody(shown, response.body.getReader(), patience),
    ...(isPlain && Number.isSafeInteger(length) && length > 0 && { size: length }),
  };
}

/** `fetch` takes no user and password in a URL. */
function authorizationOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  } catch {
    throw new DeviceManagementError('invalid-value', 'user and password in a URL are percent-encoded: a "%" itself is %25');
  }
}

async function* readingBody(
  shown: string,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  patience: Patience,
): AsyncIterable<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await patience.with(shown, () => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    patience.end();
  }
}

/** Gives up on a fetch when nothing comes for a while, however long it takes in all. */
class Patience {
  private readonly abort = new AbortController();

  constructor(private readonly clock: Clock) {}

  async with<T>(shown: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.abort;
    const timer = this.clock.after(SILENCE_MS, () => this.abort.abort());
    try {
      return await work(signal);
    } catch (caught) {
      const { message, cause } = caught as { message: string; cause?: { message?: string } };
      const reason = signal.aborted ? `nothing came for ${SILENCE_MS / 1000} s` : (cause?.message ?? message);
      throw new DeviceManagementError('server-unavailable', `${shown} cannot be fetched: ${reason}`, { cause: caught });
    } finally {
      timer.cancel();
    }
  }

  /** Whatever is left of it is not wanted. */
  end(): void {
    this.abort.abort();
  }
}
