/**
 * GET of /fw/<token>: bodies that devices fetch by themselves, such as a firmware package (LwM2M Core 1.1.1 Appendix E.6, Package URI). No state
 * of a transfer is kept: any block of any size can be asked for at any time, also by a device that has come back after a week.
 */
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { IncomingRequest } from '../../coap/incoming';
import { ContentFormat } from '../../coap/options';
import type { Download, DownloadSource } from '../../device/download';
import { type Identity, identityKey } from '../../device/identity';
import type { Registrations } from './registrations';

export interface DownloadInterfaceContext {
  readonly registrations: Registrations;
  readonly identityOf: (peer: Endpoint) => Identity;
}

export class DownloadInterface {
  /** Absent: there is nothing to fetch. */
  source: DownloadSource | undefined;

  constructor(private readonly context: DownloadInterfaceContext) {}

  /** @param token the last segment of the path */
  get(request: IncomingRequest, token: string): void {
    const download = this.source?.(token, this.deviceAt(request.endpoint));
    if (download === undefined) return request.respond({ code: Code.NotFound });
    const { etag } = download;
    if (request.etags.some((known) => known.equals(etag))) return request.respond({ code: Code.Valid, etag });
    const { offset, length } = request.wanted;
    // Beyond the end: RFC 7959 names no code.
    if (offset >= download.size) return request.respond({ code: Code.BadRequest });
    const part = download.peek(offset, length);
    if (part !== undefined) return answer(request, download, part);
    download.read(offset, length).then(
      (read) => answer(request, download, read),
      () => request.respond({ code: Code.ServiceUnavailable }),
    );
  }

  private deviceAt(peer: Endpoint): string | undefined {
    const identity = identityKey(this.context.identityOf(peer));
    return identity === undefined ? undefined : this.context.registrations.bySender(peer, identity)?.endpoint;
  }
}

function answer(request: IncomingRequest, download: Download, part: Buffer): void {
  const { etag, size } = download;
  const spec = { code: Code.Content, contentFormat: ContentFormat.OctetStream, etag, payload: part, partOf: size };
  request.respond(spec, () => download.served(request.wanted.offset, part.length));
}
