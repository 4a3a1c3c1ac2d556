/**
 * Which interface a request of a device is for. A server URI in a device may carry a path of its own, so only the end of the path decides:
 * …/rd, …/rd/<id>, …/dp. (An id is never "rd" or "dp": it is longer.)
 */
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { RegistrationInterface } from './registration-interface';
import type { ReportingInterface } from './reporting-interface';

type Handler = (request: IncomingRequest, lastSegment: string) => void;
/** By method. */
type Place = Readonly<Record<number, Handler>>;

export class Routing {
  private readonly registrations: Place;
  private readonly registration: Place;
  private readonly reports: Place;

  constructor(registrations: RegistrationInterface, reporting: ReportingInterface) {
    this.registrations = { [Code.Post]: (request) => registrations.register(request) };
    this.registration = {
      [Code.Post]: (request, id) => registrations.update(request, id),
      [Code.Delete]: (request, id) => registrations.deregister(request, id),
    };
    this.reports = { [Code.Post]: (request) => reporting.send(request) };
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
    if (last === 'rd') return this.registrations;
    if (last === 'dp') return this.reports;
    return lastButOne === 'rd' ? this.registration : undefined;
  }
}
