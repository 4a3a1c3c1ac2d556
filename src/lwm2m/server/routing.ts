/**
 * Which interface a request of a device is for. A server URI in a device may carry a path of its own, so only the end of the path decides:
 * …/rd, …/rd/<id>, …/dp, …/fw/<token>, …/bs, …/bspack. (An id is never one of these words: it is longer.)
 */
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import { DOWNLOAD_PATH } from '../../device/download';
import type { BootstrapInterface } from './bootstrap-interface';
import type { DownloadInterface } from './download-interface';
import type { RegistrationInterface } from './registration-interface';
import type { ReportingInterface } from './reporting-interface';

type Handler = (request: IncomingRequest, lastSegment: string) => void;
/** By method. */
type Place = Readonly<Record<number, Handler>>;

export class Routing {
  /** By the last segment but one. */
  private readonly below: ReadonlyMap<string | undefined, Place>;
  /** By the last segment of the path. */
  private readonly places: ReadonlyMap<string, Place>;

  /** @param bootstrap absent: this is no bootstrap server, and its paths are not found */
  constructor(
    registrations: RegistrationInterface,
    reporting: ReportingInterface,
    downloads: DownloadInterface,
    bootstrap?: BootstrapInterface,
  ) {
    const registration: Place = {
      [Code.Post]: (request, id) => registrations.update(request, id),
      [Code.Delete]: (request, id) => registrations.deregister(request, id),
    };
    this.below = new Map([
      ['rd', registration],
      [DOWNLOAD_PATH, { [Code.Get]: (request, token) => downloads.get(request, token) }],
    ]);
    this.places = new Map<string, Place>([
      ['rd', { [Code.Post]: (request) => registrations.register(request) }],
      ['dp', { [Code.Post]: (request) => reporting.send(request) }],
      ...(bootstrap === undefined ? [] : bootstrapPlaces(bootstrap)),
    ]);
  }

  route(request: IncomingRequest): void {
    const { path, code } = request;
    const last = path[path.length - 1] ?? '';
    const place = this.placeOf(last, path[path.length - 2]);
    const handler = place?.[code];
    if (handler !== undefined) handler(request, last);
    else request.respond({ code: place === undefined ? Code.NotFound : Code.MethodNotAllowed });
  }

  private placeOf(last: string, lastButOne: string | undefined): Place | undefined {
    return this.places.get(last) ?? this.below.get(lastButOne);
  }
}

function bootstrapPlaces(bootstrap: BootstrapInterface): [string, Place][] {
  return [
    ['bs', { [Code.Post]: (request) => bootstrap.request(request) }],
    ['bspack', { [Code.Get]: (request) => bootstrap.pack(request) }],
  ];
}
