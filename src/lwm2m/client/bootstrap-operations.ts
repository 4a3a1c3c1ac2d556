/** Answers the requests of a bootstrap server while it is at work (LwM2M Core 1.1.1 §6.1.7): Discover, Read, Write, Delete, Finish. */

import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { ResponseSpec } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { Security } from '../../device/accounts';
import { isGatewayPrefix, Path } from '../../device/path';
import { formatLinks } from '../formats/link-format';
import { type BootstrapTarget, bootstrapDelete, bootstrapWrite } from './bootstrap-writing';
import type { ObjectInstance } from './objects';
import { readPayload } from './reading';
import { badRequest, notAllowed, notFound, Refusal } from './refusal';

export interface BootstrapOperationsContext extends BootstrapTarget {
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** What is wrong with what was written; undefined when it can be used. */
  readonly complaint: () => string | undefined;
  /** Finish has been answered. @param complaint undefined: all is well */
  readonly finished: (complaint: string | undefined) => void;
}

/** Bootstrap-Read is for these (LwM2M Core 1.1.1 §6.1.7.4). */
const READABLE: ReadonlySet<number> = new Set([1, 2]);
const SECURITY = 0;
const SERVER = 1;

export class BootstrapOperations {
  constructor(private readonly context: BootstrapOperationsContext) {}

  /** Answers, whatever comes; a bug is thrown on for whoever runs the client. */
  answer(request: IncomingRequest): void {
    if (request.code === Code.Post) return this.finish(request);
    try {
      request.respond(this.responseTo(request));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      request.respond({ code: error.code, payload: Buffer.from(error.message) });
    }
  }

  private responseTo(request: IncomingRequest): ResponseSpec {
    const target = targetOf(request.path);
    if (request.code === Code.Get) {
      return request.accept === ContentFormat.LinkFormat ? this.discover(target) : this.read(target, request.accept);
    }
    if (request.code === Code.Put) {
      bootstrapWrite(this.context, target, request, this.context.wall());
      return { code: Code.Changed };
    }
    if (request.code !== Code.Delete) throw notAllowed('this operation is unknown in a bootstrap');
    bootstrapDelete(this.context.tree, target);
    return { code: Code.Deleted };
  }

  private finish(request: IncomingRequest): void {
    const { path } = request;
    if (path.length !== 1 || path[0] !== 'bs') return request.respond({ code: Code.MethodNotAllowed });
    const complaint = this.context.complaint();
    const response: ResponseSpec =
      complaint === undefined ? { code: Code.Changed } : { code: Code.NotAcceptable, payload: Buffer.from(complaint) };
    request.respond(response, () => this.context.finished(complaint));
  }

  private read(target: Path, accept: number | undefined): ResponseSpec {
    const { tree } = this.context;
    if (tree.version === '1.0') throw notAllowed('Bootstrap-Read came with LwM2M 1.1');
    const isWhole = target.level === 'object' || target.level === 'instance';
    if (!isWhole || !READABLE.has(target.object as number)) throw badRequest('only objects 1 and 2 are read in a bootstrap');
    return { code: Code.Content, ...readPayload(tree, target, accept) };
  }

  /** Instances with the short ids of their servers; keys are not among it. */
  private discover(target: Path): ResponseSpec {
    const { tree } = this.context;
    if (target.level !== 'root' && target.level !== 'object')
      throw badRequest('Bootstrap-Discover is for everything or an object');
    if (target.level === 'object' && !tree.has(target.object as number)) throw notFound(target);
    const links: { path: string; attributes?: Record<string, string> }[] = [];
    for (const [object, instances] of tree.all()) {
      if (target.object !== undefined && target.object !== object) continue;
      const version = tree.versions[String(object)];
      if (instances.length === 0 || version !== undefined) {
        links.push({ path: `/${object}`, ...(version !== undefined && { attributes: { ver: version } }) });
      }
      for (const instance of instances) links.push({ path: instance.path.toString(), attributes: this.attributesOf(instance) });
    }
    // 1.0 has the version in front, without a link of its own (LwM2M Core 1.0.2 §5.2.7.3).
    const isOld = tree.version === '1.0';
    const text = formatLinks(isOld ? links : [{ path: '/', attributes: { lwm2m: tree.version } }, ...links]);
    const payload = Buffer.from(isOld ? `lwm2m="1.0"${text === '' ? '' : `,${text}`}` : text);
    return { code: Code.Content, contentFormat: ContentFormat.LinkFormat, payload };
  }

  private attributesOf(instance: ObjectInstance): Record<string, string> {
    if (instance.object !== SECURITY && instance.object !== SERVER) return {};
    const shortId = instance.content(instance.object === SECURITY ? Security.ShortServerId : 0);
    const uri = instance.object === SECURITY && this.context.tree.version !== '1.0' ? instance.content(Security.Uri) : undefined;
    return {
      ...(typeof shortId === 'number' && { ssid: String(shortId) }),
      ...(typeof uri === 'string' && { uri }),
    };
  }
}

function targetOf(segments: readonly string[]): Path {
  // LwM2M Gateway 1.1: a bootstrap is the gateway's alone.
  if (isGatewayPrefix(segments[0] ?? '')) throw notAllowed('what is behind a gateway takes no part in a bootstrap');
  const ids = segments.map((segment) => (/^(0|[1-9]\d{0,4})$/.test(segment) ? Number(segment) : Number.NaN));
  if (ids.length > 4 || ids.some((id) => !(id <= 65_535))) throw notFound(`/${segments.join('/')}`);
  return Path.of(...ids);
}
