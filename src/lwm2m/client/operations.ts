/**
 * Answers the requests of the server (LwM2M Core 1.1.1 §6.3, §6.4): which operation a method, a target and the options mean, and
 * the response it gets. Observations are reporting's (reporting.ts); what is in the device is the tree's (objects.ts).
 */
import type { Clock } from '../../clock';
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { ResponseSpec } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { Path } from '../../device/path';
import type { Events } from '../../events';
import { formatLinks } from '../formats/link-format';
import { type AttachedAttributes, readAttributes } from './attached-attributes';
import type { ClientEvents } from './client-events';
import { listedPaths, listedPayload, readListed, writeListed } from './composite';
import { discover } from './discovering';
import { parseExecuteArguments } from './execute-arguments';
import { HIDDEN_OBJECTS } from './hidden-objects';
import type { ObjectTree } from './objects';
import { readPayload, readValues } from './reading';
import { badRequest, notAllowed, notFound, Refusal, unauthorized } from './refusal';
import { create, deleteResourceInstance, type WriteMode, write } from './writing';

/** The observed side of Observe. */
export interface ObservationKeeper {
  /** Answers an Observe: begins it and gives the first value. */
  observe(request: IncomingRequest, path: Path): ResponseSpec;
  /** Answers an Observe-Composite. */
  observeListed(request: IncomingRequest, paths: readonly Path[]): ResponseSpec;
  cancel(request: IncomingRequest): void;
  /** Attributes were attached or taken away somewhere. */
  attributesChanged(): void;
}

/** A response, and what is done when it has left. */
interface Outcome {
  readonly response: ResponseSpec;
  readonly afterwards?: () => void;
}

type Answer = (request: IncomingRequest, target: Path) => Outcome;

const DEEPEST_DISCOVER = 3;

export class Operations {
  private readonly byMethod: Readonly<Record<number, Answer>> = {
    [Code.Get]: (request, target) => this.get(request, target),
    [Code.Put]: (request, target) => this.put(request, target),
    [Code.Post]: (request, target) => this.post(request, target),
    [Code.Delete]: (_request, target) => this.delete(target),
  };

  constructor(
    private readonly tree: ObjectTree,
    private readonly attached: AttachedAttributes,
    private readonly keeper: ObservationKeeper,
    private readonly clock: Clock,
    private readonly events: Events<ClientEvents>,
  ) {}

  /**
   * Answers, whatever comes; a bug in a handler is a 5.00 and thrown on for whoever runs the client.
   * @param path behind a gateway, without the prefix
   */
  answer(request: IncomingRequest, path: readonly string[] = request.path): void {
    try {
      const { response, afterwards } = this.outcomeOf(request, path);
      request.respond(response, afterwards);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      request.respond({ code: error.code, payload: Buffer.from(error.message) });
    }
  }

  private outcomeOf(request: IncomingRequest, segments: readonly string[]): Outcome {
    const target = this.targetOf(segments);
    const answer = this.byMethod[request.code];
    if (target.level === 'root' && this.tree.version !== '1.0') {
      if (request.code === Code.Fetch) return this.readComposite(request);
      if (request.code === Code.IPatch) return this.writeComposite(request);
    }
    if (answer === undefined) throw notAllowed('this operation is unknown here');
    if (target.level === 'root') throw badRequest('this is no bootstrap server: the path of an object is needed');
    if (HIDDEN_OBJECTS.has(target.object as number)) throw unauthorized(`object ${target.object} is not for servers`);
    if (target.level === 'resource-instance' && this.tree.version === '1.0')
      throw notAllowed('LwM2M 1.0 has no resource instances');
    return answer(request, target);
  }

  private targetOf(segments: readonly string[]): Path {
    const ids = segments.map((segment) => (/^(0|[1-9]\d{0,4})$/.test(segment) ? Number(segment) : Number.NaN));
    if (ids.length > 4 || ids.some((id) => !(id <= 65_535))) throw notFound(`/${segments.join('/')}`);
    return Path.of(...ids);
  }

  private get(request: IncomingRequest, target: Path): Outcome {
    if (request.accept === ContentFormat.LinkFormat && request.observe === undefined) return this.discover(request, target);
    if (request.observe === 0) return { response: this.keeper.observe(request, target) };
    if (request.observe === 1) this.keeper.cancel(request);
    return { response: { code: Code.Content, ...readPayload(this.tree, target, request.accept) } };
  }

  private readComposite(request: IncomingRequest): Outcome {
    const paths = listedPaths(this.tree, request);
    if (request.observe === 0) return { response: this.keeper.observeListed(request, paths) };
    if (request.observe === 1) this.keeper.cancel(request);
    const payload = listedPayload(this.tree, readListed(this.tree, paths), request.accept, request.contentFormat);
    return { response: { code: Code.Content, ...payload } };
  }

  private writeComposite(request: IncomingRequest): Outcome {
    const paths = writeListed(this.tree, request, this.clock.wall()).map(String);
    return { response: { code: Code.Changed }, afterwards: () => this.events.emit('written', { paths }) };
  }

  private discover(request: IncomingRequest, target: Path): Outcome {
    if (target.level === 'resource-instance') throw notAllowed('Discover is for objects, instances and resources');
    const links = discover(this.tree, this.attached, target, this.depthOf(request.query));
    const payload = Buffer.from(formatLinks(links));
    return { response: { code: Code.Content, contentFormat: ContentFormat.LinkFormat, payload } };
  }

  /** A client before 1.2 passes over a parameter it does not know. */
  private depthOf(query: readonly string[]): number | undefined {
    if (this.tree.version < '1.2') return undefined;
    const depth = query.find((item) => item.startsWith('depth='))?.slice('depth='.length);
    if (depth === undefined) return undefined;
    if (!/^\d$/.test(depth) || Number(depth) > DEEPEST_DISCOVER) throw badRequest(`depth is 0 to ${DEEPEST_DISCOVER}`);
    return Number(depth);
  }

  /** Write-Attributes has a query and neither payload nor Content-Format; Write the other way round. */
  private put(request: IncomingRequest, target: Path): Outcome {
    const isAttributes = request.contentFormat === undefined && request.payload.length === 0;
    if (isAttributes) return this.writeAttributes(request, target);
    if (target.level === 'object') throw notAllowed('an object is not written as a whole: write to its instances');
    return this.write(request, target, 'replace');
  }

  private writeAttributes(request: IncomingRequest, target: Path): Outcome {
    this.requirePresent(target);
    const attributes = readAttributes(request.query);
    if (Object.keys(attributes).length === 0) throw badRequest('neither a value nor attributes came');
    this.attached.write(target, attributes);
    this.keeper.attributesChanged();
    return { response: { code: Code.Changed } };
  }

  private requirePresent(target: Path): void {
    const { object, instance, resource, resourceInstance } = target as Path & { object: number };
    if (!this.tree.has(object)) throw notFound(target);
    if (instance === undefined) return;
    const found = this.tree.instance(object, instance);
    if (found === undefined || (resource !== undefined && !found.isPresent(resource))) throw notFound(target);
    if (resourceInstance !== undefined) readValues(this.tree, target);
  }

  private post(request: IncomingRequest, target: Path): Outcome {
    if (target.level === 'object') return this.create(request, target);
    if (target.level === 'instance') return this.write(request, target, 'update');
    if (target.level === 'resource-instance') throw notAllowed('a resource instance is written with PUT');
    const { object, instance, resource } = target as Path & { object: number; instance: number; resource: number };
    const found = this.tree.instance(object, instance);
    if (found === undefined || !found.supports(resource)) throw notFound(target);
    const { operations = '', multiple = false } = found.definition(resource) ?? {};
    if (found.behaviour(resource).execute !== undefined) return this.execute(request, target);
    if (operations.includes('W') && multiple && this.tree.version !== '1.0') return this.write(request, target, 'update');
    throw notAllowed(operations.includes('W') ? `${target} is written with PUT` : `${target} cannot be executed`);
  }

  private write(request: IncomingRequest, target: Path, mode: WriteMode): Outcome {
    const paths = write(this.tree, target, mode, request, this.clock.wall()).map(String);
    return { response: { code: Code.Changed }, afterwards: () => this.events.emit('written', { paths }) };
  }

  private execute(request: IncomingRequest, target: Path): Outcome {
    const { contentFormat = ContentFormat.Text, payload } = request;
    if (contentFormat !== ContentFormat.Text) throw new Refusal(Code.UnsupportedContentFormat, 'arguments are plain text');
    const executed = parseExecuteArguments(payload);
    const { object, instance, resource } = target as Path & { object: number; instance: number; resource: number };
    const then = this.tree.instance(object, instance)?.behaviour(resource).execute?.(executed);
    return {
      response: { code: Code.Changed },
      afterwards: () => {
        this.events.emit('executed', { path: target.toString(), arguments: executed });
        then?.();
      },
    };
  }

  private create(request: IncomingRequest, target: Path): Outcome {
    const path = create(this.tree, target, request, this.clock.wall());
    const { prefix } = this.tree;
    return {
      response: { code: Code.Created, locationPath: [...(prefix === undefined ? [] : [prefix]), ...path.ids.map(String)] },
      afterwards: () => this.events.emit('created', { path: path.toString() }),
    };
  }

  private delete(target: Path): Outcome {
    if (target.level === 'instance') this.deleteInstance(target);
    else if (target.level === 'resource-instance' && this.tree.version >= '1.2') deleteResourceInstance(this.tree, target);
    else throw notAllowed(`${target} cannot be deleted`);
    return { response: { code: Code.Deleted }, afterwards: () => this.events.emit('deleted', { path: target.toString() }) };
  }

  private deleteInstance(target: Path): void {
    const { object, instance } = target as Path & { object: number; instance: number };
    if (this.tree.instance(object, instance) === undefined) throw notFound(target);
    if (!this.tree.policy(object).delete) throw notAllowed(`${target} cannot be deleted`);
    this.attached.forget(target);
    this.tree.remove(object, instance);
  }
}
