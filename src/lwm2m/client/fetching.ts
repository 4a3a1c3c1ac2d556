/** Where a client fetches from: any place a URI names, over the transports it has, proving itself as it does to its server. */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { RequestOptions, RequestSpec, ResponseCallback } from '../../coap/layer';
import { type FetchListener, type FetchOptions, PackageFetch } from './package-fetch';
import { placeOf } from './security-object';
import { addressOf, type Servers } from './servers';

export interface FetchingContext {
  readonly clock: Clock;
  readonly servers: () => Servers;
  readonly ask: (
    endpoint: Endpoint,
    spec: RequestSpec,
    options: RequestOptions,
    callback: ResponseCallback,
  ) => { cancel(): void };
}

export class Fetching {
  private readonly underWay = new Set<() => void>();

  constructor(private readonly context: FetchingContext) {}

  /** @returns what ends it */
  begin(uri: string, listener: FetchListener, options?: FetchOptions): () => void {
    let fetch: PackageFetch | undefined;
    let ended = false;
    const end = (): void => {
      ended = true;
      this.underWay.delete(end);
      fetch?.cancel();
    };
    this.underWay.add(end);
    void this.endpointAt(uri).then((found) => {
      if (ended) return;
      if (typeof found === 'string') {
        this.underWay.delete(end);
        return listener.failed(found);
      }
      const { clock, ask } = this.context;
      const spec: RequestSpec = { code: Code.Get, ...pathOf(uri) };
      const asking = (block2: number, callback: ResponseCallback) => {
        const endpoint = found();
        return endpoint === undefined ? later(clock, callback) : ask(endpoint, spec, { block2 }, callback);
      };
      fetch = new PackageFetch(
        clock,
        asking,
        settling(listener, () => this.underWay.delete(end)),
        options,
      );
      fetch.start();
    });
    return end;
  }

  stop(): void {
    for (const end of [...this.underWay]) end();
  }

  /** The peer as it is now: a connection may have ended and been made anew. */
  private async endpointAt(uri: string): Promise<(() => Endpoint | undefined) | 'invalid-uri' | 'unsupported-protocol'> {
    const place = placeOf(uri);
    if (place === undefined) return /^[a-z][a-z0-9+.-]*:\/\/./i.test(uri) ? 'unsupported-protocol' : 'invalid-uri';
    try {
      const address = await addressOf(place.host);
      return this.context.servers().elsewhere({ scheme: place.scheme, address, port: place.port }) ?? 'unsupported-protocol';
    } catch {
      return 'invalid-uri';
    }
  }
}

/** Uri-Path and Uri-Query of a URI (RFC 7252 §6.4). */
function pathOf(uri: string): Pick<RequestSpec, 'path' | 'query'> {
  const [, path = '', query] = /^[^:]+:\/\/[^/?#]*\/?([^?#]*)(?:\?([^#]*))?/.exec(uri) ?? [];
  return {
    path: path === '' ? [] : path.split('/').map(decoded),
    ...(query !== undefined && { query: query.split('&').map(decoded) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function settling(listener: FetchListener, settled: () => void): FetchListener {
  return {
    part: (bytes, offset, total) => listener.part(bytes, offset, total),
    done: () => {
      settled();
      listener.done();
    },
    failed: (why) => {
      settled();
      listener.failed(why);
    },
  };
}

/** Nobody to ask just now: as if nobody answered. */
function later(clock: Clock, callback: ResponseCallback): { cancel(): void } {
  return clock.after(0, () => callback(undefined, undefined));
}
